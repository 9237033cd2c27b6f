//! The command line: one subcommand for each experiment.

use core::error::Error as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use shampoo_experiments::error::Error;
use shampoo_experiments::experiments::{
    accuracy, autoencoder, iterations, memory, roots, staleness, step_time, tables,
};

/// The system's allocator costs a quarter of a training step in page faults.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Experiments and tables of the Shampoo crates.
#[derive(Parser)]
#[command(version, flatten_help = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    experiment: Experiment,
}

#[derive(Subcommand)]
enum Experiment {
    Accuracy(accuracy::Args),
    Autoencoder(autoencoder::Args),
    Iterations(iterations::Args),
    Memory(memory::Args),
    Roots(roots::Args),
    Staleness(staleness::Args),
    StepTime(step_time::Args),
    Tables(tables::Args),
}

impl Experiment {
    fn run(self) -> Result<ExitCode, Error> {
        match self {
            Self::Accuracy(args) => accuracy::run(&args),
            Self::Autoencoder(args) => autoencoder::run(&args),
            Self::Iterations(args) => iterations::run(&args),
            Self::Memory(args) => memory::run(&args),
            Self::Roots(args) => roots::run(&args),
            Self::Staleness(args) => staleness::run(&args),
            Self::StepTime(args) => step_time::run(&args),
            Self::Tables(args) => tables::run(&args),
        }
    }
}

fn main() -> ExitCode {
    match Cli::parse().experiment.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}
