//! Householder reduction of a symmetric matrix to tridiagonal form, one fused pass a column.
//!
//! The last row is eliminated first, so every active block starts at column 0 and stays aligned.
//! The rank-2 update of one column waits until the next one's product with the matrix, and one pass
//! over the triangle does both.

use core::ops::Range;

use super::tiled::{TiledTriangle, rank_two_symv};
use super::tiles::{Columns, dot, first, unit};
use crate::scalar::{LANES, Lanes, Real, Tile};

/// Vectors of padded(n) numbers that a reduction or a back-transform needs.
pub const VECTORS: usize = 4;

/// The tridiagonal matrix, and the reflectors' factors; the reflectors stay in the matrix that was reduced.
#[derive(Debug)]
pub struct Tridiagonal<'w, T> {
    /// Diagonal of T, n numbers.
    pub diagonal: &'w mut [T],
    /// `off_diagonal[i]` couples i - 1 and i; the first number is 0.
    pub off_diagonal: &'w mut [T],
    /// `tau[m]` of the reflector H_m = I - tau v v^T that eliminated row m.
    pub tau: &'w mut [T],
}

/// The vectors of one row's step: the pending update's reflector v and its partner w, the row's own
/// reflector x, and the product y. The reflector of one row is v of the next, so two of them change places.
pub(super) struct Vectors<'w, T> {
    pub(super) v: &'w mut [Tile<T>],
    pub(super) w: &'w mut [Tile<T>],
    pub(super) x: &'w mut [Tile<T>],
    pub(super) y: &'w mut [Tile<T>],
}

impl<'w, T: Real> Vectors<'w, T> {
    /// The vectors for the step of row m.
    #[inline(always)]
    pub(super) fn of_row(m: usize, vectors: &'w mut [T]) -> Option<Self> {
        let tiles = vectors.as_chunks_mut::<LANES>().0;
        let length = tiles.len() / VECTORS;
        let (even, rest) = tiles.split_at_mut_checked(length)?;
        let (odd, rest) = rest.split_at_mut_checked(length)?;
        let (w, y) = rest.split_at_mut_checked(length)?;
        let (x, v) = if m.is_multiple_of(2) { (even, odd) } else { (odd, even) };
        Some(Self { v, w, x, y })
    }

    /// Sets the pending update to nothing.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        for vector in [&mut *self.v, &mut *self.w] {
            vector.fill([T::zero(); LANES]);
        }
    }

    /// A x for the leading `order` rows, after the pending update, which is then replaced by the reflection
    /// by I - tau x x^T: w <- h x - tau y with h = (tau^2/2) (x.y), in the first `kept` rows of the last tile and 0
    /// beyond. Returns h - tau y_i for the last row i, where x is 1.
    #[inline(always)]
    pub(super) fn reflect<L: Lanes<T>>(
        &mut self,
        lanes: L,
        rows: &mut [Tile<T>],
        stride: usize,
        order_and_kept: (usize, usize),
        tau: T,
    ) -> Option<T> {
        if L::COMPACT {
            self.reflect_apart(lanes, rows, stride, order_and_kept, tau)
        } else {
            self.reflect_here(lanes, rows, stride, order_and_kept, tau)
        }
    }

    /// [`reflect`](Self::reflect) once for all who use it.
    #[inline(never)]
    fn reflect_apart<L: Lanes<T>>(
        &mut self,
        lanes: L,
        rows: &mut [Tile<T>],
        stride: usize,
        order_and_kept: (usize, usize),
        tau: T,
    ) -> Option<T> {
        self.reflect_here(lanes, rows, stride, order_and_kept, tau)
    }

    #[inline(always)]
    fn reflect_here<L: Lanes<T>>(
        &mut self,
        lanes: L,
        rows: &mut [Tile<T>],
        stride: usize,
        (order, kept): (usize, usize),
        tau: T,
    ) -> Option<T> {
        let tiles = order.div_ceil(LANES);
        let (v, x) = (self.v.get(..tiles)?, self.x.get(..tiles)?);
        let (w, y) = (self.w.get_mut(..tiles)?, self.y.get_mut(..tiles)?);
        rank_two_symv(lanes, rows, (stride, order), Columns { v, w, x }, y);
        // Beyond the order y is anything, and x is 0.
        let half = T::from_f64(0.5) * tau * tau * dot(lanes, x, y);
        let (along, across) = (lanes.splat(half), lanes.splat(-tau));
        let (w_last, w) = w.split_last_mut()?;
        for ((w, x), y) in w.iter_mut().zip(x).zip(y.iter()) {
            let along = lanes.mul(along, lanes.load(x));
            lanes.store(w, lanes.mul_add(across, lanes.load(y), along));
        }
        let (x, y) = (x.last()?, y.last()?);
        let entries = lanes.mul_add(across, lanes.load(y), lanes.mul(along, lanes.load(x)));
        lanes.store(w_last, lanes.mul(entries, first(lanes, kept)));
        Some(half - tau * *y.get((order - 1) % LANES)?)
    }
}

