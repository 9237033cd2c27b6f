//! What a refresh did.

use crate::error::RootError;
use crate::linalg::inverse_root::{Outcome, Report};
use crate::schedule::Slot;

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refresh {
    /// Roots certified and installed.
    pub accepted: u32,
    /// Factors whose statistics are still 0: no root yet, no failure.
    pub zero: u32,
    /// Roots refused; the one before stays.
    pub rejected: u32,
    /// Attempts with a larger ridge.
    pub retries: u32,
    /// Largest promised relative error among the accepted roots.
    pub worst_promise: f64,
}

impl Refresh {
    /// What became of one root.
    pub fn of(report: &Result<Report, RootError>) -> Self {
        let rejected = Self { rejected: 1, ..Self::default() };
        let Ok(report) = report else { return rejected };
        let retries = report.retries;
        match report.outcome {
            Outcome::Accepted => Self { accepted: 1, retries, worst_promise: report.promised, ..Self::default() },
            Outcome::Zero => Self { zero: 1, retries, ..Self::default() },
            _ => Self { retries, ..rejected },
        }
    }

    /// Notes in its factor's slot what became of a snapshot's root; whatever it is, that snapshot is not under way any more.
    ///
    /// The caller puts an accepted root in place, if the slot [accepts](Slot::accepts) the snapshot before.
    ///
    /// ```
    /// use shampoo_core::{block::Refresh, error::RootError, schedule::Slot};
    /// let mut slot = Slot::EMPTY;
    /// slot.submit(3);
    /// let done = Refresh::conclude(&mut slot, 3, &Err(RootError::Ridge { value: -1.0 }));
    /// assert_eq!((done.rejected, slot.failures(), slot.pending()), (1, 1, None));
    /// ```
    pub fn conclude(slot: &mut Slot, snapshot: u64, report: &Result<Report, RootError>) -> Self {
        match report {
            Ok(Report { outcome: Outcome::Accepted, ridge, .. }) => {
                if slot.install(snapshot) {
                    slot.set_ridge(*ridge);
                }
            }
            Ok(Report { outcome: Outcome::Zero, .. }) => slot.settle(snapshot),
            _ => slot.fail(snapshot),
        }
        Self::of(report)
    }

    /// Both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            zero: self.zero + other.zero,
            rejected: self.rejected + other.rejected,
            retries: self.retries + other.retries,
            worst_promise: self.worst_promise.max(other.worst_promise),
        }
    }
}
