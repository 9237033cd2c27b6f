//! exp(x) for x <= 0, in a form that the compiler turns into vectors: a library call for each logit was a
//! twentieth of a training step.

/// exp(x) = 2^k exp(r) with |r| <= ln(2) / 2, by Taylor's polynomial of degree 7; 0 below -87, where f32 ends.
#[inline]
pub(super) fn exp(x: f32) -> f32 {
    // Added and taken away again, it rounds to an integer, which lies in the low bits meanwhile.
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln(2) in two parts, the first of few bits: k times it is exact.
    const HIGH: f32 = 0.693_359_4;
    const LOW: f32 = -2.121_944_4e-4;
    // NaN stays, because it is not below.
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * core::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (clamped - k * HIGH) - k * LOW;
    let polynomial = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let value = polynomial.iter().fold(0.0, |sum, &c| sum * r + c);
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.0 { 0.0 } else { value * power }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn within_two_units_of_the_last_place() {
        for i in 0..=87_000 {
            let x = -(i as f32) / 1000.0;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) / expected - 1.0).abs() < 2.4e-7, "{x}");
        }
        assert_eq!((exp(0.0), exp(-100.0), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exp(f32::NAN).is_nan());
    }
}
