//! K-FAC factors of a layer: statistics of its inputs and of the gradients at its outputs, kept apart.
//!
//! For a layer s = W x, with d the gradient at s, an example's gradient is G = d x^T. The factors are averages of d d^T
//! and x x^T: D <- b2 D + w2 c sum d d^T over a batch, X likewise from the inputs; the update is D^{-1} G X^{-1}.
//!
//! At a batch of 1 they are Shampoo's statistics with the other side's length taken out: G G^T = ||x||^2 d d^T and
//! G^T G = ||d||^2 x x^T. In a batch only where the x (for L) or the d (for R) are orthogonal to one another.
//!
//! Where a layer is written s = x W (inputs in rows), G = x^T d: X then pairs with L and D with R, and the update is
//! X^{-1} G D^{-1}. [`update`] takes the left inverse and the right one, whichever they are.

use crate::error::{RowsError, ShapeError};
use crate::kernel::{Accum, Kernel};
use crate::linalg::inverse_root::{Exponent, Request, Ridge};
use crate::mat::packed::{packed_len, unpack};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Stored};
use crate::statistics::{Averaging, Headroom, accumulate as accumulate_square, mode_product};

/// The number c that a batch's sum of b outer products is multiplied by.
///
/// Both of an implementation's factors need their own: its inputs are [`Mean`](Terms::Mean) whatever the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Terms {
    /// 1/b: the d are gradients of each example's own loss, and the factor an average over examples.
    Mean,
    /// 1: the sum, as Shampoo's statistics take a batch in.
    Sum,
    /// b: the d are gradients of the batch's mean loss, each 1/b of an example's own, so this is its average again.
    MeanLoss,
}

impl Terms {
    /// The number c for a batch of b examples.
    pub fn scale(self, b: usize) -> f64 {
        let b = b.max(1) as f64;
        match self {
            Self::Mean => 1.0 / b,
            Self::Sum => 1.0,
            Self::MeanLoss => b,
        }
    }
}

/// Numbers of workspace for [`accumulate`] at order n; saturates.
pub const fn accumulate_workspace_len(n: usize) -> usize {
    n.saturating_mul(n)
}

/// Numbers of workspace for [`update`] of an `nrows x ncols` gradient; saturates.
pub const fn update_workspace_len(nrows: usize, ncols: usize) -> usize {
    let order = if nrows > ncols { nrows } else { ncols };
    order.saturating_mul(order).saturating_add(nrows.saturating_mul(ncols))
}

/// H <- b2 H + w2 c sum v v^T over the rows v of a batch, in one packed triangle.
///
/// An empty batch changes nothing.
///
/// **Shapes**: `batch` b x n with any strides (a view's transpose, where examples are columns); `triangle` n (n + 1) / 2
/// numbers, workspace [`accumulate_workspace_len`]. **Errors**: [`RowsError`] for a decay that [`Averaging::validate`]
/// refuses, a buffer that does not fit, NaN or infinity, and magnitudes whose squares could sum to more than a quarter of
/// the range of either type, with or without c, or carry the factor beyond half of it; nothing has changed then.
/// **Cost**: b n (n + 1) flops.
///
/// ```
/// use shampoo_core::kfac::{Terms, accumulate};
/// use shampoo_core::{kernel::Portable, mat::MatRef, statistics::Averaging};
///
/// let inputs = MatRef::new(&[1.0_f64, 2.0, 3.0, 0.0], 2, 2)?;
/// let (mut x, mut workspace) = ([0.0_f64; 3], [0.0; 4]);
/// accumulate(&mut x, inputs, Averaging::Sum, Terms::Mean, &mut workspace, &Portable)?;
/// assert_eq!(x, [5.0, 1.0, 2.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn accumulate<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &mut [S],
    batch: MatRef<'_, R>,
    averaging: Averaging,
    terms: Terms,
    workspace: &mut [R],
    kernel: &K,
) -> Result<(), RowsError> {
    averaging.validate::<R>()?;
    let (b, n) = (batch.nrows(), batch.ncols());
    let (needed, found) = (packed_len(n), triangle.len());
    if needed != found {
        return Err(ShapeError::Length { needed, found }.into());
    }
    let mut square = MatMut::new(workspace, n, n)?;
    let value = largest_entry(batch)?;
    if b == 0 {
        return Ok(());
    }
    let scale = terms.scale(b);
    // The kernel may sum the squares before it scales them.
    let limit = largest_vector::<R, S>(triangle, scale.max(1.0) * b as f64);
    if value > limit {
        return Err(RowsError::TooLarge { value, limit });
    }
    kernel.gram(square.reborrow(), Accum::Replace, R::from_f64(scale), batch.transpose());
    accumulate_square(triangle, square.as_ref(), averaging);
    Ok(())
}

