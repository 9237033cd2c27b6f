//! `autoencoder`: a deep autoencoder, trained by several optimizers side by side.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum as _;
use clap::builder::RangedU64ValueParser;

use crate::data::Dataset;
use crate::error::Error;
use crate::interrupt::{EXIT_CODE, Interrupt};
use crate::optimizers::Method;
use crate::optimizers::variants::{Family, OTHERS};
use crate::rates;
use crate::report::json::{GridReport, Report, RunReport};
use crate::report::{self, plot, progress, table};
use crate::train::run::run as train;
use crate::train::target::{Watch, target};
use crate::train::tune::{self, Grid, TuneError};
use crate::train::{End, Job, Run, Setting};

/// Train a deep autoencoder with several optimizers side by side.
///
/// The first-order methods run first and set the target: the best median final training loss. All
/// methods see the same initial weights and the same batches.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folder with MNIST's IDX files, gz or plain [default: generated CURVES]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Steps of each run
    #[arg(long, default_value = "600", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    steps: usize,
    /// Images in a batch
    #[arg(long, default_value = "1000", value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    batch: usize,
    /// Number of seeds; the table shows medians and spread
    #[arg(long, default_value = "1", value_name = "K", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value = "0")]
    seed: u64,
    /// Optimizers to run [default: all]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES")]
    optimizers: Vec<Method>,
    /// Shampoo with other grafts, the presets, and SM3 alone: their names, or all
    #[arg(long, value_delimiter = ',', value_name = "NAMES", value_parser = others)]
    graft: Vec<Others>,
    /// Search the learning rates first, on seven rates a factor of about 3 apart and beyond
    #[arg(long)]
    tune: bool,
    /// File for the results as JSON
    #[arg(long, value_name = "PATH")]
    json: Option<PathBuf>,
    /// Folder for the plots
    #[arg(long, value_name = "DIR", default_value = "out")]
    out: PathBuf,
}

/// Runs the experiment and reports; after Ctrl-C it reports what there is.
///
/// # Errors
/// A data file is missing or damaged, a tensor operation failed, a grid has no best rate, or a
/// result cannot be written.
pub fn run(args: &Args) -> Result<ExitCode, Error> {
    let dataset = match &args.data {
        Some(folder) => Dataset::mnist(folder)?,
        None => Dataset::curves(),
    };
    // What cannot be written is better known before the training than after it.
    report::create_folder(&args.out)?;
    if let Some(folder) = args.json.as_deref().and_then(Path::parent) {
        report::create_folder(folder)?;
    }
    let interrupt = Interrupt::install()?;
    let setting = Setting::new(dataset, args.batch, args.steps, interrupt)?;
    let mut methods = match args.optimizers.as_slice() {
        [] => Method::value_variants().to_vec(),
        chosen => chosen.to_vec(),
    };
    methods.extend(args.graft.iter().flat_map(|others| &others.0));
    let mut seen = Vec::new();
    methods.retain(|method| {
        !seen.contains(method) && {
            seen.push(*method);
            true
        }
    });
    // Stable: the first-order methods come first, and nothing else changes.
    methods.sort_by_key(|method| !method.row().first_order);

    let grids = if args.tune { search_all(&setting, &methods, args.seed)? } else { Vec::new() };
    let (runs, target) = race(&setting, &methods, args, &grids)?;

    println!("{}", table::table(&runs, target));
    if let Some(path) = &args.json {
        let results = Report {
            experiment: "autoencoder".to_owned(),
            data: setting.dataset().name.to_owned(),
            target_loss: target,
            runs: runs.iter().map(|run| RunReport::of(run, target)).collect(),
            grids: grids.iter().map(|(method, grid)| GridReport::of(method.row().key, grid)).collect(),
        };
        results.save(path)?;
        println!("results: {}", path.display());
    }
    if runs.iter().any(|run| run.steps() > 0) {
        let name = format!("autoencoder-{}", setting.dataset().name);
        let title = format!("Deep autoencoder on {}", setting.dataset().label);
        for (family, runs) in by_family(&runs) {
            let name = family.map_or(name.clone(), |family| format!("{name}-{}", family.key()));
            for path in plot::save(&args.out, &name, &title, &runs, target)? {
                println!("plot: {}", path.display());
            }
        }
    }
    Ok(if setting.interrupted() {
        println!("stopped by Ctrl-C: these are the results so far");
        ExitCode::from(EXIT_CODE)
    } else {
        ExitCode::SUCCESS
    })
}

/// What one name of `--graft` stands for.
#[derive(Clone, Debug)]
struct Others(Vec<Method>);

