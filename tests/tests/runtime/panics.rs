//! CASES A58: a root that panics. The step returns, the old root stays, the failure is counted, and the next refresh
//! is tried on schedule.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::runtime_support::faults::{MESSAGE, in_time, silence};
use crate::runtime_support::{Bench, Shapes, State};
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::kernel::{Accum, Kernel, Portable, TiledTriangle, Tridiagonal, portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_runtime::{Builder, SERVER_CONFIG};

const SHAPES: Shapes<'static> = &[("a", &[5, 4]), ("b", &[3, 3]), ("bias", &[4])];
/// Blocks of 3 and 2 by 3 and 1, and one block.
const FACTORS: u32 = 10;

/// The portable kernel, whose next calls panic: so many inside roots (`left`) and in the passes outside.
#[derive(Default)]
struct Failing {
    left: AtomicU32,
    gram: AtomicU32,
    gemm: AtomicU32,
    rsqrt: AtomicU32,
}

/// Panics as often as the counter says.
fn strike(left: &AtomicU32) {
    let take = |left: u32| left.checked_sub(1);
    if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
        std::panic::panic_any(MESSAGE);
    }
}

impl Kernel<f32> for &Failing {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        strike(&self.gemm);
        portable::gemm(c, accum, alpha, a, b);
    }

    fn gram(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) {
        strike(&self.gram);
        portable::gram(c, accum, alpha, a);
    }

    fn scale_by_rsqrt(&self, out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
        strike(&self.rsqrt);
        portable::scale_by_rsqrt(out, g, v, scale, eps);
    }
}

impl Kernel<f64> for &Failing {
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
        strike(&self.left);
        Portable.tridiagonalize(a, t, vectors, rows);
    }
}