/// The largest magnitude of numbers that are all finite.
fn largest_entry<R: Real>(batch: MatRef<'_, R>) -> Result<f64, RowsError> {
    let mut largest = R::zero();
    for row in 0..batch.nrows() {
        for (column, x) in batch.row_entries(row).enumerate() {
            if !x.is_finite() {
                return Err(RowsError::NonFinite { row, column });
            }
            largest = largest.maximum(x.abs());
        }
    }
    Ok(largest.to_f64())
}

/// Magnitude up to which a factor has room for so many squares.
fn largest_vector<R: Real, S: Stored<R>>(triangle: &[S], squares: f64) -> f64 {
    let filled = triangle.iter().fold(0.0_f64, |m, kept| m.max(kept.load().abs().to_f64()));
    Headroom::of::<R, S>(filled).magnitude(squares)
}

/// What is asked of a factor's inverse: [`inverse_root`](crate::linalg::inverse_root::inverse_root) with p = 1, certified.
///
/// The damping is the ridge: absolute (lambda), or relative to the largest eigenvalue.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::kfac::request;
/// use shampoo_core::linalg::inverse_root::{Outcome, Ridge, inverse_root, inverse_root_workspace_len};
///
/// let (factor, mut inverse) = ([3.0_f64, 0.0, 1.0], [0.0; 3]);
/// let mut workspace = [0.0; inverse_root_workspace_len(2)];
/// let report = inverse_root(&factor, 2, &mut inverse, &request(Ridge::Absolute(1.0)), &mut workspace, &Portable)?;
/// assert_eq!(report.outcome, Outcome::Accepted);
/// assert!((inverse[0] - 0.25).abs() < 1e-12 && (inverse[2] - 0.5).abs() < 1e-12);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
pub const fn request(damping: Ridge) -> Request {
    Request { ridge: damping, ..Request::new(Exponent::Root(1)) }
}

/// The update A G B, with A and B the inverses of the left and the right factor.
///
/// **Shapes**: `g` and `out` row-major, `nrows x ncols`; `left` and `right` packed triangles of these orders, workspace
/// [`update_workspace_len`]. **Errors**: [`ShapeError`]; nothing has changed then.
/// **Cost**: 2 nrows ncols (nrows + ncols) flops.
///
/// ```
/// use shampoo_core::{kernel::Portable, kfac::update, kfac::update_workspace_len};
/// let (mut out, mut workspace) = ([0.0_f64; 2], [0.0; update_workspace_len(1, 2)]);
/// update(&mut out, &[1.0, 2.0], (1, 2), &[0.5], &[1.0, 0.0, 0.25], &mut workspace, &Portable)?;
/// assert_eq!(out, [0.5, 0.25]);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
pub fn update<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    out: &mut [R],
    g: &[R],
    (nrows, ncols): (usize, usize),
    left: &[S],
    right: &[S],
    workspace: &mut [R],
    kernel: &K,
) -> Result<(), ShapeError> {
    let numel = nrows.checked_mul(ncols).ok_or(ShapeError::TooLarge)?;
    let exact =
        [(numel, g.len()), (numel, out.len()), (packed_len(nrows), left.len()), (packed_len(ncols), right.len())];
    if let Some(&(needed, found)) = exact.iter().find(|(needed, found)| needed != found) {
        return Err(ShapeError::Length { needed, found });
    }
    let (needed, found) = (update_workspace_len(nrows, ncols), workspace.len());
    if found < needed {
        return Err(ShapeError::Length { needed, found });
    }
    let order = nrows.max(ncols);
    let Some((square, between)) = workspace.split_at_mut_checked(order.saturating_mul(order)) else { return Ok(()) };
    let Some(between) = between.get_mut(..numel) else { return Ok(()) };
    let dims = [nrows, ncols];
    product(between, g, left, &dims, 0, square, kernel);
    product(out, between, right, &dims, 1, square, kernel);
    Ok(())
}

/// The product with one packed factor along a mode.
fn product<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    out: &mut [R],
    g: &[R],
    triangle: &[S],
    dims: &[usize; 2],
    mode: usize,
    square: &mut [R],
    kernel: &K,
) {
    let order = dims.get(mode).copied().unwrap_or(0);
    let Ok(mut x) = MatMut::new(square, order, order) else { return };
    unpack(triangle, x.reborrow());
    mode_product(out, x.as_ref(), g, dims, mode, kernel);
}
