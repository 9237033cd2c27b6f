//! When what happens: a pure state machine over step numbers, without a clock, threads or matrices.
//!
//! [`Schedule::poll`] says for each factor what is to be done now; its [`Slot`] remembers what is installed and what is
//! under way. A driver asks until there is nothing to do:
//!
//! ```
//! use shampoo_core::schedule::{Mode, Poll, Schedule, Slot};
//!
//! let schedule = Schedule { precondition_every: 2, mode: Mode::Pipelined { delay: 1 }, ..Schedule::EVERY_STEP };
//! let (mut slot, mut stamps) = (Slot::EMPTY, Vec::new());
//! for step in 0..5 {
//!     loop {
//!         match schedule.poll(&slot, step, 0) {
//!             Poll::Submit { snapshot } => slot.submit(snapshot), // here statistics are copied, and a root begun
//!             Poll::Install { snapshot } => _ = slot.install(snapshot), // here it is waited for
//!             Poll::Wait | Poll::Idle => break,
//!         }
//!     }
//!     stamps.push(slot.stamp());
//! }
//! assert_eq!(stamps, [None, Some(0), Some(0), Some(2), Some(2)]);
//! ```

mod adaptive;
mod slot;
mod stagger;

pub use adaptive::{Adaptive, Demand};
pub use slot::{Slot, Stamps};
pub use stagger::Loads;

use crate::error::ConfigError;

/// When a root is used that was begun at some step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mode {
    /// In that step.
    #[default]
    Sync,
    /// So many steps later exactly, however long it took: a run can be repeated bit for bit. What falls due while a root of
    /// the factor is under way is left out: ages stay below `delay` plus the period, or plus the `delay` rounded up to
    /// periods where that is longer.
    Pipelined {
        /// Steps between a snapshot and the first step with its root; 0 is [`Mode::Sync`].
        delay: u64,
    },
    /// In the first step that finds it finished; of several the newest.
    Async,
    /// In that step, but only where the statistics have moved.
    Adaptive(Adaptive),
}

impl Mode {
    /// Steps between a snapshot and its root's first use; `None` where that is whenever it is finished.
    pub const fn delay(self) -> Option<u64> {
        match self {
            Self::Sync | Self::Adaptive(_) => Some(0),
            Self::Pipelined { delay } => Some(delay),
            Self::Async => None,
        }
    }

    /// Whether roots are computed beside training.
    pub const fn is_offloaded(self) -> bool {
        !matches!(self.delay(), Some(0))
    }
}

/// Periods in steps, counted from 0 in gradients that the parameter has received.
///
/// A parameter that gets no gradient in some step does not advance: its neighbours' refresh times and
/// bias corrections do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// When they are used.
    pub mode: Mode,
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
    /// The root of this snapshot is to be in place before this step goes on.
    Install {
        /// The step of the snapshot.
        snapshot: u64,
    },
    /// A root is under way; use what is installed.
    Wait,
    /// Nothing: use what is installed.
    Idle,
}

impl Schedule {
    /// Everything at every step, from the first one on.
    pub const EVERY_STEP: Self =
        Self { start_preconditioning_step: 0, statistics_every: 1, precondition_every: 1, mode: Mode::Sync };

