//! One registered parameter: its tensor, the update under way, and its part of each phase of a step.

use num_traits::Zero;
use shampoo_core::block::{Blocks, Factors, Refresh};
use shampoo_core::config::Config;
use shampoo_core::error::StepError;
use shampoo_core::graft::{Norms, Scope};
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::{Precision, Real};
use shampoo_core::schedule::{Adaptive, Mode};

use crate::executor::{Executor, guarded};
use crate::heap::{AllocationError, HeapTensor, Scratches, tensor, zeros};

/// Where a step finds gradients and parameters, by registration number. A framework's adapter
/// lends its own memory here, so nothing is copied.
pub(crate) trait Sources<T>: Sync {
    /// Calls `f` with the gradient of this parameter and its values, if it has a gradient in this step.
    fn with<R>(&self, index: usize, f: impl FnOnce(&[T], &[T]) -> R) -> Option<R>;
}

/// Who works, with what.
pub(crate) struct Workers<'a, P: Precision, K> {
    pub(crate) executor: &'a Executor,
    pub(crate) scratches: &'a Scratches<P>,
    pub(crate) kernel: &'a K,
}

/// One parameter's state and the update under way.
#[derive(Debug)]
pub(crate) struct Entry<P: Precision> {
    index: usize,
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) tensor: HeapTensor<P>,
    direction: Vec<P::Work>,
    update: Vec<P::Work>,
    /// Whether it has a gradient in this step.
    active: bool,
    /// What the graft compares, once `update` holds the graft's step and until it is finished.
    norms: Option<Norms>,
    /// The urgency from which on its factors get roots in this step, in adaptive mode.
    pub(crate) level: Option<f64>,
    /// Why its gradient was refused.
    pub(crate) refused: Option<StepError>,
}

impl<P: Precision> Entry<P> {
    pub(crate) fn new(index: usize, name: &str, shape: Vec<usize>, config: Config) -> Result<Self, AllocationError> {
        let tensor = tensor::<P>(&shape, config)?;
        let numel = tensor.lengths().numel;
        let (direction, update) = (zeros(numel)?, zeros(numel)?);
        Ok(Self {
            index,
            name: name.to_owned(),
            shape,
            tensor,
            direction,
            update,
            active: false,
            norms: None,
            level: None,
            refused: None,
        })
    }

    /// The update just computed, if there was a gradient.
    pub(crate) fn update(&self) -> Option<(usize, &[P::Work])> {
        self.active.then_some((self.index, self.update.as_slice()))
    }

    /// Looks at the gradient, if there is one, before anything is written anywhere.
    pub(crate) fn check(&mut self, sources: &impl Sources<P::Work>) {
        let checked = sources.with(self.index, |gradient, parameter| self.tensor.check(gradient, parameter));
        self.active = checked.is_some();
        self.refused = checked.and_then(Result::err);
    }

