//! An image that has proved whole, and the newer one of two.

use super::Part;
use super::crc::Crc;
use super::fingerprint::Prints;
use super::number::take;
use super::{HEADER, MAGIC, SECTION, TRAILER, VERSION};
use crate::error::ImageError;

/// An image whose checksum is right.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    sections: &'a [u8],
    count: u16,
    sequence: u32,
}

impl<'a> Reader<'a> {
    /// Looks at an image at the front of these bytes: what it says it is, then every bit of it. What follows is not looked at.
    ///
    /// **Errors**: [`ImageError`] for anything but a whole image of this version.
    pub fn open(bytes: &'a [u8]) -> Result<Self, ImageError> {
        let short = |needed| ImageError::Truncated { needed, found: bytes.len() };
        let mut header = bytes.get(..HEADER).ok_or(short(HEADER + TRAILER))?;
        let magic = header.split_off(..MAGIC.len()).unwrap_or_default();
        if magic != MAGIC {
            return Err(ImageError::Magic);
        }
        let [version, count] = [(); 2].map(|()| {
            let (low, high) = (take::<u8>(&mut header), take::<u8>(&mut header));
            u16::from_le_bytes([low.unwrap_or(0), high.unwrap_or(0)])
        });
        if version != VERSION {
            return Err(ImageError::Version { found: version });
        }
        let sequence: u32 = take(&mut header).unwrap_or(0);
        let length: u32 = take(&mut header).unwrap_or(0);
        let length = usize::try_from(length).map_err(|_| ImageError::TooLarge)?;
        let whole = bytes.get(..length).ok_or(short(length))?;
        let end = length.checked_sub(TRAILER).filter(|&end| end >= HEADER).ok_or(ImageError::Malformed)?;
        let (body, mut trailer) = whole.split_at_checked(end).ok_or(ImageError::Malformed)?;
        if take(&mut trailer) != Some(Crc::of(body)) {
            return Err(ImageError::Checksum);
        }
        let sections = body.get(HEADER..).ok_or(ImageError::Malformed)?;
        let reader = Self { sections, count, sequence };
        let mut each = reader.each();
        if each.by_ref().count() != usize::from(count) || !each.rest.is_empty() {
            return Err(ImageError::Malformed);
        }
        Ok(reader)
    }

    /// The number that the image was saved with.
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Number of parts.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// No part.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn each(&self) -> Sections<'a> {
        Sections { rest: self.sections }
    }

    /// Loads all parts, in the order in which they were saved. All are checked before the first one is written: number of
    /// parts, shapes, number types, every setting, lengths, and whether the state is one that training can leave behind.
    ///
    /// **Errors**: [`ImageError`], with the part; nothing has changed then.
    pub fn restore(&self, parts: &mut [&mut dyn Part]) -> Result<(), ImageError> {
        let (needed, found) = (parts.len(), self.len());
        if needed != found {
            return Err(ImageError::Parts { needed, found });
        }
        for (index, (part, section)) in parts.iter().zip(self.each()).enumerate() {
            let (own, found) = (part.prints(), section.prints);
            if own.numbers != found.numbers {
                return Err(ImageError::Numbers { part: index });
            }
            // Settings first: the merged shape depends on them.
            if own.settings != found.settings {
                return Err(ImageError::Settings { part: index });
            }
            if own.shape != found.shape {
                return Err(ImageError::Shape { part: index });
            }
            part.check(section.bytes).map_err(|()| ImageError::State { part: index })?;
        }
        for (part, section) in parts.iter_mut().zip(self.each()) {
            part.load(section.bytes);
        }
        Ok(())
    }
}

/// One part as it was saved.
struct Section<'a> {
    prints: Prints,
    bytes: &'a [u8],
}

/// The sections; `rest` is what is none.
struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        let (mut header, rest) = self.rest.split_at_checked(SECTION)?;
        let prints = Prints { numbers: take(&mut header)?, settings: take(&mut header)?, shape: take(&mut header)? };
        let length: u32 = take(&mut header)?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(Section { prints, bytes })
    }
}

/// The newer one of two images, with its place; `None` where neither is whole.
///
/// Of two numbers the newer one is up to 2^31 - 1 ahead of the other, modulo 2^32: a sequence wraps around.
///
/// ```
/// use shampoo_core::image::{newest, next, save};
/// let (weights, mut slots) = ([1.0_f32, 2.0], [[0xFF; 64]; 2]);
/// for sequence in [u32::MAX, 0, 1] {
///     let (slot, _) = next(slots.each_ref().map(|slot| slot.as_slice()));
///     save(&[&weights], sequence, &mut slots[slot])?;
/// }
/// let [a, b] = &slots;
/// assert_eq!(newest([a, b]).map(|(slot, image)| (slot, image.sequence())), Some((0, 1)));
/// slots[0][30] ^= 1; // A bit falls over, or a save was cut off: the one before is there.
/// let [a, b] = &slots;
/// assert_eq!(newest([a, b]).map(|(slot, image)| (slot, image.sequence())), Some((1, 0)));
/// assert_eq!(next([a, b]), (0, 1));
/// # Ok::<(), shampoo_core::error::ImageError>(())
/// ```
pub fn newest<'a>(slots: [&'a [u8]; 2]) -> Option<(usize, Reader<'a>)> {
    let [newer, _] = both(slots);
    newer
}

/// Both images with their places, the newer one first, those that are not whole last: where the newer one is refused, because
/// it is of other settings, the one before may do.
///
/// ```
/// use shampoo_core::image::{both, next, next_beside, save};
/// let (mut weights, mut places) = ([1.0_f32, 2.0], [[0xFF; 64]; 2]);
/// save(&[&weights], 4, &mut places[0])?;
/// save(&[&[7_u32]], 5, &mut places[1])?; // Of another program.
/// let [a, b] = &places;
/// let mut whole = both([a, b]).into_iter().flatten();
/// let place = whole.find_map(|(place, image)| image.restore(&mut [&mut weights]).is_ok().then_some(place));
/// assert_eq!(place, Some(0));
/// assert_eq!((next([a, b]), next_beside([a, b], 0)), ((0, 6), (1, 6)));
/// # Ok::<(), shampoo_core::error::ImageError>(())
/// ```
pub fn both<'a>(slots: [&'a [u8]; 2]) -> [Option<(usize, Reader<'a>)>; 2] {
    let [first, second] = slots.map(|bytes| Reader::open(bytes).ok());
    let (first, second) = (first.map(|image| (0, image)), second.map(|image| (1, image)));
    let second_is_newer = match (&first, &second) {
        (Some((_, a)), Some((_, b))) => is_newer(b.sequence, a.sequence),
        (first, _) => first.is_none(),
    };
    if second_is_newer { [second, first] } else { [first, second] }
}

/// Where the next image goes, and its number: never over the newer one of those that are whole. Where that one was refused, and
/// the other one loaded, see [`next_beside`].
pub fn next(slots: [&[u8]; 2]) -> (usize, u32) {
    newest(slots).map_or((0, 0), |(slot, image)| (slot ^ 1, image.sequence.wrapping_add(1)))
}

/// Where the next image goes, and its number, where the one in this place, 0 or 1, is to be kept: that which was loaded.
pub fn next_beside(slots: [&[u8]; 2], kept: usize) -> (usize, u32) {
    let (_, number) = next(slots);
    (usize::from(kept == 0), number)
}

fn is_newer(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}
