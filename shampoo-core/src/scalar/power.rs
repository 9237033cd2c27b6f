//! Powers of `f32` by integers alone: the same bits everywhere, without an `f64`, which microcontrollers would emulate.
//!
//! x^y = 2^(y log2 x) in fixed point of 64 bits. With x = 2^e m, m within a factor sqrt(2) of 1, and s = (m - 1)/(m + 1),
//! log2 m = 2/ln(2) (s + s^3/3 + s^5/5 + ...); 2^f = (sum_k (ln(2) f/8)^k / k!)^8 for the fraction f of the product.

/// 1/(2k + 1) in units of 2^-64, but for k = 0: as many as s^2 <= 0.0295 needs.
#[expect(clippy::indexing_slicing, reason = "in a constant expression")]
const ODD_RECIPROCALS: [u64; 9] = {
    let mut reciprocals = [0; 9];
    let mut k = 0;
    while k < reciprocals.len() {
        reciprocals[k] = u64::MAX / (2 * k as u64 + 3);
        k += 1;
    }
    reciprocals
};

/// ln(2)^k / k! in units of 2^-64, but for k = 0.
#[expect(clippy::indexing_slicing, reason = "in a constant expression")]
const EXPONENTIAL: [u64; 9] = {
    let mut coefficients = [LN_2; 9];
    let mut k = 1;
    while k < coefficients.len() {
        coefficients[k] = multiply(coefficients[k - 1], LN_2) / (k as u64 + 1);
        k += 1;
    }
    coefficients
};

/// ln(2) in units of 2^-64.
const LN_2: u64 = 0xB172_17F7_D1CF_79AC;

/// 2/ln(2) in units of 2^-62.
const TWO_OVER_LN_2: u64 = 0xB8AA_3B29_5C17_F0BC;

/// sqrt(2) in units of 2^-23.
const SQRT_2: u32 = 0x00B5_04F3;

/// The upper half of a product.
const fn multiply(a: u64, b: u64) -> u64 {
    const fn low(x: u64) -> u64 {
        x & 0xFFFF_FFFF
    }
    let (crossed, other) = ((a >> 32) * low(b), low(a) * (b >> 32));
    let carried = ((low(a) * low(b)) >> 32) + low(crossed) + low(other);
    (a >> 32) * (b >> 32) + (crossed >> 32) + (other >> 32) + (carried >> 32)
}

/// A magnitude: `digits` 2^(exponent - 64), the first digit 1 unless it is 0.
#[derive(Clone, Copy)]
struct Magnitude {
    digits: u64,
    exponent: i32,
}

impl Magnitude {
    fn new(digits: u64, exponent: i32) -> Self {
        let zeros = digits.leading_zeros();
        Self { digits: digits.checked_shl(zeros).unwrap_or(0), exponent: exponent - zeros.cast_signed() }
    }
}

/// Digits and exponent of a positive finite number: x = mantissa 2^(exponent - 23), the mantissa from 2^23 to 2^24.
fn parts(x: f32) -> (u32, i32) {
    let (bits, subnormal) = (x.to_bits(), 8);
    let zeros = bits.leading_zeros();
    if zeros > subnormal {
        return (bits << (zeros - subnormal), -118 - zeros.cast_signed());
    }
    ((bits & 0x007F_FFFF) | 0x0080_0000, (bits >> 23).cast_signed() - 127)
}

/// log2 x of a positive finite number: its magnitude, and whether it is negative.
fn log2(x: f32) -> (Magnitude, bool) {
    let (mantissa, exponent) = parts(x);
    let above = mantissa > SQRT_2;
    let (one, exponent) = if above { (1 << 24, exponent + 1) } else { (1 << 23, exponent) };
    // s in units of 2^-(shift + 24), all digits of it where x is close to 1; 39 of them, and the other 24.
    let (numerator, denominator) = (u64::from(mantissa.abs_diff(one)), u64::from(mantissa + one).max(1));
    let shift = numerator.leading_zeros() - 1;
    let first = numerator << shift;
    let (quotient, rest) = (first / denominator, first % denominator);
    let s = (quotient << 24) | ((rest << 24) / denominator);
    let fixed = s >> (shift - 40);
    let square = multiply(fixed, fixed);
    let series = ODD_RECIPROCALS.iter().rev().fold(0, |sum, &reciprocal| reciprocal + multiply(sum, square));
    let series = s + multiply(s, multiply(series, square));
    // In units of 2^-(shift + 22).
    let fraction = multiply(series, TWO_OVER_LN_2);
    if exponent == 0 {
        return (Magnitude::new(fraction, 42 - shift.cast_signed()), above);
    }
    let (whole, fraction) = (u64::from(exponent.unsigned_abs()) << 56, fraction >> (shift - 34));
    let sum = if above == (exponent < 0) { whole + fraction } else { whole - fraction };
    (Magnitude::new(sum, 8), exponent < 0)
}

