//! State in bfloat16: one word, or an unevaluated sum of two or three ("split accumulators").
//!
//! Word by word the nearest bfloat16 (ties to even) of what is left: b0 of x, b1 of x - b0, b2 of x - b0 - b1. Each word
//! has 8 bits and its successor is at most half a unit of its last place, so w words leave at most 2^-(9 w - 1) of
//! x. Three hold every `f32` exactly for 2^-110 <= |x| < (2 - 2^-8) 2^127 (2^-103 where subnormal words flush to 0); above,
//! the first word is infinite and so is the number. Source: Henry, Tang, Heinecke 2019, arXiv 1904.06376.

use super::{Real, Stored, power_of_two};

/// The bfloat16 of the crate `half`, which frameworks use.
pub use half::bf16 as Bf16;

/// The sum of two bfloat16 words, the larger one first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(transparent)]
pub struct Bf16x2(pub [Bf16; 2]);

/// The sum of three bfloat16 words, the largest one first: an `f32` (see the ranges of [`Stored::SMALLEST`]).
///
/// ```
/// use shampoo_core::scalar::{Bf16x2, Bf16x3, Stored};
/// let x = 1.0_f32 / 3.0;
/// assert_eq!(Stored::<f32>::load(Bf16x3::store(x)), x);
/// assert!((Stored::<f32>::load(Bf16x2::store(x)) - x).abs() < 4e-6);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(transparent)]
pub struct Bf16x3(pub [Bf16; 3]);

/// What w words leave of a number at most: the first 2^-8, each further one 2^-9 of that.
const fn roundoff(words: i32) -> f64 {
    power_of_two(1 - 9 * words)
}

/// From here on the last word's rounding is within that, although its unit is at least 2^-133.
const fn smallest(words: i32) -> f64 {
    power_of_two(-134) / roundoff(words)
}

/// The last sum of w words before the first one becomes infinite, at (2 - 2^-8) 2^127: what is stored can be stored
/// again, and in three words it is an `f32`.
const fn largest_sum(words: i32) -> f64 {
    power_of_two(127) * 2.0 - power_of_two(119) - power_of_two(if words == 2 { 111 } else { 104 })
}

/// The nearest bfloat16, ties to even, of any real type.
///
/// Through the `f32` that is cut off and has its last bit set where that loses something ("rounded to odd"): a nearest
/// `f32` could move a number onto a tie, and `half` looks at no more than the first half of an `f64`.
fn nearest<R: Real>(x: R) -> Bf16
where
    f32: Stored<R>,
{
    let single = <f32 as Stored<R>>::store(x);
    let kept: R = single.load();
    let mut bits = single.to_bits();
    if kept != x {
        bits = bits.wrapping_sub(u32::from(kept.abs() > x.abs())) | 1;
    }
    Bf16::from_f32(f32::from_bits(bits))
}

/// The same number.
fn widened<R: Real>(word: Bf16) -> R
where
    f32: Stored<R>,
{
    word.to_f32().load()
}

/// A number word by word; every remainder is exact.
fn split<R: Real, const WORDS: usize>(x: R) -> [Bf16; WORDS]
where
    f32: Stored<R>,
{
    let mut words = [Bf16::ZERO; WORDS];
    let mut rest = x;
    for word in &mut words {
        *word = nearest(rest);
        if !word.is_finite() {
            break;
        }
        rest -= widened(*word);
    }
    words
}

/// The sum of the words, smallest first: exact for the words of an `f32`.
fn sum<R: Real, const WORDS: usize>(words: [Bf16; WORDS]) -> R
where
    f32: Stored<R>,
{
    words.iter().rev().fold(R::zero(), |sum, &word| sum + widened(word))
}

impl<R: Real> Stored<R> for Bf16
where
    f32: Stored<R>,
{
    const LARGEST: f64 = power_of_two(127) * 2.0 - power_of_two(120);
    const SMALLEST: f64 = smallest(1);
    const ROUNDOFF: f64 = roundoff(1);

    #[inline]
    fn load(self) -> R {
        widened(self)
    }
    #[inline]
    fn store(x: R) -> Self {
        nearest(x)
    }
}

macro_rules! stored {
    ($($kept:ident of $words:literal),*) => {$(
        impl<R: Real> Stored<R> for $kept
        where
            f32: Stored<R>,
        {
            const LARGEST: f64 = largest_sum($words);
            const SMALLEST: f64 = smallest($words);
            const ROUNDOFF: f64 = roundoff($words);

            #[inline]
            fn load(self) -> R {
                sum(self.0)
            }
            #[inline]
            fn store(x: R) -> Self {
                Self(split(x))
            }
        }
    )*};
}

stored!(Bf16x2 of 2, Bf16x3 of 3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_those_of_the_number_and_not_of_a_narrower_one() {
        let tie = 1.0 + power_of_two(-8);
        let (below, above) = (1.0, 1.0 + power_of_two(-7));
        for (x, right) in [
            (tie, below),
            (tie + power_of_two(-40), above),
            (tie - power_of_two(-40), below),
            (-tie - power_of_two(-52), -above),
            (tie + power_of_two(-7), 1.0 + power_of_two(-6)),
        ] {
            assert_eq!(nearest(x).to_f64(), right, "{x:e}");
            assert_eq!(nearest(crate::scalar::DoubleF32::from_f64(x)).to_f64(), right, "{x:e}");
        }
        assert_eq!(nearest(1e39_f64), Bf16::INFINITY);
        assert_eq!(nearest(-1e-60_f64), Bf16::ZERO);
        assert!(nearest(f64::NAN).is_nan());
    }

    #[test]
    fn infinity_and_nan_stay_in_the_first_word() {
        for x in [f32::INFINITY, f32::NEG_INFINITY, f32::MAX] {
            let infinite = if x < 0.0 { Bf16::NEG_INFINITY } else { Bf16::INFINITY };
            assert_eq!(Bf16x3::store(x), Bf16x3([infinite, Bf16::ZERO, Bf16::ZERO]));
        }
        let nan: f32 = Bf16x2::store(f32::NAN).load();
        assert!(nan.is_nan());
        let largest = largest_sum(3) as f32;
        assert_eq!(Stored::<f32>::load(Bf16x3::store(largest)), largest);
        assert!(!Stored::<f32>::load(Bf16x3::store(largest.next_up())).is_finite());
    }
}
