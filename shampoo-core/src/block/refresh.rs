//! What a refresh did.

use crate::error::RootError;
use crate::linalg::inverse_root::{Outcome, Report};
use crate::schedule::Slot;

/// Why roots were refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refusals {
    /// The certificate promised less than asked for.
    pub uncertified: u32,
    /// An eigenvalue was not positive even with the largest ridge.
    pub indefinite: u32,
    /// The spectrum left the method's range.
    pub out_of_range: u32,
    /// The root left the range of what it is stored in.
    pub outside_store: u32,
    /// The request could not work, see [`RootError`].
    pub invalid: u32,
}

impl Refusals {
    /// Why this root was refused, if it was.
    fn of(report: &Result<Report, RootError>) -> Self {
        let mut found = Self::default();
        let reason = match report.as_ref().map(|report| report.outcome) {
            Ok(Outcome::Accepted | Outcome::Zero | Outcome::Cancelled) => return found,
            Ok(Outcome::Uncertified) => &mut found.uncertified,
            Ok(Outcome::NotPositiveDefinite) => &mut found.indefinite,
            Ok(Outcome::OutOfRange) => &mut found.out_of_range,
            Ok(Outcome::OutsideStore) => &mut found.outside_store,
            Err(_) => &mut found.invalid,
        };
        *reason = 1;
        found
    }

    fn merge(self, other: Self) -> Self {
        Self {
            uncertified: self.uncertified + other.uncertified,
            indefinite: self.indefinite + other.indefinite,
            out_of_range: self.out_of_range + other.out_of_range,
            outside_store: self.outside_store + other.outside_store,
            invalid: self.invalid + other.invalid,
        }
    }
}

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refresh {
    /// Roots certified and installed.
    pub accepted: u32,
    /// Factors whose statistics are still 0: no root yet, no failure.
    pub zero: u32,
    /// Roots refused, lost or overdue; the one before stays.
    pub rejected: u32,
    /// Why, where core refused them.
    pub refusals: Refusals,
    /// Attempts with a larger ridge.
    pub retries: u32,
    /// Largest promised relative error among the accepted roots.
    pub worst_promise: f64,
}

impl Refresh {
    /// What became of one root.
    pub fn of(report: &Result<Report, RootError>) -> Self {
        let refusals = Refusals::of(report);
        let rejected = Self { rejected: 1, refusals, ..Self::default() };
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
                if !slot.install(snapshot) {
                    // A newer one is there already.
                    slot.settle(snapshot);
                    return Self::default();
                }
                slot.set_ridge(*ridge);
            }
            Ok(Report { outcome: Outcome::Zero, .. }) => slot.settle(snapshot),
            _ => slot.fail(snapshot),
        }
        Self::of(report)
    }

    /// Both together.
    #[must_use]
    #[inline(never)]
    pub fn merge(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            zero: self.zero + other.zero,
            rejected: self.rejected + other.rejected,
            refusals: self.refusals.merge(other.refusals),
            retries: self.retries + other.retries,
            worst_promise: self.worst_promise.max(other.worst_promise),
        }
    }
}
