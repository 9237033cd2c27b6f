//! Shampoo on servers.
pub mod adapters;
mod error;
mod executor;
pub mod heap;
pub mod kernel;
mod optimizer;
mod params;
mod telemetry;

pub use error::Error;
pub use optimizer::{Gradient, ParameterMut, Shampoo};
pub use params::{Builder, SERVER_CONFIG};
pub use telemetry::{Phases, StepReport};

#[cfg(feature = "candle")]
pub use adapters::candle;
