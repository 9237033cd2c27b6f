//! What can be in an image.

use super::fingerprint::{Fingerprint, Prints};
use super::number::{Number, load, split, take};
use super::writer::Writer;
use super::{Tensor, Ticks, numbers_len};
use crate::mat::packed::packed_len;
use crate::scalar::{Precision, Stored};
use crate::schedule::Slot;
use crate::tensor::Lengths;
use crate::ticks::{Site, Suspended};

mod sealed {
    /// What an image calls the parts by is its own.
    pub trait Sealed {}
}

/// A part of an image: a [`Tensor`], a [`Ticks`], `[T; N]`, `&mut [T]`, or, to be saved alone, `&[T]` of [`Number`]s. What it
/// holds is the crate's own.
pub trait Part: sealed::Sealed {
    /// Bytes that it takes as it is.
    #[doc(hidden)]
    fn bytes(&self) -> usize;
    /// What must agree between the saved part and the one that is loaded.
    #[doc(hidden)]
    fn prints(&self) -> Prints;
    /// Writes as many bytes.
    #[doc(hidden)]
    fn save(&self, to: &mut Writer<'_>);
    /// Whether these bytes can be loaded; their fingerprints agree.
    #[doc(hidden)]
    #[expect(clippy::result_unit_err, reason = "the caller knows the part, and there is nothing else to say")]
    fn check(&self, bytes: &[u8]) -> Result<(), ()>;
    /// Loads bytes that have been checked.
    #[doc(hidden)]
    fn load(&mut self, bytes: &[u8]);
}

const NUMBERS: u8 = 1;
const TENSOR: u8 = 2;
const TICKS: u8 = 3;

/// Bytes of a tensor's counts.
const COUNTS: usize = 17;

/// Bytes of a slot.
const SLOT: usize = 8 * Slot::WORDS;

/// Bytes of a driver, without the statistics that it has copied.
pub(super) const DRIVER: usize = 29;

/// Numbers have a type, and their length is that of their bytes.
fn prints_of_numbers<T: Number>() -> Prints {
    Prints { numbers: Fingerprint::of(NUMBERS).number::<T>().value(), settings: 0, shape: 0 }
}

fn as_long(length: usize, bytes: &[u8]) -> Result<(), ()> {
    if bytes.len() == length { Ok(()) } else { Err(()) }
}

impl<T: Number, const N: usize> sealed::Sealed for [T; N] {}

impl<T: Number, const N: usize> Part for [T; N] {
    fn bytes(&self) -> usize {
        numbers_len::<T>(N)
    }
    fn prints(&self) -> Prints {
        prints_of_numbers::<T>()
    }
    fn save(&self, to: &mut Writer<'_>) {
        to.numbers(self);
    }
    fn check(&self, bytes: &[u8]) -> Result<(), ()> {
        as_long(self.bytes(), bytes)
    }
    fn load(&mut self, bytes: &[u8]) {
        load(self, bytes);
    }
}

impl<T: Number> sealed::Sealed for &mut [T] {}

impl<T: Number> Part for &mut [T] {
    fn bytes(&self) -> usize {
        numbers_len::<T>(self.len())
    }
    fn prints(&self) -> Prints {
        prints_of_numbers::<T>()
    }
    fn save(&self, to: &mut Writer<'_>) {
        to.numbers(self);
    }
    fn check(&self, bytes: &[u8]) -> Result<(), ()> {
        as_long(self.bytes(), bytes)
    }
    fn load(&mut self, bytes: &[u8]) {
        load(self, bytes);
    }
}

impl<T: Number> sealed::Sealed for &[T] {}

impl<T: Number> Part for &[T] {
    fn bytes(&self) -> usize {
        numbers_len::<T>(self.len())
    }
    fn prints(&self) -> Prints {
        prints_of_numbers::<T>()
    }
    fn save(&self, to: &mut Writer<'_>) {
        to.numbers(self);
    }
    /// What is shared is not written to.
    fn check(&self, _: &[u8]) -> Result<(), ()> {
        Err(())
    }
    fn load(&mut self, _: &[u8]) {}
}

/// Bytes of a tensor with buffers of these lengths; saturates.
pub(super) const fn tensor_bytes<P: Precision>(need: &Lengths) -> usize
where
    P::Work: Number,
    P::Store: Number,
{
    let state = numbers_len::<P::Store>(need.statistics.saturating_mul(2));
    let diagonal = numbers_len::<P::Work>(need.graft.saturating_add(need.momentum));
    COUNTS.saturating_add(need.slots.saturating_mul(SLOT)).saturating_add(state).saturating_add(diagonal)
}

/// A tensor's counts, cut off its bytes: gradients so far, what fills its sums, and whether its last step is open.
fn counts(bytes: &mut &[u8]) -> Option<(u64, f64, bool)> {
    let (count, filled, open) = (take(bytes)?, take(bytes)?, take::<u8>(bytes)?);
    (open <= 1).then_some((count, filled, open == 1))
}

fn slot(bytes: &mut &[u8]) -> Option<Slot> {
    let mut words = [0; Slot::WORDS];
    for word in &mut words {
        *word = take(bytes)?;
    }
    Slot::from_words(&words)
}

impl<P: Precision, S, W, B> sealed::Sealed for Tensor<P, S, W, B> {}

impl<P: Precision, S, W, B> Part for Tensor<P, S, W, B>
where
    P::Work: Number,
    P::Store: Number,
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    fn bytes(&self) -> usize {
        tensor_bytes::<P>(&self.lengths())
    }

