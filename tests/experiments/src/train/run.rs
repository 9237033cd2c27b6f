//! One training run.

use core::time::Duration;
use std::time::Instant;

use candle_core::{Tensor, Var};
use indicatif::ProgressBar;

use super::target::{Evaluation, Watch, reached};
use crate::data::Dataset;
use crate::data::batches::Batches;
use crate::error::Error;
use crate::interrupt::Interrupt;
use crate::model::Autoencoder;
use crate::optimizers::{Config, Method, StepError, Stepper};

/// Images of the training set that final losses and steps to the target are measured on.
const EVALUATED: usize = 5000;
/// Images that an evaluation handles at once.
const EVALUATION_BATCH: usize = 1000;

/// What all runs of an experiment have in common.
#[derive(Debug)]
pub struct Setting {
    dataset: Dataset,
    batch: usize,
    steps: usize,
    interrupt: Interrupt,
    train: Vec<Tensor>,
    test: Vec<Tensor>,
}

impl Setting {
    /// Runs of `steps` steps with batches of `batch` images, until Ctrl-C.
    ///
    /// # Errors
    /// The batch is larger than the training set.
    pub fn new(dataset: Dataset, batch: usize, steps: usize, interrupt: Interrupt) -> Result<Self, Error> {
        Self::evaluated(dataset, batch, steps, interrupt, EVALUATED)
    }

    /// The same, with losses on so many training images: fewer where evaluations would take longer than the training.
    ///
    /// # Errors
    /// As [`Setting::new`].
    pub fn evaluated(
        dataset: Dataset,
        batch: usize,
        steps: usize,
        interrupt: Interrupt,
        images: usize,
    ) -> Result<Self, Error> {
        let count = dataset.train.count();
        if batch > count {
            return Err(Error::Batch { batch, count });
        }
        Ok(Self {
            train: dataset.train.first(images, EVALUATION_BATCH)?,
            test: dataset.test.first(usize::MAX, EVALUATION_BATCH)?,
            dataset,
            batch,
            steps,
            interrupt,
        })
    }

    /// The data and the network's shape.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Steps of a whole run.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Whether Ctrl-C was pressed.
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.interrupt.raised()
    }
}

/// What is particular to one run.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The optimizer.
    pub method: Method,
    /// Its learning rate.
    pub rate: f64,
    /// Sets the initial weights and the order of the batches.
    pub seed: u64,
    /// When to evaluate.
    pub watch: Watch,
    /// How long it runs.
    pub steps: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After all its steps.
    Finished,
    /// The loss was no longer a number, or the optimizer refused the gradient.
    Diverged,
    /// By Ctrl-C.
    Interrupted,
}

/// Time spent, all steps together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Loss and gradients.
    pub forward_backward: Duration,
    /// Gathering second-order statistics.
    pub statistics: Duration,
    /// Computing inverse roots.
    pub roots: Duration,
    /// All the rest of the optimizer.
    pub update: Duration,
}

impl Times {
    /// The sum.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.forward_backward + self.statistics + self.roots + self.update
    }
}

/// A run and all that was measured.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was run.
    pub job: Job,
    /// The options of the optimizer.
    pub config: Config,
    /// Bytes that the optimizer keeps from step to step beside the parameters.
    pub state_bytes: usize,
    /// How it ended.
    pub end: End,
    /// The loss of each batch, before the step that it led to.
    pub losses: Vec<f32>,
    /// Seconds of training until after that step.
    pub seconds: Vec<f64>,
    /// The loss on the fixed training images now and then.
    pub evaluations: Vec<Evaluation>,
    /// The time of all steps.
    pub times: Times,
    /// The loss on the fixed training images at the end; not finite after divergence.
    pub final_train: f32,
    /// The loss on the test set at the end; not finite after divergence.
    pub final_test: f32,
}

impl Run {
    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.seconds.len()
    }

    /// The moment it reached the target.
    #[must_use]
    pub fn reached(&self, target: Option<f32>) -> Option<Evaluation> {
        reached(&self.evaluations, target?)
    }
}

/// Trains a fresh network with the method's own settings, see [`run_with`].
///
/// # Errors
/// Those of the tensor library.
pub fn run(setting: &Setting, job: Job, progress: &ProgressBar) -> Result<Run, Error> {
    Ok(run_with(setting, job, progress, |parameters| job.method.build(parameters, job.rate))?.0)
}

