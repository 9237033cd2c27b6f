//! What a step reports.

use core::time::Duration;
use std::time::Instant;

use crate::runtime_support::{Bench, Shapes};
use shampoo_core::block::{Refresh, Refusals};
use shampoo_core::config::Config;
use shampoo_core::schedule::Schedule;
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::tolerance::Check;

/// 3 x 2 blocks of two factors, and one: 14 factors. The vector has none.
const SHAPES: Shapes<'static> = &[("cut", &[8, 5]), ("whole", &[3, 3]), ("bias", &[5])];
const FACTORS: u32 = 14;
const BLOCKS_OF_3: Config = Config { block_size: 3, merge_limit: 1, ..SERVER_CONFIG };

fn executors() -> [Builder; 2] {
    [Builder::new().inline(), Builder::new().threads(2)]
}

#[test]
fn every_factor_is_accepted_with_an_honest_promise() {
    for builder in executors() {
        let mut bench = Bench::new(builder.config(BLOCKS_OF_3), SHAPES);
        for (step, report) in (0..).zip(bench.steps(51, 5)) {
            assert_eq!((report.step, report.updated), (step, 3));
            let Refresh { accepted, zero, rejected, worst_promise, .. } = report.refresh;
            assert_eq!((accepted, zero, rejected), (FACTORS, 0, 0));
            let most = Check::Promise.bound(f64::EPSILON / 2.0);
            assert!(worst_promise > 0.0 && worst_promise <= most, "{worst_promise:e}");
        }
    }
}

#[test]
fn roots_are_counted_in_the_steps_that_compute_them() {
    let schedule = Schedule { precondition_every: 3, start_preconditioning_step: 1, ..Schedule::EVERY_STEP };
    for builder in executors() {
        let mut bench = Bench::new(builder.config(Config { schedule, ..BLOCKS_OF_3 }), SHAPES);
        let counts = bench.steps(52, 6).into_iter().map(|report| report.refresh.accepted);
        assert!(counts.eq([0, FACTORS, 0, 0, FACTORS, 0]));
    }
}

#[test]
fn statistics_that_are_still_zero_are_no_failure() {
    for builder in executors() {
        let mut bench = Bench::new(builder.config(BLOCKS_OF_3), SHAPES);
        // Only the first block of the first parameter has gradients.
        let mut first = vec![0.0; 40];
        first[..2].copy_from_slice(&[1.0, -2.0]);
        let report = bench.step(&[("cut", first), ("whole", vec![0.0; 9])]);
        assert_eq!(report.updated, 2);
        let Refresh { accepted, zero, rejected, retries, .. } = report.refresh;
        assert_eq!((accepted, zero, rejected, retries), (2, FACTORS - 2, 0, 0));
        assert!(bench.state_of("whole").slots.iter().all(|slot| slot.stamp().is_none() && slot.failures() == 0));
    }
}

#[test]
fn refused_roots_are_counted_and_leave_the_grafts_own_step() {
    // No root is as good as this asks for.
    let strict = Config { max_error: Some(0.0), max_retries: 2, ..BLOCKS_OF_3 };
    for builder in executors() {
        let mut bench = Bench::new(builder.clone().config(strict), SHAPES);
        let mut graft = Bench::new(builder.config(Config { precondition: false, ..strict }), SHAPES);
        for (step, report) in (1..).zip(bench.steps(53, 3)) {
            let refusals = Refusals { uncertified: FACTORS, ..Refusals::default() };
            let right = Refresh { rejected: FACTORS, refusals, retries: 2 * FACTORS, ..Refresh::default() };
            assert_eq!(report.refresh, right, "step {step}");
        }
        graft.steps(53, 3);
        for (found, right) in bench.state().parameters.into_iter().zip(graft.state().parameters) {
            assert_eq!((found.values, found.momentum), (right.values, right.momentum));
            assert!(found.slots.iter().all(|slot| slot.stamp().is_none() && slot.failures() == 3));
        }
    }
}

#[test]
fn phases_are_parts_of_the_step() {
    for builder in executors() {
        let mut bench = Bench::new(builder, &[("w", &[60, 60])]);
        let start = Instant::now();
        let reports = bench.steps(54, 3);
        let whole = start.elapsed();
        let phases = reports.iter().map(|report| report.phases);
        let sum: Duration = phases.clone().map(|p| p.check + p.statistics + p.roots + p.update).sum();
        assert!(sum <= whole, "{sum:?} of {whole:?}");
        assert!(phases.clone().all(|p| p.roots > Duration::ZERO && p.update > Duration::ZERO));
    }
}