/// Runs a test on every executor, with blocks of at most 3.
fn on_executors(test: fn(&'static Failing, Builder, Config)) {
    silence();
    let config = Config { block_size: 3, merge_limit: 1, ..SERVER_CONFIG };
    for builder in [Builder::new().inline(), Builder::new().threads(1), Builder::new().threads(3)] {
        in_time(move || test(Box::leak(Box::default()), builder.config(config), config));
    }
}

#[test]
fn a58_old_roots_stay_when_every_root_panics() {
    on_executors(|kernel, builder, _| {
        let mut bench = Bench::new(builder.clone().kernel(kernel), SHAPES);
        let mut clean = Bench::new(builder.kernel(Portable), SHAPES);
        bench.steps(61, 2);
        clean.steps(61, 2);
        let before = bench.state();
        kernel.left.store(FACTORS, Ordering::SeqCst);
        let report = bench.steps(62, 1)[0];
        clean.steps(62, 1);
        assert_eq!(report.refresh, Refresh { rejected: FACTORS, ..Refresh::default() });
        assert_eq!(report.updated, 3);
        for (before, (after, clean)) in
            before.parameters.iter().zip(bench.state().parameters.into_iter().zip(clean.state().parameters))
        {
            assert_eq!(after.roots, before.roots);
            let stamps = |slots: &[Slot]| slots.iter().map(Slot::stamp).collect::<Vec<_>>();
            assert_eq!(stamps(&after.slots), stamps(&before.slots));
            assert_eq!((after.statistics, after.graft), (clean.statistics, clean.graft), "the rest went on");
            assert_ne!(after.values, before.values, "the step was made, with the old roots");
            assert!(after.values.iter().all(|&x| f32::from_bits(x).is_finite()));
            assert_eq!(after.count, before.count + 1);
        }
        let report = bench.steps(63, 1)[0];
        clean.steps(63, 1);
        assert_eq!((report.refresh.accepted, report.refresh.rejected), (FACTORS, 0));
        for (found, right) in bench.state().parameters.into_iter().zip(clean.state().parameters) {
            assert_eq!((found.statistics, found.roots), (right.statistics, right.roots), "recovered");
        }
    });
}

#[test]
fn a58_one_root_that_panics_does_not_stop_the_others() {
    on_executors(|kernel, builder, _| {
        let mut bench = Bench::new(builder.kernel(kernel), SHAPES);
        bench.steps(64, 2);
        for step in 2..5 {
            kernel.left.store(1, Ordering::SeqCst);
            let report = bench.steps(step, 1)[0];
            assert_eq!((report.refresh.accepted, report.refresh.rejected), (FACTORS - 1, 1));
            let slots = bench.state().parameters.into_iter().flat_map(|parameter| parameter.slots);
            assert_eq!(slots.filter(|slot| slot.stamp() == Some(step)).count() as u32, FACTORS - 1);
        }
    });
}

#[test]
fn a58_without_an_old_root_the_step_is_the_grafts() {
    on_executors(|kernel, builder, config| {
        let mut bench = Bench::new(builder.clone().kernel(kernel), SHAPES);
        let graft = builder.config(Config { precondition: false, ..config });
        let mut graft = Bench::new(graft.kernel(Portable), SHAPES);
        kernel.left.store(FACTORS, Ordering::SeqCst);
        assert_eq!(bench.steps(65, 1)[0].refresh.rejected, FACTORS);
        graft.steps(65, 1);
        for (found, right) in bench.state().parameters.into_iter().zip(graft.state().parameters) {
            assert_eq!(found.values, right.values);
        }
        assert_eq!(bench.steps(66, 1)[0].refresh.accepted, FACTORS);
    });
}

#[test]
fn a58_the_next_refresh_is_tried_on_schedule() {
    on_executors(|kernel, builder, config| {
        let schedule = Schedule { precondition_every: 2, ..Schedule::EVERY_STEP };
        let mut bench = Bench::new(builder.config(Config { schedule, ..config }).kernel(kernel), SHAPES);
        bench.steps(67, 2);
        kernel.left.store(FACTORS, Ordering::SeqCst);
        let counts = bench.steps(68, 3).into_iter().map(|report| (report.refresh.accepted, report.refresh.rejected));
        assert!(counts.eq([(0, FACTORS), (0, 0), (FACTORS, 0)]), "it is not retried between two refreshes");
    });
}

#[test]
fn a58_failures_are_counted_in_the_slots_too() {
    on_executors(|kernel, builder, _| {
        let mut bench = Bench::new(builder.kernel(kernel), SHAPES);
        bench.steps(69, 1);
        kernel.left.store(FACTORS, Ordering::SeqCst);
        bench.steps(70, 1);
        let failures = bench.state().parameters.iter().flat_map(|p| &p.slots).map(Slot::failures).sum::<u32>();
        assert_eq!(failures, FACTORS);
    });
}

#[test]
fn panics_outside_roots_are_counted_and_survived() {
    on_executors(|kernel, builder, _| {
        for pass in [&kernel.gram, &kernel.gemm, &kernel.rsqrt] {
            let mut bench = Bench::new(builder.clone().kernel(kernel), SHAPES);
            bench.steps(71, 2);
            pass.store(1, Ordering::SeqCst);
            assert_eq!(bench.steps(72, 1)[0].panicked, 1);
            let before = bench.state();
            let report = bench.steps(73, 1)[0];
            assert_eq!((report.panicked, report.updated, report.refresh.rejected), (0, 3, 0));
            for (before, after) in before.parameters.iter().zip(&bench.state().parameters) {
                assert_ne!(after.values, before.values);
                assert!(after.values.iter().all(|&x| f32::from_bits(x).is_finite()));
            }
        }
    });
}

#[test]
fn a_parameter_whose_products_panic_takes_the_grafts_step_at_any_scope() {
    on_executors(|kernel, builder, config| {
        let shapes: Shapes<'static> = &[("one", &[3, 3]), ("two", &[3, 6])];
        for graft in [config.graft, Graft::Sgd, Graft::None] {
            for graft_scope in [Scope::Tensor, Scope::Block, Scope::Global] {
                for shapes in [&shapes[..1], shapes] {
                    let config = Config { graft, graft_scope, ..config };
                    let mut bench = Bench::new(builder.clone().config(config).kernel(kernel), shapes);
                    kernel.gemm.store(1, Ordering::SeqCst);
                    assert_eq!(bench.steps(74, 1)[0].panicked, 1);
                    // Which one it is, threads decide.
                    let taken = |state: &State| state.parameters.iter().map(|p| p.values.clone()).collect::<Vec<_>>();
                    let right = |config| {
                        let mut bench = Bench::new(builder.clone().config(config).kernel(Portable), shapes);
                        bench.steps(74, 1);
                        taken(&bench.state())
                    };
                    let grafts = right(Config { precondition: false, ..config });
                    // The other's lengths are its own: a global graft leaves out what was lost.
                    let alone = if graft_scope == Scope::Global { Scope::Tensor } else { graft_scope };
                    let whole = right(Config { graft_scope: alone, ..config });
                    let found = taken(&bench.state());
                    let lost = found.iter().zip(&grafts).position(|(found, graft)| found == graft);
                    let lost = lost.expect("one parameter takes the graft's step");
                    for (i, found) in found.iter().enumerate() {
                        assert_ne!(whole[i], grafts[i], "{config:?}");
                        assert_eq!(found, if i == lost { &grafts[i] } else { &whole[i] }, "{config:?}");
                    }
                }
            }
        }
    });
}
