//! The portable kernel: plain multiplications and additions in a fixed order, never fused, so the
//! same bits come out on every target.
//!
//! The functions are public and inline so that another kernel can compile the same code for wider
//! vectors; the order of the operations, and so the bits, stay.

use super::{Accum, Kernel, LANES, TiledTriangle};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Partial sums side by side in a dot product: two tiles hide the latency of an addition.
const DOT_LANES: usize = 2 * LANES;

/// The kernel that gives the same bits everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl<T: Real> Kernel<T> for Portable {
    fn gemm(&self, c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>) {
        gemm(c, accum, alpha, a, b);
    }
}

/// See [`Kernel::gemm`]. The sums run along rows of B where these are contiguous, else along k.
#[inline(always)]
pub fn gemm<T: Real>(mut c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    if accum == Accum::Replace {
        c.rows_mut().for_each(|row| row.fill(T::zero()));
    }
    if let Some(b_rows) = b.contiguous_rows() {
        for (i, c_row) in c.rows_mut().enumerate() {
            for (x, b_row) in a.row_entries(i).zip(b_rows.clone()) {
                add_scaled(c_row, alpha * x, b_row);
            }
        }
    } else if let (Some(a_rows), Some(b_columns)) = (a.contiguous_rows(), b.transpose().contiguous_rows()) {
        for (c_row, a_row) in c.rows_mut().zip(a_rows) {
            for (c, b_column) in c_row.iter_mut().zip(b_columns.clone()) {
                *c += alpha * dot(a_row, b_column);
            }
        }
    } else {
        for (i, c_row) in c.rows_mut().enumerate() {
            for (j, c) in c_row.iter_mut().enumerate() {
                let products = a.row_entries(i).zip(b.transpose().row_entries(j)).map(|(x, y)| x * y);
                *c += alpha * products.fold(T::zero(), |s, p| s + p);
            }
        }
    }
}

/// See [`Kernel::gram`].
#[inline(always)]
pub fn gram<T: Real>(mut c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>) {
    if accum == Accum::Replace {
        for (i, row) in c.rows_mut().enumerate() {
            row.iter_mut().take(i + 1).for_each(|c| *c = T::zero());
        }
    }
    if let Some(a_columns) = a.transpose().contiguous_rows() {
        for column in a_columns {
            for ((i, c_row), &x) in c.rows_mut().enumerate().zip(column) {
                for (c, &y) in c_row.iter_mut().zip(column).take(i + 1) {
                    *c += alpha * x * y;
                }
            }
        }
    } else if let Some(a_rows) = a.contiguous_rows() {
        for ((i, c_row), x) in c.rows_mut().enumerate().zip(a_rows.clone()) {
            for (c, y) in c_row.iter_mut().zip(a_rows.clone()).take(i + 1) {
                *c += alpha * dot(x, y);
            }
        }
    } else {
        for (i, c_row) in c.rows_mut().enumerate() {
            for (j, c) in c_row.iter_mut().enumerate().take(i + 1) {
                let products = a.row_entries(i).zip(a.row_entries(j)).map(|(x, y)| x * y);
                *c += alpha * products.fold(T::zero(), |s, p| s + p);
            }
        }
    }
}

/// See [`Kernel::symm_product`]. Column j of B is its row j.
#[inline(always)]
pub fn symm_product<T: Real>(mut c: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    if let (Some(a_rows), Some(b_rows)) = (a.contiguous_rows(), b.contiguous_rows()) {
        for ((i, c_row), a_row) in c.rows_mut().enumerate().zip(a_rows) {
            for (c, b_row) in c_row.iter_mut().zip(b_rows.clone()).take(i + 1) {
                *c = dot(a_row, b_row);
            }
        }
        c.mirror_lower();
    } else {
        gemm(c, Accum::Replace, T::one(), a, b);
    }
}

