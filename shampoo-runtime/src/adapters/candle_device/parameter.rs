//! One parameter: its state on the device, and its part of each phase of a step.

mod step;

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{DType, Result, Tensor, Var};
use shampoo_core::config::Config;
use shampoo_core::error::StepError;
use shampoo_core::linalg::norm::first_non_finite;
use shampoo_core::partition::{Block, Partition};
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Loads;
use shampoo_core::tensor::{Headroom, lengths, partition};

use super::factor::{Factor, State};
use super::graft::Method;
use super::length::largest;
use super::modes::cut;
use super::triangle::Triangle;
use crate::candle::CandleError;
use crate::error::Error;

/// Triangles by their order.
pub(super) type Triangles = HashMap<usize, Arc<Triangle>>;

/// State of a parameter and, within a step, its gradient.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) var: Var,
    /// The gradient of the step under way; a handle, not a copy.
    pub(super) gradient: Option<Tensor>,
    config: Config,
    partition: Partition,
    blocks: Vec<Block>,
    /// Block after block.
    factors: Vec<State>,
    graft: Method,
    momentum: Option<Tensor>,
    count: u64,
    /// The room that sums of squares have left.
    headroom: Headroom,
    /// Largest magnitude of the gradient.
    largest: f64,
}

impl Parameter {
    pub(super) fn new<P: Precision>(
        name: String,
        var: Var,
        config: Config,
        triangles: &mut Triangles,
    ) -> core::result::Result<Self, CandleError> {
        let refuse = |source| Error::Config { parameter: name.clone(), source };
        lengths::<P>(var.dims(), &config).map_err(refuse)?;
        let partition = partition(var.dims(), &config).map_err(refuse)?;
        let (dims, device) = (partition.dims(), var.device());
        let factors = partition.factors(0..partition.factor_count()).map(|factor| {
            let triangle = match triangles.get(&factor.order) {
                Some(known) => Arc::clone(known),
                None => Arc::new(Triangle::new(factor.order, device)?),
            };
            triangles.insert(factor.order, Arc::clone(&triangle));
            State::new(factor.mode, triangle, config.initial_statistics, device)
        });
        let factors = factors.collect::<Result<_>>()?;
        let graft = Method::new(&config.graft, dims, device)?;
        let buffer = || Tensor::zeros(&**dims, DType::F32, device);
        let momentum = (config.momentum.buffer_count() > 0).then(buffer).transpose()?;
        let blocks = partition.blocks(0..partition.block_count()).collect();
        let headroom = Headroom::within::<P>(config.initial_statistics);
        let (gradient, count, largest) = (None, 0, 0.0);
        Ok(Self { name, var, gradient, config, partition, blocks, factors, graft, momentum, count, headroom, largest })
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Gradients taken so far.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Bytes of statistics, roots, graft and momentum.
    pub(super) fn state_bytes(&self) -> usize {
        let momentum = self.momentum.as_ref().map_or(0, Tensor::elem_count) * size_of::<f32>();
        self.factors.iter().map(State::state_bytes).sum::<usize>() + self.graft.state_bytes() + momentum
    }

    /// Gives every factor its turn within a period.
    pub(super) fn stagger(&mut self, loads: &mut Loads<'_>) {
        self.factors.iter_mut().for_each(|factor| {
            let turn = loads.place(factor.order());
            factor.slot().set_phase(turn);
        });
    }

    /// The factors, block after block.
    pub(super) fn factors(&mut self, roots_on_device: bool) -> impl Iterator<Item = Factor<'_>> {
        let (config, modes) = (&self.config, self.partition.factors_per_block());
        self.factors.iter_mut().map(move |state| Factor { state, config, modes, roots_on_device })
    }

    /// Largest magnitude of the gradient, on the device; `None` without one, or without entries.
    pub(super) fn largest(&self) -> Result<Option<Tensor>> {
        self.gradient.as_ref().filter(|gradient| gradient.elem_count() > 0).map(largest).transpose()
    }

    /// Judges the gradient by its largest magnitude, before anything is written.
    pub(super) fn judge(&mut self, value: f64) -> core::result::Result<(), CandleError> {
        let numel = self.partition.numel();
        let limit = self.headroom.magnitude(numel.max(1) as f64);
        let source = match &self.gradient {
            _ if value <= limit => {
                self.largest = value;
                return Ok(());
            }
            Some(gradient) if !value.is_finite() => {
                // Only a gradient that is refused comes to the host.
                let numbers = gradient.flatten_all()?.to_vec1::<f32>()?;
                StepError::NonFiniteGradient { index: first_non_finite(&numbers).unwrap_or(0) }
            }
            _ => StepError::GradientTooLarge { value, limit },
        };
        Err(Error::Step { parameter: self.name.clone(), source }.into())
    }

    /// The gradient in the merged shape, if there is one with entries.
    fn merged_gradient(&self) -> Result<Option<Tensor>> {
        let gradient = self.gradient.as_ref().filter(|gradient| gradient.elem_count() > 0);
        gradient.map(|gradient| gradient.reshape(&**self.partition.dims())).transpose()
    }

    /// Takes the gradient into the statistics.
    pub(super) fn accumulate(&mut self) -> Result<()> {
        let each = self.partition.factors_per_block();
        if each == 0 || !self.config.schedule.accumulates(self.count) {
            return Ok(());
        }
        let Some(gradient) = self.merged_gradient()? else { return Ok(()) };
        for (block, factors) in self.blocks.iter().zip(self.factors.chunks_mut(each)) {
            let piece = cut(&gradient, block)?;
            factors.iter_mut().try_for_each(|factor| factor.accumulate(&piece, &self.config))?;
        }
        Ok(())
    }
}
