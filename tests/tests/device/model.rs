//! Tensors with their weights and the driver of their roots, fed with gradients that a seed determines.

use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::error::StepError;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::{Loads, Mode, Schedule, Slot};
use shampoo_core::tensor::{Tensor, Workspace, largest_order, lengths};
use shampoo_core::ticks::{Tick, Ticks};
use shampoo_tests::generate::Random;

use crate::common::bits;
use crate::common::run::{Heap, narrow, stored, widen};

pub(crate) type Driver<P> = Ticks<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Root>>;

#[derive(Clone)]
pub(crate) struct Model<P: Precision> {
    pub(crate) tensors: Vec<Heap<P>>,
    pub(crate) weights: Vec<Vec<P::Work>>,
    pub(crate) ticks: Driver<P>,
    pub(crate) random: Random,
    pub(crate) done: Refresh,
}

/// The state of a tensor in bits: weights, statistics, roots, graft, momentum; its slots and its count.
pub(crate) type State = (Vec<Vec<u64>>, Vec<Slot>, u64);

pub(crate) fn driver<P: Precision>(order: usize) -> Driver<P> {
    let snapshot = vec![P::Store::default(); packed_len(order)];
    Ticks::new(order, snapshot, vec![P::Root::default(); inverse_root_workspace_len(order)]).expect("long enough")
}

pub(crate) fn tensor<P: Precision>(shape: &[usize], config: Config) -> Heap<P> {
    let need = lengths::<P>(shape, &config).expect("a legal shape");
    let kept = || vec![P::Store::default(); need.statistics];
    let work = |length| vec![P::Work::default(); length];
    let slots = vec![Slot::EMPTY; need.slots];
    Tensor::new(shape, config, kept(), kept(), work(need.graft), work(need.momentum), slots).expect("legal settings")
}

impl<P: Precision> Model<P> {
    pub(crate) fn new(shapes: &[&[usize]], config: Config) -> Self {
        let tensors: Vec<_> = shapes.iter().map(|shape| tensor::<P>(shape, config)).collect();
        let mut random = Random::new(7);
        let weights = tensors.iter().map(|tensor| narrow(&random.gaussians(tensor.lengths().numel))).collect();
        let order = shapes.iter().map(|shape| largest_order(shape, &config)).max().unwrap_or(0);
        Self { tensors, weights, ticks: driver(order), random, done: Refresh::default() }
    }

    /// Turns of the factors, as many steps apart.
    pub(crate) fn with_turns(mut self, turns: usize, spacing: u64) -> Self {
        let mut work = vec![0; turns];
        let mut loads = Loads::spaced(&mut work, spacing);
        self.tensors.iter_mut().for_each(|tensor| tensor.stagger(&mut loads));
        self
    }

    /// One step of every tensor.
    pub(crate) fn step(&mut self) {
        for (tensor, weights) in self.tensors.iter_mut().zip(&mut self.weights) {
            let gradient = narrow::<P::Work>(&self.random.gaussians(tensor.lengths().numel));
            step(tensor, weights, &gradient);
        }
    }

    pub(crate) fn tick(&mut self, flops: u64) -> Tick {
        let tick = self.ticks.tick(&mut self.tensors, flops, &Portable);
        self.done = self.done.merge(tick.refresh);
        tick
    }

    pub(crate) fn settle(&mut self) -> Tick {
        let tick = self.ticks.settle(&mut self.tensors, &Portable);
        self.done = self.done.merge(tick.refresh);
        tick
    }

    /// Settles, steps, and has so many ticks.
    pub(crate) fn round(&mut self, ticks: usize, flops: u64) {
        self.settle();
        self.step();
        (0..ticks).for_each(|_| _ = self.tick(flops));
    }

    pub(crate) fn state(&self) -> Vec<State> {
        self.tensors.iter().zip(&self.weights).map(|(tensor, weights)| state_of::<P>(tensor, weights)).collect()
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.tensors.iter().flat_map(|tensor| tensor.slots())
    }
}

/// A step whose workspace has no room for roots where none are computed in it.
pub(crate) fn step<P: Precision>(tensor: &mut Heap<P>, weights: &mut [P::Work], gradient: &[P::Work]) {
    try_step(tensor, weights, gradient).expect("a legal gradient");
}

pub(crate) fn try_step<P: Precision>(
    tensor: &mut Heap<P>,
    weights: &mut [P::Work],
    gradient: &[P::Work],
) -> Result<(), StepError> {
    let need = tensor.lengths();
    let work = |length| vec![P::Work::default(); length];
    let (mut direction, mut scratch, mut update) = (work(need.numel), work(need.work), work(need.numel));
    let root = if tensor.config().schedule.mode.is_offloaded() { 0 } else { need.root };
    let mut root = vec![P::Root::default(); root];
    let mut workspace = Workspace { direction: &mut direction, work: &mut scratch, root: &mut root };
    tensor.step(weights, gradient, 0.01, &mut update, &mut workspace, &Portable)?;
    weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
    Ok(())
}

pub(crate) fn state_of<P: Precision>(tensor: &Heap<P>, weights: &[P::Work]) -> State {
    let kept = |x: &[P::Store]| bits(&stored::<P>(x));
    let work = |x: &[P::Work]| bits(&widen(x));
    let numbers = [
        work(weights),
        kept(tensor.statistics()),
        kept(tensor.roots()),
        work(tensor.graft_state()),
        work(tensor.momentum()),
    ];
    (numbers.into(), tensor.slots().to_vec(), tensor.count())
}

/// Roots every so many steps, in this mode.
pub(crate) fn with(mode: Mode, precondition_every: u64) -> Config {
    let schedule = Schedule { precondition_every, mode, ..Schedule::EVERY_STEP };
    Config { schedule, ..Config::DEFAULT }
}
