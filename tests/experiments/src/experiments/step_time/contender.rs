//! A network in training.

use std::time::Instant;

use shampoo_runtime::Timeline;
use shampoo_runtime::candle::CandleShampoo;

use super::plan::{Arrangement, Case, Plan, Scale, settings};
use crate::error::Error;
use crate::model::Transformer;
use crate::optimizers::{StepError, timed_step};
use crate::train::run::Times;

/// A network and its optimizer.
pub(super) struct Contender {
    pub(super) case: Case,
    network: Transformer,
    optimizer: CandleShampoo,
    /// Of weights and batches.
    seed: u64,
    steps: u64,
}

impl Contender {
    /// A fresh one.
    ///
    /// # Errors
    /// Those of the tensor library and of the optimizer.
    pub(super) fn new(plan: &Plan, case: Case, arrangement: Arrangement, seed: u64) -> Result<Self, Error> {
        Self::recorded(plan, case, arrangement, seed, 0)
    }

    /// A fresh one whose timeline has room for so many events.
    ///
    /// # Errors
    /// As [`Contender::new`].
    pub(super) fn recorded(
        plan: &Plan,
        case: Case,
        arrangement: Arrangement,
        seed: u64,
        events: usize,
    ) -> Result<Self, Error> {
        let network = Transformer::new(plan.scale.sizes, seed)?;
        let (shampoo, diagonal, builder) = settings(case, plan.scale, arrangement, plan.rate);
        let mut builder = builder.timeline(events);
        let parameters = network.parameters();
        for (name, var) in &parameters {
            let own = if case.config.preconditions(name, var.dims()) { shampoo } else { diagonal };
            builder = builder.parameter_with(name.clone(), var.dims(), own);
        }
        let optimizer = CandleShampoo::with_names(parameters, builder)?;
        Ok(Self { case, network, optimizer, seed, steps: 0 })
    }

    /// What happened when, of [`Contender::recorded`].
    pub(super) fn timeline(&self) -> Option<&Timeline> {
        self.optimizer.inner().timeline()
    }

    /// Numbers that are preconditioned.
    pub(super) fn preconditioned(&self) -> usize {
        let parameters = self.network.parameters();
        let those = parameters.iter().filter(|(name, var)| self.case.config.preconditions(name, var.dims()));
        those.map(|(_, var)| var.elem_count()).sum()
    }

    /// One step on the next batch: the loss before it, and its times.
    ///
    /// # Errors
    /// A tensor operation failed, or the gradient was refused.
    pub(super) fn step(&mut self, plan: &Plan) -> Result<(f32, Times), Error> {
        let Scale { sequences, length, .. } = plan.scale;
        let tokens = plan.corpus.batch(self.seed, self.steps, sequences, length)?;
        self.steps += 1;
        let start = Instant::now();
        let loss = self.network.loss(&tokens)?;
        let gradients = loss.backward()?;
        let loss = loss.to_scalar::<f32>()?;
        let forward_backward = start.elapsed();
        let step = timed_step(&mut self.optimizer, &gradients).map_err(|error| match error {
            StepError::Candle(error) => error,
            refused @ StepError::Diverged(_) => candle_core::Error::wrap(refused),
        })?;
        let times = Times { forward_backward, statistics: step.statistics, roots: step.roots, update: step.update };
        Ok((loss, times))
    }
}
