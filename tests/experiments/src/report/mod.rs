//! What an experiment leaves: a table on the terminal, plots, JSON; and the bars while it runs.

pub mod axis;
pub mod bars;
mod canvas;
pub mod figure;
pub mod json;
pub mod lanes;
pub mod plot;
pub mod progress;
pub mod table;

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::error::Error;

/// Writes a file, and the folder that it lies in if need be.
///
/// # Errors
/// [`Error::Write`], with the path.
pub fn write(path: &Path, content: &str) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        create_folder(folder)?;
    }
    fs::write(path, content).map_err(|source| Error::Write { path: path.to_owned(), source })
}

/// Writes an object as JSON, see [`write()`].
///
/// # Errors
/// [`Error::Write`], with the path.
pub fn write_json(object: &impl Serialize, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(object)
        .map_err(|error| Error::Write { path: path.to_owned(), source: error.into() })?;
    write(path, &(text + "\n"))
}

/// Creates a folder with its parents, unless it is there.
///
/// # Errors
/// [`Error::Write`], with the path.
pub fn create_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| Error::Write { path: path.to_owned(), source })
}
