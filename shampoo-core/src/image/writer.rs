//! An image piece by piece, with its checksum.

use super::Part;
use super::crc::Crc;
use super::fingerprint::Prints;
use super::number::Number;
use super::{HEADER, MAGIC, SECTION, TRAILER, VERSION};
use crate::error::ImageError;

/// Takes the bytes of an image in their order.
pub struct Writer<'a> {
    sink: &'a mut dyn FnMut(&[u8]) -> bool,
    crc: Crc,
    written: usize,
    /// A sink that has refused something gets no more.
    refused: bool,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.crc.see(bytes);
        self.written = self.written.saturating_add(bytes.len());
        self.refused = self.refused || !(self.sink)(bytes);
    }

    pub(super) fn number<T: Number>(&mut self, number: T) {
        self.bytes(number.to_bytes().as_ref());
    }

    pub(super) fn numbers<T: Number>(&mut self, numbers: &[T]) {
        numbers.iter().for_each(|&number| self.number(number));
    }
}

/// Bytes of the image of these parts; `None` where it is too large for one.
fn image_bytes(parts: &[&dyn Part]) -> Option<u32> {
    let sections = parts.iter().try_fold(0_usize, |sum, part| sum.checked_add(SECTION)?.checked_add(part.bytes()))?;
    u32::try_from(sections.checked_add(HEADER + TRAILER)?).ok()
}

/// Hands the image of these parts to a sink in pieces of a few bytes, so that it never lies in memory; the sink returns false
/// where it cannot take any more. Returns the number of bytes.
///
/// **Errors**: [`ImageError::TooLarge`], [`ImageError::Refused`].
///
/// ```
/// use shampoo_core::image::{Reader, stream};
/// let (weights, mut flash) = ([1.0_f32, 2.0], Vec::new());
/// let length = stream(&[&weights], 1, &mut |bytes| {
///     flash.extend_from_slice(bytes);
///     true
/// })?;
/// assert_eq!((flash.len(), Reader::open(&flash)?.sequence()), (length, 1));
/// # Ok::<(), shampoo_core::error::ImageError>(())
/// ```
pub fn stream(parts: &[&dyn Part], sequence: u32, sink: &mut dyn FnMut(&[u8]) -> bool) -> Result<usize, ImageError> {
    let (Some(length), Ok(sections)) = (image_bytes(parts), u16::try_from(parts.len())) else {
        return Err(ImageError::TooLarge);
    };
    let mut writer = Writer { sink, crc: Crc::new(), written: 0, refused: false };
    writer.bytes(&MAGIC);
    writer.bytes(&VERSION.to_le_bytes());
    writer.bytes(&sections.to_le_bytes());
    writer.number(sequence);
    writer.number(length);
    for part in parts {
        let Prints { numbers, settings, shape } = part.prints();
        writer.numbers(&[numbers, settings, shape]);
        // Not more than the whole, which fits.
        writer.number(part.bytes() as u32);
        part.save(&mut writer);
    }
    let crc = writer.crc.value();
    writer.number(crc);
    if writer.refused {
        return Err(ImageError::Refused);
    }
    // A buffer of the caller's kind may have changed its length.
    if writer.written == length as usize { Ok(writer.written) } else { Err(ImageError::Malformed) }
}

/// A piece of an image, where a flash or its driver wants it.
#[repr(align(8))]
struct Chunk<const N: usize>([u8; N]);

/// As [`stream`] in pieces of N bytes, aligned to 8, as a flash is written: of the last one `padding` is the rest. Returns the
/// number of bytes of the image, without it.
///
/// **Errors**: [`ImageError`], as of [`stream`]; also for pieces of no bytes.
///
/// ```
/// use shampoo_core::image::{Reader, stream_chunks};
/// let (weights, mut flash) = ([1.0_f32, 2.0, 3.0], Vec::new());
/// let length = stream_chunks(&[&weights], 1, 0xFF, &mut |page: &[u8; 32]| {
///     flash.extend_from_slice(page);
///     true
/// })?;
/// assert_eq!((length, flash.len()), (48, 64));
/// assert_eq!(Reader::open(&flash)?.sequence(), 1);
/// # Ok::<(), shampoo_core::error::ImageError>(())
/// ```
pub fn stream_chunks<const N: usize>(
    parts: &[&dyn Part],
    sequence: u32,
    padding: u8,
    sink: &mut dyn FnMut(&[u8; N]) -> bool,
) -> Result<usize, ImageError> {
    if N == 0 {
        return Err(ImageError::Refused);
    }
    let (mut chunk, mut filled) = (Chunk([padding; N]), 0);
    let length = stream(parts, sequence, &mut |bytes| {
        bytes.iter().all(|&byte| {
            if let Some(to) = chunk.0.get_mut(filled) {
                *to = byte;
            }
            filled += 1;
            if filled < N {
                return true;
            }
            let taken = sink(&chunk.0);
            (chunk, filled) = (Chunk([padding; N]), 0);
            taken
        })
    })?;
    if filled == 0 || sink(&chunk.0) { Ok(length) } else { Err(ImageError::Refused) }
}

/// Writes the image of these parts to the front of a buffer; returns its length.
///
/// **Shapes**: at least [`image_len`](super::image_len) bytes. **Errors**: [`ImageError::Space`], [`ImageError::TooLarge`];
/// nothing is written then.
pub fn save(parts: &[&dyn Part], sequence: u32, to: &mut [u8]) -> Result<usize, ImageError> {
    let length = image_bytes(parts).ok_or(ImageError::TooLarge)?;
    let (needed, found) = (length as usize, to.len());
    if found < needed {
        return Err(ImageError::Space { needed, found });
    }
    let mut rest = to;
    stream(parts, sequence, &mut |bytes| {
        let Some((own, more)) = core::mem::take(&mut rest).split_at_mut_checked(bytes.len()) else { return false };
        own.iter_mut().zip(bytes).for_each(|(to, &from)| *to = from);
        rest = more;
        true
    })
}
