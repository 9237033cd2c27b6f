//! A certificate for a root that was computed elsewhere, for example on a device that is good at products.

use super::certificate::{Candidate, Sign, probed, probed_workspace_len};
use super::input::Input;
use super::job::{check_packed, default_max_error};
use super::rational::{matrix_len, row_stride};
use super::{Certificate, Exponent, Outcome, Report, Request};
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::{Kernel, SymmetricTiles};
use crate::linalg::carve;
use crate::mat::packed::rows;
use crate::scalar::{Real, Stored};

/// Numbers of workspace of [`certify`] for order n.
pub const fn certify_workspace_len(n: usize) -> usize {
    probed_workspace_len(n).saturating_add(matrix_len(n).saturating_mul(2))
}

/// Whether X is the root (scale A + r I)^(-1/p) within the error that the request allows, by the probed certificate.
///
/// The root is judged as it is stored; nothing is assumed of how it was computed.
///
/// **Shapes**: A and X packed triangles of order n, workspace at least [`certify_workspace_len`]. **Ranges**: a ridge above
/// 0, which bounds the condition number. **Errors**: an exponent that is no root of integer order, a length that does not
/// fit. **Accuracy**: [`Report::promised`]. **Cost**: that of [`probed`] with an unknown sign.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::certify::{certify, certify_workspace_len};
/// use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Request};
///
/// let (a, root) = ([1.0_f64, 0.0, 15.0], [2.0_f64.powf(-0.25), 0.0, 0.5]); // with the ridge diag(2, 16)
/// let mut workspace = [0.0_f64; certify_workspace_len(2)];
/// let request = Request::new(Exponent::Root(4));
/// let mut judge = |root: [f64; 3]| certify(&a, &root, 2, &request, 1.0, &mut workspace, &Portable).unwrap().outcome;
/// assert_eq!(judge(root), Outcome::Accepted);
/// assert_eq!(judge([0.84, 0.01, 0.5]), Outcome::Uncertified);
/// assert_eq!(judge(root.map(|x| -x)), Outcome::Uncertified);
/// ```
pub fn certify<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &[S],
    root: &[S],
    n: usize,
    request: &Request,
    ridge: f64,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let Exponent::Root(p) = request.exponent.normalized()? else { return Err(UnsupportedExponent::ByMethod.into()) };
    if !kernel.certifies(Certificate::Probed) {
        return Err(RootError::ByKernel);
    }
    check_packed(triangle, n)?;
    check_packed(root, n)?;
    let (needed, found) = (certify_workspace_len(n), workspace.len());
    let mut rest = workspace;
    let (Some(a), Some(x)) = (carve(&mut rest, matrix_len(n)), carve(&mut rest, matrix_len(n))) else {
        return Err(ShapeError::Length { needed, found }.into());
    };
    let input = Input::unscaled_of_order(n);
    input.load_tiles(triangle, a, R::zero());
    input.load_tiles(root, x, R::zero());
    let scale = R::from_f64(request.scale);
    a.iter_mut().for_each(|x| *x *= scale);
    for (i, row) in a.chunks_exact_mut(row_stride(n).max(1)).take(n).enumerate() {
        if let Some(diagonal) = row.get_mut(i) {
            *diagonal += R::from_f64(ridge);
        }
    }
    // A bound of the largest eigenvalue: the Frobenius norm, with the diagonal counted twice.
    let squares = |sum: f64, row: &[S]| row.iter().fold(sum, |sum, x| sum + 2.0 * square(x.load()));
    let lambda_max = request.scale * libm::sqrt(rows(triangle).take(n).fold(0.0, squares));
    let kappa = (lambda_max + ridge) / ridge;
    let tiles = |data| SymmetricTiles { data, stride: row_stride(n), order: n };
    let candidate = Candidate { b: tiles(&*a), x: tiles(&*x), p, kappa, sign: Sign::Unknown };
    let max_error = request.max_error.unwrap_or_else(default_max_error::<R>);
    let promised = probed(candidate, max_error, rest, kernel);
    let accepted = ridge > 0.0 && promised.is_finite() && promised <= max_error;
    let outcome = if accepted { Outcome::Accepted } else { Outcome::Uncertified };
    let mut report = Report { outcome, promised, lambda_max, rank: n, ridge, ..Report::nothing(request.method) };
    report.set_kappa(kappa, request.exponent);
    Ok(report)
}

/// x^2 in double precision.
fn square<R: Real>(x: R) -> f64 {
    let x = x.to_f64();
    x * x
}
