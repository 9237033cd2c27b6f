//! Why a checkpoint was not written or not read.

use std::io;
use std::path::PathBuf;

/// Why a checkpoint was not written, or not read; an optimizer that was to be loaded has not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No safetensors file: truncated, or something else altogether.
    #[error("not a safetensors file, or not all of it: {reason}")]
    Format {
        /// What is wrong with it.
        reason: String,
    },
    /// No memory for the roots that are to be begun again.
    #[error("no memory for the roots under way")]
    Memory,
    /// A safetensors file that no optimizer of this crate wrote.
    #[error("a safetensors file, but not a checkpoint of this optimizer: {reason}")]
    Foreign {
        /// What is missing.
        reason: String,
    },
    /// Another version of the format.
    #[error("format version {found}, expected {expected}")]
    Version {
        /// The file's.
        found: u32,
        /// This crate's.
        expected: u32,
    },
    /// The file was altered.
    #[error("the checksum of the contents is {found:08x}, expected {expected:08x}: the file was altered")]
    Checksum {
        /// Of the contents.
        found: u32,
        /// In the file.
        expected: u32,
    },
    /// A parameter of the optimizer that the file does not have at that place, or the other way round.
    #[error("parameter number {number} is {found:?} in the file, expected {expected:?}")]
    Parameter {
        /// Its number in order of registration.
        number: usize,
        /// Its name in the file, if there is one.
        found: Option<String>,
        /// Its name here, if there is one.
        expected: Option<String>,
    },
    /// Another setting, shape or number type.
    #[error("parameter `{parameter}`: {field} is {found} in the file, expected {expected}")]
    Setting {
        /// The parameter.
        parameter: String,
        /// The setting.
        field: &'static str,
        /// Its value in the file.
        found: String,
        /// Its value here.
        expected: String,
    },
    /// Contents that do not fit together.
    #[error("tensor `{tensor}` is missing, superfluous, or not what it must be")]
    Tensor {
        /// Its name in the file.
        tensor: String,
    },
}
