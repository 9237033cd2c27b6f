//! Numbers as bytes, little-endian.

use safetensors::Dtype;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3};

/// A number that checkpoints hold: `f32`, `f64`, or one to three bfloat16 words.
pub trait CheckpointNumber: Number {}

impl<T: Number> CheckpointNumber for T {}

mod sealed {
    /// One or more words of a type that the file format knows.
    pub trait Number: Copy + 'static {
        /// Type of a word.
        const DTYPE: safetensors::Dtype;
        /// Words of a number.
        const WORDS: usize;
        /// Bytes of a number.
        const BYTES: usize;

        /// Appends the bytes.
        fn write(self, bytes: &mut Vec<u8>);

        /// The number of as many bytes; `None` for another length.
        fn read(bytes: &[u8]) -> Option<Self>;
    }
}

use sealed::Number;

macro_rules! plain {
    ($($t:ty => $dtype:ident),*) => {$(
        impl Number for $t {
            const DTYPE: Dtype = Dtype::$dtype;
            const WORDS: usize = 1;
            const BYTES: usize = size_of::<Self>();

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self::from_le_bytes)
            }
        }
    )*};
}

plain!(f32 => F32, f64 => F64, u64 => U64, Bf16 => BF16);

macro_rules! words {
    ($($t:ident of $words:literal),*) => {$(
        impl Number for $t {
            const DTYPE: Dtype = Dtype::BF16;
            const WORDS: usize = $words;
            const BYTES: usize = $words * Bf16::BYTES;

            fn write(self, bytes: &mut Vec<u8>) {
                self.0.into_iter().for_each(|word| word.write(bytes));
            }

            fn read(bytes: &[u8]) -> Option<Self> {
                let mut number = Self::default();
                let (words, []) = bytes.as_chunks::<{ Bf16::BYTES }>() else { return None };
                if words.len() != $words {
                    return None;
                }
                for (to, word) in number.0.iter_mut().zip(words) {
                    *to = Bf16::read(word)?;
                }
                Some(number)
            }
        }
    )*};
}

words!(Bf16x2 of 2, Bf16x3 of 3);

/// All bytes of these numbers.
pub(super) fn to_bytes<T: CheckpointNumber>(numbers: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * T::BYTES);
    numbers.iter().for_each(|number| number.write(&mut bytes));
    bytes
}

/// The numbers of these bytes.
pub(super) fn from_bytes<T: CheckpointNumber>(bytes: &[u8]) -> Option<Vec<T>> {
    bytes.chunks(T::BYTES).map(T::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shampoo_core::scalar::Stored;

    fn assert_round_trip<T: CheckpointNumber + PartialEq + core::fmt::Debug>(numbers: &[T]) {
        let bytes = to_bytes(numbers);
        assert_eq!(bytes.len(), numbers.len() * T::BYTES);
        assert_eq!(from_bytes::<T>(&bytes).as_deref(), Some(numbers));
        assert_eq!(from_bytes::<T>(&bytes[..bytes.len() - 1]), None, "cut short");
    }

    #[test]
    fn numbers_survive() {
        let x = [1.0_f32 / 3.0, -0.0, f32::MIN_POSITIVE, 1e38];
        assert_round_trip(&x);
        assert_round_trip(&[f64::MAX, 1e-310]);
        assert_round_trip(&[0, u64::MAX]);
        assert_round_trip(&x.map(Bf16::store));
        assert_round_trip(&x.map(Bf16x2::store));
        assert_round_trip(&x.map(Bf16x3::store));
    }
}
