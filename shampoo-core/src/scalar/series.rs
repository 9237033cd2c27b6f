//! Logarithms and powers of figures in `f64` by short series: a few hundred bytes where tables would take thousands.

use super::Real;

/// 1/(2k + 1): as many as s^2 <= 0.0295 needs.
#[expect(clippy::indexing_slicing, reason = "in a constant expression")]
const ODD_RECIPROCALS: [f64; 11] = {
    let mut reciprocals = [0.0; 11];
    let mut k = 0;
    while k < reciprocals.len() {
        reciprocals[k] = 1.0 / (2 * k + 1) as f64;
        k += 1;
    }
    reciprocals
};

/// log2 x of a positive, finite number: with x = 2^e m, m within a factor sqrt(2) of 1, and s = (m - 1)/(m + 1) it is
/// e + 2/ln(2) (s + s^3/3 + s^5/5 + ...).
///
/// **Accuracy**: 2 ulp, and 1e-16 where x is close to 1.
pub(crate) fn log2(x: f64) -> f64 {
    let exponent = x.exponent();
    let m = x.ldexp(-exponent);
    let (m, exponent) = if m > core::f64::consts::SQRT_2 { (0.5 * m, exponent + 1) } else { (m, exponent) };
    let s = (m - 1.0) / (m + 1.0);
    let series = ODD_RECIPROCALS.iter().rev().fold(0.0, |sum, &reciprocal| sum * (s * s) + reciprocal);
    f64::from(exponent) + 2.0 * core::f64::consts::LOG2_E * s * series
}

/// 2^x as a number from 1 to 2 and a power of two, beyond any range where x is: the number is sum_k (ln(2) f)^k / k! for
/// the fraction f of x.
///
/// **Accuracy**: 2 ulp, and what the rounding of x costs.
pub(crate) fn exp2(x: f64) -> (f64, i32) {
    let x = x.clamp(-1e5, 1e5);
    let below = x as i32;
    let whole = if f64::from(below) > x { below - 1 } else { below };
    let x = core::f64::consts::LN_2 * (x - f64::from(whole));
    ((1..=18).rev().fold(1.0, |sum, k| 1.0 + sum * x / f64::from(k)), whole)
}

/// (1 + x)^n - 1 for x >= -1, by binary powering of what exceeds 1: nothing cancels.
///
/// **Accuracy**: relative, 4 ulp for each digit of n.
pub(crate) fn power_less_one(x: f64, mut n: u64) -> f64 {
    let times = |a: f64, b: f64| a + b + a * b;
    let (mut power, mut square) = (0.0, x);
    while n > 0 {
        if n % 2 == 1 {
            power = times(power, square);
        }
        square = times(square, square);
        n /= 2;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::{exp2, log2, power_less_one};
    use crate::scalar::Real;

    #[test]
    fn logarithms_and_powers_undo_one_another() {
        for k in -1000..1000 {
            let x = libm::exp2(f64::from(k) + 0.000_7 * f64::from(k));
            assert!((log2(x) - libm::log2(x)).abs() <= 5e-16 * libm::log2(x).abs().max(0.2), "{x:e}");
            let y = 0.001 * f64::from(k);
            let (number, power) = exp2(y);
            assert!((1.0..=2.0).contains(&number) && (number.ldexp(power) / libm::exp2(y) - 1.0).abs() < 5e-16, "{y}");
        }
        assert_eq!((log2(1.0), log2(8.0), log2(5e-324)), (0.0, 3.0, -1074.0));
        assert_eq!((exp2(0.0), exp2(-3.0).0.ldexp(exp2(-3.0).1), exp2(1e300)), ((1.0, 0), 0.125, (1.0, 100_000)));
    }

    #[test]
    fn what_exceeds_one_keeps_its_digits() {
        for (x, n) in [(1e-17, 3), (-1e-17, 1_000_000), (0.5, 7), (-0.001, 100_000), (-0.5, u64::MAX), (2e-9, 1 << 30)]
        {
            let right = libm::expm1(n as f64 * libm::log1p(x));
            assert!((power_less_one(x, n) / right - 1.0).abs() < 2e-14, "{x:e} {n}");
        }
        assert_eq!((power_less_one(0.3, 0), power_less_one(-1.0, 5)), (0.0, -1.0));
    }
}
