//! `step-time`: what a Transformer's training step costs with diagonal AdaGrad, and what Shampoo adds to it.
//!
//! `plan` lists what is compared, `threads` says where it runs, `contender` is one of them at work, `timing` takes
//! turns among them, `losses` trains them to compare schedules, `timeline` shows some steps as they were, `bound` says
//! what the machine forbids, `row` is the form of a result, `plot` draws them.

mod bound;
mod contender;
mod losses;
mod plan;
mod plot;
mod row;
mod threads;
mod timeline;
mod timing;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::RangedU64ValueParser;

use crate::data::tokens::{Corpus, chain, text};
use crate::error::Error;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::report::{self, table::aligned};
use crate::restart;
use bound::Machine;
use plan::{Arrangement, Case, Config, Plan, Scale};
use row::Rows;

/// Time the training step of a Transformer with diagonal AdaGrad and with Shampoo.
///
/// Width 256, feed-forward 1024, 4 layers, vocabulary 4096, 2048 tokens a batch, blocks of 128. Shampoo on all
/// matrices, or on all but embedding and softmax; roots every N steps, in step or pipelined. In the arrangement
/// `offload` training has one thread and the pipelined roots another one, as an accelerator and its host; in `shared`
/// all have all cores. All contenders live in one process and take turns in every round, AdaGrad before each; times and
/// ratios are medians over the rounds. All share AdaGrad's step length, momentum, learning rate and its warm-up: only the
/// preconditioner differs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// A text file, plain or gz [default: a generated text]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Where training and roots run
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES", default_values_t = Arrangement::ALL)]
    arrangements: Vec<Arrangement>,
    /// What Shampoo preconditions
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES", default_values_t = Config::SHAMPOO)]
    configs: Vec<Config>,
    /// Steps between roots
    #[arg(long, value_delimiter = ',', value_name = "N", default_values_t = [1, 5, 20],
        value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    intervals: Vec<u64>,
    /// Turns of each contender; 0 leaves the times out
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// Least number of steps in a turn; an interval is never cut
    #[arg(long, default_value = "5", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    turn: u64,
    /// Compare the losses of pipelined and synchronous runs too
    #[arg(long)]
    losses: bool,
    /// Steps of each of these runs
    #[arg(long, default_value = "200", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    steps: usize,
    /// Seeds of these runs; a ratio is the median over them
    #[arg(long, default_value = "3", value_name = "K", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    seeds: u64,
    /// Learning rate of all
    #[arg(long, default_value_t = plan::RATE)]
    rate: f64,
    /// A tiny network, to see that all works
    #[arg(long)]
    small: bool,
    /// File for the rows as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// File for a few pipelined steps as trace events, which Perfetto opens; a picture of them goes beside it
    #[arg(long, value_name = "PATH")]
    timeline: Option<PathBuf>,
    /// Folder for the plot
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

/// Runs the experiment and reports; after Ctrl-C it reports what there is.
///
/// # Errors
/// The text cannot be read, a tensor operation failed, threads cannot be started, or a result cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    // Freed pages stay in the process. Else each step gives the pages of its large tensors back and faults them in
    // again, which slows all contenders by about the same time: AdaGrad's step by a fifth, and the ratios come out too
    // small.
    if let Some(code) = restart::with_variable("MIMALLOC_PURGE_DELAY", "-1")? {
        return Ok(code);
    }
    let scale = if args.small { Scale::SMALL } else { Scale::FULL };
    let corpus = corpus(args, scale)?;
    // What cannot be written is better known before the training than after it.
    report::create_folder(&args.out)?;
    for folder in [&args.json, &args.timeline].into_iter().filter_map(|path| path.as_deref()?.parent()) {
        report::create_folder(folder)?;
    }
    let interrupt = Interrupt::install()?;
    let plan = Plan {
        scale,
        rate: args.rate,
        corpus,
        cases: Case::all(&args.configs, &args.intervals),
        rounds: args.rounds,
        turn: args.turn,
        interrupt,
    };

    let mut rows = Rows::default();
    for &arrangement in &args.arrangements {
        let machine = Machine::measure(&plan, arrangement)?;
        println!("{arrangement}: {machine}");
        let measured = timing::measure(&plan, arrangement)?;
        rows.extend(&plan, arrangement, &machine, &measured);
    }
    if args.losses {
        let ratios = losses::ratios(&plan, args.steps, args.seeds, &mut rows.losses)?;
        rows.add_losses(&ratios);
    }
    if !rows.rows.is_empty() {
        println!("\n{}", aligned(&rows.cells()));
        println!("{}", row::EXPLANATION);
    }
    if let Some(path) = &args.json {
        rows.save(path)?;
        println!("rows: {}", path.display());
    }
    if !rows.rows.is_empty() {
        for path in plot::bars(&plan, &rows).save(&args.out, "step-time")? {
            println!("plot: {}", path.display());
        }
    }
    if let Some(path) = &args.timeline
        && let Some(pictures) = timeline::save(&plan, path)?
    {
        println!("timeline: {}", path.display());
        for path in pictures {
            println!("plot: {}", path.display());
        }
    }
    Ok(if plan.interrupt.raised() {
        println!("stopped by Ctrl-C: these are the results so far");
        ExitCode::from(EXIT_CODE)
    } else {
        ExitCode::SUCCESS
    })
}

fn corpus(args: &Args, scale: Scale) -> Result<Corpus, Error> {
    let vocabulary = scale.sizes.vocabulary;
    Ok(match &args.data {
        Some(file) => text::read(file, vocabulary, scale.length + 1)?,
        None => chain::generate(0, vocabulary, 1 << 20),
    })
}
