//! Double-f32 numbers: 48 bits on targets whose `f64` is slow or absent.
//!
//! A number is hi + lo with hi the `f32` nearest to it, so |lo| is at most half a unit in the last place of hi.
//! Everything is made of error-free transformations (the rounding error of an `f32` sum or product is itself an `f32`)
//! without a fused multiply-add, so the bits are the same everywhere. In units of u = 2^-24, relative to the result,
//! sums and differences are within 3 u^2 + 13 u^3, products within 7 u^2, quotients within 17 u^2 (largest found 7.5; Joldes,
//! Muller, Popescu 2017, ACM TOMS 44 (2), whose algorithm 6 is the sum and whose division has another product), as long as
//! the low words do not underflow.

use core::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use num_traits::{One, Zero};

use super::{HighWords, Real, Stored, power_of_two};

/// An unevaluated sum of two `f32` numbers.
///
/// **Ranges**: that of `f32` upwards; below 2^-101 digits are lost, as the low word underflows. **Accuracy**: unit
/// roundoff 2^-45 for sums and products, 2.2 times that for quotients, roots and powers; a number from `f64` is within
/// 2^-49. Infinity and NaN come out where the high words' `f32` operation gives them; a result that only its correction
/// would carry beyond the range stays inside. **Cost**: in `f32` operations, 20 for a sum, 18 for a product, 24 for a
/// quotient, and two selections each; `powf` goes through the `f64` one, which a root needs a few times.
///
/// ```
/// use shampoo_core::scalar::{DoubleF32, Real};
/// let third = DoubleF32::from_f64(1.0) / DoubleF32::from_f64(3.0);
/// assert!((third.to_f64() - 1.0 / 3.0).abs() < 1e-14);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct DoubleF32 {
    // In this order: the derived comparison is by the high word first.
    hi: f32,
    /// 0 beside an infinity or NaN.
    lo: f32,
}

/// The sum and its rounding error (Knuth).
#[inline(always)]
fn two_sum(a: f32, b: f32) -> (f32, f32) {
    let sum = a + b;
    let b_kept = sum - a;
    (sum, (a - (sum - b_kept)) + (b - b_kept))
}

/// The same where the exponent of `a` is at least that of `b` (Dekker).
#[inline(always)]
fn fast_two_sum(a: f32, b: f32) -> (f32, f32) {
    let sum = a + b;
    (sum, b - (sum - a))
}

/// The first 12 bits of a number and the other 12. Cut and not rounded: unlike Dekker's own way to split, this
/// cannot overflow.
#[inline(always)]
fn halves(x: f32) -> (f32, f32) {
    let first = f32::from_bits(x.to_bits() & 0xFFFF_F000);
    (first, x - first)
}

/// The product and its rounding error (Dekker), exact from 2^-101 on. With halves of 12 bits each of the four products is
/// exact, and so are the four sums: in units of the last places of both factors they are below 2^24 times a power of
/// two that divides them.
#[inline(always)]
fn two_product(a: f32, b: f32) -> (f32, f32) {
    let product = a * b;
    let ((a_first, a_rest), (b_first, b_rest)) = (halves(a), halves(b));
    let missed = ((product - a_first * b_first) - a_rest * b_first) - a_first * b_rest;
    (product, a_rest * b_rest - missed)
}

impl DoubleF32 {
    /// a + b, exactly.
    pub fn from_sum(a: f32, b: f32) -> Self {
        let (sum, error) = two_sum(a, b);
        Self::rounded((sum, error), sum)
    }

    /// The nearest `f32`, and what is left.
    pub fn words(self) -> (f32, f32) {
        (self.hi, self.lo)
    }

    /// A result whose corrections may have spoilt it: beside an infinity they are NaN, and `plain`, the `f32`
    /// result, is the number.
    #[inline(always)]
    fn rounded((hi, lo): (f32, f32), plain: f32) -> Self {
        if hi.is_finite() { Self { hi, lo } } else { Self { hi: plain, lo: 0.0 } }
    }
}

impl From<f32> for DoubleF32 {
    #[inline(always)]
    fn from(x: f32) -> Self {
        Self { hi: x, lo: 0.0 }
    }
}

impl Add for DoubleF32 {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let ((hi, hi_error), (lo, lo_error)) = (two_sum(self.hi, other.hi), two_sum(self.lo, other.lo));
        let (sum, error) = fast_two_sum(hi, hi_error + lo);
        Self::rounded(fast_two_sum(sum, lo_error + error), hi)
    }
}

impl Sub for DoubleF32 {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for DoubleF32 {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        let (product, error) = two_product(self.hi, other.hi);
        let crossed = self.hi * other.lo + self.lo * other.hi;
        Self::rounded(fast_two_sum(product, error + crossed), product)
    }
}

