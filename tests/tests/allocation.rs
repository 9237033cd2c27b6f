//! No allocation in a step of the host once all buffers are there, neither in the training thread nor in the workers; and
//! what the optimizer says of its bytes is what it has allocated.
//!
//! Without a test harness: every allocation of the process is counted. Each case has a process of its own, since workers
//! of an optimizer that was dropped may still be on their way home.

use std::alloc::System;

use shampoo_core::config::Config;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::schedule::{Mode, Schedule};
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{Builder, Gradient, Lane, ParameterMut, SERVER_CONFIG, Shampoo};
use shampoo_tests::generate::Random;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SHAPE: [usize; 2] = [96, 64];
const BIAS: [usize; 1] = [64];
const BLOCK: usize = 32;
/// Blocks of 3 by 2, each with two factors of order 32; the vector has none.
const FACTORS: usize = 12;
const PERIOD: u64 = 8;
const WORKERS: usize = 2;

/// Bytes of one snapshot and of the root that comes back.
const FLIGHT: usize = 2 * packed_len(BLOCK) * size_of::<f32>();
/// Beside it: two counted pointers, and a vector.
const POINTERS: usize = 64;

/// An optimizer with two parameters, and gradients prepared for it.
struct Bench<K> {
    optimizer: Shampoo<F32RootF64, K>,
    values: (Vec<f32>, Vec<f32>),
    gradients: Vec<(Vec<f32>, Vec<f32>)>,
    steps: usize,
}

impl<K: Kernel<f32> + Kernel<f64> + Send + 'static> Bench<K> {
    fn new(builder: Builder<F32RootF64, K>) -> Self {
        let mut random = Random::new(95);
        let mut numbers = |length| -> Vec<f32> { random.gaussians(length).into_iter().map(|x| x as f32).collect() };
        let mut both = || (numbers(SHAPE[0] * SHAPE[1]), numbers(BIAS[0]));
        let (values, gradients) = (both(), (0..7).map(|_| both()).collect());
        let optimizer = builder.parameter("w", &SHAPE).parameter("b", &BIAS).build().expect("legal settings");
        Self { optimizer, values, gradients, steps: 0 }
    }

    fn step(&mut self) {
        let (w, b) = &self.gradients[self.steps % self.gradients.len()];
        let gradients =
            [Gradient { name: "w", shape: &SHAPE, values: w }, Gradient { name: "b", shape: &BIAS, values: b }];
        let mut parameters = [
            ParameterMut { name: "w", shape: &SHAPE, values: &mut self.values.0 },
            ParameterMut { name: "b", shape: &BIAS, values: &mut self.values.1 },
        ];
        let report = self.optimizer.step(&mut parameters, &gradients).expect("legal gradients");
        assert_eq!((report.refresh.rejected, report.panicked), (0, 0));
        self.steps += 1;
    }

    fn steps(&mut self, count: u64) -> Stats {
        let region = Region::new(ALLOCATOR);
        (0..count).for_each(|_| self.step());
        region.change()
    }

    /// A few periods, and more until every worker has computed something: threads allocate when they begin.
    fn warm_up(&mut self, workers: usize) {
        self.steps(4 * PERIOD);
        let seen = |optimizer: &Shampoo<F32RootF64, K>, worker| {
            let timeline = optimizer.timeline().expect("recorded");
            timeline.events.iter().any(|event| event.lane == Lane::Worker(worker))
        };
        for _ in 0..1000 {
            if (0..workers).all(|worker| seen(&self.optimizer, worker)) {
                return;
            }
            self.steps(PERIOD);
        }
        panic!("a worker that never works");
    }
}

fn builder<K>(mode: Mode, kernel: K) -> Builder<F32RootF64, K> {
    let schedule = Schedule { precondition_every: PERIOD, mode, ..Schedule::EVERY_STEP };
    let config = Config { block_size: BLOCK, merge_limit: BLOCK, schedule, ..SERVER_CONFIG };
    Builder::new().config(config).inline().root_threads(WORKERS).timeline(1 << 16).kernel(kernel)
}

