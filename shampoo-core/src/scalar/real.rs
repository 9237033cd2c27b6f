//! Real numbers that algorithms compute in, over the `libm` crate directly.
//!
//! `num_traits::Float` would switch to std's functions as soon as any crate in the graph enables
//! its `std` feature, and `x^(1/p)` then differs in its last bits on 8 % of inputs.

use core::fmt::Debug;
use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_traits::{One, Zero};

use super::{Lanes, Plain, power};

/// A real number type: `f32`, `f64`, [`DoubleF32`](super::DoubleF32).
///
/// **Accuracy**: of `f32` and `f64` `sqrt` is correctly rounded; `powf` is within 1 ulp in `f64` (the `libm` crate's table)
/// and the nearest number in `f32`, where it is computed by integers; every function gives the same bits on every target.
pub trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Zero
    + One
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Send
    + Sync
    + 'static
{
    /// The unit roundoff u: sums and products are within u of the exact ones, relative to these.
    const UNIT_ROUNDOFF: Self;
    /// The largest finite number.
    const MAX: Self;
    /// The smallest positive number with all of its digits.
    const MIN_POSITIVE: Self;
    /// Sums of squares from here on have lost nothing that counts to squares that vanish; the root of it is at most a
    /// unit roundoff.
    const SAFE_SQUARE: Self;

    /// The arithmetic that suffices for a back-transform, whose rounding no condition number amplifies.
    type Transform: Lanes<Self> + Default;
    /// Whether that is the type's own.
    const TRANSFORM_IS_PLAIN: bool = true;

    /// Eight ones, then eight zeros: eight neighbours from the middle back are the mask of the first lanes.
    const STEP: &'static [Self; 16];
    /// Eight zeros, a one, and seven zeros: likewise the mask of one lane.
    const PULSE: &'static [Self; 16];

    /// Rounds to nearest, ties to even.
    fn from_f64(x: f64) -> Self;
    /// Widens; exact for `f32` and `f64`, and for `DoubleF32` unless its words lie more than 53 bits apart.
    fn to_f64(self) -> f64;
    /// Magnitude.
    fn abs(self) -> Self;
    /// Square root; NaN below 0.
    fn sqrt(self) -> Self;
    /// `self` to the power `y`.
    fn powf(self, y: Self) -> Self;
    /// `self * 2^k`, exact unless the result is subnormal or overflows.
    fn ldexp(self, k: i32) -> Self;
    /// floor(log2 |self|) of a finite number other than 0, subnormal numbers included.
    fn exponent(self) -> i32;
    /// Not a number.
    #[inline(always)]
    #[expect(clippy::eq_op, reason = "NaN is the number that differs from itself")]
    fn is_nan(self) -> bool {
        self != self
    }
    /// Neither NaN nor an infinity.
    fn is_finite(self) -> bool;

    /// The larger of two numbers; `self` where `other` is NaN.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The smaller of two numbers; `self` where `other` is NaN.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if other < self { other } else { self }
    }

    /// The nearest number to a count (exact up to 2^24 in `f32`, 2^48 in `DoubleF32`, 2^53 in `f64`).
    #[inline(always)]
    fn from_count(n: usize) -> Self {
        Self::from_f64(n as f64)
    }
}

macro_rules! real {
    ($t:ident, $sqrt:path, $pow:path, $ldexp:path, $exponent:path) => {
        impl Real for $t {
            const UNIT_ROUNDOFF: Self = $t::EPSILON / 2.0;
            const MAX: Self = $t::MAX;
            const MIN_POSITIVE: Self = $t::MIN_POSITIVE;
            type Transform = Plain;
            const STEP: &'static [Self; 16] = &[1., 1., 1., 1., 1., 1., 1., 1., 0., 0., 0., 0., 0., 0., 0., 0.];
            const PULSE: &'static [Self; 16] = &[0., 0., 0., 0., 0., 0., 0., 0., 1., 0., 0., 0., 0., 0., 0., 0.];
            const SAFE_SQUARE: Self = Self::MIN_POSITIVE / (Self::UNIT_ROUNDOFF * Self::UNIT_ROUNDOFF);

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as Self
            }
            #[inline(always)]
            fn from_count(n: usize) -> Self {
                n as Self
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $sqrt(self)
            }
            #[inline]
            fn powf(self, y: Self) -> Self {
                $pow(self, y)
            }
            #[inline]
            fn ldexp(self, k: i32) -> Self {
                $ldexp(self, k)
            }
            #[inline]
            fn exponent(self) -> i32 {
                $exponent(self)
            }
            #[inline(always)]
            fn is_finite(self) -> bool {
                $t::is_finite(self)
            }
        }
    };
}

real!(f32, libm::sqrtf, power::powf, libm::scalbnf, libm::ilogbf);
real!(f64, libm::sqrt, libm::pow, libm::scalbn, libm::ilogb);

#[cfg(test)]
mod tests {
    use super::Real;

    #[test]
    fn exponents_include_subnormal_numbers() {
        assert_eq!(1.0_f32.exponent(), 0);
        assert_eq!(0.75_f64.exponent(), -1);
        assert_eq!(f32::from_bits(1).exponent(), -149);
        assert_eq!(f64::from_bits(5).exponent(), -1072);
    }

    /// Not by method calls, which would find std's own functions here.
    #[test]
    fn a55_powers_have_the_same_bits_everywhere() {
        assert_eq!(Real::powf(10.0_f32, -11.0).to_bits(), 0x2D2F_EBFF);
        // 1e11 / 8192 = 12207031.25 rounds down.
        assert_eq!(Real::powf(10.0_f32, 11.0).to_bits(), 0x51BA_43B7);
        assert_eq!(Real::powf(f32::from_bits(0x3F56_5874), 4.0).to_bits(), 0x3EFB_A212);
        assert_eq!(Real::powf(0.085_f32, 0.25), 0.539_951_5);
        assert_eq!(Real::powf(4.0_f32, 0.5), 2.0);
    }
}
