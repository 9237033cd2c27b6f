//! Roots of whole matrices.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::{
    Exponent, Method, Outcome, Report, Request, Ridge, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_tests::generate::{packed_to_full, to_packed};
use shampoo_tests::oracle::number::Number;
use shampoo_tests::oracle::{Spectrum, root as oracle};
use shampoo_tests::tolerance::{Check, Size};

use super::{U32, U48, U64, largest};

/// The root of the lower triangle of a row-major matrix, kept as `S`, computed in `R`; both triangles.
pub(crate) fn root<R: Real, S: Stored<R>>(full: &[f64], request: &Request) -> Result<(Vec<f64>, Report), RootError> {
    root_with::<R, S, _>(full, request, &Portable)
}

/// The same with another kernel.
pub(crate) fn root_with<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    full: &[f64],
    request: &Request,
    kernel: &K,
) -> Result<(Vec<f64>, Report), RootError> {
    let n = full.len().isqrt();
    let kept: Vec<S> = full.iter().map(|&x| S::store(R::from_f64(x))).collect();
    let triangle = to_packed(n, &kept);
    let mut root = vec![S::default(); triangle.len()];
    let mut workspace = vec![R::default(); inverse_root_workspace_len(n)];
    let report = inverse_root(&triangle, n, &mut root, request, &mut workspace, kernel)?;
    let root = packed_to_full(n, &root);
    Ok((root.iter().map(|x| x.load().to_f64()).collect(), report))
}

/// A request with one method, no retries and the default limit on the promise.
pub(crate) fn request(p: u32, ridge: Ridge, method: Method) -> Request {
    Request { ridge, method, max_retries: 0, ..Request::new(Exponent::Root(p)) }
}

/// Runs a case through all methods and arithmetics: `right` are (row, column, value) of the printed root.
///
/// Every root must be accepted in the first attempt, except that `f32` inside may refuse what it cannot certify:
/// u kappa / p is then near the largest error accepted. Its errors are relative to the root's largest entry, which
/// is what a certificate bounds.
#[track_caller]
pub(crate) fn assert_case(full: &[f64], p: u32, ridge: Ridge, right: &[(usize, usize, f64)]) {
    let n = full.len().isqrt();
    let pseudo = matches!(ridge, Ridge::PseudoInverse { .. });
    let methods: &[Method] = match pseudo {
        true => &[Method::Auto, Method::Spectral],
        false => &[Method::Auto, Method::Spectral, Method::CoupledNewton],
    };
    for &method in methods {
        let one = request(p, ridge, method);
        check(root::<f64, f64>(full, &one), n, right, U64, false);
        // Rounding the input to `f32` already moves eigenvalues that are 0.
        let coarse = if pseudo { Ridge::PseudoInverse { cutoff: 1e-5 } } else { ridge };
        let one = request(p, coarse, method);
        check(root::<f64, f32>(full, &one), n, right, U32, false);
        check(root::<DoubleF32, f32>(full, &one), n, right, U32, false);
        check(root::<f32, f32>(full, &one), n, right, U32, true);
    }
}

#[track_caller]
fn check(found: Result<(Vec<f64>, Report), RootError>, n: usize, right: &[(usize, usize, f64)], u: f64, narrow: bool) {
    let (root, report) = found.expect("ordinary input");
    if narrow && report.outcome == Outcome::Uncertified && U32 * report.kappa > Check::CaseNarrow.bound(u) {
        return;
    }
    assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "{report:?}");
    let floor = if narrow { largest(&root) } else { 0.0 };
    let bound = match (narrow, report.method) {
        (true, _) => Check::CaseNarrow.bound(u),
        (false, Method::Rational) => {
            let size = Size { order: n, kappa: report.kappa, root: 1.0, ..Size::default() };
            Check::RationalRoot.bound_at(U64, size) + Check::Case.bound(u)
        }
        _ => Check::Case.bound(u),
    };
    for &(i, j, y) in right {
        let (x, mirrored) = (root[i * n + j], root[j * n + i]);
        let allowed = bound * y.abs().max(floor);
        assert!((x - y).abs() <= allowed, "({i}, {j}): {x:e} against {y:e}, allowed {allowed:e}, {report:?}");
        assert_eq!(x.to_bits(), mirrored.to_bits());
    }
}

/// Every entry of a row-major matrix as (row, column, value).
pub(crate) fn entries(full: &[f64]) -> Vec<(usize, usize, f64)> {
    let n = full.len().isqrt();
    full.iter().enumerate().map(|(k, &x)| (k / n, k % n, x)).collect()
}

/// A diagonal matrix.
pub(crate) fn diagonal(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    (0..n * n).map(|k| if k / n == k % n { values[k / n] } else { 0.0 }).collect()
}

/// How far a root may be from the oracle's: the row of its method, in an arithmetic with this unit roundoff, by the
/// true condition number.
pub(crate) fn root_bound(method: Method, unit_roundoff: f64, size: Size) -> f64 {
    let check = match method {
        Method::CoupledNewton | Method::NewtonSchulz => Check::RootVsOracle,
        Method::Spectral => Check::SpectralRoot,
        _ if unit_roundoff == U48 => Check::RationalDoubleF32,
        _ if unit_roundoff >= U32 => Check::RationalTwelve,
        _ => Check::RationalRoot,
    };
    // Measured from n = 16 on: a smaller matrix has fewer roundings to average.
    check.bound_at(unit_roundoff, Size { order: size.order.max(16), ..size })
}

/// Largest eigenvalue, ridge and condition number of a report against the oracle's under the ridge asked for.
#[track_caller]
pub(crate) fn assert_spectrum<N: Number>(report: &Report, spectrum: &Spectrum<N>, ridge: Ridge, unit_roundoff: f64) {
    let (n, largest) = (spectrum.values.len(), spectrum.largest().narrow());
    let right = ridge.amount(largest);
    let size = Size { order: n, kappa: spectrum.condition(oracle::Ridge::Absolute(right)), ..Size::default() };
    let (eigenvalue, condition) = match report.method {
        Method::CoupledNewton | Method::NewtonSchulz => (Check::EstimatedEigenvalue, Check::EstimatedCondition),
        _ => (Check::LargestEigenvalue, Check::Condition),
    };
    for (name, found, right, check) in [
        ("lambda_max", report.lambda_max, largest, eigenvalue),
        ("ridge", report.ridge, right, eigenvalue),
        ("kappa", report.kappa, size.kappa, condition),
    ] {
        let bound = check.bound_at(unit_roundoff, size);
        let near = (found - right).abs() <= bound * right.abs();
        assert!(near, "n {n}, {name}: {found:e} against {right:e}, allowed {bound:e}, {report:?}");
    }
}
