//! The state of an optimizer into a file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, View, serialize_to_file};
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Slot;

use super::numbers::{CheckpointNumber, to_bytes};
use super::replace::replace;
use super::settings::settings;
use super::{CheckpointError, KEY, Metadata, Parameter, Part, VERSION, checksum};
use crate::optimizer::Shampoo;

/// A tensor of the file; its bytes are made when they are asked for.
struct Lazy<'a> {
    dtype: Dtype,
    shape: Vec<usize>,
    length: usize,
    bytes: Box<dyn Fn() -> Cow<'a, [u8]> + 'a>,
}

impl View for &Lazy<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        (self.bytes)()
    }
    fn data_len(&self) -> usize {
        self.length
    }
}

impl<'a> Lazy<'a> {
    /// Numbers, a row of words each where they have several.
    fn numbers<T: CheckpointNumber + 'a>(numbers: impl Fn() -> Cow<'a, [T]> + 'a) -> Self {
        let count = numbers().len();
        let shape = if T::WORDS == 1 { vec![count] } else { vec![count, T::WORDS] };
        let bytes = move || Cow::Owned(to_bytes(&numbers()));
        Self { dtype: T::DTYPE, shape, length: count * T::BYTES, bytes: Box::new(bytes) }
    }

    /// Type and shape as text.
    fn kind(&self) -> String {
        format!("{:?} {:?}", self.dtype, self.shape)
    }
}

pub(super) fn save<P, K>(optimizer: &Shampoo<P, K>, path: &Path) -> Result<(), CheckpointError>
where
    P: Precision,
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
    K: Kernel<P::Root> + Send + 'static,
{
    let mut tensors: Vec<(String, Lazy<'_>)> = Vec::new();
    let mut parameters = Vec::new();
    for (number, entry) in optimizer.entries().iter().enumerate() {
        let config = entry.tensor.config();
        let settings = settings::<P>(&entry.shape, config).into_iter().map(|(field, value)| (field.to_owned(), value));
        parameters.push(Parameter { name: entry.name.clone(), settings: settings.collect() });
        let saved = entry.tensor.saved();
        let rows = || saved.slots.iter().flat_map(Slot::words).collect();
        let snapshots = move || optimizer.pipeline().snapshots(number).flatten().copied().collect();
        let parts = Part::ALL.map(|part| match part {
            Part::Statistics => Lazy::numbers(move || Cow::Borrowed(saved.statistics)),
            Part::Roots => Lazy::numbers(move || Cow::Borrowed(saved.roots)),
            Part::Graft => Lazy::numbers(move || Cow::Borrowed(saved.graft)),
            Part::Momentum => Lazy::numbers(move || Cow::Borrowed(saved.momentum)),
            Part::Slots => Lazy::numbers(move || Cow::Owned(rows())),
            Part::Counts => Lazy::numbers(move || Cow::Owned(vec![saved.count, saved.filled.to_bits()])),
            Part::Snapshots => Lazy::numbers(move || Cow::Owned(snapshots())),
        });
        tensors.extend(Part::ALL.iter().map(|part| part.of(&entry.name)).zip(parts));
    }
    tensors.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut metadata = Metadata { version: VERSION, checksum: 0, step: optimizer.steps(), parameters };
    let contents = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.kind(), (tensor.bytes)()));
    metadata.checksum = checksum(&metadata, contents);
    let text = serde_json::to_string(&metadata).expect("names and numbers are valid JSON");
    let write = |beside: &Path| {
        let information = HashMap::from([(KEY.to_owned(), text)]);
        let views = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        serialize_to_file(views, Some(information), beside).map_err(std::io::Error::other)
    };
    replace(path, write).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })
}
