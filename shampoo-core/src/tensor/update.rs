//! From a direction to an update: decay, momentum, learning rate. The order is \[GP\]'s.

use crate::config::WeightDecay;
use crate::kernel::Kernel;
use crate::mat::copy;
use crate::momentum::{Buffers, Momentum};
use crate::scalar::Real;

/// What turns the graft's step and the direction into an update, row by row.
pub(crate) struct Rule<'a, T, K: ?Sized> {
    pub(crate) momentum: Momentum,
    pub(crate) weight_decay: WeightDecay,
    /// Whether this step is preconditioned.
    pub(crate) preconditions: bool,
    /// The part of the preconditioned step in it, beside the graft's; 1 after a blend.
    pub(crate) blend: T,
    /// Steps are cut at this magnitude.
    pub(crate) largest: T,
    pub(crate) learning_rate: T,
    pub(crate) kernel: &'a K,
}

impl<T: Real, K: Kernel<T> + ?Sized> Rule<'_, T, K> {
    /// `update` holds the graft's step on entry. `direction` is the preconditioned gradient and the factor that
    /// gives it its length.
    pub(crate) fn finish_row(
        &self,
        update: &mut [T],
        direction: Option<(&[T], T)>,
        parameter: &[T],
        buffer: &mut [T],
        graft_buffer: &mut [T],
        work: &mut [T],
    ) {
        let load = |to: &mut [T]| {
            if let Some((direction, factor)) = direction {
                mix(to, direction, factor, self.blend, self.kernel);
            }
        };
        match self.momentum.buffers {
            Buffers::One => {
                if self.preconditions {
                    load(update);
                }
                self.remember(update, parameter, buffer);
            }
            Buffers::Two => {
                let Some(preconditioned) = work.get_mut(..update.len()) else { return };
                copy(preconditioned, update);
                load(preconditioned);
                for (step, buffer) in [(&mut *preconditioned, buffer), (&mut *update, graft_buffer)] {
                    self.remember(step, parameter, buffer);
                }
                if self.preconditions {
                    copy(update, preconditioned);
                }
            }
        }
        let decay = match self.weight_decay {
            WeightDecay::Decoupled(rate) => T::from_f64(rate),
            _ => T::zero(),
        };
        for (u, &w) in update.iter_mut().zip(parameter) {
            let decayed = if decay == T::zero() { *u } else { *u + decay * w };
            *u = -(self.learning_rate * decayed);
        }
    }

    /// Coupled decay, then momentum.
    fn remember(&self, step: &mut [T], parameter: &[T], buffer: &mut [T]) {
        if let WeightDecay::Coupled(rate) = self.weight_decay {
            let rate = T::from_f64(rate);
            step.iter_mut().zip(parameter).for_each(|(s, &w)| *s += rate * w);
        }
        bound(step, self.largest);
        self.momentum.apply(step, buffer, self.kernel);
    }
}

/// to <- blend factor P + (1 - blend) to, where `to` holds the graft's step and P is the direction.
pub(crate) fn mix<T: Real, K: Kernel<T> + ?Sized>(to: &mut [T], direction: &[T], factor: T, blend: T, kernel: &K) {
    if blend == T::one() {
        to.iter_mut().zip(direction).for_each(|(t, &d)| *t = factor * d);
    } else {
        kernel.axpby(blend * factor, direction, T::one() - blend, to);
    }
}

/// Cuts the entries of a step at +-`largest`; what is not a number becomes 0.
///
/// A gradient may not be larger, but what is divided by a second moment that has faded may, and momentum sums steps: one
/// that leaves the range would never come back.
pub(crate) fn bound<T: Real>(step: &mut [T], largest: T) {
    // Seldom is there anything to cut; NaN compares with nothing.
    for s in step.iter_mut().filter(|s| s.abs() > largest || !s.is_finite()) {
        let cut = s.minimum(largest).maximum(-largest);
        *s = if s.is_nan() { T::zero() } else { cut };
    }
}
