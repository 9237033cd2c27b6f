//! A file into the state of an optimizer: everything is looked at first.

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use shampoo_core::kernel::Kernel;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor;

use super::numbers::{CheckpointNumber, from_bytes};
use super::settings::settings;
use super::{CheckpointError, KEY, Metadata, Part, VERSION, checksum};
use crate::entry::Entry;
use crate::optimizer::Shampoo;

/// The state of a parameter, as it was read.
struct State<P: Precision> {
    statistics: Vec<P::Store>,
    roots: Vec<P::Store>,
    graft: Vec<P::Work>,
    momentum: Vec<P::Work>,
    slots: Vec<Slot>,
    count: u64,
    filled: f64,
    snapshots: Vec<P::Store>,
}

pub(super) fn load<P, K>(optimizer: &mut Shampoo<P, K>, path: &Path) -> Result<(), CheckpointError>
where
    P: Precision,
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
    K: Kernel<P::Root> + Send + 'static,
{
    let bytes = fs::read(path).map_err(|source| CheckpointError::Io { path: path.to_owned(), source })?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(format)?;
    let metadata = metadata(&bytes)?;
    check_contents(&metadata, &tensors)?;
    check_settings(&metadata, optimizer.entries())?;
    let state = |entry| state::<P>(entry, &tensors);
    let states = optimizer.entries().iter().map(state).collect::<Result<Vec<_>, _>>()?;
    if tensors.len() != states.len() * Part::ALL.len() {
        let known = |name: &str| optimizer.names().any(|own| Part::ALL.iter().any(|part| part.of(own) == name));
        let superfluous = tensors.names().into_iter().find(|name| !known(name)).unwrap_or_default();
        return Err(CheckpointError::Tensor { tensor: superfluous.to_owned() });
    }

    let orders = |entry: &Entry<P>| {
        let partition = entry.tensor.partition();
        partition.factors(0..partition.factor_count()).map(|factor| factor.order).collect::<Vec<_>>()
    };
    let pending = optimizer.entries().iter().zip(&states).flat_map(|(entry, state)| {
        let slots = state.slots.iter().zip(orders(entry)).filter(|_| entry.is_offloaded());
        slots.filter(|(slot, _)| slot.pending().is_some()).map(|(_, order)| order).collect::<Vec<_>>()
    });
    let pending: Vec<usize> = pending.collect();
    let jobs = optimizer.pipeline_mut().prepare(pending.into_iter()).ok_or(CheckpointError::Memory)?;
    let mut jobs = jobs.into_iter();

    // From here on nothing fails.
    let (entries, pipeline) = optimizer.restored(metadata.step);
    pipeline.give_up();
    for (entry, state) in entries.iter_mut().zip(&states) {
        let State { statistics, roots, graft, momentum, slots, count, filled, .. } = state;
        let saved =
            tensor::Saved { statistics, roots, graft, momentum, slots, count: *count, filled: *filled, open: false };
        entry.tensor.restore(&saved).expect("the lengths were checked");
    }
    for (number, (entry, state)) in entries.iter_mut().zip(&states).enumerate() {
        pipeline.resubmit(number, entry.tensor.factors().each(), &state.snapshots, &mut jobs);
    }
    Ok(())
}

fn format(error: safetensors::SafeTensorError) -> CheckpointError {
    CheckpointError::Format { reason: error.to_string() }
}

/// What the file says beside the numbers.
fn metadata(bytes: &[u8]) -> Result<Metadata, CheckpointError> {
    let foreign = |reason: String| CheckpointError::Foreign { reason };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(format)?;
    let own = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let text = own.ok_or_else(|| foreign(format!("its metadata have no `{KEY}`")))?;
    let parsed: serde_json::Value = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
    // The version first: nothing else need be what it is here.
    let found = parsed.get("version").and_then(serde_json::Value::as_u64).and_then(|version| version.try_into().ok());
    let found: u32 = found.ok_or_else(|| foreign("its metadata have no version".to_owned()))?;
    if found != VERSION {
        return Err(CheckpointError::Version { found, expected: VERSION });
    }
    serde_json::from_value(parsed).map_err(|error| foreign(error.to_string()))
}