/// See [`Kernel::dot`].
#[inline(always)]
pub fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let length = x.len().min(y.len());
    let (x, y) = (x.get(..length).unwrap_or_default(), y.get(..length).unwrap_or_default());
    let ((x_lanes, x_rest), (y_lanes, y_rest)) = (x.as_chunks::<DOT_LANES>(), y.as_chunks::<DOT_LANES>());
    let mut sums = [T::zero(); DOT_LANES];
    for (x, y) in x_lanes.iter().zip(y_lanes) {
        for ((s, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *s += x * y;
        }
    }
    let rest = x_rest.iter().zip(y_rest).fold(T::zero(), |s, (&x, &y)| s + x * y);
    let halves = sums.as_chunks::<LANES>().0;
    halves.iter().fold(T::zero(), |s, &half| s + sum_lanes(half)) + rest
}

/// y <- y + alpha x.
#[inline(always)]
fn add_scaled<T: Real>(y: &mut [T], alpha: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// See [`Kernel::axpby`].
#[inline(always)]
pub fn axpby<T: Real>(alpha: T, x: &[T], beta: T, y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = alpha * x + beta * *y;
    }
}

/// See [`Kernel::scale_by_rsqrt`].
#[inline(always)]
pub fn scale_by_rsqrt<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
    scale_by_rsqrt_with(out, g, v, scale, eps, T::sqrt);
}

/// As [`scale_by_rsqrt`], with the square root at hand; every correct rounding gives the same bits.
#[inline(always)]
pub fn scale_by_rsqrt_with<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T, sqrt: impl Fn(T) -> T) {
    for ((out, &g), &v) in out.iter_mut().zip(g).zip(v) {
        let denominator = sqrt(scale * v) + eps;
        let quotient = g / denominator;
        *out = if denominator == T::zero() { T::zero() } else { quotient };
    }
}

type Lanes<T> = [T; LANES];

#[inline(always)]
fn sum_lanes<T: Real>(lanes: Lanes<T>) -> T {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// acc + s x.
#[inline(always)]
fn add_lanes<T: Real>(mut acc: Lanes<T>, s: T, x: &Lanes<T>) -> Lanes<T> {
    for (acc, &x) in acc.iter_mut().zip(x) {
        *acc += s * x;
    }
    acc
}

/// acc + x y.
#[inline(always)]
fn add_product<T: Real>(mut acc: Lanes<T>, x: &Lanes<T>, y: &Lanes<T>) -> Lanes<T> {
    for ((acc, &x), &y) in acc.iter_mut().zip(x).zip(y) {
        *acc += x * y;
    }
    acc
}

/// Numbers of v, w and x that belong to one tile of columns.
#[derive(Clone, Copy)]
struct Columns<'a, T> {
    v: &'a Lanes<T>,
    w: &'a Lanes<T>,
    x: &'a Lanes<T>,
}

/// Numbers of v, w and x that belong to one row.
#[derive(Clone, Copy)]
struct Row<T> {
    v: T,
    w: T,
    x: T,
}

/// See [`Kernel::rank_two_symv`].
///
/// Four rows at a time and one tile of columns at a time: a tile is updated, multiplied from the right for its
/// rows, and, left of the diagonal, from the left for its columns while it is in registers.
#[inline(always)]
pub fn rank_two_symv<T: Real>(a: TiledTriangle<'_, T>, v: &[T], w: &[T], x: &[T], y: &mut [T]) {
    let TiledTriangle { data, stride, order } = a;
    let tiles = order.div_ceil(LANES);
    let columns = v.as_chunks::<LANES>().0.iter().zip(w.as_chunks::<LANES>().0).zip(x.as_chunks::<LANES>().0);
    let columns = columns.map(|((v, w), x)| Columns { v, w, x });
    let row_tiles = data.chunks_exact_mut(stride.saturating_mul(LANES).max(1));
    for ((tile, rows), own) in row_tiles.take(tiles).enumerate().zip(columns.clone()) {
        let Some((y_left, y_right)) = y.as_chunks_mut::<LANES>().0.split_at_mut_checked(tile) else { return };
        let Some(y_own) = y_right.first_mut() else { return };
        let (upper, lower) = halves(own);
        let mut quads = rows.chunks_exact_mut(stride.saturating_mul(4).max(1));
        let (Some(first), Some(second)) = (quads.next(), quads.next()) else { return };
        let (Some(first), Some(second)) = (four_rows(first, stride), four_rows(second, stride)) else { return };
        let [a, b, c, d] = quad_pass(first, upper, columns.clone(), y_left, own);
        let [e, f, g, h] = quad_pass(second, lower, columns.clone(), y_left, own);
        *y_own = [a, b, c, d, e, f, g, h];
    }
    y.iter_mut().skip(order).take(tiles * LANES - order).for_each(|y| *y = T::zero());
}

