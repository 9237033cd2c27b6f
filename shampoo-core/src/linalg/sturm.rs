//! Definiteness of a symmetric tridiagonal matrix, by the signs of its pivots.

use crate::scalar::Real;

/// Whether T + shift I is positive definite: all pivots are positive.
///
/// **Shapes**: `diagonal` n numbers, `off_diagonal[i]` couples i - 1 and i (the first one is not read).
/// **Accuracy**: right up to a shift of a few unit roundoffs of the spectral norm. **Cost**: n divisions.
/// **Reference**: Golub and Van Loan, Matrix Computations, 8.4.1.
pub fn is_positive_definite<T: Real>(diagonal: &[T], off_diagonal: &[T], shift: T) -> bool {
    let mut ratio = T::zero();
    diagonal.iter().enumerate().all(|(i, &d)| {
        let e = if i == 0 { T::zero() } else { off_diagonal.get(i).copied().unwrap_or_default() };
        let pivot = d + shift - e * ratio;
        let next = off_diagonal.get(i + 1).copied().unwrap_or_default();
        ratio = next / pivot;
        pivot > T::zero()
    })
}

/// A lower bound of the smallest eigenvalue of T + shift I, within a factor of about 1.01, if it lies between
/// `low` and `high`; `low` where it lies below.
///
/// **Ranges**: 0 < low <= high. **Cost**: as many sweeps as it takes to halve log(high / low) down to 0.01.
/// ```
/// use shampoo_core::linalg::sturm::smallest_eigenvalue;
/// let found = smallest_eigenvalue(&[2.0_f64, 0.5], &[0.0, 0.0], 0.0, 1e-6, 4.0);
/// assert!(found <= 0.5 && found > 0.49);
/// ```
pub fn smallest_eigenvalue<T: Real>(diagonal: &[T], off_diagonal: &[T], shift: T, low: T, high: T) -> T {
    let (mut low, mut ratio) = (low, high / low);
    let enough = T::from_f64(1.01);
    // At most the sweeps that an f64 range takes; NaN and infinite ratios end at once.
    for _ in 0..20 {
        if ratio.is_nan() || ratio <= enough {
            break;
        }
        ratio = ratio.sqrt();
        let middle = low * ratio;
        if is_positive_definite(diagonal, off_diagonal, shift - middle) {
            low = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definiteness_turns_at_the_smallest_eigenvalue() {
        let (d, e) = ([1.0_f64, 2.0, 1.0], [0.0, -1.0, -1.0]); // eigenvalues 0, 1, 3
        assert!(is_positive_definite(&d, &e, 1e-12));
        assert!(!is_positive_definite(&d, &e, -1e-12));
        assert!(!is_positive_definite(&[f64::NAN], &[0.0], 1.0));
        let found = smallest_eigenvalue(&d, &e, 1e-3, 1e-8, 4.0);
        assert!(found <= 1e-3 && found > 1e-3 / 1.02);
    }
}
