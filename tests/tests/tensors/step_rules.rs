//! The rules around the preconditioner: filter, decay in the gradient, blended starts, scopes of the graft.

use crate::common;
use crate::common::run::{PLAIN, Run, narrow, widen};
use crate::common::{U32, U48, U64, assert_relative, bits};
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::error::{ConfigError, StepError};
use shampoo_core::graft::{Graft, Norms, Scope};
use shampoo_core::momentum::{Filter, Momentum};
use shampoo_core::scalar::{DoubleF32, F32RootDoubleF32, F32RootF64, F64, Mixed, Precision, Real};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{Shampoo, grafted, rmsprop};
use shampoo_tests::oracle::root::Ridge as OracleRidge;
use shampoo_tests::tolerance::Check;

type Doubled = Mixed<DoubleF32, DoubleF32, DoubleF32>;

const RMSPROP: Graft = Graft::RmsProp { beta2: 0.99, epsilon: 1e-8, bias_correction: false };

/// Stamps a law on every arithmetic, with the roundoff of its steps.
macro_rules! precisions {
    ($($test:ident: $law:ident;)*) => {$(
        #[test]
        fn $test() {
            $law::<F64>(U64);
            $law::<F32RootF64>(U32);
            $law::<F32RootDoubleF32>(U32);
            $law::<Doubled>(U48);
        }
    )*};
}
precisions! {
    the_filter_stands_in_for_the_gradient: filter;
    no_filter_is_no_filter: no_filter;
    decay_in_the_gradient_is_seen_by_everything: decay_in_the_gradient;
    a28_normalisation_swallows_decay_in_the_gradient: swallowed_decay;
    a_blended_start_goes_from_one_step_to_the_other: blended_start;
    a_graft_for_each_block_is_that_of_independent_tensors: graft_for_each_block;
    a_global_graft_of_one_tensor_is_its_own: global_graft_of_one;
}

/// Numbers that `f32` holds, so that all see the same.
fn gradients(count: usize, numel: usize) -> Vec<Vec<f64>> {
    let mut random = Random::new(77);
    (0..count).map(|_| random.gaussians(numel).into_iter().map(|x| f64::from(x as f32)).collect()).collect()
}

fn close(found: &[f64], right: &[f64], unit_roundoff: f64) {
    let scale = common::largest(right);
    assert_relative(found, right, Check::RulesVsNaive.bound(unit_roundoff), scale);
}

/// A graft takes second moments of the gradient, a direction of the average; both steps carry the correction.
fn filter<P: Precision>(u: f64) {
    let (beta1, beta2) = (0.8, 0.9);
    for (graft, bias_correction) in [(Graft::None, false), (Graft::None, true), (RMSPROP, false), (RMSPROP, true)] {
        let config = Config {
            filter: Filter { beta1, bias_correction },
            averaging: Averaging::Ema { beta2 },
            initial_statistics: 0.1,
            graft,
            ..PLAIN
        };
        let mut run = Run::<P>::new(&[3, 2], config);
        let mut naive = Shampoo::new(&[3, 2], beta2, 0.1);
        let (mut average, mut second) = (vec![0.0; 6], vec![0.0; 6]);
        for (t, gradient) in gradients(6, 6).iter().enumerate() {
            naive.accumulate(gradient);
            average.iter_mut().zip(gradient).for_each(|(m, g)| *m = beta1 * *m + (1.0 - beta1) * g);
            let correction = if bias_correction { 1.0 / (1.0 - beta1.powi(t as i32 + 1)) } else { 1.0 };
            let filtered: Vec<f64> = average.iter().map(|m| m * correction).collect();
            let mut right = naive.precondition(&filtered, 0.25, OracleRidge::Absolute(0.0));
            if graft == RMSPROP {
                rmsprop(&mut second, gradient, 0.99, 1e-8);
                let step: Vec<f64> = filtered.iter().zip(&second).map(|(h, v)| h / (v.sqrt() + 1e-8)).collect();
                right = grafted(&right, &step);
            }
            close(&run.direction(gradient), &right, u);
        }
    }
}

fn no_filter<P: Precision>(_: f64) {
    assert_eq!(Filter::NONE, Filter { beta1: 0.0, bias_correction: false });
    let corrected = Config { filter: Filter { beta1: 0.0, bias_correction: true }, ..Config::DEFAULT };
    let [mut plain, mut other] = [Config::DEFAULT, corrected].map(|config| Run::<P>::new(&[3, 2], config));
    for gradient in gradients(4, 6) {
        assert_eq!(bits(&plain.step(&gradient, 0.1)), bits(&other.step(&gradient, 0.1)));
    }
    for beta1 in [-0.1, 1.0, f64::NAN] {
        let config = Config { filter: Filter { beta1, bias_correction: false }, ..PLAIN };
        assert!(matches!(Run::<P>::try_new(&[2, 2], config).err(), Some(ConfigError::Beta { .. })), "{beta1}");
    }
}

