//! `accuracy`: what inverse roots promise of themselves, and what is true.
//!
//! `statistics` lists the kinds of matrices, `arithmetic` the scalars and kernels, `plan` the methods and what is
//! combined: a new one is a new row of a list. `judge` knows the true roots, `measure` makes the rows, `row` is their form,
//! `table` prints them, `shares` counts them, and `conditions` says what all of them together must satisfy.

mod arithmetic;
mod conditions;
mod judge;
mod measure;
mod plan;
mod row;
mod shares;
mod statistics;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::error::Error;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::report::{self, progress};
use conditions::Verdict;
use row::Rows;

/// Compare the certified error of inverse roots with the true one.
///
/// By method, scalars, kernel and kind of statistics. Every root is judged by an oracle wider than what computed it. The
/// table shows the method's own indicator, the promise of the certificate, the true relative error in the spectral norm,
/// and the a-priori bound kappa u / p. The program fails if an accepted root is worse than its promise, and on the other
/// conditions that it names.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Every combination, not the fixed list: half an hour or so, without the table. Ctrl-C reports what is there
    #[arg(long)]
    full: bool,
    /// Seed of the matrices
    #[arg(long, default_value = "0")]
    seed: u64,
    /// File for the rows as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
}

/// Measures all rows, prints them and the verdict on them; failure if a condition is violated.
///
/// # Errors
/// The JSON file cannot be written, or the handler of Ctrl-C not installed.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    if let Some(folder) = args.json.as_deref().and_then(Path::parent) {
        report::create_folder(folder)?;
    }
    let interrupt = Interrupt::install()?;
    let start = Instant::now();
    let problems = if args.full { plan::full() } else { plan::fixed() };
    let bar = progress::bar("accuracy of inverse roots", problems.iter().map(|problem| problem.rows()).sum());
    let measured = problems.iter().flat_map(|problem| measure::rows(problem, args.seed, &bar, &interrupt));
    let rows = Rows { rows: measured.collect() };
    bar.finish_and_clear();
    if !args.full {
        println!("{}", table::table(&rows.rows));
    }
    if let Some(path) = &args.json {
        rows.save(path)?;
        println!("rows: {}", path.display());
    }
    println!("{}", shares::shares(&rows.rows));
    let verdict = Verdict::of(&rows.rows);
    println!("{}", verdict.text(&rows.rows));
    println!("{} rows in {:.1} s", rows.rows.len(), start.elapsed().as_secs_f64());
    Ok(match (verdict.passed(), interrupt.raised()) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(EXIT_CODE),
        (true, false) => ExitCode::SUCCESS,
    })
}
