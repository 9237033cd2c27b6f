//! Inverse roots through the eigendecomposition: any real exponent, and the pseudo-inverse.

use super::request::Ridge;
use crate::error::ShapeError;
use crate::kernel::{Accum, Kernel};
use crate::linalg::jacobi::{Jacobi, eigendecompose};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// What is known of a spectral root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spectrum<T> {
    /// How the decomposition ended.
    pub jacobi: Jacobi<T>,
    /// Largest eigenvalue, without the ridge.
    pub lambda_max: T,
    /// Ridge added to every eigenvalue.
    pub ridge: T,
    /// Smallest ridged eigenvalue that was not mapped to 0.
    pub smallest_kept: T,
    /// Largest magnitude of an eigenvalue that was mapped to 0.
    pub largest_dropped: T,
    /// Number of eigenvalues kept.
    pub rank: usize,
}

/// X = V^T diag((lambda + r)^-alpha) V.
///
/// On return the diagonal of `a` holds the eigenvalues, the rows of `v` their vectors.
/// An eigenvalue that is not positive after the ridge is an answer, `smallest_kept <= 0`; X is then not written.
///
/// **Shapes**: all n x n; A symmetric with both triangles; `scaled` is workspace.
/// **Errors**: shapes differ. **Accuracy**: relative error `alpha n u kappa`. **Cost**: the
/// decomposition and n^3 flops.
pub fn inverse_root<T: Real, K: Kernel<T> + ?Sized>(
    mut a: MatMut<'_, T>,
    alpha: T,
    ridge: Ridge,
    mut v: MatMut<'_, T>,
    mut scaled: MatMut<'_, T>,
    mut x: MatMut<'_, T>,
    kernel: &K,
) -> Result<Spectrum<T>, ShapeError> {
    let jacobi = eigendecompose(a.reborrow(), v.reborrow())?;
    let n = a.nrows();
    let eigenvalue = |i: usize| a.as_ref().get(i, i).unwrap_or_default();
    let lambda_max = (0..n).map(eigenvalue).fold(T::zero(), |m, x| m.maximum(x));
    let amount = T::from_f64(ridge.amount(lambda_max.to_f64()));
    let cutoff = match ridge {
        Ridge::PseudoInverse { cutoff } => T::from_f64(cutoff) * lambda_max,
        _ => -T::MAX,
    };
    let mut found =
        Spectrum { jacobi, lambda_max, ridge: amount, smallest_kept: T::MAX, largest_dropped: T::zero(), rank: 0 };
    let half = -T::from_f64(0.5) * alpha;
    for ((i, row), v_row) in scaled.rows_mut().enumerate().zip(v.rows_mut()) {
        let lambda = eigenvalue(i);
        let kept = lambda > cutoff;
        let factor = if kept {
            found.rank += 1;
            found.smallest_kept = found.smallest_kept.minimum(lambda + amount);
            (lambda + amount).powf(half)
        } else {
            found.largest_dropped = found.largest_dropped.maximum(lambda.abs());
            T::zero()
        };
        row.iter_mut().zip(v_row).for_each(|(s, &mut v)| *s = factor * v);
    }
    if found.smallest_kept > T::zero() {
        kernel.gram(x.reborrow(), Accum::Replace, T::one(), scaled.as_ref().transpose());
        x.mirror_lower();
    }
    Ok(found)
}

/// Bound on the relative error of a spectral root, in the spectral norm.
///
/// With delta = ||V V^T - I||_F and U the orthogonal polar factor of V, B' = U^T Lambda U is within
/// epsilon = ||B - V^T Lambda V||_F + (2 + delta) delta lambda_max of B. For x^-alpha, completely monotone,
/// ||B^-alpha - B'^-alpha|| <= alpha (m - epsilon)^(-alpha - 1) epsilon with m the smallest eigenvalue kept.
/// Where eigenvalues were dropped, the projectors differ by at most epsilon over the gap (Davis and Kahan),
/// which enters B restricted to the kept part.
///
/// `b` is the ridged input, `eigenvalues` those of B; `residual` is workspace. **Cost**: 4 n^3 flops.
pub fn promised<T: Real, K: Kernel<T> + ?Sized>(
    b: MatRef<'_, T>,
    eigenvalues: impl Fn(usize) -> T,
    v: MatRef<'_, T>,
    spectrum: &Spectrum<T>,
    alpha: f64,
    [mut scaled, mut residual]: [MatMut<'_, T>; 2],
    kernel: &K,
) -> f64 {
    let n = v.nrows();
    kernel.gemm(residual.reborrow(), Accum::Replace, T::one(), v, v.transpose());
    for i in 0..n {
        if let Some(x) = residual.get_mut(i, i) {
            *x -= T::one();
        }
    }
    let delta = super::certificate::frobenius(&mut residual, kernel);
    for (i, row) in scaled.rows_mut().enumerate() {
        let lambda = eigenvalues(i);
        row.iter_mut().zip(v.row_entries(i)).for_each(|(s, v)| *s = lambda * v);
    }
    kernel.gemm(residual.reborrow(), Accum::Replace, T::one(), v.transpose(), scaled.as_ref());
    for (i, row) in residual.rows_mut().enumerate() {
        row.iter_mut().zip(b.row_entries(i)).for_each(|(r, b)| *r = b - *r);
    }
    let lambda_max = (spectrum.lambda_max + spectrum.ridge).to_f64();
    let rounding = T::UNIT_ROUNDOFF.to_f64() * libm::sqrt(n as f64);
    let residual = super::certificate::frobenius(&mut residual, kernel) + rounding * lambda_max;
    let delta = delta + rounding;
    let epsilon = residual + (2.0 + delta) * delta * lambda_max;
    let kept = spectrum.smallest_kept.to_f64();
    let (perturbation, projector) = if spectrum.rank == n {
        (epsilon, 0.0)
    } else {
        let gap = kept - spectrum.largest_dropped.to_f64() - epsilon;
        let angle = if gap > 0.0 { epsilon / gap } else { f64::INFINITY };
        (epsilon + 2.0 * lambda_max * angle, angle)
    };
    let t = perturbation / kept;
    let unfit = !(t < 1.0 && delta < 1.0);
    if unfit {
        return f64::INFINITY;
    }
    alpha * t * libm::pow(1.0 - t, -alpha - 1.0) + projector + (2.0 + delta) * delta
}
