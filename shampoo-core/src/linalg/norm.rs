//! Norms that neither overflow nor underflow before their result does.

use crate::kernel::Kernel;
use crate::scalar::Real;

/// Largest magnitude; 0 for no entries, NaN entries are passed over.
pub fn max_abs<T: Real>(x: &[T]) -> T {
    x.iter().fold(T::zero(), |m, x| m.maximum(x.abs()))
}

/// Index of the first NaN or infinity.
pub fn first_non_finite<T: Real>(x: &[T]) -> Option<usize> {
    x.iter().position(|x| !x.is_finite())
}

/// Euclidean norm, for a matrix of contiguous rows the Frobenius norm.
///
/// The plain sum of squares serves as long as it is far from the ends of the range; else the
/// numbers are scaled by a power of two first, so `[3e19, 4e19]` in `f32` gives `5e19`.
///
/// NaN in the numbers gives NaN or infinity, never a norm that looks right.
///
/// **Accuracy**: relative error at most about `len / 16` unit roundoffs. **Cost**: 2 len flops.
///
/// ```
/// use shampoo_core::{kernel::Portable, linalg::norm::norm};
/// assert_eq!(norm(&[3e19_f32, 4e19], &Portable), 5e19);
/// ```
pub fn norm<T: Real, K: Kernel<T> + ?Sized>(x: &[T], kernel: &K) -> T {
    let squares = kernel.dot(x, x);
    if squares.is_finite() && squares > T::SAFE_SQUARE {
        return squares.sqrt();
    }
    let largest = max_abs(x);
    if largest == T::zero() {
        // 0, or NaN where nothing but NaN and 0 is there.
        return squares;
    }
    if !largest.is_finite() {
        return largest;
    }
    let k = largest.exponent();
    let scaled = x.iter().fold(T::zero(), |s, x| {
        let x = x.ldexp(-k);
        s + x * x
    });
    scaled.sqrt().ldexp(k)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;

    #[test]
    fn a16_norms_survive_squares_that_overflow_or_vanish() {
        assert_eq!(norm(&[3e-30_f32, 4e-30], &Portable), 5e-30);
        assert_eq!(norm::<f32, _>(&[], &Portable), 0.0);
        assert_eq!(norm(&[0.0_f32; 3], &Portable), 0.0);
        let tiny = f32::from_bits(1);
        assert_eq!(norm(&[3.0 * tiny, 4.0 * tiny], &Portable), 5.0 * tiny);
    }
}
