//! Certificates: a bound on the error of a root, whatever computed it, rigorous but for an allowance for
//! rounding in the residual, whose constant is measured.
//!
//! With B the ridged input and X > 0, even p: S = X^{p/2} B X^{p/2} - I; odd p: X = C C^T, Z = X^{(p-1)/2} C,
//! S = Z^T B Z - I. If s = ||S|| < 1 then (1 - s) X^{-p} <= B <= (1 + s) X^{-p}, and by Loewner and Heinz
//! X (1 + s)^{-1/p} <= B^{-1/p} <= X (1 - s)^{-1/p}, commuting or not. So (1 - s)^{-1/p} - 1 bounds
//! ||B^{-1/p} - X|| / ||X||.

mod full;
mod probed;

pub(super) use full::subtract_identity;
pub use full::{Full, full, full_workspace_len};
pub(super) use probed::{BATCH_FACTOR, BATCH_PROBES, PROBE_FACTOR, Uniform};
pub use probed::{Candidate, probed, probed_workspace_len};

use crate::kernel::Kernel;
use crate::linalg::norm;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, power_less_one};

/// Rounding in S as computed, in units of u kappa: measured at 0.06 to 0.6 on log-spaced spectra.
const ROUNDING: f64 = 1.0;

/// Largest s that a promise is given for; beyond, the first-order meaning of s is lost anyway.
const LARGEST_RESIDUAL: f64 = 0.99;

/// Steps of Newton's method below this part of the bound are the last ones.
const SETTLED: f64 = 1e-8;

/// (1 - s)^{-1/p} - 1 for a residual of norm s; infinite from 0.99 on.
pub fn promise(s: f64, p: u32) -> f64 {
    if s.is_nan() || s >= LARGEST_RESIDUAL {
        return f64::INFINITY;
    }
    // The y of (1 + y)^p = 1 + t, by Newton's method from above: the power is convex, so every iterate is a bound.
    let (t, order) = (s / (1.0 - s), f64::from(p));
    let mut bound = t / order;
    loop {
        let power = power_less_one(bound, p.into());
        let less = (power - t) * (1.0 + bound) / (order * (1.0 + power));
        bound -= less;
        // What another step would take off is of the size of its square.
        let unsettled = less.abs() > SETTLED * bound.abs();
        if !unsettled {
            return bound;
        }
    }
}

/// The allowance for rounding in S: u (kappa + sqrt(n) p), with the kernel's u.
pub fn allowance<T: Real, K: Kernel<T> + ?Sized>(n: usize, p: u32, kappa: f64, kernel: &K) -> f64 {
    ROUNDING * kernel.unit_roundoff() * (kappa + libm::sqrt(n as f64) * f64::from(p))
}

/// What is known of the sign of a root: S alone does not tell X from -X where p is even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Positive definite by construction: a sum of inverses of matrices with positive pivots.
    ByConstruction,
    /// To be shown by a factorisation.
    Unknown,
}

/// Frobenius norm.
pub(super) fn frobenius<T: Real, K: Kernel<T> + ?Sized>(m: &mut MatMut<'_, T>, kernel: &K) -> f64 {
    let squares = m.rows_mut().fold(T::zero(), |s, row| s + kernel.dot(row, row));
    if squares.is_finite() && squares > T::SAFE_SQUARE {
        return squares.sqrt().to_f64();
    }
    let squares = m.rows_mut().fold(0.0, |s, row| {
        let length = norm::norm(row, kernel).to_f64();
        s + length * length
    });
    libm::sqrt(squares)
}

/// Copies a matrix.
pub(super) fn copy<T: Real>(to: &mut MatMut<'_, T>, from: MatRef<'_, T>) {
    for (i, to) in to.rows_mut().enumerate() {
        match from.contiguous_row(i) {
            Some(from) => to.iter_mut().zip(from).for_each(|(t, &f)| *t = f),
            None => to.iter_mut().zip(from.row_entries(i)).for_each(|(t, f)| *t = f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::promise;

    #[test]
    fn promises_are_the_formula_for_residuals_of_any_size() {
        for s in [0.0, 1e-300, 1e-17, 1e-9, 1e-4, 0.03, 0.5, 0.9, 0.989] {
            for p in [1, 2, 3, 4, 7, 16, 255, 1024] {
                let right = libm::expm1(-libm::log1p(-s) / f64::from(p));
                assert!((promise(s, p) - right).abs() <= 1e-13 * right, "{s:e} {p}: {:e}", promise(s, p));
            }
        }
        assert_eq!([0.99, f64::INFINITY, f64::NAN].map(|s| promise(s, 4)), [f64::INFINITY; 3]);
    }
}
