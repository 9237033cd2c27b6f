//! What a refresh did.

use crate::error::RootError;
use crate::linalg::inverse_root::{Outcome, Report};

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
