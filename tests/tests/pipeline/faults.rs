//! Roots beside training that panic, are refused, never finish or come out of order, and queues that are full: the step
//! returns, the old root stays, everything is counted and nothing lost.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Condvar, Mutex};

use crate::runtime_support::faults::{MESSAGE, in_time, silence};
use crate::runtime_support::{Bench, Shapes};
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::kernel::{Accum, Kernel, Portable, TiledTriangle, Tridiagonal, portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::schedule::{Mode, Schedule, Slot};
use shampoo_runtime::{Builder, Flow, SERVER_CONFIG, StepReport};

/// A factor of order 6, then one of order 4.
const SHAPES: Shapes<'static> = &[("wide", &[6, 4])];
const FACTORS: u32 = 2;

/// No limit that a healthy root could ever meet, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(2);

/// The portable kernel with faults inside its roots.
#[derive(Default)]
struct Faulty {
    /// So many roots panic.
    panics: AtomicU32,
    /// Roots come out as NaN.
    poison: AtomicBool,
    gate: Mutex<Gate>,
    changed: Condvar,
    /// Threads that worked.
    names: Mutex<BTreeSet<String>>,
}

#[derive(Default)]
struct Gate {
    /// The next root of this order waits until it is let go.
    order: Option<usize>,
    /// And so does every other.
    every: bool,
    /// Roots that wait.
    blocked: u32,
    /// Roots let go so far.
    generation: u32,
}

type Kept = &'static Faulty;

fn faulty() -> Kept {
    Box::leak(Box::default())
}

impl Faulty {
    fn block(&self, order: usize) {
        self.gate.lock().unwrap().order = Some(order);
    }

    fn block_every(&self, order: usize) {
        let mut gate = self.gate.lock().unwrap();
        (gate.order, gate.every) = (Some(order), true);
    }

    fn wait_until_blocked(&self) {
        let gate = self.gate.lock().unwrap();
        let waited = self.changed.wait_timeout_while(gate, Duration::from_secs(60), |gate| gate.blocked == 0).unwrap();
        assert!(!waited.1.timed_out(), "no worker has begun");
    }

    fn release(&self) {
        let mut gate = self.gate.lock().unwrap();
        gate.generation += 1;
        (gate.order, gate.every) = (None, false);
        drop(gate);
        self.changed.notify_all();
    }

    fn pass(&self, order: usize) {
        let mut gate = self.gate.lock().unwrap();
        if gate.order == Some(order) {
            gate.order = gate.order.filter(|_| gate.every);
            gate.blocked += 1;
            self.changed.notify_all();
            let own = gate.generation;
            gate = self.changed.wait_while(gate, |gate| gate.generation == own).unwrap();
            gate.blocked -= 1;
        }
    }

    fn note(&self) {
        let name = std::thread::current().name().unwrap_or("unnamed").to_owned();
        self.names.lock().unwrap().insert(name);
    }
}

impl Kernel<f32> for Kept {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        portable::gemm(c, accum, alpha, a, b);
    }

    fn gram(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) {
        self.note();
        portable::gram(c, accum, alpha, a);
    }
}

impl Kernel<f64> for Kept {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        portable::gemm(c, accum, alpha, a, b);
    }

    fn tridiagonalize(
        &self,
        a: TiledTriangle<'_, f64>,
        t: Tridiagonal<'_, f64>,
        vectors: &mut [f64],
        rows: Range<usize>,
    ) {
        self.note();
        self.pass(t.diagonal.len());
        let less_one = |left: u32| left.checked_sub(1);
        if self.panics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less_one).is_ok() {
            std::panic::panic_any(MESSAGE);
        }
        let Tridiagonal { diagonal, off_diagonal, tau } = t;
        let own = Tridiagonal { diagonal: &mut *diagonal, off_diagonal: &mut *off_diagonal, tau: &mut *tau };
        Portable.tridiagonalize(a, own, vectors, rows);
        if self.poison.load(Ordering::SeqCst) {
            [diagonal, off_diagonal, tau].into_iter().for_each(|numbers| numbers.fill(f64::NAN));
        }
    }
}

fn builder(kernel: Kept, mode: Mode, precondition_every: u64) -> Builder<shampoo_core::scalar::F32RootF64, Kept> {
    let schedule = Schedule { precondition_every, mode, ..Schedule::EVERY_STEP };
    let config = Config { block_size: usize::MAX, merge_limit: 1, schedule, ..SERVER_CONFIG };
    Builder::new().config(config).inline().kernel(kernel)
}

