//! Extreme eigenvalues of a symmetric tridiagonal matrix by Laguerre's iteration.
//!
//! The characteristic polynomial has real zeros only, so from outside the spectrum the iteration
//! converges monotonically, cubically at a simple zero and in one step at an n-fold one.

use crate::scalar::Real;

/// Iterations at most; from a Gershgorin bound about 8 suffice.
const MAX_ITERATIONS: u32 = 60;

/// Both ends of the spectrum, and Gershgorin's upper bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes<T> {
    /// Smallest eigenvalue.
    pub min: T,
    /// Largest eigenvalue.
    pub max: T,
    /// Largest sum of a diagonal entry and the magnitudes beside it, at least the largest eigenvalue.
    pub upper_bound: T,
}

/// Smallest and largest eigenvalue of the tridiagonal matrix.
///
/// **Shapes**: `diagonal` n numbers, `off_diagonal[i]` couples i - 1 and i (the first one is not read).
/// **Accuracy**: a few unit roundoffs of the spectral norm.
/// **Cost**: about 16 sweeps of n divisions. **Reference**: Wilkinson, The Algebraic Eigenvalue
/// Problem, 7.25 (Laguerre), with the pivots of T - x I and their derivatives.
///
/// ```
/// use shampoo_core::linalg::laguerre::extreme_eigenvalues;
/// let path = extreme_eigenvalues(&[1.0_f64, 2.0, 1.0], &[0.0, -1.0, -1.0]);
/// assert!((path.max - 3.0).abs() < 1e-14 && path.min.abs() < 1e-14);
/// ```
pub fn extreme_eigenvalues<T: Real>(diagonal: &[T], off_diagonal: &[T]) -> Extremes<T> {
    let beside = |i: usize| {
        let before = if i == 0 { T::zero() } else { off_diagonal.get(i).map_or(T::zero(), |e| e.abs()) };
        before + off_diagonal.get(i + 1).map_or(T::zero(), |e| e.abs())
    };
    let (mut lower, mut upper) = (T::MAX, -T::MAX);
    for (i, &d) in diagonal.iter().enumerate() {
        lower = lower.minimum(d - beside(i));
        upper = upper.maximum(d + beside(i));
    }
    let max = outermost(diagonal, off_diagonal, upper, lower, T::one());
    let min = outermost(diagonal, off_diagonal, lower, upper, -T::one());
    Extremes { min, max, upper_bound: upper }
}

/// The eigenvalue next to `start`, a bound on the side `sign` (1: from above) of the spectrum.
fn outermost<T: Real>(diagonal: &[T], off_diagonal: &[T], start: T, far: T, sign: T) -> T {
    let n = T::from_count(diagonal.len());
    let width = (start - far).abs().maximum(start.abs());
    // Start a little outside, so that no pivot is 0 where the bound itself is an eigenvalue.
    let nudge = T::from_f64(8.0) * T::UNIT_ROUNDOFF * width;
    let mut x = start + sign * nudge;
    for _ in 0..MAX_ITERATIONS {
        let Some((f, g)) = logarithmic_derivatives(diagonal, off_diagonal, x, sign) else { return x };
        let spread = ((n - T::one()) * (n * g - f * f)).maximum(T::zero()).sqrt();
        let step = n / (f.abs() + spread);
        if !(step > T::UNIT_ROUNDOFF * width) {
            return x;
        }
        x -= sign * step;
    }
    x
}

/// f = sum 1/(x - lambda) and g = sum 1/(x - lambda)^2 from the pivots of x I - T (or its negative
/// below the spectrum); `None` where a pivot has the wrong sign, so x has reached the spectrum.
fn logarithmic_derivatives<T: Real>(diagonal: &[T], off_diagonal: &[T], x: T, sign: T) -> Option<(T, T)> {
    let (mut f, mut g) = (T::zero(), T::zero());
    let (mut q, mut dq, mut ddq) = (T::one(), T::zero(), T::zero());
    for (i, &d) in diagonal.iter().enumerate() {
        let e = if i == 0 { T::zero() } else { off_diagonal.get(i).copied().unwrap_or_default() };
        // q_i = sign (x - d_i) - e^2 / q_{i-1}, differentiated with respect to sign x.
        let inverse = T::one() / q;
        let t = e * e * inverse;
        let r = dq * inverse;
        let next = sign * (x - d) - t;
        let dnext = T::one() + t * r;
        let ddnext = t * (ddq * inverse - T::from_f64(2.0) * r * r);
        (q, dq, ddq) = (next, dnext, ddnext);
        if !(q > T::zero()) {
            return None;
        }
        let ratio = dq / q;
        f += ratio;
        g += ratio * ratio - ddq / q;
    }
    Some((f, g))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_zero_and_single_eigenvalues() {
        let one = extreme_eigenvalues(&[5.0], &[0.0]);
        assert!((one.min - 5.0_f64).abs() < 1e-14 && (one.max - 5.0).abs() < 1e-14);
        let identity = extreme_eigenvalues(&[1.0_f64; 40], &[0.0; 40]);
        assert!((identity.min - 1.0).abs() < 1e-14 && (identity.max - 1.0).abs() < 1e-14);
        let zero = extreme_eigenvalues(&[0.0_f32; 3], &[0.0; 3]);
        assert_eq!((zero.min, zero.max), (0.0, 0.0));
    }

    #[test]
    fn the_second_difference_has_known_eigenvalues() {
        let n = 50;
        let angle = core::f64::consts::PI / (2.0 * (n + 1) as f64);
        let found = extreme_eigenvalues(&[2.0; 50], &[-1.0; 50]);
        let (low, high) = (4.0 * libm::sin(angle).powi(2), 4.0 * libm::cos(angle).powi(2));
        assert!((found.min - low).abs() < 1e-14 && (found.max - high).abs() < 1e-14, "{found:?}");
    }
}
