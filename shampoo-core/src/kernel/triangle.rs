//! The fused pass of the tridiagonal form for lanes that are single numbers: what is left of the diagonal tiles two rows
//! at a time, which is what 32 registers hold, and of the diagonal tiles the lower triangle alone, with its products in
//! registers. The upper one is stale until it is completed in the end.

use super::tiles::Columns;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// The first `count` of eight rows of [`rank_two_symv`](super::tiled::rank_two_symv): adds to `left` what they add to the
/// products left of the diagonal tile, and returns their own.
#[inline(always)]
pub(super) fn rows<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &mut [Tile<T>],
    (stride, count): (usize, usize),
    columns: Columns<'_, T>,
    left: &mut [Tile<T>],
) -> Option<L::Vector> {
    let tile = left.len();
    let Columns { v, w, x } = columns;
    let (own_v, own_w, own_x) = (v.get(tile)?, w.get(tile)?, x.get(tile)?);
    let mut sums = [T::zero(); LANES];
    if tile > 0 {
        let triples = own_v.as_chunks::<2>().0.iter().zip(own_w.as_chunks().0).zip(own_x.as_chunks().0);
        let mut pairs = rows.chunks_exact_mut(stride.max(1));
        for (((&[va, vb], &[wa, wb]), &[xa, xb]), sums) in triples.zip(sums.as_chunks_mut().0).take(count.div_ceil(2)) {
            let (row_a, row_b) = (pairs.next()?, pairs.next()?);
            let mut both = [lanes.splat(T::zero()); 2];
            for (((qa, qb), y), ((v, w), x)) in row_a.iter_mut().zip(row_b).zip(&mut *left).zip(v.iter().zip(w).zip(x))
            {
                both = lanes.update_and_multiply_two([qa, qb], [[va, wa, xa], [vb, wb, xb]], [v, w, x], y, both);
            }
            let [a, b] = both;
            *sums = [lanes.sum(a), lanes.sum(b)];
        }
    }
    let own = [own_v, own_w, own_x];
    lanes.triangle(rows, (stride, tile, count), own, lanes.load(&sums))
}

/// Copies the lower triangles of the diagonal tiles into the upper ones.
#[inline(always)]
pub(super) fn complete<T: Real>(rows: &mut [Tile<T>], stride: usize, order: usize) -> Option<()> {
    for (tile, rows) in
        rows.chunks_exact_mut(stride.max(1).saturating_mul(LANES)).enumerate().take(order.div_ceil(LANES))
    {
        for lane in 1..LANES {
            let (above, own) = rows.split_at_mut_checked(lane.checked_mul(stride)?)?;
            let own = own.get(tile)?;
            for (to, &x) in above.chunks_exact_mut(stride.max(1)).zip(own) {
                *to.get_mut(tile)?.get_mut(lane)? = x;
            }
        }
    }
    Some(())
}
