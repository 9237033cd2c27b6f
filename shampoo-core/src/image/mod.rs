//! State as bytes and back, for flash: a model is saved as a whole, or not at all.
//!
//! An image holds any number of parts: [`Tensor`]s, slices and arrays of [`Number`]s (parameters; a shared slice can be saved and
//! not loaded), and the driver of their
//! roots ([`Ticks`]). Numbers are little-endian, so one that a microcontroller saved can be loaded on a server.
//!
//! ```text
//! "SHMP"  version, parts: u16  number, length: u32 │ numbers, settings, shape, length: u32, bytes │ ... │ CRC-32
//! ```
//!
//! [`Reader::open`] believes nothing before the checksum is right; [`Reader::restore`] then compares every part's
//! three fingerprints (number types, every field of [`Config`], merged shape) and looks at
//! its counts, before it writes the first number. So a refused image has changed nothing.
//!
//! # Two places
//!
//! A save may be cut off by a reset. [`next`] says which of two places is the older one, and the number of the
//! next image; [`newest`] finds the newer one that is whole. Where that one is of other settings, [`both`] has the other one
//! too, and [`next_beside`] keeps the one that was loaded:
//!
//! ```
//! use shampoo_core::config::Config;
//! use shampoo_core::image::{image_len, newest, next, numbers_len, save, tensor_len};
//! use shampoo_core::scalar::F32;
//! use shampoo_core::schedule::Slot;
//! use shampoo_core::tensor::{Lengths, Tensor};
//!
//! const CONFIG: Config = Config::DEFAULT;
//! const NEED: Lengths = Lengths::of(&[2, 2], &CONFIG);
//! const LEN: usize = image_len(&[tensor_len::<F32>(&[2, 2], &CONFIG), numbers_len::<f32>(NEED.numel)]);
//!
//! let (statistics, roots, slots) = ([0.0; NEED.statistics], [0.0; NEED.statistics], [Slot::EMPTY; NEED.slots]);
//! let (graft, momentum) = ([0.0; NEED.graft], [0.0; NEED.momentum]);
//! let mut tensor = Tensor::<F32, _, _, _>::new(&[2, 2], CONFIG, statistics, roots, graft, momentum, slots)?;
//! let mut weights = [1.0_f32, 2.0, 3.0, 4.0];
//!
//! let mut flash = [[0xFF; LEN]; 2];
//! let (place, number) = next(flash.each_ref().map(|place| place.as_slice()));
//! assert_eq!(save(&[&tensor, &weights], number, &mut flash[place])?, LEN);
//!
//! weights = [0.0; 4];
//! if let Some((_, image)) = newest(flash.each_ref().map(|place| place.as_slice())) {
//!     image.restore(&mut [&mut tensor, &mut weights])?;
//! }
//! assert_eq!(weights, [1.0, 2.0, 3.0, 4.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Roots under way
//!
//! With the [`Ticks`] among the parts the statistics of the root under way are saved, and its root is begun anew after a
//! load, with all of its flops before it and with the same bits: in [`Mode::Pipelined`](crate::schedule::Mode::Pipelined) training goes on as if it had never
//! been interrupted. Without, nothing of it is left: in [`Mode::Async`](crate::schedule::Mode::Async) the factor is asked
//! again when it is due next, in `Pipelined` the root is a counted failure at its step. A driver that is not loaded together
//! with its tensors [abandons](Ticks::abandon) its own.

mod crc;
mod fingerprint;
mod number;
mod part;
mod reader;
mod writer;

pub use number::Number;
pub use part::Part;
pub use reader::{Reader, both, newest, next, next_beside};
pub use writer::{Writer, save, stream, stream_chunks};

use crate::config::Config;
use crate::mat::packed::packed_len;
use crate::scalar::Precision;
use crate::tensor::{Lengths, Tensor};
use crate::ticks::Ticks;

const MAGIC: [u8; 4] = *b"SHMP";

const VERSION: u16 = 2;

/// Bytes before the first part.
const HEADER: usize = 16;

/// Bytes of the checksum.
const TRAILER: usize = 4;

/// Bytes before each part.
const SECTION: usize = 16;

/// Bytes of an image of parts of these lengths; saturates.
pub const fn image_len(parts: &[usize]) -> usize {
    let (mut length, mut rest) = (HEADER + TRAILER, parts);
    while let [part, more @ ..] = rest {
        (length, rest) = (length.saturating_add(SECTION).saturating_add(*part), more);
    }
    length
}

/// Bytes of a tensor in an image: its count and 48 a slot beside its state; saturates.
pub const fn tensor_len<P: Precision>(shape: &[usize], config: &Config) -> usize
where
    P::Work: Number,
    P::Store: Number,
{
    part::tensor_bytes::<P>(&Lengths::of(shape, config))
}

/// Bytes of so many numbers in an image; saturates.
pub const fn numbers_len<T: Number>(count: usize) -> usize {
    count.saturating_mul(T::BYTES)
}

/// Bytes of a driver for factors up to this order in an image, at most: it is shorter where nothing is under way.
pub const fn ticks_len<P: Precision>(order: usize) -> usize
where
    P::Store: Number,
{
    numbers_len::<P::Store>(packed_len(order)).saturating_add(part::DRIVER)
}
