//! Shampoo on servers: heap-backed state, threads, library kernels, framework adapters.
//!
//! [`Shampoo`] trains named parameters; a [`Builder`] makes it. All formulas are in `shampoo-core`:
//! this crate allocates, loops over parameters, spreads factors and blocks over a private thread pool,
//! and lends a framework's memory to core.
//!
//! | module | what it is |
//! |---|---|
//! | [`Builder`], [`SERVER_CONFIG`] | what is trained and how |
//! | [`Shampoo`] | the step over all parameters |
//! | [`Shampoo::save`], [`Shampoo::load`] | checkpoints |
//! | [`RootBatch`] | many inverse roots at once, without an optimizer |
//! | [`heap`] | state over vectors, workspaces |
//! | [`kernel`] | faer's products, core's passes compiled for the vectors at hand |
//! | [`accelerator`] | where gradients, parameters and statistics live: the host, or a device |
//! | [`pipeline`] | roots beside training, for any accelerator |
//! | [`adapters`] | frameworks (feature `candle`): `candle` on the host, `candle_device` on the variables' own device |
//! | [`StepReport`], [`Timeline`] | roots accepted and refused, promises, ages, what is under way, where the time went |
//!
//! # Features
//!
//! `rayon` (default): the thread pool; without it everything runs on the calling thread, and the crate builds for
//! wasm32. `candle`: the adapters to candle's `Optimizer`. Features add items and never change a number: a run gives
//! the same bits with any number of threads.

pub mod accelerator;
pub mod adapters;
mod checkpoint;
mod entry;
mod error;
mod executor;
pub mod heap;
mod host;
pub mod kernel;
mod optimizer;
mod params;
pub mod pipeline;
mod roots;
mod telemetry;

pub use checkpoint::{CheckpointError, CheckpointNumber};
pub use error::Error;
pub use optimizer::{Gradient, ParameterMut, Shampoo};
pub use params::{Builder, SERVER_CONFIG};
pub use roots::{BatchError, RootBatch};
/// The crate whose settings and reports appear here.
pub use shampoo_core;
pub use shampoo_core::schedule::{Adaptive, Mode};
pub use telemetry::{AGE_BUCKETS, Ages, Event, Flow, Lane, Phases, StepReport, Timeline};

#[cfg(feature = "candle")]
pub use adapters::{candle, candle_device};