/// A run, and what its steps have reported so far.
struct Run {
    bench: Bench<Kept>,
    reports: Vec<StepReport>,
    stamps: Vec<Option<u64>>,
}

impl Run {
    fn new(builder: Builder<shampoo_core::scalar::F32RootF64, Kept>) -> Self {
        Self { bench: Bench::new(builder, SHAPES), reports: Vec::new(), stamps: vec![None; FACTORS as usize] }
    }

    /// So many steps, and what passed in them.
    fn steps(&mut self, count: usize) -> (Flow, Refresh) {
        let begin = self.reports.len();
        for _ in 0..count {
            let report = self.bench.steps(81 + self.reports.len() as u64, 1)[0];
            self.reports.push(report);
            let stamps: Vec<_> = self.slots().iter().map(Slot::stamp).collect();
            assert!(
                stamps.iter().zip(&self.stamps).all(|(new, old)| new >= old),
                "an older root never replaces a newer one"
            );
            self.stamps = stamps;
        }
        self.sums(begin)
    }

    /// Steps until something is so.
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..20_000 {
            if done(self) {
                return;
            }
            self.steps(1);
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it never comes: {:?} {:?}", self.sums(0), self.slots());
    }

    fn slots(&self) -> Vec<Slot> {
        self.bench.state_of("wide").slots
    }

    fn sums(&self, begin: usize) -> (Flow, Refresh) {
        let add = |(flow, refresh): (Flow, Refresh), report: &StepReport| {
            (flow.merge(report.pipeline), refresh.merge(report.refresh))
        };
        self.reports[begin..].iter().fold((Flow::default(), Refresh::default()), add)
    }

    /// Every snapshot is accounted for, whatever became of it.
    #[track_caller]
    fn account(&self) -> (Flow, Refresh) {
        let (flow, refresh) = self.sums(0);
        let concluded = refresh.accepted + refresh.zero + refresh.rejected;
        assert_eq!(flow.submitted, concluded + flow.coalesced + flow.under_way, "{flow:?} {refresh:?}");
        assert_eq!(flow.arrived + flow.overdue, concluded, "{flow:?} {refresh:?}");
        assert!(flow.discarded <= flow.overdue && flow.panicked <= refresh.rejected, "{flow:?} {refresh:?}");
        let failures: u32 = self.slots().iter().map(Slot::failures).sum();
        assert_eq!(failures, refresh.rejected);
        (flow, refresh)
    }
}

const LATE: Mode = Mode::Pipelined { delay: 1 };

/// Two good periods, a bad one and a good one again.
fn one_bad_period(threads: usize, harm: fn(Kept), heal: fn(Kept), panicked: u32) {
    silence();
    in_time(move || {
        let kernel = faulty();
        let mut run = Run::new(builder(kernel, LATE, 2).root_threads(threads));
        let (_, refresh) = run.steps(4);
        assert_eq!((refresh.accepted, refresh.rejected), (2 * FACTORS, 0));
        let before = run.bench.state_of("wide").roots;
        harm(kernel);
        let (flow, refresh) = run.steps(2);
        heal(kernel);
        assert_eq!((refresh.accepted, refresh.rejected, flow.panicked), (0, FACTORS, panicked));
        assert_eq!(run.bench.state_of("wide").roots, before, "the old root stays");
        assert_eq!(run.stamps, [Some(2); 2]);
        let (_, refresh) = run.steps(2);
        assert_eq!((refresh.accepted, refresh.rejected), (FACTORS, 0), "tried again when it is due");
        assert_eq!(run.stamps, [Some(6); 2]);
        run.account();
    });
}

#[test]
fn a58_roots_that_panic_beside_training() {
    for threads in 0..=2 {
        one_bad_period(threads, |kernel| kernel.panics.store(FACTORS, Ordering::SeqCst), |_| (), FACTORS);
    }
}

#[test]
fn roots_that_are_no_numbers_are_refused() {
    let [harm, heal]: [fn(Kept); 2] =
        [|kernel| kernel.poison.store(true, Ordering::SeqCst), |kernel| kernel.poison.store(false, Ordering::SeqCst)];
    for threads in 0..=2 {
        one_bad_period(threads, harm, heal, 0);
    }
}

