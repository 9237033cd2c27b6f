//! The fused pass of the tridiagonal form: a pending rank-2 update and the next symmetric product in one
//! read and one write of a triangle.

use super::tiles::{Columns, Triple, update};
use super::triangle;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// A symmetric matrix for the passes of the tridiagonalisation: the lower triangle, row-major, in
/// rows and columns padded to whole tiles. The tiles on the diagonal hold both triangles, so that no
/// pass needs a mask; what lies right of them is never touched.
#[derive(Debug)]
pub struct TiledTriangle<'a, T> {
    /// At least `padded(order) * stride` numbers, finite up to the diagonal tiles.
    pub data: &'a mut [T],
    /// Distance between rows, a multiple of [`LANES`].
    pub stride: usize,
    /// Rows and columns.
    pub order: usize,
}

/// The same to read; what lies right of the diagonal tiles is not read.
#[derive(Clone, Copy, Debug)]
pub struct SymmetricTiles<'a, T> {
    /// At least `padded(order) * stride` numbers, finite up to the diagonal tiles.
    pub data: &'a [T],
    /// Distance between rows, a multiple of [`LANES`].
    pub stride: usize,
    /// Rows and columns.
    pub order: usize,
}

/// A <- A + v w^T + w v^T, then y <- A x, for as many tiles of rows as v has, each row `stride` tiles long; v, w and x
/// are 0 from the active `order` on, and y is anything.
///
/// Four rows at a time (one where registers are few) and one tile of columns at a time: a tile is updated, multiplied
/// from the right for its rows, and, left of the diagonal, from the left for its columns while it is in registers. Single
/// numbers do as in [`triangle`], which leaves the upper triangles of the diagonal tiles as they are.
/// **Cost**: 4 m^2 flops for m active rows.
#[inline(always)]
pub(super) fn rank_two_symv<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &mut [Tile<T>],
    (stride, order): (usize, usize),
    columns: Columns<'_, T>,
    y: &mut [Tile<T>],
) {
    let Columns { v, w, x } = columns;
    let blocks = rows.chunks_exact_mut(stride.max(1).saturating_mul(LANES)).zip(v.iter().zip(w).zip(x));
    for (tile, (rows, ((v, w), x))) in blocks.enumerate() {
        let Some((left, right)) = y.split_at_mut_checked(tile) else { return };
        let Some(own) = right.first_mut() else { return };
        let count = order - (tile * LANES).min(order);
        let sums = if L::SCALAR {
            let Some(sums) = triangle::rows(lanes, rows, (stride, count), columns, left) else { return };
            sums
        } else if L::WIDE {
            let mut quads = rows.chunks_exact_mut(stride.max(1).saturating_mul(LANES / 2));
            let (Some(upper), Some(lower)) = (quads.next(), quads.next()) else { return };
            let (&[va, vb, vc, vd, ve, vf, vg, vh], &[wa, wb, wc, wd, we, wf, wg, wh]) = (v, w);
            let &[xa, xb, xc, xd, xe, xf, xg, xh] = x;
            let quad = [[va, wa, xa], [vb, wb, xb], [vc, wc, xc], [vd, wd, xd]];
            let [a, b, c, d] = quad_pass(lanes, upper, stride, quad, columns, left);
            let quad = [[ve, we, xe], [vf, wf, xf], [vg, wg, xg], [vh, wh, xh]];
            let [e, f, g, h] = quad_pass(lanes, lower, stride, quad, columns, left);
            lanes.sums([a, b, c, d, e, f, g, h])
        } else {
            let mut sums = [T::zero(); LANES];
            let own = v.iter().zip(w).zip(x).zip(&mut sums).take(count);
            for (row, (((&v, &w), &x), sum)) in rows.chunks_exact_mut(stride.max(1)).zip(own) {
                *sum = row_pass(lanes, row, [v, w, x], columns, left);
            }
            lanes.load(&sums)
        };
        lanes.store(own, sums);
    }
}

