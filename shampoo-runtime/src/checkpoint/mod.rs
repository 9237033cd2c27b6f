//! Checkpoints: everything that a run needs to go on bit for bit, in one safetensors file.
//!
//! For every parameter `name` the file has the tensors `name/statistics`, `name/roots`, `name/graft`, `name/momentum`,
//! `name/slots` (a row for each factor), `name/counts`, and `name/snapshots`: the statistics whose roots are under way,
//! factor after factor, so that a load begins these roots again. The metadata hold the format's version, the optimizer's
//! step, names, shapes and settings in order of registration, and a checksum (CRC-32) over all of that and all numbers.
//!
//! Parameters and learning rates are the caller's, who saves them with the model.

mod error;
mod numbers;
mod read;
mod replace;
mod settings;
mod write;

pub use error::CheckpointError;
pub use numbers::CheckpointNumber;

use std::path::Path;

use serde::{Deserialize, Serialize};
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::Precision;

use crate::optimizer::Shampoo;
use settings::Settings;

/// Version of the format.
const VERSION: u32 = 1;

/// The key of the metadata: one alone, since the order of several is not defined.
const KEY: &str = "shampoo";

/// What the file says beside the numbers.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    version: u32,
    /// Over the tensors and these metadata with a checksum of 0.
    checksum: u32,
    step: u64,
    parameters: Vec<Parameter>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Parameter {
    name: String,
    settings: Settings,
}

/// The tensors of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Statistics,
    Roots,
    Graft,
    Momentum,
    Slots,
    Counts,
    Snapshots,
}

impl Part {
    const ALL: [Self; 7] =
        [Self::Statistics, Self::Roots, Self::Graft, Self::Momentum, Self::Slots, Self::Counts, Self::Snapshots];

    /// The tensor's name in the file.
    fn of(self, parameter: &str) -> String {
        let part = match self {
            Self::Statistics => "statistics",
            Self::Roots => "roots",
            Self::Graft => "graft",
            Self::Momentum => "momentum",
            Self::Slots => "slots",
            Self::Counts => "counts",
            Self::Snapshots => "snapshots",
        };
        format!("{parameter}/{part}")
    }
}

/// The checksum: over the metadata, then over each tensor's name, type, shape and bytes.
fn checksum<'a>(
    metadata: &Metadata,
    tensors: impl Iterator<Item = (&'a str, String, std::borrow::Cow<'a, [u8]>)>,
) -> u32 {
    let mut hash = crc32fast::Hasher::new();
    let plain = Metadata { checksum: 0, parameters: Vec::new(), ..*metadata };
    hash.update(&serde_json::to_vec(&(plain, &metadata.parameters)).expect("names and numbers are valid JSON"));
    for (name, kind, bytes) in tensors {
        for part in [name.as_bytes(), kind.as_bytes(), &*bytes] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize()
}

impl<P: Precision, K: Kernel<P::Root> + Send + 'static> Shampoo<P, K>
where
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
{
    /// Writes everything that a resumed run needs, statistics whose roots are under way included.
    ///
    /// A file of this name is replaced at once and for good: after a crash there is the old one or the new one. The same
    /// state gives the same bytes. Training goes on afterwards as if nothing had happened.
    ///
    /// **Errors**: [`CheckpointError::Io`].
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("state.safetensors");
    /// use shampoo_runtime::Builder;
    /// let optimizer = Builder::new().parameter("w", &[2, 2]).build()?;
    /// optimizer.save(&path)?;
    /// let mut resumed = Builder::new().parameter("w", &[2, 2]).build()?;
    /// resumed.load(&path)?;
    /// let mut other = Builder::new().parameter("w", &[2, 3]).build()?;
    /// assert!(other.load(&path).unwrap_err().to_string().contains("shape is [2, 2] in the file, expected [2, 3]"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        write::save(self, path.as_ref())
    }

    /// Goes on where the optimizer stood that wrote this file; roots under way here are given up, and those that were
    /// under way there are begun again.
    ///
    /// In [`Mode::Sync`](shampoo_core::schedule::Mode::Sync),
    /// [`Mode::Adaptive`](shampoo_core::schedule::Mode::Adaptive) and
    /// [`Mode::Pipelined`](shampoo_core::schedule::Mode::Pipelined) the following steps have the bits of the run that was
    /// not interrupted; in the last one before all factors have a root only with the same value of
    /// [`wait_for_first_roots`](crate::Builder::wait_for_first_roots).
    ///
    /// **Errors**: [`CheckpointError`]: names in another order, other shapes, settings or number types, a foreign, truncated
    /// or altered file. Everything is checked before anything changes.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), CheckpointError> {
        read::load(self, path.as_ref())
    }
}
