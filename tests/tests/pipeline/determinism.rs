//! The same bits after 200 steps whatever computes the roots: any number of threads, a delay of none, core alone.

use crate::runtime_support::{Bench, Shapes, State, bits, gaussians};
use shampoo_core::config::Config;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::schedule::{Mode, Schedule, Slot};
use shampoo_core::tensor::{Tensor, Workspace, lengths};
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;

const STEPS: usize = 200;

/// A factor 1000 wide and unblocked, and a few small ones beside it.
const WIDE: Shapes<'static> = &[("wide", &[1000, 8]), ("small", &[12, 9])];

/// Three refreshes: a root of order 1000 takes as long as a hundred of the steps.
const PERIOD: u64 = 67;

fn wide(mode: Mode, threads: usize) -> (State, u32) {
    let schedule = Schedule { precondition_every: PERIOD, mode, ..Schedule::EVERY_STEP };
    let config = Config { block_size: usize::MAX, merge_limit: 16, schedule, ..SERVER_CONFIG };
    let mut bench = Bench::new(Builder::new().config(config).threads(threads).root_threads(threads), WIDE);
    assert_eq!(bench.optimizer.tensor("wide").unwrap().partition().largest_order(), 1000);
    let reports = bench.steps(91, STEPS);
    assert!(reports.iter().all(|report| report.refresh.rejected == 0 && report.pipeline.overdue == 0));
    (bench.state(), reports.iter().map(|report| report.refresh.accepted).sum())
}

#[test]
fn an_unblocked_factor_with_1_2_and_4_threads() {
    for mode in [Mode::Sync, Mode::Pipelined { delay: 40 }] {
        let right = wide(mode, 1);
        assert_eq!(right.1, 3 * 4, "every factor had three roots");
        for threads in [2, 4] {
            assert!(wide(mode, threads) == right, "{mode:?} with {threads} threads");
        }
        if mode == Mode::Sync {
            assert!(wide(Mode::Pipelined { delay: 0 }, 2) == right, "a delay of 0 is sync");
        }
    }
}

/// Core's own tensor over vectors, with a schedule of its own, beside the runtime.
#[test]
fn the_host_equals_core_for_200_steps() {
    const SHAPE: [usize; 2] = [30, 12];
    let schedule = Schedule { precondition_every: 3, statistics_every: 2, ..Schedule::EVERY_STEP };
    let config = Config { block_size: 8, merge_limit: 8, schedule, ..SERVER_CONFIG };
    let mut bench =
        Bench::new(Builder::new().config(config).inline().kernel(Portable).learning_rate(0.01), &[("w", &SHAPE)]);
    let need = lengths::<F32RootF64>(&SHAPE, &config).expect("a legal configuration");
    let zeros = |length| vec![0.0_f32; length];
    let (statistics, roots) = (zeros(need.statistics), zeros(need.statistics));
    let (graft, momentum, slots) = (zeros(need.graft), zeros(need.momentum), vec![Slot::EMPTY; need.slots]);
    let tensor = Tensor::<F32RootF64, _, _, _>::new(&SHAPE, config, statistics, roots, graft, momentum, slots);
    let mut tensor = tensor.expect("buffers of these lengths");
    let mut weights = bench.values("w").clone();
    let (mut direction, mut work, mut update) = (zeros(need.numel), zeros(need.work), zeros(need.numel));
    let mut root = vec![0.0; need.root];
    let mut random = Random::new(92);
    for step in 0..STEPS {
        let gradient = gaussians(&mut random, need.numel);
        let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
        let refresh = tensor.step(&weights, &gradient, 0.01, &mut update, &mut workspace, &Portable);
        weights.iter_mut().zip(&update).for_each(|(w, u)| *w += u);
        assert_eq!(bench.step(&[("w", gradient)]).refresh, refresh.expect("a legal gradient"));
        let state = bench.state_of("w");
        assert_eq!(state.values, bits(&weights), "step {step}");
        assert_eq!((state.statistics, state.roots), (bits(tensor.statistics()), bits(tensor.roots())));
        assert_eq!((state.graft, state.momentum), (bits(tensor.graft_state()), bits(tensor.momentum())));
        assert_eq!((&state.slots[..], state.count), (tensor.slots(), tensor.count()));
    }
}