fn check_contents(metadata: &Metadata, tensors: &SafeTensors<'_>) -> Result<(), CheckpointError> {
    let mut contents: Vec<_> = tensors.iter().collect();
    contents.sort_by_key(|(name, _)| *name);
    let contents = contents
        .iter()
        .map(|(name, view)| (*name, format!("{:?} {:?}", view.dtype(), view.shape()), Cow::Borrowed(view.data())));
    let (found, expected) = (checksum(metadata, contents), metadata.checksum);
    if found == expected { Ok(()) } else { Err(CheckpointError::Checksum { found, expected }) }
}

/// The same names in the same order, with the same settings.
fn check_settings<P>(metadata: &Metadata, entries: &[Entry<P>]) -> Result<(), CheckpointError>
where
    P: Precision,
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
{
    let saved = &metadata.parameters;
    for number in 0..saved.len().max(entries.len()) {
        let (found, expected) = (saved.get(number), entries.get(number));
        let names = (found.map(|own| &own.name), expected.map(|own| &own.name));
        let (Some(found), Some(entry), true) = (found, expected, names.0 == names.1) else {
            let (found, expected) = (names.0.cloned(), names.1.cloned());
            return Err(CheckpointError::Parameter { number, found, expected });
        };
        for (field, expected) in settings::<P>(&entry.shape, entry.tensor.config()) {
            let found = found.settings.get(field).map_or("nothing", String::as_str);
            if found != expected {
                let (parameter, found) = (entry.name.clone(), found.to_owned());
                return Err(CheckpointError::Setting { parameter, field, found, expected });
            }
        }
    }
    Ok(())
}

/// The state of one parameter, with every length as it must be.
fn state<P>(entry: &Entry<P>, tensors: &SafeTensors<'_>) -> Result<State<P>, CheckpointError>
where
    P: Precision,
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
{
    let need = entry.tensor.lengths();
    let refuse = |part: Part| CheckpointError::Tensor { tensor: part.of(&entry.name) };
    let counts: Vec<u64> = numbers(tensors, entry, Part::Counts, 2)?;
    let rows: Vec<u64> = numbers(tensors, entry, Part::Slots, need.slots * Slot::WORDS)?;
    let read: Option<Vec<Slot>> = rows.as_chunks().0.iter().map(Slot::from_words).collect();
    let slots = read.ok_or_else(|| refuse(Part::Slots))?;
    let orders = entry.tensor.partition().factors(0..need.slots).map(|factor| factor.order);
    let waiting = slots.iter().zip(orders).filter(|(slot, _)| slot.pending().is_some());
    let snapshots = if entry.is_offloaded() { waiting.map(|(_, order)| packed_len(order)).sum() } else { 0 };
    Ok(State {
        statistics: numbers(tensors, entry, Part::Statistics, need.statistics)?,
        roots: numbers(tensors, entry, Part::Roots, need.statistics)?,
        graft: numbers(tensors, entry, Part::Graft, need.graft)?,
        momentum: numbers(tensors, entry, Part::Momentum, need.momentum)?,
        slots,
        count: counts[0],
        filled: f64::from_bits(counts[1]),
        snapshots: numbers(tensors, entry, Part::Snapshots, snapshots)?,
    })
}

/// The numbers of a tensor, as many as there must be.
fn numbers<P: Precision, T: CheckpointNumber>(
    tensors: &SafeTensors<'_>,
    entry: &Entry<P>,
    part: Part,
    length: usize,
) -> Result<Vec<T>, CheckpointError> {
    let name = part.of(&entry.name);
    let found = tensors.tensor(&name).ok().filter(|view| view.dtype() == T::DTYPE);
    let numbers = found.and_then(|view| from_bytes(view.data())).filter(|numbers: &Vec<T>| numbers.len() == length);
    numbers.ok_or(CheckpointError::Tensor { tensor: name })
}
