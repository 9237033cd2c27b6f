//! When what happens: a pure state machine over step numbers, without a clock, threads or matrices.
//!
//! [`Schedule::poll`] says for each factor whether a root of its statistics is to be computed now;
//! [`Slot::install`] takes a finished one, unless it is older than what is there. In the present,
//! synchronous form a submitted root is finished within the step.

use crate::error::ConfigError;

/// Periods in steps, counted from 0 in gradients that the parameter has received.
///
/// A parameter that gets no gradient in some step does not advance: its neighbours' refresh times and
/// bias corrections do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Schedule {
    /// Steps before this one are the grafting method's own.
    pub start_preconditioning_step: u64,
    /// Statistics take in every so manieth gradient.
    #[doc(alias = "statistics_compute_steps")]
    pub statistics_every: u64,
    /// Roots are computed every so many steps.
    #[doc(alias = "precondition_frequency")]
    #[doc(alias = "preconditioning_compute_steps")]
    pub precondition_every: u64,
}

/// What a factor is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Poll {
    /// Compute the root of the statistics as they are, a snapshot with this stamp.
    Submit {
        /// The step of the snapshot.
        snapshot: u64,
    },
    /// Nothing: use what is installed.
    Idle,
}

/// What is known of one factor's root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    installed: Option<u64>,
    failures: u32,
}

impl Schedule {
    /// Everything at every step, from the first one on.
    pub const EVERY_STEP: Self = Self { start_preconditioning_step: 0, statistics_every: 1, precondition_every: 1 };

    /// Refuses periods of 0 steps.
    ///
    /// **Errors**: [`ConfigError::PeriodZero`].
    pub const fn validate(&self) -> Result<(), ConfigError> {
        if self.statistics_every == 0 || self.precondition_every == 0 {
            return Err(ConfigError::PeriodZero);
        }
        Ok(())
    }

    /// Whether this step's gradient enters the statistics.
    pub const fn accumulates(&self, step: u64) -> bool {
        step.is_multiple_of(self.statistics_every)
    }

    /// Gradients that the statistics hold after this step, its own included where it enters.
    pub const fn terms(&self, step: u64) -> u64 {
        match step.checked_div(self.statistics_every) {
            Some(before) => before.saturating_add(1),
            None => 0,
        }
    }

    /// Whether this step is preconditioned: `step >= start_preconditioning_step`.
    pub const fn preconditions(&self, step: u64) -> bool {
        step >= self.start_preconditioning_step
    }

    /// What a factor is to do in this step. Roots are due at `first`, `first + precondition_every`, ...;
    /// `first` is the first step that uses them. A factor without a root, because its statistics were
    /// still 0 or its root was refused, is tried again whenever the others are.
    pub const fn poll(&self, slot: &Slot, step: u64, first: u64) -> Poll {
        let due = step >= first && (step - first).is_multiple_of(self.precondition_every);
        match slot.installed {
            Some(stamp) if stamp >= step => Poll::Idle,
            _ if due => Poll::Submit { snapshot: step },
            _ => Poll::Idle,
        }
    }
}

impl Slot {
    /// A factor without a root.
    pub const EMPTY: Self = Self { installed: None, failures: 0 };

    /// The step whose statistics the installed root belongs to.
    pub const fn stamp(&self) -> Option<u64> {
        self.installed
    }

    /// Steps between the snapshot of the installed root and `step`.
    pub const fn staleness(&self, step: u64) -> Option<u64> {
        match self.installed {
            Some(stamp) => Some(step.saturating_sub(stamp)),
            None => None,
        }
    }

    /// Roots of this factor that failed; the root before each of them stayed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether a root of this snapshot may replace the installed one: an older one never does.
    pub const fn accepts(&self, snapshot: u64) -> bool {
        match self.installed {
            Some(stamp) => snapshot > stamp,
            None => true,
        }
    }

    /// Notes that a root of this snapshot is in place; false, and nothing noted, where a newer one is.
    pub const fn install(&mut self, snapshot: u64) -> bool {
        let accepted = self.accepts(snapshot);
        if accepted {
            self.installed = Some(snapshot);
        }
        accepted
    }

    /// Notes that a root was refused.
    pub const fn fail(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_due_in_the_first_step_that_uses_them() {
        let schedule = Schedule { start_preconditioning_step: 5, statistics_every: 2, precondition_every: 3 };
        let due = |step| schedule.poll(&Slot::EMPTY, step, 5) != Poll::Idle;
        let steps: [bool; 12] = core::array::from_fn(|step| due(step as u64));
        assert_eq!(steps.map(u8::from), [0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1]);
        assert!(schedule.accumulates(4) && !schedule.accumulates(5));
        assert!(!schedule.preconditions(4) && schedule.preconditions(5));
    }

    #[test]
    fn an_older_root_never_overwrites_a_newer_one() {
        let mut slot = Slot::EMPTY;
        assert!(slot.install(8));
        assert!(!slot.install(4) && !slot.install(8));
        assert_eq!((slot.stamp(), slot.staleness(10)), (Some(8), Some(2)));
        slot.fail();
        assert_eq!((slot.stamp(), slot.failures()), (Some(8), 1));
    }
}
