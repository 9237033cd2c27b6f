//! Roots spread over ticks: within their budget, at their time, with the bits of roots computed at once.

mod common;

use common::bits;
use common::run::{Heap, narrow, stored, widen};
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{F32, F32RootF64, Precision};
use shampoo_core::schedule::{Loads, Mode, Schedule, Slot};
use shampoo_core::tensor::{Tensor, Workspace, largest_order, lengths};
use shampoo_core::ticks::{Tick, Ticks, largest_piece};
use shampoo_runtime::{Builder, Gradient, ParameterMut};
use shampoo_tests::generate::Random;

type HeapTicks<P> = Ticks<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Root>>;

const SHAPES: [&[usize]; 2] = [&[12, 7], &[20, 5]];

/// Tensors, their weights, and the driver of their roots.
#[derive(Clone)]
struct Model<P: Precision> {
    tensors: Vec<Heap<P>>,
    weights: Vec<Vec<P::Work>>,
    ticks: HeapTicks<P>,
    random: Random,
    done: Refresh,
}

fn driver<P: Precision>(order: usize) -> HeapTicks<P> {
    let snapshot = vec![P::Store::default(); packed_len(order)];
    Ticks::new(order, snapshot, vec![P::Root::default(); inverse_root_workspace_len(order)]).expect("long enough")
}

impl<P: Precision> Model<P> {
    fn new(shapes: &[&[usize]], config: Config) -> Self {
        let (mut tensors, mut weights, mut order, mut random) = (Vec::new(), Vec::new(), 0, Random::new(7));
        for shape in shapes {
            let need = lengths::<P>(shape, &config).expect("a legal shape");
            let kept = || vec![P::Store::default(); need.statistics];
            let work = |length| vec![P::Work::default(); length];
            let slots = vec![Slot::EMPTY; need.slots];
            let tensor = Tensor::new(shape, config, kept(), kept(), work(need.graft), work(need.momentum), slots);
            tensors.push(tensor.expect("a legal configuration"));
            weights.push(narrow(&random.gaussians(need.numel)));
            order = order.max(largest_order(shape, &config));
        }
        Self { tensors, weights, ticks: driver(order), random, done: Refresh::default() }
    }

    /// One step of every tensor.
    fn step(&mut self) {
        for (tensor, weights) in self.tensors.iter_mut().zip(&mut self.weights) {
            let need = tensor.lengths();
            let work = |length| vec![P::Work::default(); length];
            let (mut direction, mut scratch, mut update) = (work(need.numel), work(need.work), work(need.numel));
            // Without one for roots.
            let mut workspace = Workspace { direction: &mut direction, work: &mut scratch, root: &mut [] };
            let gradient = narrow::<P::Work>(&self.random.gaussians(need.numel));
            let found = tensor.step(weights, &gradient, 0.01, &mut update, &mut workspace, &Portable);
            assert_eq!(found, Ok(Refresh::default()), "a step computes no roots");
            weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
        }
    }

    fn tick(&mut self, flops: u64) -> Tick {
        let tick = self.ticks.tick(&mut self.tensors, flops, &Portable);
        self.done = self.done.merge(tick.refresh);
        tick
    }

    fn settle(&mut self) -> Tick {
        let tick = self.ticks.settle(&mut self.tensors, &Portable);
        self.done = self.done.merge(tick.refresh);
        tick
    }

    /// Settles, steps, and has so many ticks.
    fn round(&mut self, ticks: usize, flops: u64) {
        self.settle();
        self.step();
        (0..ticks).for_each(|_| _ = self.tick(flops));
    }

    fn state(&self) -> Vec<(Vec<u64>, Vec<u64>, Vec<u64>, Vec<Slot>)> {
        let each = self.tensors.iter().zip(&self.weights);
        each.map(|(tensor, weights)| {
            let numbers = |x: &[P::Store]| bits(&stored::<P>(x));
            (bits(&widen(weights)), numbers(tensor.statistics()), numbers(tensor.roots()), tensor.slots().to_vec())
        })
        .collect()
    }
}

fn with(mode: Mode, precondition_every: u64) -> Config {
    let schedule = Schedule { precondition_every, mode, ..Schedule::EVERY_STEP };
    Config { schedule, ..Config::DEFAULT }
}
