//! `accuracy`: what inverse roots promise of themselves, and what is true.
//!
//! `plan` lists the matrices and methods, `arithmetic` the scalars and kernels: a new one is a new row of a list.
//! `judge` knows the true roots, `measure` makes the rows, `row` is their form, `table` prints them, and
//! `conditions` says what all of them together must satisfy.

mod arithmetic;
mod conditions;
mod judge;
mod measure;
mod plan;
mod row;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use crate::error::Error;
use crate::report::{self, progress};
use conditions::Verdict;
use row::Rows;

/// Compare the certified error of inverse roots with the true one.
///
/// Every root is judged by an oracle in double-double arithmetic. The table shows the method's own indicator, the
/// promise of the certificate, the true relative error in the spectral norm, and the a-priori bound kappa u / p. The
/// program fails if an accepted root is worse than its promise, and on the other conditions that it names.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
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
/// The JSON file cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    if let Some(folder) = args.json.as_deref().and_then(Path::parent) {
        report::create_folder(folder)?;
    }
    let start = Instant::now();
    let problems = plan::problems();
    let bar = progress::bar("accuracy of inverse roots", problems.iter().map(|problem| problem.rows()).sum());
    let rows = Rows { rows: problems.iter().flat_map(|problem| measure::rows(problem, args.seed, &bar)).collect() };
    bar.finish_and_clear();
    println!("{}", table::table(&rows.rows));
    if let Some(path) = &args.json {
        rows.save(path)?;
        println!("rows: {}", path.display());
    }
    println!("{}", table::shares(&rows.rows));
    let verdict = Verdict::of(&rows.rows);
    println!("{}", verdict.text(&rows.rows));
    println!("{} rows in {:.1} s", rows.rows.len(), start.elapsed().as_secs_f64());
    Ok(if verdict.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