    /// Takes the gradient into filter and statistics; returns how many of these a panic kept it from.
    pub(crate) fn accumulate<K: Kernel<P::Work> + Sync>(
        &mut self,
        workers: &Workers<'_, P, K>,
        sources: &impl Sources<P::Work>,
    ) -> u32 {
        let Self { index, tensor, .. } = self;
        let missed = sources.with(*index, |gradient, parameter| {
            let prepare = || {
                tensor.prepare(parameter, gradient, workers.kernel);
                0
            };
            let missed = guarded(prepare, || 1);
            if !tensor.accumulates() {
                return missed;
            }
            let leaf = |factors: Factors<'_, P>, worker| {
                factors.accumulate(gradient, &mut workers.scratches.of(worker).work, workers.kernel);
                0
            };
            missed + workers.executor.split(tensor.factors(), &leaf, &|| 1, &|a, b| a + b)
        });
        missed.unwrap_or(0)
    }

    /// The number of this step, if there is a gradient in it.
    pub(crate) fn count(&self) -> Option<u64> {
        self.active.then(|| self.tensor.count())
    }

    /// Whether its roots are computed beside training.
    pub(crate) fn is_offloaded(&self) -> bool {
        self.tensor.config().schedule.mode.is_offloaded()
    }

    /// Orders of its factors, if their roots are computed beside training.
    pub(crate) fn offloaded_orders(&self) -> Vec<usize> {
        let partition = self.tensor.partition();
        let count = if self.is_offloaded() { partition.factor_count() } else { 0 };
        partition.factors(0..count).map(|factor| factor.order).collect()
    }

    /// Notes how much its factors want a root, in adaptive mode.
    pub(crate) fn observe<K: Kernel<P::Root> + Sync>(&mut self, workers: &Workers<'_, P, K>) {
        let Some(step) = self.count() else { return };
        let leaf = |factors: Factors<'_, P>, worker| {
            factors.observe(step, workers.scratches.of(worker).root.numbers(), workers.kernel);
        };
        workers.executor.split(self.tensor.factors(), &leaf, &|| (), &|(), ()| ());
    }

    /// The rule that decides on its roots in this step, in adaptive mode.
    pub(crate) fn rule(&self) -> Option<Adaptive> {
        match self.tensor.config().schedule.mode {
            Mode::Adaptive(rule) => Some(rule).filter(|_| self.active),
            _ => None,
        }
    }

    /// Computes the roots that are due in this step; in adaptive mode those that are urgent enough.
    pub(crate) fn refresh<K: Kernel<P::Root> + Sync>(&mut self, workers: &Workers<'_, P, K>) -> Refresh {
        let level = self.level.take().unwrap_or(f64::INFINITY);
        let Some(step) = self.count() else { return Refresh::default() };
        if self.is_offloaded() {
            return Refresh::default();
        }
        let leaf = |factors: Factors<'_, P>, worker| {
            factors.refresh(step, level, workers.scratches.of(worker).root.numbers(), workers.kernel)
        };
        let panicked = || Refresh { rejected: 1, ..Refresh::default() };
        workers.executor.split(self.tensor.factors(), &leaf, &panicked, &Refresh::merge)
    }

    /// Whether the length of its step depends on other parameters.
    pub(crate) fn is_global(&self) -> bool {
        self.tensor.config().graft_scope == Scope::Global
    }

    /// Preconditions and makes the graft's step; returns how many pieces of that panicked.
    ///
    /// A panic while preconditioning leaves this parameter the graft's step, one in the graft no step.
    pub(crate) fn graft<K: Kernel<P::Work> + Sync>(
        &mut self,
        workers: &Workers<'_, P, K>,
        sources: &impl Sources<P::Work>,
    ) -> u32 {
        let Self { index, tensor, direction, update, norms, .. } = self;
        let Workers { executor, scratches, kernel } = workers;
        *norms = None;
        let panicked = sources.with(*index, |gradient, parameter| {
            let mut panicked = 0;
            if let Some(blocks) = tensor.blocks(direction) {
                let leaf = |blocks: Blocks<'_, P>, worker| {
                    blocks.precondition(gradient, &mut scratches.of(worker).work, *kernel);
                    0
                };
                panicked = executor.split(blocks, &leaf, &|| 1, &|a, b| a + b);
            }
            if panicked > 0 {
                // A length that no scope grafts, nor takes as it is.
                direction.fill(P::Work::from_f64(f64::INFINITY));
            }
            let graft = || {
                let work = &mut scratches.of(executor.worker()).work;
                Some(tensor.graft(parameter, gradient, direction, update, work, *kernel))
            };
            *norms = guarded(graft, || None);
            if norms.is_none() {
                update.fill(P::Work::zero());
                panicked += 1;
            }
            panicked
        });
        panicked.unwrap_or(0)
    }

    /// The norms of a step that is grafted globally; a direction that was lost is left out.
    pub(crate) fn norms(&self) -> Option<Norms> {
        self.norms.filter(|norms| self.active && self.is_global() && norms.direction.is_finite())
    }

    /// Finishes the update with these norms, or its own; returns whether that panicked, which leaves no step.
    pub(crate) fn finish<K: Kernel<P::Work> + Sync>(
        &mut self,
        workers: &Workers<'_, P, K>,
        sources: &impl Sources<P::Work>,
        global: Option<Norms>,
        rate: f64,
    ) -> u32 {
        let Self { index, tensor, direction, update, norms, .. } = self;
        let Workers { executor, scratches, kernel } = workers;
        let Some(own) = norms.take() else { return 0 };
        let norms = global.filter(|_| own.direction.is_finite()).unwrap_or(own);
        let panicked = sources.with(*index, |_, parameter| {
            let finish = || {
                let work = &mut scratches.of(executor.worker()).work;
                tensor.finish(parameter, direction, norms, rate, update, work, *kernel);
                0
            };
            let panicked = guarded(finish, || 1);
            if panicked > 0 {
                update.fill(P::Work::zero());
            }
            panicked
        });
        panicked.unwrap_or(0)
    }
}