#[test]
fn first_roots_that_fail_are_not_waited_for_again() {
    silence();
    for threads in [0, 1, 2] {
        for (panics, poison) in [(FACTORS, false), (0, true)] {
            in_time(move || {
                let kernel = faulty();
                kernel.panics.store(panics, Ordering::SeqCst);
                kernel.poison.store(poison, Ordering::SeqCst);
                let late = Mode::Pipelined { delay: 2 };
                let mut run = Run::new(builder(kernel, late, 3).wait_for_first_roots(true).root_threads(threads));
                let (flow, refresh) = run.steps(1);
                assert_eq!((flow.arrived, flow.panicked, refresh.rejected), (FACTORS, panics, FACTORS));
                kernel.poison.store(false, Ordering::SeqCst);
                // Tried again in step 3, and used from 5 on.
                let ages: Vec<_> =
                    (0..5).map(|_| (run.steps(1), run.reports[run.reports.len() - 1].ages.roots).1).collect();
                assert_eq!(ages, [0, 0, 0, 0, u64::from(FACTORS)]);
                run.account();
            });
        }
    }
}

#[test]
fn first_roots_find_no_more_room_than_there_is() {
    in_time(|| {
        let late = Mode::Pipelined { delay: 2 };
        let mut run = Run::new(builder(faulty(), late, 3).wait_for_first_roots(true).queue_capacity(1));
        let (flow, refresh) = run.steps(1);
        assert_eq!((flow.submitted, flow.full, refresh.accepted), (1, FACTORS - 1, 1));
        run.account();
    });
}

#[test]
fn a_promise_that_no_root_can_keep() {
    in_time(|| {
        let config = Config { max_error: Some(1e-30), block_size: usize::MAX, merge_limit: 1, ..SERVER_CONFIG };
        let schedule = Schedule { mode: LATE, precondition_every: 2, ..Schedule::EVERY_STEP };
        let mut run = Run::new(Builder::new().config(Config { schedule, ..config }).inline().kernel(faulty()));
        run.steps(8);
        let (flow, refresh) = run.account();
        assert_eq!((refresh.rejected, refresh.accepted, flow.under_way), (4 * FACTORS, 0, 0));
        assert_eq!(run.stamps, [None; 2]);
    });
}

#[test]
fn a_root_that_never_finishes_is_overdue() {
    for threads in [1, 2] {
        in_time(move || {
            let kernel = faulty();
            let mut run = Run::new(builder(kernel, LATE, 2).root_threads(threads).wait_limit(LIMIT));
            run.steps(4);
            let before = run.bench.state_of("wide").roots;
            kernel.block(6);
            run.steps(1);
            kernel.wait_until_blocked();
            let (flow, refresh) = run.steps(1);
            // Behind a worker that hangs the other root is overdue too: a step takes no longer than its limit.
            let others = u32::from(threads > 1);
            assert_eq!((flow.overdue, refresh.rejected, refresh.accepted), (2 - others, 2 - others, others));
            assert_eq!(run.stamps, [Some(2), if threads > 1 { Some(4) } else { Some(2) }]);
            assert_eq!(run.bench.state_of("wide").roots[..21], before[..21], "the old root stays");
            let (flow, refresh) = run.steps(2);
            assert_eq!((flow.overdue, refresh.accepted), (2 - 2 * others, 2 * others), "the next one is tried");
            kernel.release();
            run.until(|run| run.sums(0).0.discarded == 1);
            run.account();
            run.until(|run| run.stamps.iter().all(|stamp| *stamp > Some(4)));
        });
    }
}

#[test]
fn a_step_takes_no_longer_than_its_limit_whatever_hangs() {
    in_time(|| {
        let kernel = faulty();
        let mut run = Run::new(builder(kernel, LATE, 2).root_threads(1).wait_limit(LIMIT));
        run.steps(4);
        kernel.block_every(6);
        run.steps(12);
        let (flow, _) = run.account();
        assert!(flow.overdue >= 5, "{flow:?}");
        assert!(run.stamps[0] <= Some(4), "{:?}", run.stamps);
        kernel.release();
    });
}

