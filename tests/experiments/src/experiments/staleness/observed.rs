//! An optimizer that remembers how old its roots were.

use candle_core::backprop::GradStore;

use crate::optimizers::{Config, Ours, StepError, StepTime, Stepper};

/// The optimizer, and what its reports said, step after step.
#[derive(Debug)]
pub(super) struct Observed {
    optimizer: Ours,
    pub(super) seen: Seen,
}

/// All steps together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Steps made.
    steps: u64,
    /// Roots computed, refused ones too.
    roots: u64,
    /// Ages in steps: of each installed root in each step.
    ages: u64,
    /// How many of them.
    uses: u64,
    /// The oldest.
    pub(super) oldest: u64,
}

impl Observed {
    pub(super) fn new(optimizer: Ours) -> Self {
        Self { optimizer, seen: Seen::default() }
    }
}

impl Seen {
    /// The mean age of the roots in use; not a number where there were none.
    pub(super) fn mean_age(&self) -> f64 {
        self.ages as f64 / self.uses as f64
    }

    /// Roots computed in a step.
    pub(super) fn roots_per_step(&self) -> f64 {
        self.roots as f64 / self.steps as f64
    }
}

impl Stepper for Observed {
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError> {
        let time = self.optimizer.step(gradients)?;
        let (refresh, ages) = (&self.optimizer.report().refresh, &self.optimizer.report().ages);
        let seen = &mut self.seen;
        seen.steps += 1;
        seen.roots += u64::from(refresh.accepted + refresh.zero + refresh.rejected);
        seen.ages += ages.sum;
        seen.uses += ages.roots;
        seen.oldest = seen.oldest.max(ages.max);
        Ok(time)
    }

    fn config(&self) -> Config {
        self.optimizer.config()
    }

    fn state_bytes(&self) -> usize {
        self.optimizer.state_bytes()
    }
}