fn others(key: &str) -> Result<Others, String> {
    let names = || OTHERS.iter().map(|variant| variant.row.key).collect::<Vec<_>>().join(", ");
    Method::others(key).map(Others).ok_or_else(|| format!("there are: all, {}", names()))
}

/// The runs of each plot: those of the usual methods, then each family of variants, beside Shampoo with its defaults where
/// these are not among them.
fn by_family(runs: &[Run]) -> Vec<(Option<Family>, Vec<Run>)> {
    let of = |family: Option<Family>| -> Vec<Run> {
        let belongs = |run: &&Run| match run.job.method.variant() {
            Some(variant) => family == Some(variant.family),
            None => family.is_none() || run.job.method == Method::Shampoo && family != Some(Family::Layerwise),
        };
        runs.iter().filter(belongs).cloned().collect()
    };
    let families = [None].into_iter().chain(Family::ALL.map(Some));
    let used = |family: &Option<Family>| {
        runs.iter().any(|run| run.job.method.variant().map(|variant| variant.family) == *family)
    };
    families.filter(used).map(|family| (family, of(family))).collect()
}

/// Searches the rate of each method and prints what to record.
///
/// First-order methods set the target by their loss after all steps, so that is what their rate is chosen by; the
/// others have to be there after a third of the steps, and theirs is chosen by the loss then.
fn search_all(setting: &Setting, methods: &[Method], seed: u64) -> Result<Vec<(Method, Grid)>, Error> {
    let mut grids = Vec::new();
    for &method in methods {
        let label = method.row().label;
        let steps = if method.row().first_order { setting.steps() } else { setting.steps().div_ceil(3) };
        let grid = tune::search(|rate| {
            let watch = Watch::Final;
            let job = Job { method, rate, seed, watch, steps };
            let bar = progress::bar(&format!("tuning {label}, rate {rate}"), steps);
            let run = train(setting, job, &bar)?;
            bar.finish_and_clear();
            if run.end == End::Interrupted {
                return Ok(None);
            }
            println!("{label}, rate {rate}: training loss {:.2} after {steps} steps", run.final_train);
            Ok(Some(run.final_train))
        })
        .map_err(|error| match error {
            SearchError::Tune(source) => Error::Tune { optimizer: label, source },
            SearchError::Run(error) => error,
        })?;
        if let Some(best) = grid.best {
            println!("{label}: record rate {} for {}\n", best.rate, setting.dataset().name);
        }
        grids.push((method, grid));
        if setting.interrupted() {
            break;
        }
    }
    Ok(grids)
}

/// Runs all methods with all seeds, the first-order ones first; then the target is known.
fn race(
    setting: &Setting,
    methods: &[Method],
    args: &Args,
    grids: &[(Method, Grid)],
) -> Result<(Vec<Run>, Option<f32>), Error> {
    let found: HashMap<Method, f64> =
        grids.iter().filter_map(|(method, grid)| Some((*method, grid.best?.rate))).collect();
    let mut runs = Vec::new();
    let mut goal = None;
    for &method in methods {
        let row = method.row();
        let recorded = || rates::recorded(method, setting.dataset().name);
        let rate = found.get(&method).copied().unwrap_or_else(recorded);
        if !row.first_order && goal.is_none() {
            goal = reference(&runs);
        }
        for seed in (args.seed..).take(args.seeds as usize) {
            if setting.interrupted() {
                return Ok((runs, goal));
            }
            let watch = goal.map_or(Watch::Unknown, Watch::Known);
            let bar = progress::bar(&format!("{}, seed {seed}", row.label), setting.steps());
            let job = Job { method, rate, seed, watch, steps: setting.steps() };
            let run = train(setting, job, &bar)?;
            bar.finish_and_clear();
            runs.push(run);
        }
    }
    let goal = goal.or_else(|| reference(&runs));
    Ok((runs, goal))
}

/// The target, from the first-order methods among the runs; none if Ctrl-C cut one of these short.
fn reference(runs: &[Run]) -> Option<f32> {
    let groups = table::by_method(runs);
    let first_order = groups.iter().filter(|(method, _)| method.row().first_order);
    if first_order.clone().flat_map(|(_, runs)| runs).any(|run| run.end == End::Interrupted) {
        return None;
    }
    let losses = first_order.map(|(_, runs)| runs.iter().map(|run| run.final_train).collect());
    target(losses.collect::<Vec<Vec<f32>>>().iter().map(Vec::as_slice))
}

/// The errors of a search: its own, or those of a run.
enum SearchError {
    Tune(TuneError),
    Run(Error),
}

impl From<TuneError> for SearchError {
    fn from(error: TuneError) -> Self {
        Self::Tune(error)
    }
}

impl From<Error> for SearchError {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}
