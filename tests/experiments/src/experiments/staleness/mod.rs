//! `staleness`: how many steps stale roots cost, by when they are computed and used.
//!
//! `plan` lists what is compared, `observed` looks at the ages, `row` is the form of a result, `plot` draws them.

mod observed;
mod plan;
mod plot;
mod row;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;

use crate::data::{Dataset, PIXELS, curves};
use crate::error::Error;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::optimizers::Method;
use crate::rates;
use crate::report::{self, progress, table::aligned};
use crate::train::run::{run as train, run_with};
use crate::train::target::Watch;
use crate::train::{End, Job, Setting};
use observed::Observed;
use plan::{Case, Mode};
use row::{Row, Rows};

/// Train a deep autoencoder with roots of different ages, and count the steps to a loss.
///
/// The target of a batch size is what Adam reaches in all steps. Shampoo has the library's defaults; its roots are
/// computed every N steps: in step (`sync`), beside training by one thread and used N steps later (`pipelined`) or when
/// they are ready (`async`), or where the statistics have moved, for as many flops as `sync` on average (`adaptive`).
/// All runs see the same initial weights and the same batches.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder with MNIST's IDX files, gz or plain [default: generated CURVES]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Images in a batch [default: 100,1000]
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    batches: Vec<usize>,
    /// Steps between the roots of a factor, N [default: 1,10,50,200,1200]
    #[arg(long, value_delimiter = ',', value_name = "N", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    intervals: Vec<u64>,
    /// When roots are computed and used
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES", default_values_t = Mode::ALL)]
    modes: Vec<Mode>,
    /// Steps of each run [default: 2400, from batch 1000 on 600]
    #[arg(long, value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    steps: Option<usize>,
    /// Seed of weights and batches
    #[arg(long, default_value = "0")]
    seed: u64,
    /// Learning rate of Shampoo [default: the recorded one, at most 3e-4 below batch 1000]
    #[arg(long)]
    rate: Option<f64>,
    /// Drift from which on `adaptive` computes a root
    #[arg(long, default_value_t = plan::DRIFT, value_name = "DRIFT")]
    drift: f64,
    /// A tiny network and a few steps, to see that all works
    #[arg(long)]
    small: bool,
    /// File for the rows as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Folder for the plots
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

/// Training images that losses are measured on: as many as the autoencoder's experiment takes would cost more than the
/// steps of the small batch.
const EVALUATED: usize = 2000;

/// Runs the experiment and reports; after Ctrl-C it reports what there is.
///
/// # Errors
/// A data file is missing or damaged, a batch is larger than the data, a tensor operation failed, or a result cannot be
/// written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let dataset = match &args.data {
        Some(folder) => Dataset::mnist(folder)?,
        None if args.small => small(),
        None => Dataset::curves(),
    };
    // What cannot be written is better known before the training than after it.
    report::create_folder(&args.out)?;
    if let Some(folder) = args.json.as_deref().and_then(Path::parent) {
        report::create_folder(folder)?;
    }
    let interrupt = Interrupt::install()?;
    let batches = chosen(&args.batches, if args.small { &[10, 50] } else { &[100, 1000] });
    let mut rows = Rows { experiment: "staleness", data: dataset.name, rows: Vec::new() };
    for &batch in &batches {
        let steps = args.steps.unwrap_or(if args.small { 12 } else { steps(batch) });
        let setting = Setting::evaluated(dataset.clone(), batch, steps, interrupt.clone(), EVALUATED)?;
        race(&setting, batch, args, &mut rows.rows)?;
    }

    println!("{}", aligned(&rows.cells()));
    println!("target: the loss that the reference, Adam, has after all steps; ages in steps");
    if let Some(path) = &args.json {
        report::write_json(&rows, path)?;
        println!("rows: {}", path.display());
    }
    for batch in batches {
        let Some(figure) = plot::figure(&rows.rows, batch, dataset.label) else { continue };
        for path in figure.save(&args.out, &format!("staleness-{}-{batch}", dataset.name))? {
            println!("plot: {}", path.display());
        }
    }
    Ok(if interrupt.raised() {
        println!("stopped by Ctrl-C: these are the results so far");
        ExitCode::from(EXIT_CODE)
    } else {
        ExitCode::SUCCESS
    })
}

/// The batch that the recorded rates were found for.
const LARGE: usize = 1000;

/// Shampoo's rate for smaller batches: the best of 1e-3, 3e-4 and 1e-4 on CURVES, batch 100, with roots of every ten steps
/// in step. Adam has the recorded one at all batches: it only sets the target.
const SMALL_BATCH_RATE: f64 = 3e-4;

/// Enough for the oldest roots to matter, and no more than a core has time for.
fn steps(batch: usize) -> usize {
    if batch < LARGE { 2400 } else { 600 }
}

fn chosen<T: Copy>(asked: &[T], default: &[T]) -> Vec<T> {
    if asked.is_empty() { default.to_vec() } else { asked.to_vec() }
}

fn small() -> Dataset {
    Dataset {
        name: "tiny",
        label: "a few curves",
        encoder: &[PIXELS, 20, 4],
        train: curves::generate(curves::SEED, 0..200),
        test: curves::generate(curves::SEED, 200..250),
    }
}

/// All runs of one batch size, the reference first; those after Ctrl-C are missing.
fn race(setting: &Setting, batch: usize, args: &Args, rows: &mut Vec<Row>) -> Result<(), Error> {
    let steps = setting.steps();
    let rate = |method| rates::recorded(method, setting.dataset().name);
    let job = |method, rate, watch| Job { method, rate, seed: args.seed, watch, steps };
    if setting.interrupted() {
        return Ok(());
    }
    let bar = progress::bar(&format!("batch {batch}, Adam"), steps);
    let reference = train(setting, job(Method::Adam, rate(Method::Adam), Watch::Final), &bar)?;
    bar.finish_and_clear();
    let target = (reference.end == End::Finished).then_some(reference.final_train);
    rows.push(Row::of(&reference, batch, target, None));

    let recorded = rate(Method::Shampoo);
    let rate = args.rate.unwrap_or(if batch < LARGE { recorded.min(SMALL_BATCH_RATE) } else { recorded });
    let intervals = chosen(&args.intervals, if args.small { &[1, 4] } else { &[1, 10, 50, 200, 1200] });
    let job = job(Method::Shampoo, rate, target.map_or(Watch::Final, Watch::Known));
    for &mode in &args.modes {
        for &interval in &intervals {
            if setting.interrupted() {
                return Ok(());
            }
            let case = Case { mode, interval };
            let bar = progress::bar(&format!("batch {batch}, {}", case.label()), steps);
            let build = |parameters| Ok(Observed::new(case.build(parameters, rate, args.drift)?));
            let (run, optimizer) = run_with(setting, job, &bar, build)?;
            bar.finish_and_clear();
            let row = Row::of(&run, batch, target, Some((case, optimizer.seen)));
            println!("batch {batch}, {}: {}", case.label(), row.result());
            rows.push(row);
        }
    }
    Ok(())
}