/// Four rows of [`rank_two_symv`] up to the diagonal tile; returns their sums, not yet added up, and adds
/// those of the columns left of the diagonal.
#[inline(always)]
fn quad_pass<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &mut [Tile<T>],
    stride: usize,
    quad: [[T; 3]; 4],
    columns: Columns<'_, T>,
    y_left: &mut [Tile<T>],
) -> [L::Vector; 4] {
    let zero = lanes.splat(T::zero());
    let [a, b, c, d] = quad;
    let [a, b, c, d] =
        [Triple::splat(lanes, a), Triple::splat(lanes, b), Triple::splat(lanes, c), Triple::splat(lanes, d)];
    let Some((row_a, rest)) = rows.split_at_mut_checked(stride) else { return [zero; 4] };
    let Some((row_b, rest)) = rest.split_at_mut_checked(stride) else { return [zero; 4] };
    let Some((row_c, row_d)) = rest.split_at_mut_checked(stride) else { return [zero; 4] };
    let tile = y_left.len();
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = [zero; 4];
    let tiles = row_a.iter_mut().zip(row_b.iter_mut()).zip(row_c.iter_mut()).zip(row_d.iter_mut());
    let Columns { v, w, x } = columns;
    for (((((qa, qb), qc), qd), y), ((v, w), x)) in tiles.zip(y_left).zip(v.iter().zip(w).zip(x)) {
        let column = Triple::load(lanes, v, w, x);
        let mut column_sums = lanes.load(y);
        let qa = update(lanes, qa, a, column);
        sum_a = lanes.mul_add(qa, column.x, sum_a);
        column_sums = lanes.mul_add(a.x, qa, column_sums);
        let qb = update(lanes, qb, b, column);
        sum_b = lanes.mul_add(qb, column.x, sum_b);
        column_sums = lanes.mul_add(b.x, qb, column_sums);
        let qc = update(lanes, qc, c, column);
        sum_c = lanes.mul_add(qc, column.x, sum_c);
        column_sums = lanes.mul_add(c.x, qc, column_sums);
        let qd = update(lanes, qd, d, column);
        sum_d = lanes.mul_add(qd, column.x, sum_d);
        column_sums = lanes.mul_add(d.x, qd, column_sums);
        lanes.store(y, column_sums);
    }
    let own = (row_a.get_mut(tile), row_b.get_mut(tile), row_c.get_mut(tile), row_d.get_mut(tile));
    let (Some(qa), Some(qb), Some(qc), Some(qd)) = own else { return [zero; 4] };
    let (Some(v), Some(w), Some(x)) = (v.get(tile), w.get(tile), x.get(tile)) else { return [zero; 4] };
    let column = Triple::load(lanes, v, w, x);
    [
        lanes.mul_add(update(lanes, qa, a, column), column.x, sum_a),
        lanes.mul_add(update(lanes, qb, b, column), column.x, sum_b),
        lanes.mul_add(update(lanes, qc, c, column), column.x, sum_c),
        lanes.mul_add(update(lanes, qd, d, column), column.x, sum_d),
    ]
}

/// One row of [`rank_two_symv`] up to the diagonal tile; returns its sum, and adds those of the columns left of the
/// diagonal.
#[inline(always)]
fn row_pass<T: Real, L: Lanes<T>>(
    lanes: L,
    row: &mut [Tile<T>],
    triple: [T; 3],
    columns: Columns<'_, T>,
    y_left: &mut [Tile<T>],
) -> T {
    let mut sum = lanes.splat(T::zero());
    let tile = y_left.len();
    let Columns { v, w, x } = columns;
    for ((q, y), ((v, w), x)) in row.iter_mut().zip(y_left).zip(v.iter().zip(w).zip(x)) {
        sum = lanes.update_and_multiply(q, triple, [v, w, x], y, sum);
    }
    let (Some(q), Some(v), Some(w), Some(x)) = (row.get_mut(tile), v.get(tile), w.get(tile), x.get(tile)) else {
        return T::zero();
    };
    let mut unused = [T::zero(); LANES];
    lanes.sum(lanes.update_and_multiply(q, triple, [v, w, x], &mut unused, sum))
}
