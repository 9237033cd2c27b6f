//! Numbers as bytes, the lowest first.

use crate::scalar::{Bf16, Bf16x2, Bf16x3};

mod sealed {
    /// The kinds of numbers are the crate's own, since an image names them.
    pub trait Sealed {}
}

/// A number that can be in an image.
pub trait Number: sealed::Sealed + Copy {
    /// Bytes of a number.
    const BYTES: usize;
    /// Tells number types of one length apart.
    const KIND: u8;
    /// As many bytes.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;
    /// The bytes of a number, the lowest first.
    fn to_bytes(self) -> Self::Bytes;
    /// The number of these bytes.
    fn from_bytes(bytes: Self::Bytes) -> Self;
}

macro_rules! numbers {
    ($($number:ident $bytes:literal $kind:literal;)*) => {$(
        impl sealed::Sealed for $number {}

        impl Number for $number {
            const BYTES: usize = $bytes;
            const KIND: u8 = $kind;
            type Bytes = [u8; $bytes];
            fn to_bytes(self) -> [u8; $bytes] {
                self.to_le_bytes()
            }
            fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self::from_le_bytes(bytes)
            }
        }
    )*};
}

numbers! {
    u8 1 0;
    u32 4 1;
    u64 8 2;
    f32 4 3;
    f64 8 4;
    Bf16 2 5;
}

impl sealed::Sealed for Bf16x2 {}

impl Number for Bf16x2 {
    const BYTES: usize = 4;
    const KIND: u8 = 6;
    type Bytes = [u8; 4];
    fn to_bytes(self) -> [u8; 4] {
        let [[a, b], [c, d]] = self.0.map(Bf16::to_le_bytes);
        [a, b, c, d]
    }
    fn from_bytes([a, b, c, d]: [u8; 4]) -> Self {
        Self([[a, b], [c, d]].map(Bf16::from_le_bytes))
    }
}

impl sealed::Sealed for Bf16x3 {}

impl Number for Bf16x3 {
    const BYTES: usize = 6;
    const KIND: u8 = 7;
    type Bytes = [u8; 6];
    fn to_bytes(self) -> [u8; 6] {
        let [[a, b], [c, d], [e, f]] = self.0.map(Bf16::to_le_bytes);
        [a, b, c, d, e, f]
    }
    fn from_bytes([a, b, c, d, e, f]: [u8; 6]) -> Self {
        Self([[a, b], [c, d], [e, f]].map(Bf16::from_le_bytes))
    }
}

/// Numbers of bytes, one after the other.
pub(super) fn load<T: Number>(to: &mut [T], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from.chunks_exact(T::BYTES.max(1))) {
        let mut bytes = T::Bytes::default();
        bytes.as_mut().iter_mut().zip(from).for_each(|(to, &from)| *to = from);
        *to = T::from_bytes(bytes);
    }
}

/// Cuts one number off.
pub(super) fn take<T: Number>(bytes: &mut &[u8]) -> Option<T> {
    let (own, rest) = bytes.split_at_checked(T::BYTES)?;
    let mut number = T::Bytes::default();
    number.as_mut().iter_mut().zip(own).for_each(|(to, &from)| *to = from);
    *bytes = rest;
    Some(T::from_bytes(number))
}

/// Cuts the bytes of so many numbers off.
pub(super) fn split<'a, T: Number>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (own, rest) = bytes.split_at_checked(count.checked_mul(T::BYTES)?)?;
    *bytes = rest;
    Some(own)
}
