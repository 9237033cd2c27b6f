//! Inverse roots (A + r I)^(-alpha) of symmetric positive semidefinite matrices, each certified.
//!
//! [`inverse_root`] chooses a method and says which; every method can be called by itself. No root
//! is accepted by its own iteration's opinion: [`certificate`] bounds the error of whatever came out.
//! Every method is plain data that can be stepped, and so is the whole request, as a [`Job`].

mod attempt;
pub mod batch;
pub mod certificate;
pub mod certify;
mod choice;
mod coupled;
pub mod coupled_newton;
pub mod drift;
mod input;
mod job;
pub mod newton_schulz;
pub mod rational;
mod report;
mod request;
mod rescale;
pub mod spectral;
pub mod tables;
mod whole;

pub use crate::linalg::Progress;
pub use coupled::{Extent, Scaling, Stop, Watch, default_tolerance};
pub use job::Job;
pub use report::{Outcome, Report};
pub use request::{Certificate, Exponent, Method, Request, Ridge};

use crate::error::{RootError, ShapeError};
use crate::kernel::Kernel;
use crate::scalar::{LANES, Real, Stored, padded};
use rational::matrix_len;

/// Squares of workspace: what coupled Newton iterates on, beside X.
const SQUARES: usize = 6;

/// Numbers of workspace for [`inverse_root`] of order n; saturates where it overflows.
pub const fn inverse_root_workspace_len(n: usize) -> usize {
    let squares = matrix_len(n).saturating_mul(SQUARES + 1);
    let thin = padded(n).saturating_mul(3 * LANES);
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
/// **Cost**: 8/3 n^3 flops for a rational root, (p + 1)/2 + 1 products and a factorisation for its full certificate,
/// 8 (p + 1) n^2 multiply-adds for the probed one, or twice that.
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
    let mut begun = begin(triangle, n, root, request, workspace);
    let job = begun.as_mut().map_err(|&mut error| error)?;
    job.run(triangle, workspace, kernel)?;
    job.finish(root, workspace)
}

/// As [`inverse_root`], as long as `keep_going` says so: it is asked between any two steps of a [`Job`].
///
/// **Errors**: as [`inverse_root`]. Where it was stopped the outcome is [`Outcome::Cancelled`] and `root` is unchanged.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Request};
/// use shampoo_core::linalg::inverse_root::{inverse_root_while, inverse_root_workspace_len};
///
/// let (a, mut root) = ([2.0_f64, 0.0, 16.0], [7.0; 3]);
/// let mut workspace = [0.0; inverse_root_workspace_len(2)];
/// let request = Request::new(Exponent::Root(4));
/// let report = inverse_root_while(&a, 2, &mut root, &request, &mut workspace, &Portable, || false)?;
/// assert_eq!((report.outcome, root), (Outcome::Cancelled, [7.0; 3]));
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
pub fn inverse_root_while<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &[S],
    n: usize,
    root: &mut [S],
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
    mut keep_going: impl FnMut() -> bool,
) -> Result<Report, RootError> {
    let mut begun = begin(triangle, n, root, request, workspace);
    let job = begun.as_mut().map_err(|&mut error| error)?;
    while job.step(triangle, workspace, kernel)? == Progress::Working && keep_going() {}
    job.finish(root, workspace)
}

/// A job whose buffers are all long enough; it is used where it is returned to, since a copy is half a kilobyte of stack.
#[inline(never)]
fn begin<R: Real, S: Stored<R>>(
    triangle: &[S],
    n: usize,
    root: &[S],
    request: &Request,
    workspace: &[R],
) -> Result<Job<R>, RootError> {
    let job = Job::start(triangle, n, request);
    if job.is_ok() {
        job::check_packed(root, n)?;
        let (needed, found) = (inverse_root_workspace_len(n), workspace.len());
        if found < needed {
            return Err(ShapeError::Length { needed, found }.into());
        }
    }
    job
}
