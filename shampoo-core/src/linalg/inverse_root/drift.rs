//! How far statistics have moved away from a root, without a root of the new ones.

use super::certificate::Uniform;
use super::input::Input;
use super::rational::{matrix_len, row_stride};
use super::{Certificate, Exponent, Request, Ridge};
use crate::kernel::{Kernel, SymmetricTiles};
use crate::linalg::carve;
use crate::linalg::norm::norm;
use crate::scalar::{LANES, Real, Stored, padded};

/// Numbers of workspace of [`drift`] for order n.
pub const fn drift_workspace_len(n: usize) -> usize {
    let thin = padded(n).saturating_mul(3 * LANES);
    thin.saturating_add(matrix_len(n).saturating_mul(2))
}

/// The root mean square relative change of the statistics in the metric of a root X: ||X^{p/2} B X^{p/2} - I||_F / sqrt(n)
/// with B = scale A + r I, estimated on eight fixed vectors as the probed certificate does; 0 where X is the root of B.
///
/// Infinite where it cannot be told: an odd or real exponent, a workspace that is too short, a product out of range, a
/// kernel without probed certificates.
///
/// **Shapes**: A and X packed triangles of order n, workspace at least [`drift_workspace_len`]. **Units**: `ridge` as the
/// [report](super::Report::ridge) of X says. **Accuracy**: that of a mean over 8 vectors, within a factor 1.6 as a rule (a residual of rank one spreads most).
/// **Cost**: 16 (p + 1) n^2 flops, for p = 4 that of two products from order 20 on.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::drift::{drift, drift_workspace_len};
/// use shampoo_core::linalg::inverse_root::{Exponent, Request};
///
/// let (a, root) = ([2.0_f64, 0.0, 16.0], [0.5_f64.powf(0.25), 0.0, 0.5]); // diag(2, 16) and its inverse fourth root
/// let mut workspace = [0.0_f64; drift_workspace_len(2)];
/// let request = Request::new(Exponent::Root(4));
/// let mut drift = |a: &[f64; 3]| drift(a, &root, 2, &request, 0.0, &mut workspace, &Portable);
/// assert!(drift(&a) < 1e-15);
/// assert!((drift(&[4.0, 0.0, 32.0]) - 1.0).abs() < 0.5); // twice as large: a change of 1
/// ```
pub fn drift<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &[S],
    root: &[S],
    n: usize,
    request: &Request,
    ridge: f64,
    workspace: &mut [R],
    kernel: &K,
) -> f64 {
    let Some(half) = halves(request.exponent).filter(|_| kernel.certifies(Certificate::Probed)) else {
        return f64::INFINITY;
    };
    let mut rest = workspace;
    let mut thin = || carve(&mut rest, padded(n).saturating_mul(LANES));
    let (Some(v), Some(mut u), Some(mut t)) = (thin(), thin(), thin()) else { return f64::INFINITY };
    let (Some(a), Some(x)) = (carve(&mut rest, matrix_len(n)), carve(&mut rest, matrix_len(n))) else {
        return f64::INFINITY;
    };
    let input = Input::unscaled_of_order(n);
    input.load_tiles(triangle, a, R::from_f64(ridge / request.scale));
    input.load_tiles(root, x, R::zero());
    let tiles = |data| SymmetricTiles { data, stride: row_stride(n), order: n };
    let (a, x) = (tiles(&*a), tiles(&*x));
    let (numbers, padding) = v.split_at_mut_checked(n.saturating_mul(LANES)).unwrap_or_default();
    Uniform::new().fill(numbers);
    padding.fill(R::zero());
    u.iter_mut().zip(&*v).for_each(|(u, &v)| *u = v);
    for matrix in (0..half).map(|_| x).chain([a]).chain((0..half).map(|_| x)) {
        kernel.symmetric_thin(t, matrix, u);
        core::mem::swap(&mut t, &mut u);
    }
    kernel.axpby(-R::one(), v, R::from_f64(request.scale), u);
    let moved = norm(u, kernel).to_f64() / norm(v, kernel).to_f64();
    if moved.is_finite() { moved } else { f64::INFINITY }
}

/// Whether the drift away from such a root can be told.
pub fn is_measured(exponent: Exponent, ridge: Ridge) -> bool {
    halves(exponent).is_some() && !matches!(ridge, Ridge::PseudoInverse { .. })
}

/// p / 2 of an even order p.
fn halves(exponent: Exponent) -> Option<u32> {
    match exponent.normalized() {
        Ok(Exponent::Root(p)) if p % 2 == 0 => Some(p / 2),
        _ => None,
    }
}
