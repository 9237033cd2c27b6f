//! Numbers of almost a hundred digits.
//!
//! The equations of 28 poles lose about 45 digits; the corrections of the last exchange must still be far below a
//! rounding of `f64`.

use dashu_float::FBig;
use dashu_float::round::mode::HalfEven;

/// A binary floating-point number; a result is as wide as the wider operand.
pub(super) type Big = FBig<HalfEven, 2>;

/// Bits of every number.
const BITS: usize = 320;

/// The same number, exactly.
///
/// # Panics
/// On a number that is not finite.
pub(super) fn big(x: f64) -> Big {
    let exact = Big::try_from(x).expect("a finite number");
    exact.with_precision(BITS).value()
}

/// The nearest `f64`.
pub(super) fn narrow(x: &Big) -> f64 {
    x.to_f64().value()
}

/// The least `f64` that is not below.
pub(super) fn narrow_up(x: &Big) -> f64 {
    let nearest = narrow(x);
    if big(nearest) < *x { nearest.next_up() } else { nearest }
}

/// |x|.
pub(super) fn abs(x: &Big) -> Big {
    if *x < big(0.0) { -x } else { x.clone() }
}

/// x^n.
pub(super) fn power(x: &Big, n: u32) -> Big {
    (1..n).fold(x.clone(), |product, _| product * x)
}

/// x^(1/n) of a positive number.
pub(super) fn root(x: &Big, n: u32) -> Big {
    x.nth_root(n as usize)
}

#[cfg(test)]
mod tests {
    use super::{abs, big, narrow, narrow_up, power, root};

    #[test]
    fn ninety_digits() {
        for n in 1..=8 {
            let x = big(0.3);
            let wrong = narrow(&(power(&root(&x, n), n) / &x - big(1.0)));
            assert!(wrong.abs() < 1e-94, "{n}: {wrong:e}");
        }
    }

    #[test]
    fn rounding_to_f64() {
        let third = big(1.0) / big(3.0);
        assert_eq!(narrow(&third), 1.0 / 3.0);
        assert_eq!(narrow_up(&third), (1.0_f64 / 3.0).next_up());
        assert_eq!(narrow_up(&big(0.1)), 0.1);
        assert_eq!(abs(&big(-2.0)), big(2.0));
    }
}
