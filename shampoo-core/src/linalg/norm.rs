//! Norms that neither overflow nor underflow before their result does.

use crate::kernel::Kernel;
use crate::scalar::{LANES, Real};

/// Largest magnitude; 0 for no entries, NaN entries are passed over.
#[inline(never)]
pub fn max_abs<T: Real>(x: &[T]) -> T {
    x.iter().fold(T::zero(), |m, x| m.maximum(x.abs()))
}

/// Index of the first NaN or infinity.
pub fn first_non_finite<T: Real>(x: &[T]) -> Option<usize> {
    // 0 times what is not finite is NaN, and without a comparison an entry takes a load and a product.
    let (tiles, rest) = x.as_chunks::<LANES>();
    let mut nothing = [T::zero(); LANES];
    for tile in tiles {
        nothing.iter_mut().zip(tile).for_each(|(nothing, &x)| *nothing += x * T::zero());
    }
    let finite = nothing.iter().all(|x| !x.is_nan()) && rest.iter().all(|x| x.is_finite());
    if finite { None } else { x.iter().position(|x| !x.is_finite()) }
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

/// sqrt(a^2 + b^2) of two lengths, without overflow: by the plain formula where their squares are normal numbers, which
/// without an `f64` in hardware takes a sixth of what `hypot` does.
pub(crate) fn hypotenuse(a: f64, b: f64) -> f64 {
    let plain = |x: f64| x == 0.0 || (1e-140..1e140).contains(&x);
    let length = |a: f64, b: f64| libm::sqrt(a * a + b * b);
    if plain(a) && plain(b) {
        return length(a, b);
    }
    // What is not finite stays so at any scale.
    let k = Real::maximum(a, b).exponent().clamp(-1074, 1024);
    length(a.ldexp(-k), b.ldexp(-k)).ldexp(k)
}

/// x <- (length / norm) x, for x of this norm or less: what is representable neither overflows nor vanishes on the way.
///
/// Where the two are equal x keeps its bits; where either is not finite, or the norm is 0, it is left alone.
///
/// **Cost**: 1 flop an entry.
///
/// ```
/// use shampoo_core::linalg::norm::rescale;
/// let mut x = [1e-44_f32, 0.0];
/// rescale(&mut x, 1.0, f64::from(1e-44_f32));
/// assert_eq!(x, [1.0, 0.0]);
/// ```
pub fn rescale<T: Real>(x: &mut [T], length: f64, norm: f64) {
    if !(length.is_finite() && norm > 0.0 && norm < f64::INFINITY) {
        return;
    }
    let factor = T::from_f64(length / norm);
    if factor.is_finite() && factor >= T::MIN_POSITIVE {
        x.iter_mut().for_each(|x| *x *= factor);
        return;
    }
    let k = norm.exponent();
    let factor = T::from_f64(length / norm.ldexp(-k));
    x.iter_mut().for_each(|x| *x = factor * x.ldexp(-k));
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

    #[test]
    fn two_lengths_add_up_at_both_ends_of_the_range() {
        for scale in [1e-320, 1e-200, 1.0, 1e200, 1e307] {
            assert!((hypotenuse(3.0 * scale, 4.0 * scale) / (5.0 * scale) - 1.0).abs() < 1e-3, "{scale:e}");
        }
        assert_eq!((hypotenuse(0.0, 0.0), hypotenuse(5e-324, 0.0), hypotenuse(1e300, 1e-300)), (0.0, 5e-324, 1e300));
        assert_eq!((hypotenuse(f64::INFINITY, 1.0), hypotenuse(1e308, f64::INFINITY)), (f64::INFINITY, f64::INFINITY));
        assert!(hypotenuse(f64::NAN, 1.0).is_nan() && hypotenuse(1.0, f64::NAN).is_nan());
    }

    #[test]
    fn lengths_change_without_leaving_the_range() {
        let mut x = [3e-320_f64, 4e-320];
        rescale(&mut x, 1e300, norm(&[3e-320, 4e-320], &Portable));
        assert!((x[0] / 6e299 - 1.0).abs() < 1e-3 && (x[1] / 8e299 - 1.0).abs() < 1e-3, "subnormal digits: {x:?}");
        let mut x = [1e-3_f32, 7.0];
        for (length, norm) in [(0.3, 0.3), (1.0, 0.0), (f64::INFINITY, 1.0), (1.0, f64::NAN)] {
            rescale(&mut x, length, norm);
            assert_eq!(x, [1e-3, 7.0]);
        }
        rescale(&mut x, 0.0, 7.0);
        assert_eq!(x, [0.0; 2]);
    }
}