/// Not one allocation in three periods.
fn assert_nothing_is_allocated<K>(mode: Mode, staggered: bool, kernel: K)
where
    K: Kernel<f32> + Kernel<f64> + Send + 'static,
{
    let mut bench = Bench::new(builder(mode, kernel).staggered(staggered));
    bench.warm_up(if mode.is_offloaded() { WORKERS } else { 0 });
    let Stats { allocations, deallocations, reallocations, .. } = bench.steps(3 * PERIOD);
    println!("{allocations} allocations in {} steps", 3 * PERIOD);
    assert_eq!((allocations, deallocations, reallocations), (0, 0, 0));
}

/// What the optimizer says of its bytes, when it is new and later.
fn assert_bytes(mode: Mode, staggered: bool, flights: usize) {
    let net = |stats: Stats| stats.bytes_allocated as i64 - stats.bytes_deallocated as i64;
    let mut region = Region::new(ALLOCATOR);
    // Threads that begin allocate something of their own: here the training thread computes all roots.
    let mut bench = Bench::new(builder(mode, Portable).staggered(staggered).root_threads(0));
    let new = bench.optimizer.state_bytes();
    // Statistics and roots; the graft's second moment and momentum of the matrix and of the vector.
    assert_eq!(new, 4 * (2 * FACTORS * packed_len(BLOCK) + 2 * (SHAPE[0] * SHAPE[1] + BIAS[0])));
    assert!(net(region.change()) >= new as i64);
    region.reset();
    bench.warm_up(0);
    let allocated = net(region.change());
    let more = bench.optimizer.state_bytes() - new;
    println!("{} snapshots of {FACTORS}: {more} bytes, {allocated} allocated", more / FLIGHT);
    assert_eq!(more, flights * FLIGHT);
    let beside = allocated - more as i64;
    assert!((0..=(flights * POINTERS) as i64).contains(&beside), "{beside} bytes beside the snapshots");
}

const LATE: Mode = Mode::Pipelined { delay: 3 };
const LATEST: Mode = Mode::Pipelined { delay: PERIOD };
const SOON: Mode = Mode::Pipelined { delay: 2 };

/// Names and cases.
const CASES: [(&str, fn()); 13] = [
    ("portable, sync", || assert_nothing_is_allocated(Mode::Sync, false, Portable)),
    ("portable, late", || assert_nothing_is_allocated(LATE, false, Portable)),
    ("portable, late, in turns", || assert_nothing_is_allocated(LATE, true, Portable)),
    ("portable, latest", || assert_nothing_is_allocated(LATEST, false, Portable)),
    ("server, sync", || assert_nothing_is_allocated(Mode::Sync, false, Server::new())),
    ("server, sync, in turns", || assert_nothing_is_allocated(Mode::Sync, true, Server::new())),
    ("server, late", || assert_nothing_is_allocated(LATE, false, Server::new())),
    ("server, late, in turns", || assert_nothing_is_allocated(LATE, true, Server::new())),
    ("server, latest, in turns", || assert_nothing_is_allocated(LATEST, true, Server::new())),
    // Eight bytes a number of the statistics at most, and with turns of a short delay a part of that.
    ("bytes, sync", || assert_bytes(Mode::Sync, false, 0)),
    ("bytes, latest", || assert_bytes(LATEST, false, FACTORS)),
    ("bytes, soon", || assert_bytes(SOON, false, FACTORS)),
    // 12 factors in 8 turns: 2 in each of the first four, and two turns are under way.
    ("bytes, soon, in turns", || assert_bytes(SOON, true, 4)),
];

const CASE: &str = "SHAMPOO_ALLOCATION_CASE";

fn main() {
    if let Ok(name) = std::env::var(CASE) {
        let case = CASES.iter().find(|case| case.0 == name);
        return case.expect("a known case").1();
    }
    let program = std::env::current_exe().expect("the path of this test");
    for (name, _) in CASES {
        println!("{name}");
        let status = std::process::Command::new(&program).env(CASE, name).status();
        assert!(status.expect("a process").success(), "{name}");
    }
}
