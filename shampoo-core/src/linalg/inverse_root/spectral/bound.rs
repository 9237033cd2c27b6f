//! A bound on the error of a spectral root, from its eigenvectors and its residual.

use super::{Spectral, Spectrum};
use crate::error::ShapeError;
use crate::kernel::{Accum, Kernel};
use crate::linalg::inverse_root::certificate::{frobenius, subtract_identity};
use crate::linalg::inverse_root::coupled::{squares, view};
use crate::linalg::{Progress, flops};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Bound on the relative error of a spectral root, in the spectral norm, one product at a time.
///
/// With delta = ||V V^T - I||_F and U the orthogonal polar factor of V, B' = U^T Lambda U is within
/// epsilon = ||B - V^T Lambda V||_F + (2 + delta) delta lambda_max of B. For x^-alpha, completely monotone,
/// ||B^-alpha - B'^-alpha|| <= alpha (m - epsilon)^(-alpha - 1) epsilon with m the smallest eigenvalue kept.
///
/// Where eigenvalues were dropped, the largest of magnitude d, the projectors P of B and P' of B' on the kept part differ
/// by at most a = epsilon / gap (Davis and Kahan). The same bound then serves PBP + m (I - P), which differs from its
/// counterpart by at most 3 epsilon + (2 d + m) a + lambda_max a^2, since (I - P') B' P' = 0; and the projectors
/// themselves add a. A cut that epsilon could move past an eigenvalue has no bound.
#[derive(Clone, Copy, Debug)]
pub struct Bound<T> {
    n: usize,
    alpha: f64,
    spectrum: Spectrum<T>,
    /// ||V V^T - I||_F, once it is known.
    delta: Option<f64>,
    promised: f64,
}

impl<T: Real> Bound<T> {
    /// A bound for the root that `spectral` has computed.
    pub fn start(spectral: &Spectral<T>) -> Self {
        let &Spectral { n, alpha, spectrum, .. } = spectral;
        Self { n, alpha, spectrum, delta: None, promised: f64::INFINITY }
    }

    /// One product, 2 n^3 flops; two of them make the bound.
    ///
    /// **Shapes**: B is the ridged input; the workspace is that of the root, which is overwritten.
    /// **Errors**: the workspace is too short.
    #[inline(never)]
    pub fn step<K: Kernel<T> + ?Sized>(
        &mut self,
        b: MatRef<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<Progress, ShapeError> {
        let n = self.n;
        let [a, v, scaled, residual] = squares(workspace, n)?;
        let mut residual = MatMut::new(residual, n, n)?;
        let vectors = view(v, n);
        let Some(delta) = self.delta else {
            kernel.gemm(residual.reborrow(), Accum::Replace, T::one(), vectors, vectors.transpose());
            subtract_identity(&mut residual);
            self.delta = Some(frobenius(&mut residual, kernel));
            return Ok(Progress::Working);
        };
        let ridged = a.iter().step_by(n.saturating_add(1)).map(|&lambda| lambda + self.spectrum.ridge);
        let rows = ridged.zip(scaled.chunks_exact_mut(n.max(1)));
        for ((lambda, row), v_row) in rows.zip(v.chunks_exact(n.max(1))) {
            row.iter_mut().zip(v_row).for_each(|(s, &v)| *s = lambda * v);
        }
        kernel.gemm(residual.reborrow(), Accum::Replace, T::one(), vectors.transpose(), view(scaled, n));
        for (i, row) in residual.rows_mut().enumerate() {
            row.iter_mut().zip(b.row_entries(i)).for_each(|(r, b)| *r = b - *r);
        }
        let rounding = kernel.unit_roundoff() * libm::sqrt(n as f64);
        let residual = frobenius(&mut residual, kernel);
        self.promised = promise(&self.spectrum, n, self.alpha, [delta, residual], rounding);
        Ok(Progress::Done)
    }

    /// Flops of the next step at most, see [`Job::next_flops`](crate::linalg::inverse_root::Job::next_flops).
    pub(in super::super) fn next_flops(&self) -> u64 {
        match self.delta {
            None => flops::product_of_rows(self.n),
            Some(_) => flops::product(self.n),
        }
    }

    /// The bound; infinite where there is none, or none yet.
    pub fn promised(&self) -> f64 {
        self.promised
    }
}

/// The bound from ||V V^T - I||_F and ||B - V^T Lambda V||_F, with the rounding in both.
fn promise<T: Real>(spectrum: &Spectrum<T>, n: usize, alpha: f64, [delta, residual]: [f64; 2], rounding: f64) -> f64 {
    let lambda_max = (spectrum.lambda_max + spectrum.ridge).to_f64();
    let residual = residual + rounding * lambda_max;
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
