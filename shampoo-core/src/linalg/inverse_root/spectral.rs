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
    /// Eigenvalues up to this one were mapped to 0; `-MAX` without a cutoff.
    pub cutoff: T,
}

/// Eigenvalues below this share of the largest are rounding: a finer cut could not be certified.
fn rounding_cutoff<T: Real>(n: usize) -> T {
    T::from_f64(16.0 * n as f64) * T::UNIT_ROUNDOFF
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
        Ridge::PseudoInverse { cutoff } => T::from_f64(cutoff).maximum(rounding_cutoff::<T>(n)) * lambda_max,
        _ => -T::MAX,
    };
    let mut found = Spectrum {
        jacobi,
        lambda_max,
        ridge: amount,
        smallest_kept: T::MAX,
        largest_dropped: T::zero(),
        rank: 0,
        cutoff,
    };
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
///
/// Where eigenvalues were dropped, the largest of magnitude d, the projectors P of B and P' of B' on the kept part differ
/// by at most a = epsilon / gap (Davis and Kahan). The same bound then serves PBP + m (I - P), which differs from its
/// counterpart by at most 3 epsilon + (2 d + m) a + lambda_max a^2, since (I - P') B' P' = 0; and the projectors
/// themselves add a. A cut that epsilon could move past an eigenvalue has no bound.
///
/// `b` is the ridged input, `eigenvalues` those of B; both matrices at the end are workspace. **Cost**: 4 n^3 flops.
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
    let dropped = spectrum.largest_dropped.to_f64();
    let cutoff = spectrum.cutoff.to_f64();
    // The cut moves with the largest eigenvalue, by less than epsilon.
    let kept_is_safe = spectrum.cutoff == -T::MAX || kept - epsilon > cutoff + epsilon;
    let dropped_is_safe = spectrum.rank == n || dropped + epsilon <= cutoff - epsilon;
    if !(kept_is_safe && dropped_is_safe) {
        return f64::INFINITY;
    }
    let (perturbation, projector) = if spectrum.rank == n {
        (epsilon, 0.0)
    } else {
        let angle = epsilon / (kept - dropped - epsilon);
        (3.0 * epsilon + (2.0 * dropped + kept) * angle + (lambda_max + epsilon) * angle * angle, angle)
    };
    let t = perturbation / kept;
    let unfit = !(t < 1.0 && delta < 1.0);
    if unfit {
        return f64::INFINITY;
    }
    alpha * t * libm::pow(1.0 - t, -alpha - 1.0) + projector + (2.0 + delta) * delta
}