    /// Refuses periods of 0 steps, and limits that are no limits.
    ///
    /// **Errors**: [`ConfigError::PeriodZero`], [`ConfigError::Figure`].
    pub const fn validate(&self) -> Result<(), ConfigError> {
        if self.statistics_every == 0 || self.precondition_every == 0 {
            return Err(ConfigError::PeriodZero);
        }
        match self.mode {
            Mode::Adaptive(adaptive) if adaptive.max_staleness < self.precondition_every => {
                let value = adaptive.max_staleness as f64;
                Err(ConfigError::Figure { field: "max_staleness", value })
            }
            Mode::Adaptive(adaptive) => adaptive.validate(),
            Mode::Sync | Mode::Pipelined { .. } | Mode::Async => Ok(()),
        }
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

    /// Whether this factor's roots are due at this step: at `first` plus its phase, and `precondition_every`, 2
    /// `precondition_every`, ... steps later.
    ///
    /// `first` is the first step that uses roots. A factor without a root, because its statistics were still 0 or its root
    /// was refused, is tried again whenever the others are.
    pub const fn is_due(&self, slot: &Slot, step: u64, first: u64) -> bool {
        match self.last_due(slot, step, first) {
            Some(due) => due == step,
            None => false,
        }
    }

    /// The last step up to this one in which this factor's roots were due.
    const fn last_due(&self, slot: &Slot, step: u64, first: u64) -> Option<u64> {
        let first = first.saturating_add(slot.phase());
        let Some(since) = step.checked_sub(first) else { return None };
        Some(match since.checked_rem(self.precondition_every) {
            Some(past) => step - past,
            None => first,
        })
    }

    /// Whether this factor's roots were due in a step since its newest one, and none is under way that has its time: what a
    /// driver with one root at a time asks. What fell due within the delay of that one is left out, as by [`poll`](Self::poll).
    pub(crate) const fn is_overdue(&self, slot: &Slot, step: u64, first: u64) -> bool {
        let delay = match self.mode.delay() {
            Some(_) if slot.pending().is_some() => return false,
            Some(delay) if delay > 0 => delay,
            _ => 1,
        };
        match (self.last_due(slot, step, first), slot.newest()) {
            (Some(due), Some(newest)) => due >= newest.saturating_add(delay),
            (due, None) => due.is_some(),
            (None, _) => false,
        }
    }

    /// What a factor is to do in this step. After [`Poll::Submit`] or [`Poll::Install`] the driver notes what it did in the
    /// slot and asks again; of every step at most one snapshot is tried.
    ///
    /// In [`Mode::Adaptive`] the driver leaves out what [`Adaptive::admits`] does not let in.
    pub const fn poll(&self, slot: &Slot, step: u64, first: u64) -> Poll {
        if let (Some(snapshot), Some(delay)) = (slot.pending(), self.mode.delay()) {
            let due = step >= snapshot.saturating_add(delay);
            return if due { Poll::Install { snapshot } } else { Poll::Wait };
        }
        let done = match slot.newest() {
            Some(stamp) => stamp >= step,
            None => false,
        };
        if !done && self.is_due(slot, step, first) {
            Poll::Submit { snapshot: step }
        } else if slot.pending().is_some() {
            Poll::Wait
        } else {
            Poll::Idle
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNEVEN: Schedule =
        Schedule { start_preconditioning_step: 5, statistics_every: 2, precondition_every: 3, mode: Mode::Sync };

    #[test]
    fn roots_are_due_in_the_first_step_that_uses_them() {
        let due = |step| UNEVEN.poll(&Slot::EMPTY, step, 5) != Poll::Idle;
        let steps: [bool; 12] = core::array::from_fn(|step| due(step as u64));
        assert_eq!(steps.map(u8::from), [0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1]);
        assert!(UNEVEN.accumulates(4) && !UNEVEN.accumulates(5));
        assert!(!UNEVEN.preconditions(4) && UNEVEN.preconditions(5));
    }

    /// Stamps in steps 0 to 11 of a driver whose roots take no time.
    fn stamps(schedule: Schedule, mut slot: Slot) -> [Option<u64>; 12] {
        core::array::from_fn(|step| {
            loop {
                match schedule.poll(&slot, step as u64, 1) {
                    Poll::Submit { snapshot } => slot.submit(snapshot),
                    Poll::Install { snapshot } => assert!(slot.install(snapshot)),
                    Poll::Wait | Poll::Idle => return slot.stamp(),
                }
            }
        })
    }

    #[test]
    fn a_delay_of_0_is_sync() {
        let late = Schedule { mode: Mode::Pipelined { delay: 0 }, ..UNEVEN };
        assert_eq!(stamps(late, Slot::EMPTY), stamps(UNEVEN, Slot::EMPTY));
    }

    #[test]
    fn roots_are_installed_exactly_a_delay_after_their_snapshot() {
        let late = Schedule { mode: Mode::Pipelined { delay: 2 }, ..UNEVEN };
        let right = [None, None, None, Some(1), Some(1), Some(1), Some(4), Some(4), Some(4), Some(7), Some(7), Some(7)];
        assert_eq!(stamps(late, Slot::EMPTY), right);
    }

    #[test]
    fn what_falls_due_while_a_root_is_under_way_is_left_out() {
        // Due at 1, 4, 7, 10; the root of 1 arrives at 6, that of 7 at 12.
        let late = Schedule { mode: Mode::Pipelined { delay: 5 }, ..UNEVEN };
        let found = stamps(late, Slot::EMPTY);
        assert_eq!((found[5], found[6], found[11]), (None, Some(1), Some(1)));
    }

    #[test]
    fn a_phase_moves_every_turn() {
        let mut slot = Slot::EMPTY;
        slot.set_phase(2);
        let found = stamps(UNEVEN, slot);
        assert_eq!((found[2], found[3], found[5], found[6]), (None, Some(3), Some(3), Some(6)));
    }
}
