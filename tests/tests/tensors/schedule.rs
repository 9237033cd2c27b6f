//! When what happens: refresh times, stale roots, and the failure policy, through whole steps.

use crate::common::run::{PLAIN, Run};
use crate::common::{U32, assert_relative, bits};
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::{Buffers, Momentum};
use shampoo_core::scalar::{F32, F32RootF64, F64};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

const UNEVEN: Schedule =
    Schedule { start_preconditioning_step: 5, statistics_every: 2, precondition_every: 3, ..Schedule::EVERY_STEP };
const AVERAGE: Averaging = Averaging::Ema { beta2: 0.9 };

/// Stamps of the first factor after each of 13 steps, with checks of what changes when.
fn stamps(config: Config) -> Vec<Option<u64>> {
    let mut run = Run::<F64>::new(&[2, 3], config);
    let mut random = Random::new(81);
    let after_step = |t: u64| {
        let (statistics, roots) = (run.statistics(), run.roots());
        let before = run.tensor.slots()[0].stamp();
        run.step(&random.gaussians(6), 0.1);
        let stamp = run.tensor.slots()[0].stamp();
        assert_eq!(statistics != run.statistics(), t.is_multiple_of(2), "statistics of step {t}");
        // A refresh from the same statistics gives the same root, so only a change without a stamp is a fault.
        assert!(stamp != before || roots == run.roots(), "roots of step {t}");
        assert_eq!(stamp == Some(t), run.refresh.accepted > 0);
        assert_eq!(run.tensor.count(), t + 1);
        stamp
    };
    (0..13).map(after_step).collect()
}

#[test]
fn roots_come_at_their_steps() {
    let sgd = Config { graft: Graft::Sgd, averaging: AVERAGE, ridge: Ridge::Relative(1e-6), schedule: UNEVEN, ..PLAIN };
    let none = [None; 5];
    let later = [5, 5, 5, 8, 8, 8, 11, 11].map(Some);
    assert_eq!(stamps(sgd), [&none[..], &later].concat());
    // Two buffers: the preconditioned one is fed from the first step on.
    let two = Momentum { buffers: Buffers::Two, ..Momentum::heavy_ball(0.9) };
    let from_start = [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12].map(Some);
    assert_eq!(stamps(Config { momentum: two, ..sgd }), from_start);
}

#[test]
fn steps_before_the_start_are_the_grafts_own() {
    for buffers in [Buffers::One, Buffers::Two] {
        let momentum = Momentum { buffers, nesterov: true, ..Momentum::heavy_ball(0.9) };
        for graft in [Graft::Sgd, Graft::AdaGrad { epsilon: 1e-10 }] {
            let config = Config { graft, momentum, ..Config::DEFAULT };
            let mut late = Run::<F32>::new(&[4, 3], Config { schedule: UNEVEN, ..config });
            let mut alone = Run::<F32>::new(&[4, 3], Config { precondition: false, ..config });
            let mut random = Random::new(82);
            for t in 0..8 {
                let gradient = random.gaussians(12);
                let equal = bits(&late.step(&gradient, 0.1)) == bits(&alone.step(&gradient, 0.1));
                assert_eq!(equal, t < 5, "step {t}");
            }
        }
    }
}

#[test]
fn a_stale_root_is_used_until_the_next() {
    let schedule = Schedule { precondition_every: 3, ..Schedule::EVERY_STEP };
    let mut run = Run::<F64>::new(&[2, 2], Config { schedule, ..PLAIN });
    assert_relative(&run.direction(&[2., 0., 0., 2.]), &[1., 0., 0., 1.], Check::Case.bound(U32), 1.0);
    // L = R = 4 I stays in use: P = G / 2.
    for _ in 1..3 {
        assert_relative(&run.direction(&[6., 0., 0., 6.]), &[3., 0., 0., 3.], Check::Case.bound(U32), 1.0);
    }
    // L = R = (4 + 3 * 36) I now.
    let right = 6.0 / 112.0_f64.sqrt();
    assert_relative(&run.direction(&[6., 0., 0., 6.]), &[right, 0., 0., right], Check::Case.bound(U32), 1.0);
}

