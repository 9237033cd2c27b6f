//! The same with one triangle only, some rows of it at a time: as many as a panel holds, where it is a whole square all of
//! them at once.
//!
//! Each sum is made of the same terms in the same order as with whole squares, so a kernel that works row by row, as the
//! portable one does, gives the same bits. One that does not is right all the same.

use super::{Averaging, Unfolding, take_in, unfolding};
use crate::kernel::{Accum, Kernel};
use crate::mat::packed::{rows_mut, unpack_rows};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{LANES, Real, Stored};

/// Rows at a time: enough that a product's time is not that of loading them.
const PANEL: usize = LANES;

/// Numbers of workspace for an order n, the least panel of rows that products are quick with; saturates. A longer one is
/// used as far as whole rows go.
pub const fn panel_len(n: usize) -> usize {
    n.saturating_mul(if n < PANEL { n } else { PANEL })
}

/// How many rows at a time, of n.
fn height<T>(panel: &[T], n: usize) -> usize {
    panel.len().checked_div(n).unwrap_or(0).clamp(1, n.max(1))
}

/// H <- decay H + weight mat_i(G) mat_i(G)^T for the mode that these matrices unfold, see [`unfolding`].
///
/// **Shapes**: a packed triangle of order n, every matrix of n rows, a panel of [`panel_len`] numbers. **Ranges**: as
/// [`accumulate`](super::accumulate). **Cost**: numel (n + 8) flops, 3 for each of n (n + 1) / 2 numbers.
pub fn accumulate_packed<'g, T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    triangle: &mut [S],
    n: usize,
    unfolded: impl Iterator<Item = MatRef<'g, T>> + Clone,
    panel: &mut [T],
    averaging: Averaging,
    kernel: &K,
) {
    let mut rows = rows_mut(triangle);
    let most = height(panel, n);
    let mut first = 0;
    while first < n {
        let height = most.min(n - first);
        let width = first + height;
        let Ok(mut terms) = MatMut::new(&mut *panel, height, width) else { return };
        let mut accum = Accum::Replace;
        for matrix in unfolded.clone() {
            let k = matrix.ncols();
            let (Some(some), Some(upto)) = (matrix.block(first, 0, height, k), matrix.block(0, 0, width, k)) else {
                return;
            };
            if height == n {
                kernel.gram(terms.reborrow(), accum, T::one(), matrix);
            } else {
                kernel.gemm(terms.reborrow(), accum, T::one(), some, upto.transpose());
            }
            accum = Accum::Add;
        }
        // In this order no row is taken that does not belong here.
        for (terms, row) in terms.rows_mut().zip(rows.by_ref()) {
            take_in(row, terms.iter().copied(), averaging);
        }
        first = width;
    }
}

/// Loads the triangle, a panel of rows after the other.
fn each_panel<T: Real, S: Stored<T>>(
    triangle: &[S],
    n: usize,
    panel: &mut [T],
    mut visit: impl FnMut(usize, MatRef<'_, T>),
) {
    let most = height(panel, n);
    let mut first = 0;
    while first < n {
        let height = most.min(n - first);
        let Ok(mut rows) = MatMut::new(&mut *panel, height, n) else { return };
        unpack_rows(triangle, first, rows.reborrow());
        visit(first, rows.as_ref());
        first += height;
    }
}

/// OUT <- X G for symmetric X.
///
/// **Shapes**: X a packed triangle of order n, G n x m with any strides, a panel of [`panel_len`] numbers. **Cost**:
/// 2 n^2 m flops, n^2 loads.
pub fn packed_times<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    mut out: MatMut<'_, T>,
    triangle: &[S],
    g: MatRef<'_, T>,
    panel: &mut [T],
    kernel: &K,
) {
    each_panel(triangle, g.nrows(), panel, |first, rows| product_of_rows(out.reborrow(), first, rows, g, kernel));
}

/// The rows of X G that belong to these rows of X.
fn product_of_rows<T: Real, K: Kernel<T> + ?Sized>(
    mut out: MatMut<'_, T>,
    first: usize,
    rows: MatRef<'_, T>,
    g: MatRef<'_, T>,
    kernel: &K,
) {
    if let Some(out) = out.some_rows(first, rows.nrows()) {
        kernel.gemm(out, Accum::Replace, T::one(), rows, g);
    }
}

/// OUT <- G X for symmetric X.
///
/// **Shapes**: G m x n with any strides, X a packed triangle of order n, a panel of [`panel_len`] numbers. **Cost**:
/// 2 n^2 m flops, n^2 loads.
pub fn times_packed<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    mut out: MatMut<'_, T>,
    g: MatRef<'_, T>,
    triangle: &[S],
    panel: &mut [T],
    kernel: &K,
) {
    let mut accum = Accum::Replace;
    each_panel(triangle, g.ncols(), panel, |first, rows| {
        if let Some(g) = g.block(0, first, g.nrows(), rows.nrows()) {
            kernel.gemm(out.reborrow(), accum, T::one(), g, rows);
            accum = Accum::Add;
        }
    });
}

/// The product along the mode that these matrices unfold.
pub(crate) fn unfolded_product<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    triangle: &[S],
    unfolded: Unfolding<'_, T>,
    panel: &mut [T],
    kernel: &K,
) {
    if let Some(g) = unfolded.across() {
        if let Ok(out) = MatMut::new(out, g.nrows(), g.ncols()) {
            times_packed(out, g, triangle, panel, kernel);
        }
        return;
    }
    let (nrows, ncols) = unfolded.shape();
    each_panel(triangle, nrows, panel, |first, rows| {
        for (out, g) in out.chunks_exact_mut(nrows.saturating_mul(ncols).max(1)).zip(unfolded.clone()) {
            if let Ok(out) = MatMut::new(out, nrows, ncols) {
                product_of_rows(out, first, rows, g, kernel);
            }
        }
    });
}

/// As [`mode_product`](super::mode_product) with one triangle of X.
///
/// **Shapes**: `g` and `out` row-major of sizes `dims`; X a packed triangle of order d_i, a panel of [`panel_len`]
/// numbers. **Cost**: 2 numel d_i flops.
pub fn mode_product_packed<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    triangle: &[S],
    g: &[T],
    dims: &[usize],
    mode: usize,
    panel: &mut [T],
    kernel: &K,
) {
    unfolded_product(out, triangle, unfolding(g, dims, mode), panel, kernel);
}
