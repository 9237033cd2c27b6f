//! Householder reduction of eight matrices to tridiagonal form, and their largest eigenvalues.

use super::fused::{rank_two_symv, reflection};
use super::spectrum::largest_eigenvalues;
use super::{Lanewise, parts, row_start};
use crate::kernel::tiles::Columns;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// A = Q T Q^T for each, with the reflectors of [`tridiagonalize`](crate::kernel::tridiagonal::tridiagonalize); the
/// largest eigenvalue and Gershgorin's bound of each, both NaN where a buffer is too short.
///
/// **Shapes**: [`Lanewise`]. **Ranges**: largest magnitudes about 1. **Accuracy**: backward stable, a few `u` relative to
/// the norm. **Cost**: 4/3 n^3 flops and 3 to 40 sweeps of n + 2 divisions, each of eight numbers.
#[inline(always)]
pub fn reduce<T: Real, L: Lanes<T>>(lanes: L, work: &mut Lanewise<'_, T>) -> [Tile<T>; 2] {
    let nothing = T::zero() / T::zero();
    try_reduce(lanes, work).unwrap_or([[nothing; LANES]; 2])
}

#[inline(always)]
fn try_reduce<T: Real, L: Lanes<T>>(lanes: L, work: &mut Lanewise<'_, T>) -> Option<[Tile<T>; 2]> {
    let n = work.order;
    let parts = parts(work.scratch, n)?;
    let (diagonal, off_diagonal, tau) = (parts.diagonal, parts.off_diagonal, parts.tau);
    let (mut v, w, mut x, y) = (parts.v, parts.w, parts.x, parts.y);
    let zero = lanes.splat(T::zero());
    v.fill([T::zero(); LANES]);
    w.fill([T::zero(); LANES]);
    let mut w_m = zero;
    for m in (1..n).rev() {
        let (leading, row) = work.matrices.split_at_mut_checked(row_start(m))?;
        let (to_diagonal, row) = row.get_mut(..=m)?.split_last_mut()?;
        // v_m is 1.
        lanes.store(diagonal.get_mut(m)?, lanes.add(lanes.load(to_diagonal), lanes.add(w_m, w_m)));
        let reflector = Reflector::of_row(lanes, row, w_m, v, w, x)?;
        lanes.store(off_diagonal.get_mut(m)?, reflector.beta);
        lanes.store(tau.get_mut(m)?, reflector.tau);
        let columns = Columns { v: v.get(..m)?, w: w.get(..m)?, x: x.get(..m)? };
        rank_two_symv(lanes, leading, m, columns, y)?;
        reflection(lanes, x.get(..m)?, y, reflector.tau, w);
        w_m = lanes.load(w.get(m - 1)?);
        core::mem::swap(&mut v, &mut x);
    }
    if let (Some(to), Some(from)) = (diagonal.first_mut(), work.matrices.first()) {
        *to = *from;
    }
    for first in [off_diagonal.first_mut(), tau.first_mut()].into_iter().flatten() {
        *first = [T::zero(); LANES];
    }
    let (value, bound) = largest_eigenvalues(lanes, diagonal, off_diagonal)?;
    let mut found = [[T::zero(); LANES]; 2];
    let [to_value, to_bound] = &mut found;
    lanes.store(to_value, value);
    lanes.store(to_bound, bound);
    Some(found)
}

/// H = I - tau x x^T and what is left of the row.
struct Reflector<V> {
    tau: V,
    beta: V,
}

impl<V: Copy> Reflector<V> {
    /// The reflector of a row after its pending update, into the row and into x.
    #[inline(always)]
    fn of_row<T: Real, L: Lanes<T, Vector = V>>(
        lanes: L,
        row: &mut [Tile<T>],
        w_m: V,
        v: &[Tile<T>],
        w: &[Tile<T>],
        x: &mut [Tile<T>],
    ) -> Option<Self> {
        let (zero, one) = (lanes.splat(T::zero()), lanes.splat(T::one()));
        let before = row.len().checked_sub(1)?;
        let mut squares = zero;
        let mut alpha = zero;
        for ((x, row), (v, w)) in x.iter_mut().zip(row.iter()).zip(v.iter().zip(w)) {
            squares = lanes.mul_add(alpha, alpha, squares);
            alpha = lanes.mul_add(w_m, lanes.load(v), lanes.add(lanes.load(row), lanes.load(w)));
            lanes.store(x, alpha);
        }
        // Squares near the end of the range have lost their digits; such a row is 0 to working accuracy.
        let safe = lanes.sub(squares, lanes.splat(T::SAFE_SQUARE));
        let length = lanes.sqrt(lanes.mul_add(alpha, alpha, squares));
        let beta = lanes.choose(alpha, lanes.sub(zero, length), length);
        let beta = lanes.choose(safe, beta, one);
        let difference = lanes.choose(safe, lanes.sub(alpha, beta), one);
        let tau = lanes.choose(safe, lanes.div(lanes.sub(beta, alpha), beta), zero);
        let scale = lanes.choose(safe, lanes.div(one, difference), zero);
        for (row, x) in row.iter_mut().zip(x.iter_mut()).take(before) {
            let entry = lanes.mul(scale, lanes.load(x));
            lanes.store(x, entry);
            lanes.store(row, entry);
        }
        lanes.store(x.get_mut(before)?, one);
        lanes.store(row.last_mut()?, one);
        Some(Self { tau, beta: lanes.choose(safe, beta, alpha) })
    }
}