impl Div for DoubleF32 {
    type Output = Self;

    /// The `f32` quotient, corrected by what it leaves over.
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        let quotient = self.hi / other.hi;
        let (product, error) = two_product(other.hi, quotient);
        let (product, error) = fast_two_sum(product, error + other.lo * quotient);
        let left = (self.hi - product) + (self.lo - error);
        Self::rounded(fast_two_sum(quotient, left / other.hi), quotient)
    }
}

impl Neg for DoubleF32 {
    type Output = Self;

    #[inline(always)]
    fn neg(self) -> Self {
        Self { hi: -self.hi, lo: -self.lo }
    }
}

macro_rules! assign {
    ($($operation:ident, $function:ident, $operator:tt;)*) => {$(
        impl $operation for DoubleF32 {
            #[inline(always)]
            fn $function(&mut self, other: Self) {
                *self = *self $operator other;
            }
        }
    )*};
}

assign! {
    AddAssign, add_assign, +;
    SubAssign, sub_assign, -;
    MulAssign, mul_assign, *;
    DivAssign, div_assign, /;
}

impl Zero for DoubleF32 {
    #[inline(always)]
    fn zero() -> Self {
        Self { hi: 0.0, lo: 0.0 }
    }

    #[inline(always)]
    fn is_zero(&self) -> bool {
        self.hi == 0.0
    }
}

impl One for DoubleF32 {
    #[inline(always)]
    fn one() -> Self {
        Self { hi: 1.0, lo: 0.0 }
    }
}

const ZERO: DoubleF32 = DoubleF32 { hi: 0.0, lo: 0.0 };
const ONE: DoubleF32 = DoubleF32 { hi: 1.0, lo: 0.0 };
const STEP: [DoubleF32; 16] = [ONE, ONE, ONE, ONE, ONE, ONE, ONE, ONE, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO];
const PULSE: [DoubleF32; 16] =
    [ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ONE, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO];

impl Real for DoubleF32 {
    /// 8 u^2: what sums and products keep.
    const UNIT_ROUNDOFF: Self = Self { hi: power_of_two(-45) as f32, lo: 0.0 };
    /// One more unit of the low word would round the high one to infinity.
    const MAX: Self = Self { hi: f32::MAX, lo: (power_of_two(103) - power_of_two(79)) as f32 };
    /// 2^-101: the low word's last bit is then the last bit that there is, 2^-149, and products of this size are exact
    /// in both words.
    const MIN_POSITIVE: Self = Self { hi: power_of_two(-101) as f32, lo: 0.0 };
    const SAFE_SQUARE: Self = Self { hi: power_of_two(-90) as f32, lo: 0.0 };
    const STEP: &'static [Self; 16] = &STEP;
    const PULSE: &'static [Self; 16] = &PULSE;
    type Transform = HighWords;
    const TRANSFORM_IS_PLAIN: bool = false;

    #[inline(always)]
    fn from_f64(x: f64) -> Self {
        let hi = x as f32;
        Self::rounded(fast_two_sum(hi, (x - f64::from(hi)) as f32), hi)
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self.hi) + f64::from(self.lo)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        if self.hi < 0.0 { -self } else { self }
    }

    /// The `f32` root, corrected by what its square leaves over.
    #[inline]
    fn sqrt(self) -> Self {
        let root = libm::sqrtf(self.hi);
        let (square, error) = two_product(root, root);
        let left = ((self.hi - square) - error) + self.lo;
        Self::rounded(fast_two_sum(root, left / (root + root)), root)
    }

    #[inline]
    fn powf(self, y: Self) -> Self {
        Self::from_f64(libm::pow(self.to_f64(), y.to_f64()))
    }

    #[inline]
    fn ldexp(self, k: i32) -> Self {
        let hi = libm::scalbnf(self.hi, k);
        Self::rounded((hi, libm::scalbnf(self.lo, k)), hi)
    }

    /// One less than the high word's exponent where that word is a power of two and the low one pulls below it.
    #[inline]
    fn exponent(self) -> i32 {
        let below = self.lo != 0.0 && (self.lo < 0.0) == (self.hi > 0.0);
        let whole = self.hi.to_bits() & 0x007F_FFFF == 0;
        libm::ilogbf(self.hi) - i32::from(below && whole)
    }

    #[inline(always)]
    fn is_finite(self) -> bool {
        self.hi.is_finite()
    }
}

impl Stored<DoubleF32> for f32 {
    const LARGEST: f64 = f32::MAX as f64;
    const SMALLEST: f64 = f32::MIN_POSITIVE as f64;
    const ROUNDOFF: f64 = (f32::EPSILON / 2.0) as f64;

    #[inline(always)]
    fn load(self) -> DoubleF32 {
        DoubleF32 { hi: self, lo: 0.0 }
    }
    #[inline(always)]
    fn store(x: DoubleF32) -> Self {
        x.hi
    }
}