/// The rows that belong to a tile of columns, four and four.
#[inline(always)]
fn halves<T: Real>(tile: Columns<'_, T>) -> ([Row<T>; 4], [Row<T>; 4]) {
    let &[va, vb, vc, vd, ve, vf, vg, vh] = tile.v;
    let &[wa, wb, wc, wd, we, wf, wg, wh] = tile.w;
    let &[xa, xb, xc, xd, xe, xf, xg, xh] = tile.x;
    let row = |v, w, x| Row { v, w, x };
    (
        [row(va, wa, xa), row(vb, wb, xb), row(vc, wc, xc), row(vd, wd, xd)],
        [row(ve, we, xe), row(vf, wf, xf), row(vg, wg, xg), row(vh, wh, xh)],
    )
}

/// Splits four rows of `stride` numbers into tiles.
#[inline(always)]
fn four_rows<T>(rows: &mut [T], stride: usize) -> Option<[&mut [Lanes<T>]; 4]> {
    let (a, rest) = rows.split_at_mut_checked(stride)?;
    let (b, rest) = rest.split_at_mut_checked(stride)?;
    let (c, d) = rest.split_at_mut_checked(stride)?;
    Some([a, b, c, d].map(|row| row.as_chunks_mut::<LANES>().0))
}

/// One tile of one row: returns the row's sums and the columns' sums.
#[inline(always)]
fn update_tile<T: Real>(
    q: &mut Lanes<T>,
    row: Row<T>,
    columns: Columns<'_, T>,
    sums: Lanes<T>,
    column_sums: Lanes<T>,
) -> (Lanes<T>, Lanes<T>) {
    let updated = add_lanes(add_lanes(*q, row.v, columns.w), row.w, columns.v);
    *q = updated;
    (add_product(sums, &updated, columns.x), add_lanes(column_sums, row.x, &updated))
}

/// Four rows of [`rank_two_symv`]; returns their part of y and adds that of the columns left of the diagonal.
#[inline(always)]
fn quad_pass<'a, T: Real>(
    rows: [&mut [Lanes<T>]; 4],
    [a, b, c, d]: [Row<T>; 4],
    columns: impl Iterator<Item = Columns<'a, T>>,
    y_left: &mut [Lanes<T>],
    own: Columns<'_, T>,
) -> [T; 4] {
    let tile = y_left.len();
    let [Some((left_a, own_a)), Some((left_b, own_b)), Some((left_c, own_c)), Some((left_d, own_d))] =
        rows.map(|row| row.split_at_mut_checked(tile))
    else {
        return [T::zero(); 4];
    };
    let [mut sum_a, mut sum_b, mut sum_c, mut sum_d] = [[T::zero(); LANES]; 4];
    let tiles = left_a.iter_mut().zip(left_b).zip(left_c).zip(left_d);
    for (((((qa, qb), qc), qd), y), columns) in tiles.zip(y_left).zip(columns) {
        let mut column_sums = *y;
        (sum_a, column_sums) = update_tile(qa, a, columns, sum_a, column_sums);
        (sum_b, column_sums) = update_tile(qb, b, columns, sum_b, column_sums);
        (sum_c, column_sums) = update_tile(qc, c, columns, sum_c, column_sums);
        (sum_d, column_sums) = update_tile(qd, d, columns, sum_d, column_sums);
        *y = column_sums;
    }
    let ([qa, ..], [qb, ..], [qc, ..], [qd, ..]) = (own_a, own_b, own_c, own_d) else { return [T::zero(); 4] };
    let unused = [T::zero(); LANES];
    [
        update_tile(qa, a, own, sum_a, unused).0,
        update_tile(qb, b, own, sum_b, unused).0,
        update_tile(qc, c, own, sum_c, unused).0,
        update_tile(qd, d, own, sum_d, unused).0,
    ]
    .map(sum_lanes)
}

