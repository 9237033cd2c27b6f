//! Whole runs, to see what stale roots cost: the same seeds and batches, in step and pipelined.

use std::collections::HashMap;

use serde::Serialize;

use super::contender::Contender;
use super::plan::{Arrangement, Case, Config, Plan, Schedule};
use crate::error::Error;
use crate::report::progress;
use crate::spread::Spread;

/// The final loss of a run is the mean over this part of its last batches.
const FINAL: usize = 10;

/// A case and its ratio.
pub(super) type Ratio = (Case, f64);

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Loss {
    /// What is preconditioned.
    pub(super) config: &'static str,
    /// When roots are computed.
    pub(super) schedule: &'static str,
    /// Steps between roots.
    pub(super) interval: u64,
    /// Of weights and batches.
    pub(super) seed: u64,
    /// Steps of the run.
    pub(super) steps: usize,
    /// Learning rate of all.
    pub(super) rate: f64,
    /// The final training loss; null after divergence.
    pub(super) loss: Option<f64>,
}

/// Final training loss over that of the same run in step, median over the seeds; after Ctrl-C of those cases that are
/// complete. `losses` receives those of all runs that are.
///
/// # Errors
/// Those of the contenders.
pub(super) fn ratios(plan: &Plan, steps: usize, seeds: u64, losses: &mut Vec<Loss>) -> Result<Vec<Ratio>, Error> {
    let mut in_step: HashMap<(&str, u64, u64), f64> = HashMap::new();
    let mut ratios = Vec::new();
    for &case in plan.cases.iter().filter(|case| case.config != Config::Adagrad) {
        let mut all = Vec::new();
        for seed in 0..seeds {
            let bar = progress::bar(&format!("{}, seed {seed}", case.label()), steps);
            let Some(loss) = run(plan, case, seed, steps, &bar)? else { return Ok(ratios) };
            bar.finish_and_clear();
            let key = (case.config.key(), case.interval, seed);
            if case.schedule == Schedule::Sync {
                in_step.insert(key, loss);
            }
            all.extend(in_step.get(&key).map(|in_step| loss / in_step));
            println!("{}, seed {seed}: loss {loss:.4} after {steps} steps", case.label());
            let (config, schedule) = (case.config.key(), case.schedule.key());
            let loss = Some(loss).filter(|loss| loss.is_finite());
            losses.push(Loss { config, schedule, interval: case.interval, seed, steps, rate: plan.rate, loss });
        }
        if let Some(ratio) = Spread::of(all) {
            println!("{}: loss over that in step {:.4}, median of {seeds} seeds", case.label(), ratio.median);
            ratios.push((case, ratio.median));
        }
    }
    Ok(ratios)
}

/// The final loss; none after Ctrl-C.
fn run(plan: &Plan, case: Case, seed: u64, steps: usize, bar: &indicatif::ProgressBar) -> Result<Option<f64>, Error> {
    let mut contender = Contender::new(plan, case, Arrangement::Shared, seed)?;
    let last = steps.div_ceil(FINAL);
    let mut sum = 0.0;
    for step in 0..steps {
        if plan.interrupt.raised() {
            return Ok(None);
        }
        let (loss, _) = contender.step(plan)?;
        if step + last >= steps {
            sum += f64::from(loss);
        }
        bar.set_message(format!("loss {loss:.3}"));
        bar.inc(1);
    }
    Ok(Some(sum / last as f64))
}
