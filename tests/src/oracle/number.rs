//! The two arithmetics of the oracles: `f64`, and double-double for judging `f64`.

use core::ops::{Add, Mul, Neg, Sub};
use twofloat::{TwoFloat, consts::LN_2};

/// What an oracle needs of its numbers.
pub trait Number:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    /// Spacing of the numbers just above one.
    const EPSILON: f64;
    /// The same value in this arithmetic, exactly.
    fn widen(value: f64) -> Self;
    /// The nearest `f64`.
    fn narrow(self) -> f64;
    /// `self / divisor`.
    fn divide(self, divisor: Self) -> Self;
    /// The square root of a non-negative number.
    fn square_root(self) -> Self;
    /// `self^(-1/order)` of a positive number, with the exact rational exponent.
    fn inverse_root(self, order: u32) -> Self;
    /// `self^exponent` of a positive number.
    fn power(self, exponent: f64) -> Self;
}

impl Number for f64 {
    const EPSILON: f64 = f64::EPSILON;
    fn widen(value: f64) -> Self {
        value
    }
    fn narrow(self) -> f64 {
        self
    }
    fn divide(self, divisor: Self) -> Self {
        self / divisor
    }
    fn square_root(self) -> Self {
        self.sqrt()
    }
    fn inverse_root(self, order: u32) -> Self {
        self.powf(-1.0 / f64::from(order))
    }
    fn power(self, exponent: f64) -> Self {
        self.powf(exponent)
    }
}

impl Number for TwoFloat {
    const EPSILON: f64 = 4.93e-32; // 2^-104
    fn widen(value: f64) -> Self {
        Self::from(value)
    }
    fn narrow(self) -> f64 {
        self.hi() + self.lo()
    }

    /// Long division: the crate's own `/` forms its residual without a fused product and is
    /// right to 16 digits only.
    fn divide(self, divisor: Self) -> Self {
        let first = self.hi() / divisor.hi();
        let rest = self - divisor * first;
        let second = rest.hi() / divisor.hi();
        let third = (rest - divisor * second).hi() / divisor.hi();
        Self::new_add(first, second) + third
    }

    /// One Newton correction of the `f64` root doubles its digits.
    fn square_root(self) -> Self {
        if self.hi() == 0.0 {
            return self;
        }
        let start = self.hi().sqrt();
        let rest = self - Self::new_mul(start, start);
        Self::new_add(start, rest.hi() / (2.0 * start))
    }

    /// Newton on `1 - x y^p`, from the `f64` value.
    fn inverse_root(self, order: u32) -> Self {
        let mut root = Self::from(self.hi().inverse_root(order));
        for _ in 0..2 {
            let power = (0..order).fold(self, |product, _| product * root);
            let rest = Self::from(1.0) - power;
            root = root + root * (rest.hi() / f64::from(order));
        }
        root
    }

    fn power(self, exponent: f64) -> Self {
        exponential(logarithm(self) * exponent)
    }
}

/// Taylor series on `|r| < ln 2 / 1024`, then nine squarings of `e^r - 1`, which unlike squarings
/// of `e^r` do not lose the small part.
fn exponential(x: TwoFloat) -> TwoFloat {
    let octaves = (x.hi() / LN_2.hi()).round();
    let r = (x - LN_2 * octaves) * (1.0 / 512.0);
    let mut sum = TwoFloat::from(0.0);
    for k in (2..=12).rev() {
        sum = ((sum + 1.0) * r).divide(TwoFloat::from(f64::from(k)));
    }
    let mut minus_one = (sum + 1.0) * r;
    for _ in 0..9 {
        minus_one = minus_one * 2.0 + minus_one * minus_one;
    }
    (minus_one + 1.0) * octaves.exp2()
}

/// Newton on `x e^-y = 1` from the `f64` logarithm; each step doubles the digits.
fn logarithm(x: TwoFloat) -> TwoFloat {
    let mut y = TwoFloat::from(x.hi().ln());
    for _ in 0..2 {
        y = y + (x * exponential(-y) - 1.0);
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(text_hi: f64, text_lo: f64) -> TwoFloat {
        TwoFloat::new_add(text_hi, text_lo)
    }

    fn assert_digits(found: TwoFloat, right: TwoFloat) {
        let error = ((found - right).narrow() / right.narrow()).abs();
        assert!(error < 1e-30, "{found:?} against {right:?}: {error:e}");
    }

    #[test]
    fn division_and_roots_have_thirty_digits() {
        let mut x = wide(1.0, 3.0e-17);
        for k in 1..2000 {
            x = x * 1.013 + f64::from(k) * 1e-20;
            let y = wide(f64::from(k).sqrt(), 1e-18);
            assert_digits(x.divide(y) * y, x);
            assert_digits(x.square_root() * x.square_root(), x);
            for order in 1..=8 {
                let root = x.inverse_root(order);
                let product = (0..order).fold(x, |product, _| product * root);
                assert_digits(product, TwoFloat::from(1.0));
            }
        }
    }

    #[test]
    fn general_powers_agree_with_exact_ones() {
        for x in [1e-12, 3e-7, 0.02, 1.0, 7.0, 1e10] {
            let x = TwoFloat::from(x);
            // Binary fractions: the exponent is exact, so both ways compute the same number.
            for order in [1, 2, 4, 8] {
                assert_digits(x.power(-1.0 / f64::from(order)), x.inverse_root(order));
            }
            assert_digits(x.power(2.0), x * x);
        }
        assert_digits(exponential(LN_2), TwoFloat::from(2.0));
    }

    #[test]
    fn known_digits() {
        // sqrt 2 and e to 32 digits, as pairs of doubles.
        assert_digits(TwoFloat::from(2.0).square_root(), twofloat::consts::SQRT_2);
        assert_digits(exponential(TwoFloat::from(1.0)), twofloat::consts::E);
        assert_digits(logarithm(TwoFloat::from(10.0)), twofloat::consts::LN_10);
    }

    #[test]
    fn the_crates_own_division_is_too_weak() {
        // If this starts to fail, `divide` can go.
        let third = TwoFloat::from(1.0) / TwoFloat::from(3.0);
        let worst = (1..100)
            .map(|k| TwoFloat::from(f64::from(k)))
            .map(|k| ((TwoFloat::from(1.0) / k) * k - 1.0).narrow().abs())
            .fold(0.0, f64::max);
        assert!(worst > 1e-28, "worst {worst:e}, a third {third:?}");
    }
}