    fn prints(&self) -> Prints {
        Prints {
            numbers: Fingerprint::of(TENSOR).precision::<P>().value(),
            settings: Fingerprint::of(TENSOR).config(self.config()).value(),
            shape: Fingerprint::of(TENSOR).dims(self.partition().dims()).value(),
        }
    }

    fn save(&self, to: &mut Writer<'_>) {
        let saved = self.saved();
        to.number(saved.count);
        to.number(saved.filled);
        to.number(u8::from(self.is_open()));
        saved.slots.iter().for_each(|slot| to.numbers(&slot.words()));
        to.numbers(saved.statistics);
        to.numbers(saved.roots);
        to.numbers(saved.graft);
        to.numbers(saved.momentum);
    }

    fn check(&self, mut bytes: &[u8]) -> Result<(), ()> {
        as_long(self.bytes(), bytes)?;
        let (count, filled, _) = counts(&mut bytes).ok_or(())?;
        let within = |slot: Slot| slot.stamps().newest().is_none_or(|stamp| stamp < count);
        // No run is that long, and no sum negative.
        let sensible = count < u64::MAX / 2 && filled >= 0.0 && filled <= <P::Store as Stored<P::Work>>::LARGEST;
        let slots = (0..self.slots().len()).all(|_| slot(&mut bytes).is_some_and(within));
        if sensible && slots { Ok(()) } else { Err(()) }
    }

    fn load(&mut self, mut bytes: &[u8]) {
        let Some((count, filled, open)) = counts(&mut bytes) else { return };
        let buffers = self.loading(count, filled, open);
        for own in buffers.slots {
            *own = slot(&mut bytes).unwrap_or_default();
        }
        for numbers in [buffers.statistics, buffers.roots] {
            load(numbers, split::<P::Store>(&mut bytes, numbers.len()).unwrap_or_default());
        }
        for numbers in [buffers.graft, buffers.momentum] {
            load(numbers, split::<P::Work>(&mut bytes, numbers.len()).unwrap_or_default());
        }
    }
}

/// What a driver has under way, cut off its bytes.
fn suspended(bytes: &mut &[u8]) -> Option<Option<Suspended>> {
    let (idle, order) = (take(bytes)?, take::<u32>(bytes)?);
    let (tensor, factor, snapshot) = (take::<u32>(bytes)?, take::<u32>(bytes)?, take(bytes)?);
    let under_way = take::<u8>(bytes)?;
    let size = |x: u32| usize::try_from(x).ok();
    let site = Site { tensor: size(tensor)?, factor: size(factor)?, snapshot };
    let suspended = Suspended { site, order: size(order)?, idle };
    (under_way <= 1).then(|| (under_way == 1).then_some(suspended))
}

impl<P: Precision, S, W> sealed::Sealed for Ticks<P, S, W> {}

impl<P: Precision, S, W> Part for Ticks<P, S, W>
where
    P::Work: Number,
    P::Store: Number,
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Root]> + AsMut<[P::Root]>,
{
    fn bytes(&self) -> usize {
        numbers_len::<P::Store>(self.copied().len()).saturating_add(DRIVER)
    }

    fn prints(&self) -> Prints {
        Prints { numbers: Fingerprint::of(TICKS).precision::<P>().value(), settings: 0, shape: 0 }
    }

    fn save(&self, to: &mut Writer<'_>) {
        let nothing = Suspended { site: Site { tensor: 0, factor: 0, snapshot: 0 }, order: 0, idle: 0 };
        let suspended = self.suspended();
        let under_way = u8::from(suspended.is_some());
        let Suspended { site: Site { tensor, factor, snapshot }, order, idle } = suspended.unwrap_or(nothing);
        to.number(idle);
        [order, tensor, factor].into_iter().for_each(|size| to.number(u32::try_from(size).unwrap_or(u32::MAX)));
        to.number(snapshot);
        to.number(under_way);
        to.numbers(self.copied());
    }

    fn check(&self, mut bytes: &[u8]) -> Result<(), ()> {
        let order = suspended(&mut bytes).ok_or(())?.map_or(0, |suspended| suspended.order);
        let copied = packed_len(order);
        if order <= self.order() && bytes.len() == numbers_len::<P::Store>(copied) { Ok(()) } else { Err(()) }
    }

    fn load(&mut self, mut bytes: &[u8]) {
        let Some(suspended) = suspended(&mut bytes) else { return };
        let copied = self.resume(suspended);
        load(copied, bytes);
    }
}
