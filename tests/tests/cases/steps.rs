//! CASES A23 to A35: grafting, momentum, decay, counts.

use crate::common::run::{PLAIN, PSEUDO, Run};
use crate::common::{U32, U64, assert_absolute, assert_relative, bits};
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::error::ConfigError;
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::{F32, F32RootF64, F64};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

const IDENTITY: [f64; 4] = [1., 0., 0., 1.];
const SGD: Config = Config { graft: Graft::Sgd, ..PLAIN };

#[test]
fn a23_the_graft_does_not_share_a_buffer() {
    let right = [-3.53553391, 0., 0., -3.53553391];
    let found = Run::<F64>::new(&[2, 2], SGD).step(&[3., 0., 0., 4.], 1.0);
    assert_relative(&found, &right, Check::Case.bound(U64), 0.0);
    let found = Run::<F32RootF64>::new(&[2, 2], SGD).step(&[3., 0., 0., 4.], 1.0);
    assert_relative(&found, &right, Check::Case.bound(U32), 0.0);
}

#[test]
fn a24_only_the_length_is_grafted() {
    let (first, second) = ([3., 0., 0., 4.], [1., 1., 0., 1.]);
    for (graft, right) in [
        (Graft::None, [0.304172723, 0.257138372, -0.0099808842, 0.234944343]),
        (Graft::AdaGrad { epsilon: 0.0 }, [0.707918525, 0.598452797, -0.023229081, 0.546799369]),
        (Graft::Sgd, [1.13903024, 0.962901529, -0.0373752412, 0.879791942]),
    ] {
        let config = Config { graft, ..PLAIN };
        let mut exact = Run::<F64>::new(&[2, 2], config);
        exact.step(&first, 1.0);
        assert_relative(&exact.direction(&second), &right, Check::Case.bound(U64), 0.0);
        let mut server = Run::<F32RootF64>::new(&[2, 2], config);
        server.step(&first, 1.0);
        // Relative to the largest entry: the third is a difference of larger numbers.
        assert_relative(&server.direction(&second), &right, Check::Case.bound(U32), 1.0);
    }
}

#[test]
fn a25_without_a_graft_the_scale_of_the_gradient_is_lost() {
    let gradient: Vec<f64> = (0..16).map(|k| if k / 4 == k % 4 { 1e-3 } else { 0.0 }).collect();
    let unit: Vec<f64> = gradient.iter().map(|g| 1e3 * g).collect();
    for (config, right) in [(PLAIN, &unit), (SGD, &gradient)] {
        assert_relative(&Run::<F64>::new(&[4, 4], config).direction(&gradient), right, Check::Case.bound(U64), 0.0);
        assert_relative(
            &Run::<F32RootF64>::new(&[4, 4], config).direction(&gradient),
            right,
            Check::Case.bound(U32),
            0.0,
        );
    }
    assert_ne!(Config::DEFAULT.graft, Graft::None);
}

#[test]
fn a26_a_gradient_in_the_null_space_of_old_roots() {
    let schedule = Schedule { precondition_every: 10, ..Schedule::EVERY_STEP };
    let mut run = Run::<F64>::new(&[2, 2], Config { ridge: PSEUDO, schedule, ..SGD });
    assert_absolute(&run.direction(&[1., 0., 0., 0.]), &[1., 0., 0., 0.], Check::Case.bound(U64));
    let fallen_back = run.direction(&[0., 0., 0., 1.]);
    assert_eq!(fallen_back, [0., 0., 0., 1.], "the graft's own step, never 0 / 0");
    let mut bare = Run::<F64>::new(&[2, 2], Config { graft: Graft::None, ridge: PSEUDO, schedule, ..PLAIN });
    bare.step(&[1., 0., 0., 0.], 1.0);
    assert_eq!(bare.direction(&[0., 0., 0., 1.]), [0.0; 4], "without a graft it is P, which is 0");
}

#[test]
fn a27_nesterov_does_not_write_back() {
    let momentum = Momentum { nesterov: true, ..Momentum::heavy_ball(0.5) };
    let mut run = Run::<F64>::new(&[], Config { momentum, ..Config::diagonal(Graft::Sgd) });
    for (delta, remembered) in [(-1.5, 1.0), (-1.75, 1.5), (-1.875, 1.75)] {
        assert_eq!(run.step(&[1.0], 1.0), [delta]);
        assert_eq!(run.tensor.momentum(), [remembered]);
    }
}

#[test]
fn a28_decay_without_momentum_and_without_gradient() {
    for weight_decay in [WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1)] {
        let mut run =
            Run::<F64>::new(&[], Config { weight_decay, ..Config::diagonal(Graft::Sgd) }).with_weights(&[1.0]);
        run.step(&[0.0], 0.1);
        assert_relative(&run.weights, &[0.99], Check::Case.bound(U64), 0.0);
    }
}

#[test]
fn a28_normalisation_does_not_swallow_the_decay() {
    let graft = Graft::AdaGrad { epsilon: 0.0 };
    for weight_decay in [WeightDecay::Coupled(0.01), WeightDecay::Decoupled(0.01)] {
        let mut run = Run::<F64>::new(&[], Config { weight_decay, ..Config::diagonal(graft) }).with_weights(&[10.0]);
        assert_relative(&run.step(&[1.0], 0.1), &[-0.11], Check::Case.bound(U64), 0.0);
    }
}