/// Decay in the gradient is the same, bit for bit, as a caller who adds it.
fn decay_in_the_gradient<P: Precision>(_: f64) {
    let rate = 0.25;
    for filter in [Filter::NONE, Filter { beta1: 0.5, bias_correction: true }] {
        for graft in [Graft::Sgd, RMSPROP, Graft::AdaGrad { epsilon: 0.0 }] {
            let config = Config { filter, graft, ..Config::DEFAULT };
            let decaying = Config { weight_decay: WeightDecay::Gradient(rate), ..config };
            let weights = [1.0, -2.0, 0.5, 4.0, -0.25, 8.0];
            let mut by_hand = Run::<P>::new(&[3, 2], config).with_weights(&weights);
            let mut run = Run::<P>::new(&[3, 2], decaying).with_weights(&weights);
            for gradient in gradients(5, 6) {
                let gradient = narrow::<P::Work>(&gradient);
                let rate = P::Work::from_f64(rate);
                let sum: Vec<_> = by_hand.weights.iter().zip(&gradient).map(|(&w, &g)| rate * w + g).collect();
                let [mut found, mut right] = [0; 2].map(|_| vec![P::Work::default(); 6]);
                run.try_step(&gradient, 0.1, &mut found).expect("a legal gradient");
                by_hand.try_step(&sum, 0.1, &mut right).expect("a legal gradient");
                assert_eq!(bits(&widen(&found)), bits(&widen(&right)));
            }
            assert_eq!(bits(&run.statistics()), bits(&by_hand.statistics()));
        }
    }
}

fn swallowed_decay<P: Precision>(u: f64) {
    let config = Config {
        weight_decay: WeightDecay::Gradient(0.01),
        momentum: Momentum::NONE,
        ..Config::diagonal(Graft::AdaGrad { epsilon: 0.0 })
    };
    let mut run = Run::<P>::new(&[], config).with_weights(&[10.0]);
    assert_relative(&run.step(&[1.0], 0.1), &[-0.1], Check::Case.bound(u), 0.0);
}

#[test]
fn decay_that_carries_a_gradient_out_of_range_is_refused() {
    let config = Config { weight_decay: WeightDecay::Gradient(1.0), ..Config::DEFAULT };
    let mut run = Run::<F64>::new(&[2, 2], config).with_weights(&[1.0, 1e160, 0.0, 0.0]);
    let before = run.state();
    let mut update = [7.0; 4];
    let error = run.try_step(&[0.0; 4], 0.1, &mut update).unwrap_err();
    assert!(matches!(error, StepError::GradientTooLarge { value: 1e160, .. }), "{error:?}");
    assert_eq!((run.state(), update), (before, [7.0; 4]));
    run.weights[2] = f64::NAN;
    assert_eq!(run.try_step(&[0.0; 4], 0.1, &mut update), Err(StepError::NonFiniteParameter { index: 2 }));
}

/// w = (t - s) / s of the preconditioned step, the rest of the graft's.
fn blended_start<P: Precision>(u: f64) {
    let start_preconditioning_step = 4;
    let schedule = Schedule { start_preconditioning_step, ..Schedule::EVERY_STEP };
    let config = Config { graft: RMSPROP, averaging: Averaging::Ema { beta2: 0.9 }, schedule, ..PLAIN };
    let at_once = Config { schedule: Schedule::EVERY_STEP, ..config };
    let never = Config { momentum: Momentum::NONE, ..Config::diagonal(RMSPROP) };
    let mut blended = Run::<P>::new(&[3, 3], Config { start: Start::Blend, ..config });
    let [mut full, mut graft] = [at_once, never].map(|config| Run::<P>::new(&[3, 3], config));
    for (t, gradient) in gradients(10, 9).iter().enumerate() {
        let weight = ((t as f64 - 4.0) / 4.0).clamp(0.0, 1.0);
        assert_eq!(Start::Blend.weight(t as u64, start_preconditioning_step), weight);
        let [found, full, graft] = [&mut blended, &mut full, &mut graft].map(|run| run.direction(gradient));
        let right: Vec<f64> = full.iter().zip(&graft).map(|(p, g)| weight * p + (1.0 - weight) * g).collect();
        close(&found, &right, u);
        if weight == 1.0 {
            assert_eq!(bits(&found), bits(&full), "a finished blend leaves no trace");
        }
    }
    assert_eq!(Start::Blend.weight(0, 0), 1.0);
    assert_eq!(Start::Switch.weight(4, 4), 1.0);
}

/// Grafted block by block, blocks are as if each were a tensor.
fn graft_for_each_block<P: Precision>(_: f64) {
    let config = Config { graft: RMSPROP, graft_scope: Scope::Block, block_size: 2, ..Config::DEFAULT };
    let mut whole = Run::<P>::new(&[4, 3], config);
    let mut parts = [[2, 2], [2, 1], [2, 2], [2, 1]].map(|shape| {
        // A side of 1 has a factor of its own here, as in the block.
        Run::<P>::new(&shape, Config { merge: shampoo_core::partition::Merge::Keep, ..config })
    });
    let cells = [[0, 1, 3, 4].as_slice(), &[2, 5], &[6, 7, 9, 10], &[8, 11]];
    for gradient in gradients(5, 12) {
        let update = whole.step(&gradient, 0.1);
        for (part, cells) in parts.iter_mut().zip(cells) {
            let own = |x: &[f64]| cells.iter().map(|&k| x[k]).collect::<Vec<_>>();
            assert_eq!(bits(&own(&update)), bits(&part.step(&own(&gradient), 0.1)));
        }
    }
}

fn global_graft_of_one<P: Precision>(_: f64) {
    let config = Config { graft: RMSPROP, ..Config::DEFAULT };
    let [mut own, mut global] =
        [Scope::Tensor, Scope::Global].map(|graft_scope| Run::<P>::new(&[3, 2], Config { graft_scope, ..config }));
    for gradient in gradients(4, 6) {
        assert_eq!(bits(&own.step(&gradient, 0.1)), bits(&global.step(&gradient, 0.1)));
    }
    let merged = Norms { graft: 3.0, direction: 5.0 }.merge(Norms { graft: 4.0, direction: 12.0 });
    assert_eq!(merged, Norms { graft: 5.0, direction: 13.0 });
}