impl Stored<DoubleF32> for f64 {
    const LARGEST: f64 = f64::MAX;
    const SMALLEST: f64 = f64::MIN_POSITIVE;
    const ROUNDOFF: f64 = f64::EPSILON / 2.0;

    #[inline(always)]
    fn load(self) -> DoubleF32 {
        DoubleF32::from_f64(self)
    }
    #[inline(always)]
    fn store(x: DoubleF32) -> Self {
        x.to_f64()
    }
}

impl Stored<DoubleF32> for DoubleF32 {
    const LARGEST: f64 = f32::MAX as f64;
    const SMALLEST: f64 = power_of_two(-101);
    /// The nearest pair of words to a number.
    const ROUNDOFF: f64 = power_of_two(-49);

    #[inline(always)]
    fn load(self) -> Self {
        self
    }
    #[inline(always)]
    fn store(x: Self) -> Self {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn double(x: f64) -> DoubleF32 {
        DoubleF32::from_f64(x)
    }

    #[test]
    fn words_of_48_bits_survive() {
        for x in [1.0 / 3.0, -1e-20, 6.02214076e23, 2.0_f64.powi(-101) * 1.5] {
            let kept = f64::from_bits(x.to_bits() & !0xFF);
            assert_eq!(double(kept).to_f64(), kept);
        }
        let (hi, lo) = double(1.0 + 2.0_f64.powi(-24) * (1.0 - 2.0_f64.powi(-28))).words();
        assert_eq!((hi, lo), (1.0, 2.0_f32.powi(-24)), "a tie goes to the even high word");
        assert_eq!(DoubleF32::from_sum(1e-12, 1.0).words(), (1.0, 1e-12));
    }

    #[test]
    fn products_are_exact_up_to_the_ends_of_the_range() {
        let full = f32::from_bits(0x3FFF_FFFF); // 24 bits
        for (a, b) in
            [(full, full), (1e38, full), (f32::MAX, 0.75), (full * 2.0_f32.powi(-51), 2.0_f32.powi(-50) * full)]
        {
            let (product, error) = two_product(a, b);
            assert_eq!(f64::from(product) + f64::from(error), f64::from(a) * f64::from(b));
        }
    }

    #[test]
    fn cancellation_leaves_the_low_words() {
        let third = double(1.0) / double(3.0);
        let left = third + third + third - DoubleF32::one();
        assert!(left.abs() <= DoubleF32::UNIT_ROUNDOFF);
        assert_eq!((double(1.0 + 1e-12) - DoubleF32::one()).to_f64(), f64::from(double(1.0 + 1e-12).words().1));
    }

    #[test]
    fn infinity_and_nan_are_those_of_f32() {
        let infinity = double(f64::INFINITY);
        let (one, zero) = (DoubleF32::one(), DoubleF32::zero());
        for x in [infinity + one, infinity * infinity, one / zero, infinity.sqrt(), infinity / one, -(-infinity - one)]
        {
            assert_eq!(x, infinity);
        }
        for x in [DoubleF32::MAX * double(2.0), DoubleF32::MAX + DoubleF32::MAX, double(1e39), double(3.0).ldexp(127)] {
            assert_eq!(x, infinity);
        }
        assert_eq!(one / infinity, zero);
        for x in
            [infinity - infinity, zero / zero, infinity * zero, -one.sqrt() * double(-1.0).sqrt(), double(f64::NAN)]
        {
            assert!(x.is_nan() && !x.is_finite());
        }
        assert_eq!(zero.sqrt(), zero);
        assert!(DoubleF32::MAX.is_finite() && double(DoubleF32::MAX.to_f64()) == DoubleF32::MAX);
        assert!(!double(DoubleF32::MAX.to_f64() * (1.0 + 2.0_f64.powi(-48))).is_finite());
    }

    #[test]
    fn comparisons_see_the_low_word() {
        let above = double(1.0 + 1e-12);
        assert!(above > DoubleF32::one() && -above < -DoubleF32::one() && above.maximum(DoubleF32::one()) == above);
        assert_eq!((-above).abs(), above);
    }

    #[test]
    fn exponents_and_shifts() {
        assert_eq!(double(1.0 - 2.0_f64.powi(-40)).exponent(), -1);
        assert_eq!(double(-1.0 + 2.0_f64.powi(-40)).exponent(), -1);
        assert_eq!(double(1.0 + 2.0_f64.powi(-40)).exponent(), 0);
        assert_eq!(double(2.0_f64.powi(-149)).exponent(), -149);
        assert_eq!(double(1.0 / 3.0).ldexp(-7).to_f64() * 128.0, double(1.0 / 3.0).to_f64());
    }
}
