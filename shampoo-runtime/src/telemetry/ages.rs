//! How stale the installed roots are.

use shampoo_core::schedule::Slot;

/// Buckets of the histogram of ages.
pub const AGE_BUCKETS: usize = 12;

/// Ages of installed roots in steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// Factors with a root.
    pub roots: u64,
    /// Factors without one yet.
    pub without: u64,
    /// The oldest.
    pub max: u64,
    /// All together.
    pub sum: u64,
    /// Roots of age 0, 1, 2 to 3, 4 to 7, ... steps; the last bucket has all that are older.
    pub histogram: [u64; AGE_BUCKETS],
}

impl Ages {
    /// The mean age; 0 where there is no root.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.roots == 0 { 0.0 } else { self.sum as f64 / self.roots as f64 }
    }

    /// Takes in a factor at this step of its parameter.
    pub(crate) fn add(&mut self, slot: &Slot, step: u64) {
        let Some(age) = slot.staleness(step) else {
            self.without += 1;
            return;
        };
        self.roots += 1;
        self.sum += age;
        self.max = self.max.max(age);
        let bucket = (u64::BITS - age.leading_zeros()) as usize;
        self.histogram[bucket.min(AGE_BUCKETS - 1)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_double() {
        let mut ages = Ages::default();
        ages.add(&Slot::EMPTY, 9);
        for stamp in [9, 8, 7, 6, 5, 0] {
            let mut slot = Slot::EMPTY;
            assert!(slot.install(stamp));
            ages.add(&slot, 9);
        }
        assert_eq!((ages.without, ages.roots, ages.max, ages.sum), (1, 6, 9, 1 + 2 + 3 + 4 + 9));
        assert_eq!(ages.histogram[..5], [1, 1, 2, 1, 1]);
    }
}