#[test]
fn a29_a_zero_gradient_decays() {
    // A parameter without a gradient takes no step at all: that is the caller's to skip, and nothing changes.
    let config = Config { weight_decay: WeightDecay::Decoupled(0.1), ..Config::diagonal(Graft::Sgd) };
    let mut run = Run::<F64>::new(&[1], config).with_weights(&[2.0]);
    run.step(&[0.0], 0.1);
    assert_relative(&run.weights, &[1.98], Check::Case.bound(U64), 0.0);
}

#[test]
fn a30_bias_correction_counts_the_parameters_own_gradients() {
    let graft = Graft::RmsProp { beta2: 0.999, epsilon: 0.0, bias_correction: true };
    let mut early = Run::<F64>::new(&[1], Config::diagonal(graft));
    (0..100).for_each(|_| drop(early.step(&[1.0], 0.1)));
    let mut late = Run::<F64>::new(&[1], Config::diagonal(graft));
    assert_relative(&late.direction(&[2.0]), &[1.0], Check::Case.bound(U64), 0.0);
    assert_eq!((early.tensor.count(), late.tensor.count()), (100, 1));
}

#[test]
fn a31_the_first_step_of_adam_divides_by_no_zero() {
    let graft = Graft::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let delta = Run::<F64>::new(&[1], Config::diagonal(graft)).step(&[1.0], 0.1);
    assert_relative(&delta, &[-0.1 / (1.0 + 1e-8)], Check::DiagonalVsNaive.bound(U64), 0.0);
    let narrow = Run::<F32>::new(&[1], Config::diagonal(graft)).direction(&[1.0]);
    assert_relative(&narrow, &[1.0 / (1.0 + 1e-8)], Check::DiagonalVsNaive.bound(U32), 0.0);
}

#[test]
fn a32_a_late_first_gradient_is_never_lost() {
    let gradient = [3., 0., 0., 4.];
    let every_ten = Schedule { precondition_every: 10, ..Schedule::EVERY_STEP };
    // Steps count the parameter's own gradients: the first has a root at once.
    let mut run = Run::<F64>::new(&[2, 2], Config { schedule: every_ten, ..SGD });
    let root_half = 5.0 * core::f64::consts::FRAC_1_SQRT_2;
    let right = IDENTITY.map(|x| root_half * x);
    assert_relative(&run.direction(&gradient), &right, Check::Case.bound(U64), 0.0);
    // Before preconditioning starts the step is the graft's own.
    let schedule = Schedule { start_preconditioning_step: 7, ..every_ten };
    let mut run = Run::<F64>::new(&[2, 2], Config { schedule, ..SGD });
    for _ in 0..7 {
        assert_eq!(run.direction(&gradient), gradient);
    }
    assert_relative(&run.direction(&gradient), &right, Check::Case.bound(U64), 0.0);
}

#[test]
fn a33_an_average_never_becomes_a_sum() {
    let average = |beta2| Config { averaging: Averaging::Ema { beta2 }, ..PLAIN };
    let close = 0.999_999_99;
    assert_eq!(Run::<F32>::try_new(&[1, 1], average(close)).err(), Some(ConfigError::BetaRoundsToOne { value: close }));
    assert!(Run::<F32RootF64>::try_new(&[1, 1], average(close)).is_err());
    let mut wide = Run::<F64>::new(&[1, 1], average(close));
    wide.step(&[1.0], 0.1);
    assert_relative(&wide.statistics(), &[1e-8; 2], Check::Case.bound(U64), 0.0);
    for (beta2, weight) in [(0.999_999_97, 3e-8), (0.9999, 1e-4)] {
        let mut run = Run::<F32>::new(&[1, 1], average(beta2));
        run.step(&[1.0], 0.1);
        assert_relative(&run.statistics(), &[weight; 2], Check::Case.bound(U32), 0.0);
    }
}

#[test]
fn a35_the_learning_rate_is_applied_last() {
    let mut random = Random::new(35);
    let mut runs = [0; 3].map(|_| Run::<F64>::new(&[3, 2], Config::DEFAULT));
    for _ in 0..5 {
        let gradient = random.gaussians(6);
        let [unit, large, small] = [1.0, 0.1, 0.01];
        let steps = [(0, unit), (1, large), (2, small)].map(|(i, rate)| runs[i].step(&gradient, rate));
        for (rate, step) in [(large, &steps[1]), (small, &steps[2])] {
            let scaled: Vec<f64> = steps[0].iter().map(|u| rate * u).collect();
            assert_eq!(bits(step), bits(&scaled));
        }
    }
    let before = runs[0].statistics();
    let weights = runs[0].weights.clone();
    assert!(runs[0].step(&random.gaussians(6), 0.0).iter().all(|&u| u == 0.0), "no division by the rate");
    assert_eq!(runs[0].weights, weights);
    assert_ne!(runs[0].statistics(), before, "statistics still accumulate");
}

#[test]
fn a35_relative_ridge_of_nothing_is_no_division() {
    let mut run = Run::<F64>::new(&[2, 2], Config { ridge: Ridge::Relative(0.0), ..PLAIN });
    assert_absolute(&run.direction(&[2., 0., 0., 3.]), &IDENTITY, Check::Case.bound(U64));
}
