//! The JSON object of an experiment. Later experiments write the same form.

use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::optimizers::Config;
use crate::train::Run;
use crate::train::tune::Grid;

/// The whole object.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The subcommand.
    pub experiment: String,
    /// The data set.
    pub data: String,
    /// The loss that the runs race to; null if no first-order method ran to its end.
    pub target_loss: Option<f32>,
    /// The runs, in the order they were made.
    pub runs: Vec<RunReport>,
    /// The searches for learning rates; empty without `--tune`.
    pub grids: Vec<GridReport>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct RunReport {
    /// The name of the optimizer.
    pub optimizer: String,
    /// Its options.
    pub config: Config,
    /// Bytes that it keeps from step to step beside the parameters.
    pub state_bytes: usize,
    /// The seed of weights and batches.
    pub seed: u64,
    /// Steps taken; fewer than asked for after divergence or Ctrl-C.
    pub steps: usize,
    /// Steps until the target was reached; null if never.
    pub steps_to_target: Option<usize>,
    /// Seconds of training until then; null if never.
    pub seconds_to_target: Option<f64>,
    /// The loss on the fixed training images at the end; null after divergence.
    pub final_train_loss: Option<f32>,
    /// The loss on the test set at the end; null after divergence.
    pub final_test_loss: Option<f32>,
    /// Where the time of a step went.
    pub ms_per_step: StepReport,
}

/// Milliseconds of a step, by what they were spent on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepReport {
    /// Loss and gradients.
    pub forward_backward: f64,
    /// Gathering second-order statistics.
    pub statistics: f64,
    /// Computing inverse roots.
    pub roots: f64,
    /// All the rest of the optimizer.
    pub update: f64,
}

/// One search for a learning rate.
#[derive(Clone, Debug, Serialize)]
pub struct GridReport {
    /// The name of the optimizer.
    pub optimizer: String,
    /// The rates, from the least to the greatest.
    pub rates: Vec<RateReport>,
}

/// One rate of a search.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RateReport {
    /// The rate.
    pub lr: f64,
    /// The final training loss; null if the run diverged.
    pub final_train_loss: Option<f32>,
}

impl Report {
    /// Writes the object, and a folder for it if need be.
    ///
    /// # Errors
    /// [`Error::Write`], with the path.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        super::write_json(self, path)
    }
}

impl StepReport {
    /// Of a run, the mean of its steps.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let steps = run.steps().max(1) as f64;
        let mean = |time: core::time::Duration| time.as_secs_f64() * 1e3 / steps;
        Self {
            forward_backward: mean(run.times.forward_backward),
            statistics: mean(run.times.statistics),
            roots: mean(run.times.roots),
            update: mean(run.times.update),
        }
    }
}

impl RunReport {
    /// Of a run that raced to `target`.
    #[must_use]
    pub fn of(run: &Run, target: Option<f32>) -> Self {
        let reached = run.reached(target);
        Self {
            optimizer: run.job.method.row().key.to_owned(),
            config: run.config.clone(),
            state_bytes: run.state_bytes,
            seed: run.job.seed,
            steps: run.steps(),
            steps_to_target: reached.map(|at| at.step),
            seconds_to_target: reached.map(|at| at.seconds),
            final_train_loss: finite(run.final_train),
            final_test_loss: finite(run.final_test),
            ms_per_step: StepReport::of(run),
        }
    }
}

impl GridReport {
    /// Of a search.
    #[must_use]
    pub fn of(optimizer: &str, grid: &Grid) -> Self {
        let rates = grid.tried.iter().map(|tried| RateReport { lr: tried.rate, final_train_loss: finite(tried.loss) });
        Self { optimizer: optimizer.to_owned(), rates: rates.collect() }
    }
}

fn finite(loss: f32) -> Option<f32> {
    loss.is_finite().then_some(loss)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use serde_json::{Map, json, to_value};

    use super::{GridReport, Report, RunReport};
    use crate::optimizers::Method;
    use crate::train::run::Times;
    use crate::train::target::{Evaluation, Watch};
    use crate::train::tune::{Grid, Tried};
    use crate::train::{End, Job, Run};

    #[test]
    fn the_form_is_the_agreed_one() {
        let run = Run {
            job: Job { method: Method::Adam, rate: 0.5, seed: 3, watch: Watch::Final, steps: 2 },
            config: Map::from_iter([("learning_rate".to_owned(), json!(0.5))]),
            state_bytes: 48,
            end: End::Finished,
            losses: vec![4.0, 2.0],
            seconds: vec![0.25, 0.5],
            evaluations: vec![Evaluation { step: 2, seconds: 0.5, loss: 1.5 }],
            times: Times {
                forward_backward: Duration::from_millis(400),
                statistics: Duration::from_millis(10),
                roots: Duration::from_millis(30),
                update: Duration::from_millis(60),
            },
            final_train: 1.5,
            final_test: f32::NAN,
        };
        let grid =
            Grid { tried: vec![Tried { rate: 0.5, loss: 1.5 }, Tried { rate: 1.0, loss: f32::INFINITY }], best: None };
        let report = Report {
            experiment: "autoencoder".to_owned(),
            data: "curves".to_owned(),
            target_loss: Some(1.75),
            runs: vec![RunReport::of(&run, Some(1.75)), RunReport::of(&run, Some(1.0))],
            grids: vec![GridReport::of("adam", &grid)],
        };
        let reached = json!({
            "optimizer": "adam", "config": {"learning_rate": 0.5}, "state_bytes": 48, "seed": 3, "steps": 2,
            "steps_to_target": 2, "seconds_to_target": 0.5,
            "final_train_loss": 1.5, "final_test_loss": null,
            "ms_per_step": {"forward_backward": 200.0, "statistics": 5.0, "roots": 15.0, "update": 30.0},
        });
        let mut missed = reached.clone();
        missed["steps_to_target"] = json!(null);
        missed["seconds_to_target"] = json!(null);
        assert_eq!(
            to_value(&report).expect("plain data"),
            json!({
                "experiment": "autoencoder", "data": "curves", "target_loss": 1.75,
                "runs": [reached, missed],
                "grids": [{"optimizer": "adam", "rates": [
                    {"lr": 0.5, "final_train_loss": 1.5},
                    {"lr": 1.0, "final_train_loss": null},
                ]}],
            })
        );
    }
}