/// See [`Kernel::reflect_rows`].
#[inline(always)]
pub fn reflect_rows<T: Real>(rows: &mut [T], stride: usize, gains: &[T], tau: T, v: &[T], sum: &mut [T]) {
    sum.fill(T::zero());
    for (z, &gain) in rows.chunks_exact_mut(stride.max(1)).zip(gains) {
        let along = gain * tau * dot(z, v);
        for ((z, &v), sum) in z.iter_mut().zip(v).zip(sum.iter_mut()) {
            *z = gain * *z - along * v;
            *sum += *z;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::padded;

    /// Small integers: every sum is exact, so all orders of summation agree.
    fn integers(length: usize, seed: usize) -> Vec<f64> {
        (0..length).map(|i| ((i * 7 + seed * 3 + i * i) % 11) as f64 - 5.0).collect()
    }

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn gemm_agrees_for_all_layouts_and_never_reads_a_replaced_output() {
        let (m, k, n) = (3, 5, 4);
        let (a, b) = (integers(m * k, 1), integers(k * n, 2));
        let at: Vec<f64> = (0..k * m).map(|i| a[(i % m) * k + i / m]).collect();
        let bt: Vec<f64> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
        let expected: Vec<f64> =
            (0..m * n).map(|i| (0..k).map(|l| a[(i / n) * k + l] * b[l * n + i % n]).sum()).collect();
        let lefts = [MatRef::new(&a, m, k).unwrap(), MatRef::new(&at, k, m).unwrap().transpose()];
        let rights = [MatRef::new(&b, k, n).unwrap(), MatRef::new(&bt, n, k).unwrap().transpose()];
        for a in lefts {
            for b in rights {
                let mut c = vec![f64::NAN; m * n];
                gemm(MatMut::new(&mut c, m, n).unwrap(), Accum::Replace, 1.0, a, b);
                assert_eq!(c, expected);
            }
        }
    }

    #[test]
    fn the_fused_pass_is_an_update_and_a_product() {
        for n in [1, 2, 7, 8, 9, 23, 32] {
            let stride = padded(n);
            let pad = |x: Vec<f64>| x.into_iter().chain(core::iter::repeat(0.0)).take(stride).collect::<Vec<_>>();
            let [v, w, x] = [1, 2, 3].map(|seed| pad(integers(n, seed)));
            let mut a = vec![0.0; stride * stride];
            let source = integers(n * n, 4);
            for i in 0..n {
                for j in 0..=i {
                    a[i * stride + j] = source[i * n + j];
                    a[j * stride + i] = source[i * n + j];
                }
            }
            let full = |i: usize, j: usize| {
                let (r, c) = (i.max(j), i.min(j));
                source[r * n + c] + v[i] * w[j] + w[i] * v[j]
            };
            let mut y = vec![f64::NAN; stride];
            rank_two_symv(TiledTriangle { data: &mut a, stride, order: n }, &v, &w, &x, &mut y);
            for i in 0..n {
                assert_eq!(y[i], (0..n).map(|j| full(i, j) * x[j]).sum::<f64>(), "n {n} row {i}");
                for j in 0..=i {
                    assert_eq!(a[i * stride + j], full(i, j));
                }
            }
            assert!(y[n..].iter().all(|&y| y == 0.0));
        }
    }

    #[test]
    fn a57_nothing_is_fused() {
        let a = 1.0_f32 + 2.0_f32.powi(-12);
        let c = -(1.0_f32 + 2.0_f32.powi(-11));
        assert_eq!(dot(&[c, a], &[1.0, a]), 0.0);
    }
}
