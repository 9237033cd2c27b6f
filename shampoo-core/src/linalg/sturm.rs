//! Definiteness of a symmetric tridiagonal matrix, by the signs of its pivots.

use crate::scalar::{LANES, Real, radical_4096};

/// For eight shifts, whether T + shift I is positive definite: all pivots are positive.
///
/// **Shapes**: `diagonal` n numbers, `off_diagonal[i]` couples i - 1 and i (the first one is not read).
/// **Accuracy**: right up to a shift of a few unit roundoffs of the spectral norm. **Cost**: 8 n divisions side by
/// side. **Reference**: Golub and Van Loan, Matrix Computations, 8.4.1.
///
/// ```
/// use shampoo_core::linalg::sturm::are_positive_definite;
/// let shifts = [-2.0, -0.6, -0.4, 0.0, 1.0, 2.0, 3.0, 4.0_f64];
/// let found = are_positive_definite(&[2.0, 0.5], &[0.0, 0.0], shifts);
/// assert_eq!(found, [false, false, true, true, true, true, true, true]);
/// ```
pub fn are_positive_definite<T: Real>(diagonal: &[T], off_diagonal: &[T], shifts: [T; LANES]) -> [bool; LANES] {
    let mut ratios = [T::zero(); LANES];
    // 1 where a pivot was not positive, or NaN: numbers, so that they stay beside the pivots in registers.
    let mut refused = [T::zero(); LANES];
    let couplings = off_diagonal.iter().skip(1).copied().chain(core::iter::repeat(T::zero()));
    let mut e = T::zero();
    for (&d, next) in diagonal.iter().zip(couplings) {
        for ((ratio, refused), &shift) in ratios.iter_mut().zip(refused.iter_mut()).zip(&shifts) {
            let pivot = d + shift - e * *ratio;
            *ratio = next / pivot;
            *refused = if pivot > T::zero() { *refused } else { T::one() };
        }
        e = next;
    }
    refused.map(|refused| refused == T::zero())
}

/// A lower bound of the smallest eigenvalue of T + shift I, within a factor of (high / low)^(1/4096), if it lies
/// between `low` and `high`; `None` where it lies below.
///
/// **Ranges**: 0 < low <= high. **Cost**: 4 sweeps at eight shifts, each of which divides the logarithm of what is left
/// by 8, and one power.
///
/// ```
/// use shampoo_core::linalg::sturm::smallest_eigenvalue;
/// let found = smallest_eigenvalue(&[2.0_f64, 0.5], &[0.0, 0.0], 0.0, 1e-6, 4.0).unwrap();
/// assert!(found <= 0.5 && found > 0.498);
/// ```
pub fn smallest_eigenvalue<T: Real>(diagonal: &[T], off_diagonal: &[T], shift: T, low: T, high: T) -> Option<T> {
    let fine = radical_4096(high / low);
    let (finer, mut found) = (eighth_power(fine), None);
    let coarser = eighth_power(finer);
    for ratio in [eighth_power(coarser), coarser, finer, fine] {
        let mut point = found.unwrap_or(low);
        let mut points = [point; LANES];
        for next in points.iter_mut().skip(1) {
            point *= ratio;
            *next = point;
        }
        let positive = are_positive_definite(diagonal, off_diagonal, points.map(|point| shift - point));
        found = points.into_iter().zip(positive).take_while(|&(_, positive)| positive).last().map(|(point, _)| point);
        found?;
    }
    found
}

fn eighth_power<T: Real>(x: T) -> T {
    let fourth = x * x * (x * x);
    fourth * fourth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definiteness_turns_at_the_smallest_eigenvalue() {
        let (d, e) = ([1.0_f64, 2.0, 1.0], [0.0, -1.0, -1.0]); // eigenvalues 0, 1, 3
        let [above, below, ..] = are_positive_definite(&d, &e, [1e-12, -1e-12, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(above && !below);
        assert_eq!(are_positive_definite(&[f64::NAN], &[0.0], [1.0; LANES]), [false; LANES]);
        // A pivot of 0 in between decides too.
        assert_eq!(are_positive_definite(&[0.0, 1.0], &[0.0, 1.0], [0.0; LANES]), [false; LANES]);
        let found = smallest_eigenvalue(&d, &e, 1e-3, 1e-8, 4.0).unwrap();
        assert!(found <= 1e-3 && found > 1e-3 / 1.01);
        assert_eq!(smallest_eigenvalue(&d, &e, 1e-3, 1e-2, 4.0), None);
    }
}
