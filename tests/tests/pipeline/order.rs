//! Roots beside training: the same bits whatever computes them, each at its time.

use core::time::Duration;

use crate::runtime_support::{Bench, Shapes};
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::schedule::{Adaptive, Mode};
use shampoo_runtime::{Builder, Flow, SERVER_CONFIG, StepReport};

const SHAPES: Shapes<'static> = &[("wide", &[40, 24]), ("tall", &[24, 9]), ("bias", &[24]), ("cube", &[4, 6, 5])];

fn builder() -> Builder<F32RootF64, Portable> {
    let config = Config { block_size: 16, merge_limit: 16, ..SERVER_CONFIG };
    Builder::new().config(config).kernel(Portable).learning_rate(0.1)
}

fn pipelined(delay: u64) -> Builder<F32RootF64, Portable> {
    builder().mode(Mode::Pipelined { delay })
}

fn bench(builder: Builder<F32RootF64, Portable>) -> Bench<Portable> {
    Bench::new(builder, SHAPES)
}

/// What passed through in all, and what became of it.
fn sums(reports: &[StepReport]) -> (Flow, Refresh) {
    let add = |(flow, refresh): (Flow, Refresh), report: &StepReport| {
        (flow.merge(report.pipeline), refresh.merge(report.refresh))
    };
    reports.iter().fold((Flow::default(), Refresh::default()), add)
}

#[test]
fn bits_do_not_depend_on_who_computes_the_roots() {
    for delay in [1, 3, 7] {
        let run = |root_threads, threads| {
            let builder = pipelined(delay).precondition_every(3).root_threads(root_threads).threads(threads);
            let mut bench = bench(builder);
            let (flow, refresh) = sums(&bench.steps(61, 60));
            (bench.state(), flow, refresh)
        };
        let (right, flow, refresh) = run(0, 1);
        assert!(refresh.accepted > 0 && refresh.rejected == 0);
        assert_eq!(flow.computed_here, flow.submitted, "nobody else is there");
        for (root_threads, threads) in [(1, 1), (2, 2), (4, 3)] {
            let (found, other, same) = run(root_threads, threads);
            assert!(found == right, "{root_threads} threads, delay {delay}");
            assert_eq!((other.submitted, other.arrived, same), (flow.submitted, flow.arrived, refresh));
        }
    }
}

#[test]
fn a_delay_of_0_is_sync() {
    let run = |builder: Builder<_, _>| {
        let mut bench = bench(builder.precondition_every(3));
        let reports = bench.steps(62, 40);
        (bench.state(), sums(&reports))
    };
    let (sync, late) = (run(builder()), run(pipelined(0)));
    assert!(sync == late);
    assert_eq!(sync.1.0, Flow::default());
}

#[test]
fn roots_are_late_by_their_delay_and_no_more() {
    for waits in [false, true] {
        let mut bench = bench(pipelined(2).precondition_every(5).wait_for_first_roots(waits));
        let reports = bench.steps(63, 20);
        let oldest: Vec<u64> = reports.iter().map(|report| report.ages.max).collect();
        // Snapshots of 0, 5, 10, 15 are in use from 2, 7, 12, 17 on, the first of all from 0 on where it is waited for.
        let second = u64::from(waits);
        assert_eq!(oldest, [0, second, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 2, 3, 4]);
        assert_eq!((reports[1].ages.roots > 0, reports[1].ages.without == 0), (waits, waits));
        assert_eq!(reports[2].ages.without, 0);
    }
}

#[test]
fn a_first_step_that_waits_is_that_of_sync() {
    let first = |builder: Builder<_, _>| {
        let mut bench = bench(builder);
        bench.steps(68, 1);
        SHAPES.iter().map(|(name, _)| bench.values(name).clone()).collect::<Vec<_>>()
    };
    let waits = || pipelined(3).wait_for_first_roots(true);
    assert!(first(builder()) == first(waits()));
    let late = first(pipelined(3));
    assert!(late != first(waits()));
    // Who has a limit does not wait: the limit would be met by all first roots together.
    assert!(late == first(waits().wait_limit(Duration::from_secs(100))));
}

#[test]
fn turns_spread_the_roots_over_a_period() {
    let mut bench = bench(pipelined(2).precondition_every(5).staggered(true));
    let reports = bench.steps(64, 40);
    let submitted: Vec<u32> = reports.iter().map(|report| report.pipeline.submitted).collect();
    let all = reports[39].ages.roots as u32;
    assert_eq!(submitted[..5].iter().sum::<u32>(), all);
    assert!(submitted[..5].iter().all(|&s| s > 0 && s < all), "{submitted:?}");
    assert!(submitted.chunks(5).all(|period| period == &submitted[..5]), "{submitted:?}");
    for report in &reports[7..] {
        assert!(report.ages.without == 0 && report.ages.max <= 2 + 4, "{:?}", report.ages);
        assert!((2.0..=6.0).contains(&report.ages.mean()));
    }
}

#[test]
fn asynchronous_roots_are_used_as_soon_as_they_are_there() {
    let mut bench = bench(builder().mode(Mode::Async).root_threads(2));
    let mut accepted = 0;
    for _ in 0..2000 {
        let report = &bench.steps(65, 1)[0];
        accepted += report.refresh.accepted;
        if accepted > 200 {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("{accepted} roots arrived");
}

#[test]
fn adaptive_roots_stay_within_the_age() {
    let rule = Adaptive { drift: 1e9, flops: 0, max_staleness: 12 };
    let mut bench = bench(builder().mode(Mode::Adaptive(rule)));
    let reports = bench.steps(66, 40);
    let all = reports[0].ages.roots as u32;
    for (step, report) in reports.iter().enumerate() {
        let right = if step % 12 == 0 { all } else { 0 };
        assert_eq!(report.refresh.accepted, right, "step {step}: nothing has moved so far");
    }
}

#[test]
fn adaptive_roots_stay_within_the_budget() {
    let rule = Adaptive { drift: 1e-9, flops: 3 * Adaptive::root_flops(16), max_staleness: 1000 };
    let mut bench = bench(builder().mode(Mode::Adaptive(rule)));
    let reports = bench.steps(67, 40);
    let all = reports[0].ages.roots as u32;
    assert_eq!(reports[0].refresh.accepted, all, "the first ones go together");
    let later: Vec<u32> = reports[1..].iter().map(|report| report.refresh.accepted).collect();
    assert!(later.iter().all(|&accepted| 3 <= accepted && accepted < all), "{later:?} of {all}");
    // The most urgent go first, so everyone has a turn.
    assert!(reports[39].ages.max < 39, "{:?}", reports[39].ages);
}
