//! What the passes of the tridiagonal form share: masks and products over whole tiles, the rank-2 update.

use crate::scalar::{LANES, Lanes, Real, Tile};

/// The eight numbers that begin k before the middle of sixteen: a mask without a comparison.
#[inline(always)]
fn window<T: Real, L: Lanes<T>>(lanes: L, numbers: &[T; 2 * LANES], k: usize) -> L::Vector {
    match numbers.get(LANES - k.min(LANES)..).and_then(<[T]>::first_chunk) {
        Some(window) => lanes.load(window),
        None => lanes.splat(T::zero()),
    }
}

/// 1 in lane k, 0 elsewhere (all 0 for k >= 8).
#[inline(always)]
pub(super) fn unit<T: Real, L: Lanes<T>>(lanes: L, k: usize) -> L::Vector {
    window(lanes, T::PULSE, k)
}

/// 1 in the first k lanes, 0 elsewhere: a mask for finite numbers.
#[inline(always)]
pub(super) fn first<T: Real, L: Lanes<T>>(lanes: L, k: usize) -> L::Vector {
    window(lanes, T::STEP, k)
}

/// What is given while pivots are positive; 0 from the first one on that is not, NaN among them.
#[inline(always)]
pub(super) fn while_positive<T: Real, L: Lanes<T>>(lanes: L, pivot: L::Vector, given: L::Vector) -> L::Vector {
    lanes.choose(pivot, given, lanes.splat(T::zero()))
}

/// The smaller of a pivot and those before it; 0 from the first one on that is not positive.
#[inline(always)]
pub(super) fn smallest_positive<T: Real, L: Lanes<T>>(lanes: L, pivot: L::Vector, before: L::Vector) -> L::Vector {
    while_positive(lanes, pivot, lanes.min(pivot, before))
}

/// Sum of x_i y_i over whole tiles.
#[inline(always)]
pub(super) fn dot<T: Real, L: Lanes<T>>(lanes: L, x: &[Tile<T>], y: &[Tile<T>]) -> T {
    let mut sums = [lanes.splat(T::zero()); 2];
    let (x_pairs, x_rest) = x.as_chunks::<2>();
    let (y_pairs, y_rest) = y.as_chunks::<2>();
    for (x, y) in x_pairs.iter().zip(y_pairs) {
        for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
            *sum = lanes.mul_add(lanes.load(x), lanes.load(y), *sum);
        }
    }
    let [mut even, odd] = sums;
    for (x, y) in x_rest.iter().zip(y_rest) {
        even = lanes.mul_add(lanes.load(x), lanes.load(y), even);
    }
    lanes.sum(lanes.add(even, odd))
}

/// v and w of a pending update and the x that is multiplied next, tile by tile.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, T> {
    pub(super) v: &'a [Tile<T>],
    pub(super) w: &'a [Tile<T>],
    pub(super) x: &'a [Tile<T>],
}

/// The same of one row, or of one tile of columns.
#[derive(Clone, Copy)]
pub(super) struct Triple<V> {
    pub(super) v: V,
    pub(super) w: V,
    pub(super) x: V,
}

impl<V: Copy> Triple<V> {
    #[inline(always)]
    pub(super) fn load<T: Real, L: Lanes<T, Vector = V>>(lanes: L, v: &Tile<T>, w: &Tile<T>, x: &Tile<T>) -> Self {
        Self { v: lanes.load(v), w: lanes.load(w), x: lanes.load(x) }
    }

    #[inline(always)]
    pub(super) fn splat<T: Real, L: Lanes<T, Vector = V>>(lanes: L, [v, w, x]: [T; 3]) -> Self {
        Self { v: lanes.splat(v), w: lanes.splat(w), x: lanes.splat(x) }
    }
}

/// q + v_row w + w_row v, kept and returned.
#[inline(always)]
pub(super) fn update<T: Real, L: Lanes<T>>(
    lanes: L,
    q: &mut Tile<T>,
    row: Triple<L::Vector>,
    column: Triple<L::Vector>,
) -> L::Vector {
    let updated = lanes.mul_add(row.w, column.v, lanes.mul_add(row.v, column.w, lanes.load(q)));
    lanes.store(q, updated);
    updated
}
