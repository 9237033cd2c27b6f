//! What can end an experiment early.

use std::path::PathBuf;

use shampoo_core::error::RootError;

use crate::data::DataError;
use crate::train::tune::TuneError;

/// The errors of all experiments.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A data file is missing or is not what it should be.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor operation failed.
    #[error("the tensor library refused an operation")]
    Candle(#[from] candle_core::Error),
    /// No rate of a grid was good enough to record.
    #[error("tuning {optimizer}")]
    Tune {
        /// The optimizer that was tuned.
        optimizer: &'static str,
        /// What went wrong.
        source: TuneError,
    },
    /// A rational approximation was not found.
    #[error("the exchange for p = {order} and {poles} poles: {reason}")]
    Exchange {
        /// The root order.
        order: u32,
        /// The number of poles.
        poles: usize,
        /// What went wrong.
        reason: &'static str,
    },
    /// A method found no root where there is one.
    #[error("{method} found no root of a matrix of order {n}")]
    NoRoot {
        /// The method.
        method: &'static str,
        /// The order of the matrix.
        n: usize,
    },
    /// A file to compare with could not be read.
    #[error("reading {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A result could not be written.
    #[error("writing {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A plot could not be drawn.
    #[error("drawing {}: {message}", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// The cause, in the plotting library's words.
        message: String,
    },
    /// The batch is larger than the training set.
    #[error("a batch of {batch} images from a training set of {count}")]
    Batch {
        /// The batch asked for.
        batch: usize,
        /// The images there are.
        count: usize,
    },
    /// A root was asked for that an iteration does not compute.
    #[error("starting an iteration")]
    Root(#[from] RootError),
    /// An optimizer was not built.
    #[error("building the optimizer")]
    Optimizer(#[from] shampoo_runtime::Error),
    /// The program could not start itself again.
    #[error("starting the program again with {variable} set")]
    Restart {
        /// The environment variable.
        variable: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// The handler of Ctrl-C could not be installed.
    #[error("installing the handler of Ctrl-C")]
    Interrupt(#[from] ctrlc::Error),
}