/// 2^+-x.
fn exp2(x: Magnitude, negative: bool) -> f32 {
    // Far beyond the range, or 1 in `f32`.
    if x.exponent > 9 {
        return if negative { 0.0 } else { f32::INFINITY };
    }
    if x.exponent < -40 {
        return 1.0;
    }
    let (whole, fraction) = match x.exponent {
        exponent @ 1.. => (x.digits >> (64 - exponent), x.digits << exponent),
        exponent => (0, x.digits >> -exponent.max(-63)),
    };
    let (mut whole, mut fraction) = (whole as i32, fraction);
    if negative {
        whole = -whole - i32::from(fraction > 0);
        fraction = fraction.wrapping_neg();
    }
    let eighth = fraction >> 3;
    let less_one = EXPONENTIAL.iter().rev().fold(0, |sum, &coefficient| multiply(sum + coefficient, eighth));
    // In units of 2^-63: 2^(f/8), then its eighth power.
    let power = (0..3).fold((1 << 63) + (less_one >> 1), |power, _| multiply(power, power) << 1);
    // 52 of its digits are right, so that a tie is one; those from the 33rd on count for that alone.
    let power = power.saturating_add(1 << 11) & !0xFFF;
    let digits = (power >> 32) as u32 | u32::from(power as u32 > 0);
    libm::scalbnf(digits as f32, whole - 31)
}

/// x^y, with C's special cases.
///
/// **Accuracy**: the nearest `f32`, ties to even, in all of 4e7 random powers compared with `f64`'s; a subnormal power is
/// rounded twice.
pub(super) fn powf(x: f32, y: f32) -> f32 {
    if y == 0.0 || x == 1.0 {
        return 1.0;
    }
    if x.is_nan() || y.is_nan() {
        return f32::NAN;
    }
    let size = x.abs();
    // An integer from 2^24 on is even.
    let whole = y.abs() >= 16_777_216.0 || (y as i32) as f32 == y;
    let odd = whole && y.abs() < 16_777_216.0 && y as i32 % 2 != 0;
    let sign = if odd && x.is_sign_negative() { -1.0 } else { 1.0 };
    if size == 0.0 || size.is_infinite() || y.is_infinite() {
        let grows = (size > 1.0) == (y > 0.0);
        return sign
            * if size == 1.0 {
                1.0
            } else if grows {
                f32::INFINITY
            } else {
                0.0
            };
    }
    if x < 0.0 && !whole {
        return f32::NAN;
    }
    let (log, below_one) = log2(size);
    let (mantissa, exponent) = parts(y.abs());
    let product = multiply(log.digits, u64::from(mantissa) << 40);
    let product = Magnitude::new(product, log.exponent + exponent + 1);
    sign * exp2(product, below_one != (y < 0.0))
}

#[cfg(test)]
mod tests {
    use super::powf;

    /// By way of `f64`, whose powers are within 1 ulp.
    fn nearest(x: f32, y: f32) -> f32 {
        libm::pow(f64::from(x), f64::from(y)) as f32
    }

    #[test]
    fn special_cases_are_those_of_the_standard() {
        let (nan, infinity) = (f32::NAN, f32::INFINITY);
        let numbers = [0.0, -0.0, 1.0, -1.0, 2.0, -0.5, 3.0, -3.0, 16_777_215.0, -16_777_217.0, 1e-40, 1e30];
        for x in numbers.into_iter().chain([infinity, -infinity, nan, f32::MAX]) {
            for y in numbers.into_iter().chain([infinity, -infinity, nan, f32::MAX]) {
                let (found, right) = (powf(x, y), nearest(x, y));
                assert!(
                    found.to_bits() == right.to_bits() || found.is_nan() && right.is_nan(),
                    "{x:e}^{y:e}: {found:e}"
                );
            }
        }
    }

    #[test]
    fn powers_are_the_nearest_ones() {
        let mut state = 1_u64;
        let mut bits = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as u32
        };
        for _ in 0..100_000 {
            let wide = f32::from_bits(bits() << 7);
            let near_one = f32::from_bits(0x3F7F_FF00 + bits() % 0x200);
            let whole = (bits() % 1000) as f32;
            let signed = (bits() as f32 / 8_388_608.0 - 1.0) * 40.0;
            for (x, y) in [(wide, -0.25), (wide, 1.0 / 3.0), (near_one, 1e5 * signed), (whole, 3.0), (whole, signed)] {
                let (found, right) = (powf(x, y), nearest(x, y));
                assert!(found == right || right.abs() < f32::MIN_POSITIVE || x.is_nan(), "{x:e}^{y:e}: {found:e}");
            }
        }
    }
}