/// A = Q T Q^T with Q = H_{n-1} ... H_1, H_m = I - tau_m v_m v_m^T: eliminates `rows`, the last one first.
///
/// All of 0..n in one call, or adjoining ranges from the end on in several, with nothing changed between them. On
/// return row m of the matrix holds v_m (its last entry, at m - 1, is 1) in its first m numbers.
///
/// **Shapes**: A n x n with its lower triangle and all of its diagonal tiles; `vectors` at least [`VECTORS`] padded(n)
/// numbers. **Ranges**: largest magnitude about 1; entries below about a unit roundoff of that may be taken for 0.
/// **Accuracy**: backward stable, a few `u` relative to the
/// norm of A. **Cost**: 4/3 n^3 flops. **Reference**: Golub and Van Loan, Matrix Computations, 8.3.1.
#[inline(always)]
pub fn tridiagonalize<T: Real, L: Lanes<T>>(
    lanes: L,
    a: TiledTriangle<'_, T>,
    mut t: Tridiagonal<'_, T>,
    vectors: &mut [T],
    rows: Range<usize>,
) {
    let TiledTriangle { data, stride, order } = a;
    let (tiles, stride) = (data.as_chunks_mut::<LANES>().0, stride / LANES);
    for m in rows.rev() {
        let Some(mut vectors) = Vectors::of_row(m, vectors) else { return };
        if m + 1 == order {
            vectors.clear();
            t.diagonal.iter_mut().skip(m).for_each(|d| *d = T::zero());
        }
        if eliminate(lanes, tiles, stride, m, &mut t, &mut vectors).is_none() {
            return;
        }
    }
}

/// row + w + w_m v.
#[inline(always)]
fn updated<T: Real, L: Lanes<T>>(lanes: L, row: &Tile<T>, w_m: L::Vector, v: &Tile<T>, w: &Tile<T>) -> L::Vector {
    lanes.mul_add(w_m, lanes.load(v), lanes.add(lanes.load(row), lanes.load(w)))
}

/// Eliminates row m. Until then `diagonal[m]` holds w_m of the pending update, whose v_m is 1.
#[inline(always)]
fn eliminate<T: Real, L: Lanes<T>>(
    lanes: L,
    tiles: &mut [Tile<T>],
    stride: usize,
    m: usize,
    t: &mut Tridiagonal<'_, T>,
    vectors: &mut Vectors<'_, T>,
) -> Option<()> {
    let row = tiles.get_mut(m.checked_mul(stride)?..)?;
    let diagonal = t.diagonal.get_mut(m)?;
    let w_m = *diagonal;
    *diagonal = *row.as_flattened().get(m)? + T::from_f64(2.0) * w_m;
    let (off_diagonal, tau) = (t.off_diagonal.get_mut(m)?, t.tau.get_mut(m)?);
    let Some(before) = m.checked_sub(1) else {
        (*off_diagonal, *tau) = (T::zero(), T::zero());
        return Some(());
    };
    let (last, lane) = (before / LANES, before % LANES);
    let (row, row_last) = row.get_mut(..=last)?.split_at_mut_checked(last)?;
    let (x, x_last) = vectors.x.get_mut(..=last)?.split_at_mut_checked(last)?;
    let (row_last, x_last) = (row_last.first_mut()?, x_last.first_mut()?);
    let (v, w) = (vectors.v.get(..=last)?, vectors.w.get(..=last)?);

    // The pending update of this row alone, and its length without the entry before the diagonal.
    let factor = lanes.splat(w_m);
    let mut squares = lanes.splat(T::zero());
    for (((row, x), v), w) in row.iter().zip(x.iter_mut()).zip(v).zip(w) {
        let entries = updated(lanes, row, factor, v, w);
        squares = lanes.mul_add(entries, entries, squares);
        lanes.store(x, entries);
    }
    let entries = updated(lanes, row_last, factor, v.last()?, w.last()?);
    lanes.store(x_last, entries);
    let alpha = *x_last.get(lane)?;
    let others = lanes.mul(entries, first(lanes, lane));
    let squares = lanes.sum(lanes.mul_add(others, others, squares));

    // Squares near the end of the range have lost their digits; such a row is 0 to working accuracy.
    let scale;
    (*tau, *off_diagonal, scale) = if squares > T::SAFE_SQUARE {
        let length = (alpha * alpha + squares).sqrt();
        let beta = if alpha > T::zero() { -length } else { length };
        ((beta - alpha) / beta, beta, T::one() / (alpha - beta))
    } else {
        (T::zero(), alpha, T::zero())
    };
    let factor = lanes.splat(scale);
    for (row, x) in row.iter_mut().zip(x) {
        let entries = lanes.mul(factor, lanes.load(x));
        lanes.store(x, entries);
        lanes.store(row, entries);
    }
    let others = lanes.mul(factor, others);
    let entries = lanes.add(others, unit(lanes, lane));
    lanes.store(x_last, entries);
    lanes.store(row_last, entries);

    // The pending update leaves row m - 1 to the next step.
    *t.diagonal.get_mut(before)? = vectors.reflect(lanes, tiles, stride, (m, lane), *tau)?;
    lanes.store(vectors.x.get_mut(last)?, others);
    Some(())
}