/// Trains a fresh network with the optimizer that `build` makes for its parameters, and returns that one too. Divergence
/// and Ctrl-C end a run early, as a result and not as an error.
///
/// # Errors
/// Those of the tensor library and of `build`.
pub fn run_with<S: Stepper>(
    setting: &Setting,
    job: Job,
    progress: &ProgressBar,
    build: impl FnOnce(Vec<(String, Var)>) -> candle_core::Result<S>,
) -> Result<(Run, S), Error> {
    let dataset = &setting.dataset;
    let network = Autoencoder::new(dataset.encoder, job.seed)?;
    let mut optimizer = build(network.parameters())?;
    let mut batches = Batches::new(job.seed, dataset.train.count(), setting.batch);
    let mut run = Run {
        job,
        config: optimizer.config(),
        state_bytes: optimizer.state_bytes(),
        end: End::Finished,
        losses: Vec::with_capacity(job.steps),
        seconds: Vec::with_capacity(job.steps),
        evaluations: Vec::new(),
        times: Times::default(),
        final_train: f32::NAN,
        final_test: f32::NAN,
    };
    run.config.insert("batch".to_owned(), setting.batch.into());

    let mut is_reached = false;
    for step in 1..=job.steps {
        if setting.interrupted() {
            run.end = End::Interrupted;
            break;
        }
        let images = dataset.train.gather(batches.advance())?;
        let start = Instant::now();
        let loss = network.loss(&images)?;
        let gradients = loss.backward()?;
        let loss = loss.to_scalar::<f32>()?;
        run.times.forward_backward += start.elapsed();
        if !loss.is_finite() {
            run.end = End::Diverged;
            break;
        }
        match optimizer.step(&gradients) {
            Ok(time) => {
                run.times.statistics += time.statistics;
                run.times.roots += time.roots;
                run.times.update += time.update;
            }
            Err(StepError::Diverged(_)) => {
                run.end = End::Diverged;
                break;
            }
            Err(StepError::Candle(error)) => return Err(error.into()),
        }
        run.losses.push(loss);
        run.seconds.push(run.times.total().as_secs_f64());

        if job.watch.due(step, job.steps, loss, is_reached) {
            let at = evaluate(&network, setting, &run)?;
            run.evaluations.push(at);
            is_reached |= matches!(job.watch, Watch::Known(target) if at.loss <= target);
        }
        progress.set_message(format!("loss {loss:.2}"));
        progress.inc(1);
    }

    if run.end != End::Diverged {
        let last = run.evaluations.last().copied();
        run.final_train = match last.filter(|at| at.step == run.steps()) {
            Some(at) => at.loss,
            None => evaluate(&network, setting, &run)?.loss,
        };
        run.final_test = network.evaluate(&setting.test)?;
        // The very last step can be the one too far.
        if !run.final_train.is_finite() {
            run.end = End::Diverged;
        }
    }
    Ok((run, optimizer))
}

fn evaluate(network: &Autoencoder, setting: &Setting, run: &Run) -> Result<Evaluation, Error> {
    Ok(Evaluation {
        step: run.steps(),
        seconds: run.times.total().as_secs_f64(),
        loss: network.evaluate(&setting.train)?,
    })
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressBar;

    use super::{End, Job, Run, Setting, run};
    use crate::data::{Dataset, PIXELS, curves};
    use crate::error::Error;
    use crate::interrupt::Interrupt;
    use crate::optimizers::Method;
    use crate::train::target::Watch;

    fn setting(batch: usize, steps: usize, interrupt: Interrupt) -> Result<Setting, Error> {
        let dataset = Dataset {
            name: "tiny",
            label: "Tiny",
            encoder: &[PIXELS, 20, 4],
            train: curves::generate(1, 0..50),
            test: curves::generate(1, 50..70),
        };
        Setting::new(dataset, batch, steps, interrupt)
    }

    fn train(setting: &Setting, rate: f64, watch: Watch) -> Run {
        let job = Job { method: Method::Adam, rate, seed: 1, watch, steps: setting.steps() };
        run(setting, job, &ProgressBar::hidden()).expect("no error")
    }

    #[test]
    fn a_run_learns_and_repeats_itself() {
        let setting = setting(20, 40, Interrupt::default()).expect("a good setting");
        let first = train(&setting, 3e-3, Watch::Final);
        assert_eq!((first.end, first.steps(), first.losses.len()), (End::Finished, 40, 40));
        assert!(first.final_train < 0.5 * first.losses[0]);
        assert_eq!(first.evaluations.len(), 1);
        assert!(first.seconds.is_sorted());

        // Watching does not change what is watched; the target is found where it was reached.
        let target = f32::midpoint(first.losses[0], first.final_train);
        let second = train(&setting, 3e-3, Watch::Known(target));
        assert_eq!(first.losses, second.losses);
        assert_eq!(first.final_train, second.final_train);
        let reached = second.reached(Some(target)).expect("half of the way");
        assert!(reached.step < 40 && reached.loss <= target);
        assert_eq!(second.reached(None), None);
    }

    #[test]
    fn divergence_is_a_result() {
        let setting = setting(20, 40, Interrupt::default()).expect("a good setting");
        let run = train(&setting, 1e30, Watch::Unknown);
        assert_eq!(run.end, End::Diverged);
        assert!(run.steps() < 40 && run.final_train.is_nan() && run.final_test.is_nan());
    }

    #[test]
    fn an_interrupted_run_keeps_what_it_has() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        let setting = setting(20, 40, interrupt).expect("a good setting");
        let run = train(&setting, 1e-3, Watch::Final);
        assert_eq!((run.end, run.steps()), (End::Interrupted, 0));
        assert!(run.final_train.is_finite());
    }

    #[test]
    fn a_batch_needs_as_many_images() {
        let refused = setting(51, 1, Interrupt::default());
        assert!(matches!(refused, Err(Error::Batch { batch: 51, count: 50 })));
    }
}
