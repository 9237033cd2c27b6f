//! The experiments: one module for each subcommand, with its arguments and a function `run`.

pub mod accuracy;
pub mod autoencoder;
pub mod iterations;
pub mod memory;
pub mod roots;
pub mod staleness;
pub mod step_time;
pub mod tables;
