//! The last parts of a step: the graft's step, the lengths that are compared, the update.

use super::Tensor;
use super::kept::Kept;
use super::update::Rule;
use crate::block::is_ready;
use crate::capacity::Dims;
use crate::config::Config;
use crate::diagonal::Gradient;
use crate::graft::{Input, Norms, Scope};
use crate::kernel::Kernel;
use crate::linalg::norm::{hypotenuse, max_abs, norm};
use crate::partition::{Block, Partition};
use crate::scalar::{Precision, Real};
use crate::schedule::Slot;
use crate::statistics::largest_gradient;

impl<P: Precision, S, W, B> Tensor<P, S, W, B>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// The graft's part of a step: its state takes the gradient in, and `update` receives its step for a learning rate
    /// of 1. Returns the lengths over the blocks that have roots.
    ///
    /// **Shapes**: `parameter`, `gradient` and `update` numel numbers row-major, `direction` as
    /// [`Blocks::precondition`](crate::block::Blocks::precondition) left it, `work`
    /// [`Lengths::work`](super::Lengths::work) numbers.
    #[inline(never)]
    pub fn graft<K: Kernel<P::Work> + ?Sized>(
        &mut self,
        parameter: &[P::Work],
        gradient: &[P::Work],
        direction: &[P::Work],
        update: &mut [P::Work],
        work: &mut [P::Work],
        kernel: &K,
    ) -> Norms {
        let (config, numel) = (self.config.of::<P>(), self.partition.numel());
        let kept = Kept::of(self.momentum.as_ref(), config, numel);
        let seen = kept.seen().unwrap_or(gradient);
        let dims = self.partition.dims();
        let input = Input {
            gradient: Gradient { raw: seen, numerator: kept.filtered().unwrap_or(gradient) },
            parameter,
            dims,
            count: self.count + 1,
            normalized: config.normalize_graft,
        };
        config.graft.step(update, &input, self.graft.as_mut(), work, kernel);
        if config.sums_squares(self.partition.factors_per_block()) {
            self.headroom = self.headroom.with(numel as f64, max_abs(seen).to_f64());
        }
        let ready = Ready::of(self.slots.as_ref(), &self.partition, self.preconditions());
        parts(&self.partition, direction)
            .filter(|(index, ..)| ready.block(*index))
            .fold(Norms::default(), |norms, (_, block, own)| add_norms(norms, dims, &block, own, update, kernel))
    }

    /// The last part of a step: grafting, momentum, decay and learning rate. `update` holds the graft's step, and
    /// receives what is to be added to the parameter; the count advances.
    ///
    /// With coupled decay in it, a step is cut entry by entry at what a gradient of one number may be
    /// ([`largest_gradient`]) before momentum sums it: what is divided by a faded second moment may be larger.
    ///
    /// `norms` are those that [`graft`](Tensor::graft) returned, or the sum over the tensors of a global graft; blocks
    /// that are grafted each by itself do without.
    ///
    /// **Shapes**: as for [`graft`](Tensor::graft). Lengths are not checked here as [`step`](Tensor::step) does: what is
    /// missing gets no update.
    #[expect(clippy::too_many_arguments, reason = "two inputs, an output, scratch, norms, a rate and a kernel")]
    #[inline(never)]
    pub fn finish<K: Kernel<P::Work> + ?Sized>(
        &mut self,
        parameter: &[P::Work],
        direction: &[P::Work],
        norms: Norms,
        learning_rate: f64,
        update: &mut [P::Work],
        work: &mut [P::Work],
        kernel: &K,
    ) {
        let schedule = self.config().schedule;
        let blend = self.config().start.weight(self.count, schedule.start_preconditioning_step);
        let rule = Rule {
            momentum: self.config().momentum,
            weight_decay: self.config().weight_decay,
            preconditions: schedule.preconditions(self.count),
            blend: P::Work::from_f64(blend),
            largest: P::Work::from_f64(largest_gradient::<P>(1)),
            learning_rate: P::Work::from_f64(learning_rate),
            kernel,
        };
        let (dims, used) = (self.partition.dims(), self.preconditions());
        let (config, count) = (self.config.of::<P>(), self.count + 1);
        let whole = factor::<P>(config, norms);
        let Kept { step, graft, .. } = Kept::of_mut(self.momentum.as_mut(), config, self.partition.numel());
        let ready = Ready::of(self.slots.as_ref(), &self.partition, used);
        for (index, block, own) in parts(&self.partition, direction) {
            let factor = match config.graft_scope {
                _ if !ready.block(index) => None,
                Scope::Block => factor::<P>(config, add_norms(Norms::default(), dims, &block, own, update, kernel)),
                Scope::Tensor | Scope::Global => whole,
            };
            let width = block.dims.last().copied().unwrap_or(1).max(1);
            for (run, direction) in block.runs(dims).zip(own.chunks_exact(width)) {
                let (Some(update), Some(parameter)) = (update.get_mut(run.clone()), parameter.get(run.clone())) else {
                    return;
                };
                let buffer = step.get_mut(run.clone()).unwrap_or_default();
                let graft_buffer = graft.get_mut(run).unwrap_or_default();
                let direction = factor.map(|factor| (direction, factor));
                rule.finish_row(update, direction, parameter, buffer, graft_buffer, work);
            }
        }
        (self.count, self.open) = (count, true);
    }
}

/// `norms` with those of one block added.
fn add_norms<T: Real, K: Kernel<T> + ?Sized>(
    norms: Norms,
    dims: &Dims,
    block: &Block,
    direction: &[T],
    graft_step: &[T],
    kernel: &K,
) -> Norms {
    let longer = |length: f64, row: &[T]| hypotenuse(length, norm(row, kernel).to_f64());
    Norms {
        graft: block.runs(dims).filter_map(|run| graft_step.get(run)).fold(norms.graft, longer),
        direction: longer(norms.direction, direction),
    }
}

/// The factor that gives the direction the length of the graft's step.
#[inline(never)]
fn factor<P: Precision>(config: &Config, norms: Norms) -> Option<P::Work> {
    usable_factor::<P>(config.graft.factor(norms.graft, norms.direction), norms.direction)
}

/// Which blocks have all of their roots, in a step that uses them.
struct Ready<'a> {
    slots: &'a [Slot],
    each: usize,
    used: bool,
}

impl<'a> Ready<'a> {
    fn of(slots: &'a [Slot], partition: &Partition, used: bool) -> Self {
        Self { slots, each: partition.factors_per_block(), used }
    }

    fn block(&self, index: usize) -> bool {
        let own = self.slots.get(index.saturating_mul(self.each)..).and_then(|slots| slots.get(..self.each));
        self.used && own.is_some_and(is_ready)
    }
}

/// The blocks with their numbers and their parts of a direction.
fn parts<'a, T>(partition: &'a Partition, direction: &'a [T]) -> impl Iterator<Item = (usize, Block, &'a [T])> {
    let mut rest = direction;
    partition.blocks(0..partition.block_count()).enumerate().map_while(move |(index, block)| {
        let (own, more) = rest.split_at_checked(block.numel())?;
        rest = more;
        Some((index, block, own))
    })
}

/// The factor of a direction in the working type; `None`, and so the graft's step, where it leaves the range or gives a
/// step longer than a gradient may be, the figure that [`bound`](super::bound) cuts a step at.
pub(crate) fn usable_factor<P: Precision>(factor: Option<f64>, length: f64) -> Option<P::Work> {
    let within = |factor: &f64| factor * length <= largest_gradient::<P>(1);
    factor.filter(within).map(P::Work::from_f64).filter(|factor| factor.is_finite())
}
