//! Radicals of numbers by what every target has: products, quotients and square roots.

use super::{Real, divide};

/// x^(-1/p) of a positive, normal number by Newton's method for y^-p - x, from a power of two that is not above it: so it comes
/// from below, and it ends where it grows no more.
///
/// **Accuracy**: 2 units in the last place. **Cost**: some ten iterations, a quotient and up to 2 log2 p + 3 products each.
pub(crate) fn inverse_radical<T: Real>(x: T, p: u32) -> T {
    let order = p.max(1);
    // x < 2^(e + 1).
    let above = divide(x.exponent() + 1, order.cast_signed()).map_or(0, |(whole, _)| whole);
    let mut y = T::one().ldexp(-above - 1);
    let inverse = T::one() / T::from_f64(f64::from(order));
    for _ in 0..ITERATIONS {
        let next = y + y * ((T::one() - x * power(y, order)) * inverse);
        if next <= y || next.is_nan() {
            break;
        }
        y = next;
    }
    y
}

/// The first iterations, far from the root, grow by 1 + 1/p at least, and the root is at most 2^(1 + 1/p) above the start; so
/// five p reach any neighbourhood, and a quadratic six reach the last digit.
const ITERATIONS: u32 = 60;

/// y^n, n > 0, by binary powering.
fn power<T: Real>(y: T, n: u32) -> T {
    let (mut power, mut square, mut left) = (T::one(), y, n);
    loop {
        if left % 2 == 1 {
            power *= square;
        }
        left /= 2;
        if left == 0 {
            return power;
        }
        square *= square;
    }
}

/// x^(1/4096).
pub(crate) fn radical_4096<T: Real>(x: T) -> T {
    (0..12).fold(x, |x, _| x.sqrt())
}

#[cfg(test)]
mod tests {
    use super::{inverse_radical, radical_4096};

    #[test]
    fn radicals_have_all_but_the_last_digits() {
        for k in 0..4000 {
            let x = libm::exp2(0.061_3 * f64::from(k) - 120.0);
            for p in [1, 2, 3, 4, 5, 6, 7, 8, 12, 31] {
                // A relative error e makes x y^p 1 + p e.
                let error = |x: f64, y: f64| (x * libm::pow(y, f64::from(p)) - 1.0).abs() / f64::from(p);
                let (single, y) = (x as f32, inverse_radical(x, p));
                assert!(error(x, y) < 4.5e-16, "{x:e}^(-1/{p}): {y:e}");
                let y = inverse_radical(single, p);
                assert!(error(f64::from(single), f64::from(y)) < 2.4e-7, "{x:e}^(-1/{p}): {y:e}");
            }
            assert!((radical_4096(x) / libm::pow(x, 1.0 / 4096.0) - 1.0).abs() < 3e-16);
        }
        assert_eq!([1, 2, 3, 4].map(|p| inverse_radical(1.0_f64, p)), [1.0; 4]);
        assert_eq!(inverse_radical(f64::MIN_POSITIVE, 2), libm::exp2(511.0));
    }
}
