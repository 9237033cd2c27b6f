//! The fused pass of eight matrices: a pending rank-2 update and the next symmetric product in one read and one write.

use crate::kernel::tiles::{Columns, Triple, update};
use crate::scalar::{Lanes, Real, Tile};

/// A <- A + v w^T + w v^T, then y <- A x, for the leading `order` rows of a triangle.
///
/// Four rows at a time up to the diagonal block: an entry is updated, multiplied for its row and for its column while
/// it is in registers. **Cost**: 2 order^2 multiply-adds.
#[inline(always)]
pub(super) fn rank_two_symv<T: Real, L: Lanes<T>>(
    lanes: L,
    triangle: &mut [Tile<T>],
    order: usize,
    columns: Columns<'_, T>,
    y: &mut [Tile<T>],
) -> Option<()> {
    let Columns { v, w, x } = columns;
    let mut rest = triangle;
    let mut i = 0;
    while i + 4 <= order {
        let (row_a, after) = rest.split_at_mut_checked(i + 1)?;
        let (row_b, after) = after.split_at_mut_checked(i + 2)?;
        let (row_c, after) = after.split_at_mut_checked(i + 3)?;
        let (row_d, after) = after.split_at_mut_checked(i + 4)?;
        rest = after;
        let [va, vb, vc, vd] = v.get(i..)?.first_chunk()?;
        let [wa, wb, wc, wd] = w.get(i..)?.first_chunk()?;
        let [xa, xb, xc, xd] = x.get(i..)?.first_chunk()?;
        let (a, b) = (Triple::load(lanes, va, wa, xa), Triple::load(lanes, vb, wb, xb));
        let (c, d) = (Triple::load(lanes, vc, wc, xc), Triple::load(lanes, vd, wd, xd));
        let zero = lanes.splat(T::zero());
        let (mut sum_a, mut sum_b, mut sum_c, mut sum_d) = (zero, zero, zero, zero);
        let left = y.get_mut(..i)?;
        let entries = row_a.iter_mut().zip(row_b.iter_mut()).zip(row_c.iter_mut().zip(row_d.iter_mut()));
        for (((qa, qb), (qc, qd)), (y, (v, (w, x)))) in entries.zip(left.iter_mut().zip(v.iter().zip(w.iter().zip(x))))
        {
            let column = Triple::load(lanes, v, w, x);
            let mut column_sum = lanes.load(y);
            let q = update(lanes, qa, a, column);
            sum_a = lanes.mul_add(q, column.x, sum_a);
            column_sum = lanes.mul_add(q, a.x, column_sum);
            let q = update(lanes, qb, b, column);
            sum_b = lanes.mul_add(q, column.x, sum_b);
            column_sum = lanes.mul_add(q, b.x, column_sum);
            let q = update(lanes, qc, c, column);
            sum_c = lanes.mul_add(q, column.x, sum_c);
            column_sum = lanes.mul_add(q, c.x, column_sum);
            let q = update(lanes, qd, d, column);
            sum_d = lanes.mul_add(q, column.x, sum_d);
            column_sum = lanes.mul_add(q, d.x, column_sum);
            lanes.store(y, column_sum);
        }
        row_end(lanes, row_a, i, a, sum_a, columns, y)?;
        row_end(lanes, row_b, i, b, sum_b, columns, y)?;
        row_end(lanes, row_c, i, c, sum_c, columns, y)?;
        row_end(lanes, row_d, i, d, sum_d, columns, y)?;
        i += 4;
    }
    while i < order {
        let (row, after) = rest.split_at_mut_checked(i + 1)?;
        rest = after;
        let own = Triple::load(lanes, v.get(i)?, w.get(i)?, x.get(i)?);
        row_end(lanes, row, 0, own, lanes.splat(T::zero()), columns, y)?;
        i += 1;
    }
    Some(())
}

/// The columns of one row from `from` on up to its diagonal entry, whose y it sets.
#[inline(always)]
fn row_end<T: Real, L: Lanes<T>>(
    lanes: L,
    row: &mut [Tile<T>],
    from: usize,
    own: Triple<L::Vector>,
    mut sum: L::Vector,
    columns: Columns<'_, T>,
    y: &mut [Tile<T>],
) -> Option<()> {
    let (diagonal, before) = row.get_mut(from..)?.split_last_mut()?;
    let (left, right) = y.get_mut(from..)?.split_at_mut_checked(before.len())?;
    let (v, w, x) = (columns.v.get(from..)?, columns.w.get(from..)?, columns.x.get(from..)?);
    for ((q, y), (v, (w, x))) in before.iter_mut().zip(left).zip(v.iter().zip(w.iter().zip(x))) {
        let column = Triple::load(lanes, v, w, x);
        let q = update(lanes, q, own, column);
        sum = lanes.mul_add(q, column.x, sum);
        lanes.store(y, lanes.mul_add(q, own.x, lanes.load(y)));
    }
    let q = update(lanes, diagonal, own, own);
    lanes.store(right.first_mut()?, lanes.mul_add(q, own.x, sum));
    Some(())
}

/// Of as many numbers as x has: w <- h x - tau y with h = (tau^2/2) (x.y): the pending update that reflects by I - tau x x^T.
#[inline(always)]
pub(super) fn reflection<T: Real, L: Lanes<T>>(
    lanes: L,
    x: &[Tile<T>],
    y: &[Tile<T>],
    tau: L::Vector,
    w: &mut [Tile<T>],
) {
    let zero = lanes.splat(T::zero());
    let (mut even, mut odd) = (zero, zero);
    let (x_pairs, x_rest) = x.as_chunks::<2>();
    let (y_pairs, y_rest) = y.get(..x.len()).unwrap_or_default().as_chunks::<2>();
    for ([xa, xb], [ya, yb]) in x_pairs.iter().zip(y_pairs) {
        even = lanes.mul_add(lanes.load(xa), lanes.load(ya), even);
        odd = lanes.mul_add(lanes.load(xb), lanes.load(yb), odd);
    }
    for (x, y) in x_rest.iter().zip(y_rest) {
        even = lanes.mul_add(lanes.load(x), lanes.load(y), even);
    }
    let square = lanes.mul(lanes.mul(tau, tau), lanes.splat(T::from_f64(0.5)));
    let along = lanes.mul(square, lanes.add(even, odd));
    let across = lanes.sub(zero, tau);
    for (w, (x, y)) in w.iter_mut().zip(x.iter().zip(y)) {
        lanes.store(w, lanes.mul_add(across, lanes.load(y), lanes.mul(along, lanes.load(x))));
    }
}