#[test]
fn without_a_limit_the_step_waits() {
    let run = |blocked: bool| {
        let kernel = faulty();
        let mut run = Run::new(builder(kernel, LATE, 2).root_threads(1));
        if blocked {
            kernel.block(6);
        }
        run.steps(1);
        if blocked {
            kernel.wait_until_blocked();
        }
        let (done, wait) = channel();
        let worker = std::thread::spawn(move || {
            run.steps(1);
            let _ = done.send(());
            run.steps(4);
            run
        });
        if blocked {
            assert_eq!(wait.recv_timeout(Duration::from_millis(200)), Err(RecvTimeoutError::Timeout));
            kernel.release();
        }
        let run = worker.join().expect("a run that ends");
        let (flow, _) = run.account();
        assert_eq!((flow.overdue, flow.discarded), (0, 0));
        run.bench.state()
    };
    in_time(move || assert!(run(true) == run(false), "and the numbers are the same"));
}

#[test]
fn asynchronous_results_come_out_of_order() {
    in_time(|| {
        let kernel = faulty();
        kernel.block(6);
        let mut run = Run::new(builder(kernel, Mode::Async, 1).root_threads(2));
        run.steps(1);
        kernel.wait_until_blocked();
        // Two later snapshots at least overtake the first.
        run.until(|run| run.stamps[1] >= Some(2));
        assert_eq!((run.stamps[0], run.slots()[0].pending()), (None, Some(0)));
        kernel.release();
        run.until(|run| run.stamps[0].is_some());
        assert_eq!(run.stamps[0], Some(0));
        run.until(|run| run.stamps[0] > Some(0));
        let (flow, refresh) = run.account();
        assert_eq!((flow.discarded, refresh.rejected), (0, 0));
    });
}

#[test]
fn snapshots_that_find_no_room_are_left_out() {
    let run = |threads| {
        let mut run = Run::new(builder(faulty(), LATE, 2).root_threads(threads).queue_capacity(1));
        for _ in 0..4 {
            let (flow, refresh) = run.steps(2);
            assert_eq!((flow.submitted, flow.full, refresh.accepted), (1, 1, 1));
        }
        assert_eq!(run.stamps, [Some(6), None], "the first in order goes first");
        run.account();
        run.bench.state()
    };
    let right = run(0);
    for threads in [1, 2, 4] {
        assert!(run(threads) == right, "which ones are left out does not depend on the threads");
    }
}

#[test]
fn a_turn_each_leaves_room_for_all() {
    let mut run = Run::new(builder(faulty(), LATE, 2).queue_capacity(1).staggered(true));
    let (flow, refresh) = run.steps(8);
    assert_eq!((flow.full, refresh.accepted), (0, flow.submitted - flow.under_way));
    assert!(run.stamps.iter().all(Option::is_some));
}

#[test]
fn newer_snapshots_take_the_place_of_those_that_wait() {
    in_time(|| {
        let kernel = faulty();
        kernel.block(6);
        let mut run = Run::new(builder(kernel, Mode::Async, 1).root_threads(1));
        run.steps(1);
        kernel.wait_until_blocked();
        for step in 1..6 {
            let (flow, _) = run.steps(1);
            assert_eq!((flow.submitted, flow.coalesced, flow.waiting, flow.under_way), (1, 1, 1, 2));
            assert_eq!(run.slots().iter().map(Slot::pending).collect::<Vec<_>>(), [Some(0), Some(step)]);
        }
        kernel.release();
        run.until(|run| run.stamps[0].is_some() && run.stamps[1].is_some());
        assert!(run.stamps[1] >= Some(5), "of the snapshots that waited only the last one is computed");
        run.account();
    });
}

#[test]
fn dropping_does_not_wait_for_a_worker() {
    for mode in [LATE, Mode::Async] {
        let kernel = faulty();
        kernel.block(6);
        let mut run = Run::new(builder(kernel, mode, 2).root_threads(1));
        run.steps(1);
        kernel.wait_until_blocked();
        in_time(move || drop(run));
        assert_eq!(kernel.gate.lock().unwrap().blocked, 1, "nobody has let it go");
        kernel.release();
    }
}

#[test]
fn threads_carry_the_name_and_the_global_pool_is_left_alone() {
    let kernel = faulty();
    let builder = builder(kernel, Mode::Async, 1).threads(2).root_threads(2).thread_name("faulty");
    let mut run = Run::new(builder);
    run.until(|run| run.sums(0).1.accepted > 20);
    let names = kernel.names.lock().unwrap().clone();
    assert!(names.iter().all(|name| name.starts_with("faulty-")), "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("faulty-root-")), "{names:?}");
    // Refused where there is one already.
    assert!(rayon::ThreadPoolBuilder::new().num_threads(1).build_global().is_ok(), "somebody has started it");
}
