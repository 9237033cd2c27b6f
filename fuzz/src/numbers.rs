//! Numbers of all kinds, and the bits of those that are kept.

use arbitrary::Arbitrary;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3};

/// A number, ordinary or not.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    /// m 2^e / 16.
    Scaled(i8, i8),
    /// m 2^e, over the whole range of `f64`.
    Wide(i16, i16),
    /// Any `f32`: infinities, NaN and subnormal numbers too.
    Single(u32),
    /// Any `f64`.
    Double(u64),
    /// m times the smallest `f32`.
    Subnormal(i16),
    /// m units below the largest `f32`.
    Huge(u8),
}

impl Number {
    /// Its value.
    pub fn value(self) -> f64 {
        match self {
            Self::Scaled(m, e) => f64::from(m) / 16.0 * f64::from(e / 4).exp2(),
            Self::Wide(m, e) => f64::from(m) * f64::from(e % 1060).exp2(),
            Self::Single(bits) => f32::from_bits(bits).into(),
            Self::Double(bits) => f64::from_bits(bits),
            Self::Subnormal(m) => f64::from(m) * f64::from(f32::from_bits(1)),
            Self::Huge(m) => f32::from_bits(f32::MAX.to_bits() - u32::from(m)).into(),
        }
    }
}

/// Numbers as they lie in memory.
pub trait Bits: Copy {
    /// All of its bits.
    fn bits(self) -> u64;
}

impl Bits for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Bits for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

impl Bits for Bf16 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}

impl Bits for Bf16x2 {
    fn bits(self) -> u64 {
        self.0.iter().fold(0, |all, word| all << 16 | word.bits())
    }
}

impl Bits for Bf16x3 {
    fn bits(self) -> u64 {
        self.0.iter().fold(0, |all, word| all << 16 | word.bits())
    }
}

/// The bits of all numbers.
pub fn all_bits<T: Bits>(numbers: &[T]) -> Vec<u64> {
    numbers.iter().map(|x| x.bits()).collect()
}
