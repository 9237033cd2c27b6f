//! The carried vectors of a back-transform with the poles side by side, one in each lane: entry after entry, so that no
//! entry is padding, and with all factors of eight poles in registers, even where a lane is a register of its own.

use super::back_transform::Factors;
use crate::scalar::{Lanes, Real, Tile};

/// A tile of poles: number `tile` of `width` in every row, and row i holds entry i of every vector.
pub(super) struct Abreast<'a, T> {
    pub(super) rows: &'a mut [Tile<T>],
    pub(super) width: usize,
    pub(super) tile: usize,
}

/// The reflector, the one after, and the sums over the poles, entry by entry.
pub(super) struct Lines<'a, T> {
    pub(super) v: &'a [T],
    pub(super) next: &'a [T],
    pub(super) sums: &'a mut [T],
}

impl<T: Real> Abreast<'_, T> {
    /// z_p <- ratio_p z_p + along_p v, along_p = -tau ratio_p (z_p . v), for the poles in the first `count` lanes; adds the sum
    /// over them to `sums` (the first poles replace it) and returns the products with `next`. Then z_p gets its next entry.
    #[inline(always)]
    pub(super) fn reflect<L: Lanes<T>>(
        self,
        lanes: L,
        count: usize,
        factors: Factors<'_, T>,
        lines: Lines<'_, T>,
    ) -> Option<L::Vector> {
        let Lines { v, next, sums } = lines;
        let ratio_and_along = [lanes.load(factors.ratios), lanes.load(factors.along)];
        let mut products = lanes.splat(T::zero());
        let mut rows = self.rows.chunks_exact_mut(self.width.max(1));
        for (((&v, &next), sum), row) in v.iter().zip(next).zip(sums).zip(rows.by_ref()) {
            let z = row.get_mut(self.tile)?;
            let total;
            (products, total) = lanes.reflect_abreast(count, z, ratio_and_along, [v, next], products);
            *sum = if self.tile == 0 { total } else { *sum + total };
        }
        // Number by number: a copy of the tile would be a call.
        for (z, &gain) in rows.next()?.get_mut(self.tile)?.iter_mut().zip(factors.gains) {
            *z = gain;
        }
        Some(products)
    }
}
