//! `roots`: what an inverse fourth root costs, beside an eigendecomposition and coupled Newton.
//!
//! `inputs` makes the matrices, `contenders` lists who computes their roots, `timing` takes turns among them, `row` is
//! the form of a result.

mod contenders;
mod faer_root;
mod inputs;
mod row;
mod timing;

use std::path::PathBuf;
use std::process::ExitCode;

use shampoo_runtime::kernel::Server;

use crate::error::Error;
use crate::report::progress;
use crate::report::table::aligned;
use contenders::CONTENDERS;
use inputs::Inputs;
use row::Rows;
use timing::Plan;

/// Orders of the single roots.
const ORDERS: [usize; 5] = [16, 32, 64, 128, 256];

/// Batches: how many matrices of which order.
const BATCHES: [(usize, usize); 4] = [(256, 128), (1024, 64), (2048, 32), (4096, 16)];

/// Largest error that a rational root may have.
const LARGEST_ERROR: f64 = 1e-7;

/// Compare the times of inverse fourth roots: rational, by eigendecomposition (faer) and by coupled Newton.
///
/// Packed f32 triangles of averaged statistics go in, ridge 1e-6 of the largest eigenvalue, f64 inside, packed f32
/// triangles come out. The methods take turns in every round, so that a noisy machine disturbs all alike; times are
/// medians over the rounds, errors in the spectral norm of the roots as stored, against an eigendecomposition by Jacobi
/// rotations in f64: the largest of the different matrices. It fails where a rational root is off by more than 1e-7.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Rounds of single roots; batches take a third of them
    #[arg(long, default_value = "21")]
    rounds: usize,
    /// Orders of the single roots
    #[arg(long, value_delimiter = ',', default_values_t = ORDERS)]
    orders: Vec<usize>,
    /// Leave the batches out
    #[arg(long)]
    single: bool,
    /// File for the rows as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
}

/// Times all contenders and prints the table.
///
/// # Errors
/// Threads cannot be started, or the JSON file cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let mut plans: Vec<Plan> = args.orders.iter().map(|&n| Plan::single(n, args.rounds)).collect();
    if !args.single {
        let batches = BATCHES.iter().flat_map(|&(count, n)| [1, 2].map(|threads| (count, n, threads)));
        plans.extend(batches.map(|(count, n, threads)| Plan::batch(n, count, threads, args.rounds.div_ceil(3))));
    }
    println!("server kernel: {:?}; the library chooses its own instructions", Server::new().instructions());
    let bar = progress::bar("roots", plans.iter().map(|plan| plan.rounds).sum());
    let mut rows = Vec::new();
    for plan in plans {
        let inputs = Inputs::new(plan.n, plan.count.min(inputs::DISTINCT));
        rows.extend(timing::rows(&plan, &inputs, CONTENDERS, &bar)?);
    }
    bar.finish_and_clear();
    let rows = Rows { rows };
    println!("{}", aligned(&rows.cells()));
    if let Some(path) = &args.json {
        rows.save(path)?;
        println!("rows: {}", path.display());
    }
    let mut all_good = true;
    for row in rows.inaccurate(LARGEST_ERROR) {
        println!("off by more than {LARGEST_ERROR:e}: {row:?}");
        all_good = false;
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