#[test]
fn refused_roots_leave_the_grafts_own_step() {
    // Nothing can be certified to 1e-30.
    for graft in [Graft::Sgd, Graft::None, Graft::RmsProp { beta2: 0.9, epsilon: 0.0, bias_correction: true }] {
        let config = Config { graft, max_error: Some(1e-30), averaging: AVERAGE, ..PLAIN };
        let mut refused = Run::<F32RootF64>::new(&[2, 3], Config { ridge: Ridge::Relative(1e-6), ..config });
        let mut alone = Run::<F32RootF64>::new(&[2, 3], Config { precondition: false, ..config });
        let mut random = Random::new(83);
        for step in 1..4 {
            let gradient = random.gaussians(6);
            assert_eq!(bits(&refused.step(&gradient, 0.1)), bits(&alone.step(&gradient, 0.1)), "never zero");
            assert_eq!((refused.refresh.accepted, refused.refresh.rejected), (0, 2));
            assert_eq!(refused.refresh.retries, 10, "five for each factor");
            assert!(refused.tensor.slots().iter().all(|slot| slot.stamp().is_none() && slot.failures() == step));
            assert!(refused.roots().iter().all(|&x| x == 0.0));
        }
    }
}

#[test]
fn a_refused_root_leaves_the_one_before() {
    // f32 certifies a root of the identity to 1e-3, but none of a spike of 1e4 without a ridge.
    let config = Config { max_error: Some(1e-3), max_retries: 0, averaging: AVERAGE, ..PLAIN };
    let mut run = Run::<F32>::new(&[2, 2], config);
    run.step(&[1., 0., 0., 1.], 0.1);
    assert_eq!(run.refresh.accepted, 2);
    let (roots, stamp) = (run.roots(), run.tensor.slots()[0].stamp());
    let direction = run.direction(&[1e4, 0., 0., 0.]);
    assert_eq!((run.refresh.accepted, run.refresh.rejected), (0, 2));
    assert_eq!((run.roots(), run.tensor.slots()[0].stamp()), (roots.clone(), stamp));
    assert_eq!(run.tensor.slots()[0].failures(), 1);
    let right = 1e4 * roots[0] * roots[3];
    assert_relative(&direction, &[right, 0., 0., 0.], Check::Case.bound(U32), 0.0);
    // The next refresh is tried on schedule, and succeeds once the spike has faded.
    let accepted = (0..300).any(|_| {
        run.step(&[1., 0., 0., 1.], 0.1);
        run.refresh.accepted == 2
    });
    assert!(accepted, "{:?}", run.refresh);
}

#[test]
fn a_block_without_roots_takes_the_grafts_step_beside_one_that_has_them() {
    // The lower block sees its first gradient at step 1; roots are due at step 0 and at step 10.
    let schedule = Schedule { precondition_every: 10, ..Schedule::EVERY_STEP };
    let config = Config { block_size: 2, graft: Graft::Sgd, schedule, ..PLAIN };
    let mut run = Run::<F64>::new(&[4, 2], config);
    run.step(&[3., 0., 0., 4., 0., 0., 0., 0.], 1.0);
    assert_eq!((run.refresh.accepted, run.refresh.zero), (2, 2));
    let lower = [0.5, 2.0, -1.0, 0.25];
    for t in 1..10 {
        let gradient = [&[3., 0., 0., 4.][..], &lower].concat();
        let found = run.direction(&gradient);
        // The length is that of the preconditioned block alone: 5, over P = I.
        let half = 5.0 * core::f64::consts::FRAC_1_SQRT_2;
        assert_relative(&found[..4], &[half, 0., 0., half], Check::Case.bound(U32), 0.0);
        assert_eq!(found[4..], lower, "step {t}");
    }
    run.step(&[&[3., 0., 0., 4.][..], &lower].concat(), 1.0);
    assert_eq!(run.refresh.accepted, 4);
}
