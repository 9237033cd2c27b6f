//! Experiments with the Shampoo crates, behind one command-line program.
//!
//! Bottom to top:
//!
//! - [`data`]: the data sets, generated or read, and the order of the batches;
//! - [`model`]: the networks, over candle's tensors and automatic differentiation;
//! - [`optimizers`]: the table of optimizers that are compared, the only place that names them;
//!   [`rates`]: the learning rates found for them;
//! - [`train`]: one training run, the target loss, the search for a learning rate;
//! - [`report`]: table, plots and JSON; all of them read the same runs;
//! - [`experiments`]: one module for each subcommand, which ties the parts together.

pub mod data;
pub mod error;
pub mod experiments;
pub mod interrupt;
pub mod model;
pub mod optimizers;
pub mod random;
pub mod rates;
pub mod report;
pub mod restart;
pub mod spread;
pub mod train;
