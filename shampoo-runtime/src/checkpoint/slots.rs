//! Slots as rows of numbers.

use shampoo_core::schedule::{Slot, Stamps};

/// Numbers of a slot.
pub(super) const WIDTH: usize = 6;

/// No step: no run is that long.
const NONE: u64 = u64::MAX;

/// Its snapshots (installed, under way, in vain), failures, phase, and the bits of the ridge.
pub(super) fn to_row(slot: &Slot) -> [u64; WIDTH] {
    let Stamps { installed, pending, missed } = slot.stamps();
    let [installed, pending, missed] = [installed, pending, missed].map(|stamp| stamp.unwrap_or(NONE));
    [installed, pending, missed, slot.failures().into(), slot.phase(), slot.ridge().to_bits()]
}

/// The slot of such a row; `None` where a count is out of range, or a root under way is not newer than the installed one.
pub(super) fn from_row(&[installed, pending, missed, failures, phase, ridge]: &[u64; WIDTH]) -> Option<Slot> {
    let [installed, pending, missed] = [installed, pending, missed].map(|stamp| Some(stamp).filter(|&s| s != NONE));
    if pending.is_some() && pending <= installed {
        return None;
    }
    let stamps = Stamps { installed, pending, missed };
    Some(Slot::restored(stamps, failures.try_into().ok()?, phase, f64::from_bits(ridge)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_survive() {
        let stamps = Stamps { installed: Some(3), pending: Some(9), missed: Some(5) };
        let under_way = Stamps { installed: None, pending: Some(0), missed: None };
        let slots = [Slot::restored(stamps, 2, 7, 1e-6), Slot::restored(under_way, 0, 0, 0.0), Slot::EMPTY];
        for slot in slots {
            assert_eq!(from_row(&to_row(&slot)), Some(slot));
        }
    }

    #[test]
    fn rows_that_make_no_sense_are_refused() {
        assert_eq!(from_row(&[0, NONE, NONE, u64::MAX, 0, 0]), None);
        assert_eq!(from_row(&[4, 4, NONE, 0, 0, 0]), None);
    }
}
