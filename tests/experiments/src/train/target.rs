//! The target loss, and when a run reaches it.

use crate::spread::Spread;

/// The loss on the fixed training images at one moment of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Steps taken before.
    pub step: usize,
    /// Seconds of training before, evaluations not counted.
    pub seconds: f64,
    /// The loss.
    pub loss: f32,
}

/// The target: each method's median final loss over its seeds, and of these the least. `None`
/// without any finite one.
#[must_use]
pub fn target<'a>(final_losses: impl IntoIterator<Item = &'a [f32]>) -> Option<f32> {
    final_losses
        .into_iter()
        .filter_map(|losses| Spread::of(losses.iter().map(|&loss| f64::from(loss))))
        .map(|spread| spread.median as f32)
        .filter(|median| median.is_finite())
        .min_by(f32::total_cmp)
}

/// The first evaluation at or below the target.
#[must_use]
pub fn reached(evaluations: &[Evaluation], target: f32) -> Option<Evaluation> {
    evaluations.iter().copied().find(|at| at.loss <= target)
}

/// How closely a run is watched.
#[derive(Clone, Copy, Debug)]
pub enum Watch {
    /// Only after the last step.
    Final,
    /// The target is not known yet: the last twentieth of the run decides.
    Unknown,
    /// The target is known: it is watched closely when it comes near.
    Known(f32),
}

/// Steps between evaluations far from the target; near it there are [`FINE`].
pub const COARSE: usize = 20;
/// Steps between evaluations near the target: so exact are the steps to the target.
pub const FINE: usize = 2;
/// So many times the target is near; the loss of one batch is a few percent off.
const NEAR: f32 = 1.1;

impl Watch {
    /// Whether to evaluate after `step` of `steps`, when the last batch had loss `loss`.
    #[must_use]
    pub fn due(self, step: usize, steps: usize, loss: f32, reached: bool) -> bool {
        let near = match self {
            Self::Final => return step == steps,
            Self::Unknown => step * 20 >= steps * 19,
            Self::Known(target) => !reached && loss <= NEAR * target,
        };
        step == steps || step.is_multiple_of(COARSE) || (near && step.is_multiple_of(FINE))
    }
}

#[cfg(test)]
mod tests {
    use super::{Evaluation, Watch, reached, target};

    #[test]
    fn the_target_is_the_least_median() {
        let (a, b): (&[f32], &[f32]) = (&[9.0, 1.0, 8.0], &[7.0, 6.0]);
        assert_eq!(target([a, b]), Some(6.5));
        assert_eq!(target([a, &[f32::NAN, f32::NAN, 0.1]]), Some(8.0));
        assert_eq!(target([&[f32::NAN][..]]), None);
        assert_eq!(target([&[][..]]), None);
        assert_eq!(target([]), None);
    }

    #[test]
    fn the_first_time_counts() {
        let at = |step, loss| Evaluation { step, seconds: step as f64 / 10.0, loss };
        let run = [at(20, 5.0), at(22, 2.9), at(24, 3.1), at(26, 2.0)];
        assert_eq!(reached(&run, 3.0), Some(at(22, 2.9)));
        assert_eq!(reached(&run, 2.0), Some(at(26, 2.0)));
        assert_eq!(reached(&run, 1.0), None);
        assert_eq!(reached(&[at(2, f32::NAN)], 1.0), None);
    }

    #[test]
    fn near_the_target_it_is_watched_closely() {
        let due = |watch: Watch, loss, reached| -> Vec<usize> {
            let steps = 1..=100;
            steps.filter(|&s| watch.due(s, 100, loss, reached)).collect()
        };
        assert_eq!(due(Watch::Final, 1.0, false), [100]);
        assert_eq!(due(Watch::Known(1.0), 2.0, false), [20, 40, 60, 80, 100]);
        assert_eq!(due(Watch::Known(1.0), 1.05, true), [20, 40, 60, 80, 100]);
        assert_eq!(due(Watch::Known(1.0), 1.05, false).len(), 50);
        assert_eq!(due(Watch::Unknown, 1.0, false), [20, 40, 60, 80, 96, 98, 100]);
    }
}
