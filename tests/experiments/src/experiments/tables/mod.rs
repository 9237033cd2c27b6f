//! `tables`: the rational functions of the inverse roots, computed anew.
//!
//! `start` interpolates, `remez` makes the interpolant the best approximation, `sum` and `solve` are what it needs of
//! `numbers`. `verify` looks for the largest error of what was rounded, `row` is the form of the results, `render`
//! makes the source of the committed file, `check` compares with tables from elsewhere, `table` prints.

mod check;
mod numbers;
mod remez;
mod render;
mod row;
mod solve;
mod start;
mod sum;
mod table;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use rayon::prelude::*;

use crate::error::Error;
use crate::report::{self, progress};
use row::{Row, Rows};

/// The orders p that have tables, besides the inverse itself.
const ORDERS: [u32; 5] = [2, 3, 4, 6, 8];

/// The numbers of poles.
const POLES: [usize; 3] = [12, 16, 28];

/// Left end of the interval: four times below the default ridge.
const LOWER: f64 = 2.5e-7;

/// The committed file.
const COMMITTED: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../shampoo-core/src/linalg/inverse_root/tables/generated.rs"
));

/// Compute the rational functions of the inverse roots, and compare them with the committed ones.
///
/// Each table is the best approximation of x^(-1/p) on [2.5e-7, 1] by a constant and so many poles, in the relative
/// sense: an exchange of Remez in numbers of 96 digits. The largest error is that of the rounded table, found by
/// looking. The program fails if the committed file is not reproduced byte for byte.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Only these orders
    #[arg(long, value_delimiter = ',', value_name = "P", value_parser = order)]
    orders: Vec<u32>,
    /// Only these numbers of poles
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = poles)]
    poles: Vec<usize>,
    /// File for the Rust source of all tables
    #[arg(long, value_name = "PATH", conflicts_with_all = ["orders", "poles"])]
    write: Option<PathBuf>,
    /// File for the rows as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// JSON file of tables to compare with; fail where a number differs by more than 1e-4 or an error by 1e-3
    #[arg(long, value_name = "PATH")]
    check: Option<PathBuf>,
}

/// Computes the tables and compares them; failure if something differs.
///
/// # Errors
/// An exchange fails, a file cannot be read or written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    if let Some(folder) = args.json.as_deref().and_then(Path::parent) {
        report::create_folder(folder)?;
    }
    let start = Instant::now();
    let mut rows = compute(args)?;
    for row in &mut rows {
        row.reproduced = COMMITTED.contains(&render::block(row));
    }
    let all = args.orders.is_empty() && args.poles.is_empty();
    let reproduced = if all { COMMITTED == render::file(&rows) } else { rows.iter().all(|row| row.reproduced) };
    println!("{}", table::table(&rows));
    if let Some(path) = &args.json {
        Rows { rows: &rows, reproduced }.save(path)?;
        println!("rows: {}", path.display());
    }
    if let Some(path) = &args.write {
        report::write(path, &render::file(&rows))?;
        println!("source: {}", path.display());
    }
    let mut passed = reproduced;
    if let Some(path) = &args.check {
        for comparison in check::compare(&rows, path)? {
            println!("{}", comparison.text());
            passed &= comparison.agrees();
        }
    }
    let what = if all { "the committed file" } else { "these tables of the committed file" };
    println!("{what}: {}", if reproduced { "reproduced byte for byte" } else { "not reproduced" });
    println!("{} tables in {:.1} s", rows.len(), start.elapsed().as_secs_f64());
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tables asked for, by order and then by poles.
fn compute(args: &Args) -> Result<Vec<Row>, Error> {
    let orders = ORDERS.into_iter().filter(|p| args.orders.is_empty() || args.orders.contains(p));
    let poles = || POLES.into_iter().filter(|n| args.poles.is_empty() || args.poles.contains(n));
    let wanted: Vec<(u32, usize)> = orders.flat_map(|p| poles().map(move |n| (p, n))).collect();
    let bar = progress::bar("rational tables", wanted.len());
    let row = |(p, n)| {
        let row = Row::compute(p, n, LOWER);
        bar.inc(1);
        row
    };
    let rows = wanted.into_par_iter().map(row).collect();
    bar.finish_and_clear();
    rows
}

fn order(text: &str) -> Result<u32, String> {
    one_of(&ORDERS, text)
}

fn poles(text: &str) -> Result<usize, String> {
    one_of(&POLES, text)
}

/// A number that is in the list.
fn one_of<T: Copy + PartialEq + core::str::FromStr + core::fmt::Debug>(list: &[T], text: &str) -> Result<T, String> {
    let found = text.parse().ok().filter(|number| list.contains(number));
    found.ok_or_else(|| format!("there are {list:?}"))
}

#[cfg(test)]
mod tests {
    use super::{Args, ORDERS, POLES, compute, one_of, render};

    #[test]
    fn only_what_is_asked_for_is_computed() {
        let args = Args { orders: vec![2], poles: vec![12], write: None, json: None, check: None };
        let rows = compute(&args).expect("a best approximation");
        assert_eq!(rows.iter().map(|row| (row.p, row.poles)).collect::<Vec<_>>(), [(2, 12)]);
        assert!(super::COMMITTED.contains(&render::block(&rows[0])));
    }

    #[test]
    fn only_what_there_is_can_be_asked_for() {
        assert_eq!(one_of(&ORDERS, "4"), Ok(4));
        assert!(one_of(&ORDERS, "5").is_err() && one_of(&POLES, "x").is_err());
    }
}
