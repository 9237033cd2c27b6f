//! Inverse roots (A + r I)^(-alpha) of symmetric positive semidefinite matrices, each certified.
//!
//! [`inverse_root`] chooses a method and says which; every method can be called by itself. No root
//! is accepted by its own iteration's opinion: [`certificate`] bounds the error of whatever came out.

mod attempt;
pub mod batch;
pub mod certificate;
pub mod coupled_newton;
mod input;
pub mod rational;
mod request;
pub mod spectral;
pub mod tables;

pub use request::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};

use crate::error::{RootError, ShapeError};
use crate::kernel::Kernel;
use crate::mat::packed::packed_len;
use crate::scalar::{Real, Stored};
use attempt::{Attempt, choose};
use input::Input;
use rational::matrix_len;

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    Working,
    /// The result is there.
    Done,
}

/// Largest accepted error by default: with `f64` inside, with double-f32 (whose back-transform is in `f32`), with less.
const MAX_ERROR: [f64; 3] = [1e-5, 5e-3, 5e-2];

/// Factor between the ridges of two attempts.
const LADDER: f64 = 10.0;

/// Squares of workspace: what coupled Newton iterates on, beside X.
const SQUARES: usize = 6;

/// Numbers of workspace for [`inverse_root`] of order n; saturates where it overflows.
pub const fn inverse_root_workspace_len(n: usize) -> usize {
    let squares = matrix_len(n).saturating_mul(SQUARES + 1);
    let thin = n.saturating_mul(3 * certificate::PROBES);
    squares.saturating_add(rational::workspace_len(n, tables::MAX_POLES)).saturating_add(thin)
}

/// The root (A + r I)^(-alpha) of a packed triangle, certified, into another packed triangle.
///
/// The largest power of two is split off first (and its root is exact for small integer orders), so a matrix
/// scaled by 2^k gives the scaled root, whatever its magnitude, subnormal numbers included. A root that its
/// certificate refuses is tried again with a ridge 10 times larger, from the untouched input, at most
/// [`Request::max_retries`] times.
///
/// **Shapes**: `triangle` and `root` n (n + 1) / 2 numbers, rows of the lower triangle; workspace at least
/// [`inverse_root_workspace_len`]. **Ranges**: see [`Request`]. **Errors**: NaN or infinity in the input, an exponent
/// that is no root or that the method does not compute, an unusable ridge, a short buffer: at once, `root` unchanged.
/// An outcome other than [`Outcome::Accepted`] also leaves `root` unchanged. **Accuracy**: [`Report::promised`], a bound.
/// **Cost**: 8/3 n^3 flops for a rational root, p/2 + 1 products and a factorisation for its full certificate,
/// 12 (p + 1) n^2 multiply-adds for the probed one.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Request, Ridge};
/// use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
///
/// let a = [2.0_f64, 0.0, 16.0]; // diag(2, 16)
/// let mut root = [0.0; 3];
/// let mut workspace = [0.0; inverse_root_workspace_len(2)];
/// let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(4)) };
/// let report = inverse_root(&a, 2, &mut root, &request, &mut workspace, &Portable)?;
/// assert_eq!(report.outcome, Outcome::Accepted);
/// assert!((root[2] - 0.5).abs() <= report.promised);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
pub fn inverse_root<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &[S],
    n: usize,
    root: &mut [S],
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let exponent = request.validate()?;
    if !request.ridge.is_usable() {
        return Err(RootError::Ridge { value: request.ridge.figure() });
    }
    let length = |needed, found| RootError::Shape(ShapeError::Length { needed, found });
    for found in [triangle.len(), root.len()] {
        if found != packed_len(n) {
            return Err(length(packed_len(n), found));
        }
    }
    let needed = inverse_root_workspace_len(n);
    let found = workspace.len();
    let workspace = workspace.get_mut(..needed).ok_or(length(needed, found))?;
    let input = Input::new(triangle, n, exponent, request.ridge)?;
    // The ridge in units of the scaled input.
    let ridge = match request.ridge {
        Ridge::Absolute(r) => Ridge::Absolute(libm::scalbn(r, -input.shift)),
        relative => relative,
    };
    if input.zero && !matches!(ridge, Ridge::Absolute(r) if r > 0.0) {
        return Ok(Report::nothing(choose(request, exponent, ridge).0));
    }
    let max_error = request.max_error.unwrap_or_else(default_max_error::<R>);
    let retries = if ridge.figure() > 0.0 { request.max_retries } else { 0 };
    let mut report = Report::nothing(request.method);
    let mut factor = 1.0;
    for retry in 0..=retries {
        let raised = ridge.times(factor);
        if retry > 0 && !raised.is_usable() {
            break;
        }
        let attempt = Attempt { input: &input, exponent, ridge: raised, request, kernel }.run(workspace)?;
        let promised = attempt.promised + input.rounding::<R>(exponent);
        report = Report { retries: retry, promised, ..attempt };
        // Written so that a limit of NaN or infinity accepts nothing that has no bound.
        let kept = report.promised.is_finite() && report.promised <= max_error;
        if report.outcome == Outcome::Accepted && !kept {
            report.outcome = Outcome::Uncertified;
        }
        if report.outcome == Outcome::Accepted {
            report.outcome = input.store(workspace, exponent, root);
            break;
        }
        factor *= LADDER;
    }
    report.lambda_max = libm::scalbn(report.lambda_max, input.shift);
    report.ridge = libm::scalbn(report.ridge, input.shift);
    Ok(report)
}

fn default_max_error<R: Real>() -> f64 {
    let [double, double_f32, single] = MAX_ERROR;
    match R::UNIT_ROUNDOFF.to_f64() {
        u if u <= f64::EPSILON => double,
        u if u < 1e-12 => double_f32,
        _ => single,
    }
}
