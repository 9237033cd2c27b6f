//! The last part of a step: preconditioning, grafting, momentum, decay and learning rate.

use candle_core::{Result, Tensor};
use shampoo_core::config::WeightDecay;
use shampoo_core::scalar::Precision;
use shampoo_core::tensor::largest_gradient;

use super::Parameter;
use crate::adapters::candle_device::factor::State;
use crate::adapters::candle_device::graft::Factor;
use crate::adapters::candle_device::modes::{cut, join};

impl Parameter {
    /// The parameter after this step; `None` where it stays. The count advances.
    pub(in crate::adapters::candle_device) fn apply<P: Precision>(&mut self, rate: f64) -> Result<Option<Tensor>> {
        if self.gradient.is_none() {
            return Ok(None);
        }
        let gradient = self.merged_gradient()?;
        let step = self.count;
        self.count += 1;
        let Some(gradient) = gradient else { return Ok(None) };
        if self.config.sums_squares(self.partition.factors_per_block()) {
            self.headroom = self.headroom.with(self.partition.numel() as f64, self.largest);
        }
        let values = self.var.as_detached_tensor().reshape(&**self.partition.dims())?;
        let mut update = self.graft.step(&gradient, self.count)?;
        if self.config.schedule.preconditions(step) {
            update = self.precondition::<P>(&gradient, update)?;
        }
        if let WeightDecay::Coupled(decay) = self.config.weight_decay {
            update = (update + (&values * decay)?)?;
        }
        // What is divided by a faded second moment may be larger than momentum may sum.
        let largest = largest_gradient::<P>(1);
        update = self.remember(update.clamp(-largest, largest)?)?;
        if let WeightDecay::Decoupled(decay) = self.config.weight_decay {
            update = (update + (&values * decay)?)?;
        }
        Ok(Some((values - (update * rate)?)?.reshape(self.var.shape())?))
    }

    /// The preconditioned gradient with the length of the graft's step, where there are roots; else that step.
    fn precondition<P: Precision>(&self, gradient: &Tensor, step: Tensor) -> Result<Tensor> {
        let each = self.partition.factors_per_block();
        if !self.factors.iter().any(State::is_ready) {
            return Ok(step);
        }
        let (mut steps, mut directions) = (Vec::new(), Vec::new());
        let mut pieces = Vec::with_capacity(self.blocks.len());
        for (block, factors) in self.blocks.iter().zip(self.factors.chunks(each)) {
            let own = cut(&step, block)?;
            if factors.iter().all(State::is_ready) {
                let piece = cut(gradient, block)?;
                directions.push(factors.iter().try_fold(piece, |g, factor| factor.precondition(&g))?);
                steps.push(own.clone());
                pieces.push((own, Some(directions.len() - 1)));
            } else {
                pieces.push((own, None));
            }
        }
        if directions.is_empty() {
            return Ok(step);
        }
        let length = Factor::new(&self.config.graft, &steps, &directions, largest_gradient::<P>(1))?;
        let finish = |(own, place): (Tensor, Option<usize>)| match place {
            Some(place) => length.apply(&directions[place], &own),
            None => Ok(own),
        };
        join(pieces.into_iter().map(finish).collect::<Result<_>>()?, &self.partition)
    }

    /// Momentum of the step.
    fn remember(&mut self, update: Tensor) -> Result<Tensor> {
        let momentum = self.config.momentum;
        let update = if momentum.weight() == 1.0 { update } else { (update * momentum.weight())? };
        let Some(buffer) = &mut self.momentum else { return Ok(update) };
        *buffer = ((&*buffer * momentum.beta1)? + &update)?;
        if momentum.nesterov { (&*buffer * momentum.beta1)? + update } else { Ok(buffer.clone()) }
    }
}
