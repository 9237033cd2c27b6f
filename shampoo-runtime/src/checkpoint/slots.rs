//! Slots as rows of numbers.

use shampoo_core::schedule::Slot;

/// Numbers of a slot.
pub(super) const WIDTH: usize = 5;

/// No step: no run is that long.
const NONE: u64 = u64::MAX;

/// Installed and pending snapshot, failures, phase, and the bits of the ridge.
pub(super) fn to_row(slot: &Slot) -> [u64; WIDTH] {
    let step = |stamp: Option<u64>| stamp.unwrap_or(NONE);
    [step(slot.stamp()), step(slot.pending()), slot.failures().into(), slot.phase(), slot.ridge().to_bits()]
}

/// The slot of such a row; `None` where a count is out of range.
pub(super) fn from_row(&[installed, pending, failures, phase, ridge]: &[u64; WIDTH]) -> Option<Slot> {
    let step = |stamp| Some(stamp).filter(|&stamp| stamp != NONE);
    let failures = failures.try_into().ok()?;
    Some(Slot::restored(step(installed), step(pending), failures, phase, f64::from_bits(ridge)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_survive() {
        for slot in
            [Slot::EMPTY, Slot::restored(Some(3), Some(9), 2, 7, 1e-6), Slot::restored(None, Some(0), 0, 0, 0.0)]
        {
            assert_eq!(from_row(&to_row(&slot)), Some(slot));
        }
        assert_eq!(from_row(&[0, 0, u64::MAX, 0, 0]), None);
    }
}
