//! What became of the roots.

use shampoo_core::block::Refresh;

/// Verdicts on the roots of a training since it was started or restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Roots certified and installed.
    pub accepted: u32,
    /// Roots refused, lost or overdue; the one before stayed.
    pub rejected: u32,
}

impl Verdicts {
    /// Counts some more.
    pub const fn add(&mut self, refresh: &Refresh) {
        self.accepted = self.accepted.saturating_add(refresh.accepted);
        self.rejected = self.rejected.saturating_add(refresh.rejected);
    }
}
