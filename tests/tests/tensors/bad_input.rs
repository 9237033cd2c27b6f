//! Bad input: a typed error with the figure, and nothing has changed, bit for bit.

use crate::common::run::{PLAIN, PSEUDO, Run};
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::{ConfigError, ShapeError, StepError, UnsupportedExponent};
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Exponent, Method, Ridge};
use shampoo_core::momentum::{Buffers, Momentum};
use shampoo_core::scalar::{F32, F32RootF64, F64, Precision};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::{Tensor, Workspace, lengths};
use shampoo_tests::generate::Random;

/// Settings that differ in which state they keep.
fn settings() -> [Config; 4] {
    let sm3 = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 1e-10 };
    let decay = WeightDecay::Decoupled(0.1);
    [Config::DEFAULT, Config::talk_2021(), Config { weight_decay: decay, ..Config::diagonal(sm3) }, PLAIN]
}

/// A parameter after three steps.
fn warm<P: Precision>(config: Config) -> Run<P> {
    let mut run = Run::<P>::new(&[2, 3], config).with_weights(&[0.5; 6]);
    let mut random = Random::new(71);
    (0..3).for_each(|_| drop(run.step(&random.gaussians(6), 0.1)));
    run
}

/// Refused with this error by every setting; neither the state nor the output has changed.
fn assert_refused(gradient: &[f32], rate: f64, outputs: usize, is_right: impl Fn(StepError) -> bool) {
    for config in settings() {
        let mut run = warm::<F32RootF64>(config);
        let before = run.state();
        let mut update = vec![7.0; outputs];
        let error = run.try_step(gradient, rate, &mut update).unwrap_err();
        assert!(is_right(error), "{error}");
        assert_eq!(run.state(), before);
        assert!(update.iter().all(|&x| x == 7.0));
    }
}

#[test]
fn gradients_that_are_not_finite_are_named_by_index() {
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for index in 0..6 {
            let mut gradient = [0.25; 6];
            gradient[index] = poison;
            assert_refused(&gradient, 0.1, 6, |e| e == StepError::NonFiniteGradient { index });
            // Beside a number that is too large, NaN is still what is reported.
            gradient[5 - index] = 3e38;
            assert_refused(&gradient, 0.1, 6, |e| e == StepError::NonFiniteGradient { index });
        }
    }
}

#[test]
fn gradients_whose_squares_overflow() {
    for value in [3e19_f32, f32::MAX, -2e19] {
        let gradient = [0.0, 0.0, 0.0, 0.0, value, 0.0];
        assert_refused(&gradient, 0.1, 6, |e| match e {
            StepError::GradientTooLarge { value: found, limit } => found == f64::from(value).abs() && limit < found,
            _ => false,
        });
    }
}

#[test]
fn wrong_lengths() {
    for length in [0, 1, 5, 7, 12] {
        let error = StepError::GradientLength { expected: 6, found: length };
        assert_refused(&vec![0.5; length], 0.1, 6, |e| e == error);
    }
    assert_refused(&[0.5; 6], 0.1, 5, |e| e == StepError::ParameterLength { expected: 6, found: 5 });
    for config in settings() {
        let mut run = warm::<F32RootF64>(config);
        run.weights.pop();
        let before = run.state();
        let error = run.try_step(&[0.5; 6], 0.1, &mut [0.0; 6]).unwrap_err();
        assert_eq!(error, StepError::ParameterLength { expected: 6, found: 5 });
        assert_eq!(run.state(), before);
    }
}

#[test]
fn learning_rates_that_are_not_finite() {
    for rate in [f64::NAN, f64::INFINITY, 1e300] {
        assert_refused(
            &[0.5; 6],
            rate,
            6,
            |e| matches!(e, StepError::LearningRate { value } if value.to_bits() == rate.to_bits()),
        );
    }
}

#[test]
fn short_workspaces() {
    let mut run = warm::<F32RootF64>(Config::DEFAULT);
    let before = run.state();
    let need = run.tensor.lengths();
    for short in 0..3 {
        let length = |which: usize, full: usize| if which == short { full - 1 } else { full };
        let mut direction = vec![0.0; length(0, need.numel)];
        let (mut work, mut root) = (vec![0.0; length(1, need.work)], vec![0.0; length(2, need.root)]);
        let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
        let weights = run.weights.clone();
        let error = run.tensor.step(&weights, &[0.5; 6], 0.1, &mut [0.0; 6], &mut workspace, &Portable).unwrap_err();
        assert!(matches!(error, StepError::Workspace(ShapeError::Length { needed, found }) if needed == found + 1));
        assert_eq!(run.state(), before);
    }
}

#[test]
fn state_buffers_of_another_length() {
    let need = lengths::<F32>(&[2, 2], &Config::DEFAULT).unwrap();
    let full = [need.statistics, need.statistics, need.graft, need.momentum, need.slots];
    for wrong in 0..5 {
        for change in [-1, 1] {
            let length = |which: usize| full[which].saturating_add_signed(if which == wrong { change } else { 0 });
            let kept = |which| vec![0.0_f32; length(which)];
            let slots = vec![Slot::EMPTY; length(4)];
            let error =
                Tensor::<F32, _, _, _>::new(&[2, 2], Config::DEFAULT, kept(0), kept(1), kept(2), kept(3), slots);
            let right = ShapeError::Length { needed: full[wrong], found: length(wrong) };
            assert_eq!(error.unwrap_err(), ConfigError::Shape(right));
        }
    }
}

#[track_caller]
fn assert_no_config<P: Precision>(config: Config, right: ConfigError) {
    assert_eq!(lengths::<P>(&[2, 3], &config).unwrap_err(), right);
    assert_eq!(Run::<P>::try_new(&[2, 3], config).err(), Some(right));
}

const DEFAULT: Config = Config::DEFAULT;

#[test]
fn block_size_zero() {
    assert_no_config::<F32>(Config { block_size: 0, ..DEFAULT }, ConfigError::BlockSizeZero);
    assert!(Run::<F32>::try_new(&[2, 3], Config { block_size: usize::MAX, ..DEFAULT }).is_ok());
}

#[test]
fn periods_of_no_steps() {
    for schedule in [
        Schedule { statistics_every: 0, ..Schedule::EVERY_STEP },
        Schedule { precondition_every: 0, ..Schedule::EVERY_STEP },
    ] {
        assert_no_config::<F32>(Config { schedule, ..DEFAULT }, ConfigError::PeriodZero);
    }
}

#[test]
fn exponents_that_are_no_roots() {
    for (exponent, error) in [
        (Exponent::Root(0), UnsupportedExponent::OrderZero),
        (Exponent::Power(0.0), UnsupportedExponent::Power(0.0)),
        (Exponent::Power(-0.25), UnsupportedExponent::Power(-0.25)),
        (Exponent::Power(f64::INFINITY), UnsupportedExponent::Power(f64::INFINITY)),
    ] {
        let config = Config { exponent_override: Some(exponent), ..DEFAULT };
        assert_no_config::<F64>(config, ConfigError::Exponent(error));
    }
    assert!(
        Run::<F64>::try_new(&[2, 3], Config { exponent_override: Some(Exponent::Power(f64::NAN)), ..DEFAULT }).is_err()
    );
    for exponent in [Exponent::Root(5), Exponent::Power(1.0 / 3.0), Exponent::Power(0.4)] {
        assert!(Run::<F64>::try_new(&[2, 3], Config { exponent_override: Some(exponent), ..DEFAULT }).is_ok());
    }
}

#[test]
fn exponents_that_the_chosen_method_does_not_know() {
    // Found when the parameter is built, not as a root refused at every step.
    let real = Config { exponent_override: Some(Exponent::Power(0.4)), ..DEFAULT };
    let right = ConfigError::Exponent(UnsupportedExponent::ByMethod);
    for method in [Method::CoupledNewton, Method::Rational] {
        assert_no_config::<F64>(Config { method, ..real }, right);
        assert_no_config::<F64>(Config { method, ridge: PSEUDO, ..DEFAULT }, right);
    }
    // p = 2 * 5 for a tensor of rank 5 has no table.
    let rank_five = Config { method: Method::Rational, merge_limit: 1, ..DEFAULT };
    assert_eq!(Run::<F64>::try_new(&[2; 5], rank_five).err(), Some(right));
    assert!(Run::<F64>::try_new(&[2; 5], Config { method: Method::Auto, ..rank_five }).is_ok());
}

#[test]
fn decays_outside_their_range_or_rounding_to_one() {
    let close = 0.999_999_99;
    for value in [0.0, 1.0, -0.5, 1.5, f64::INFINITY, f64::NAN, close] {
        let averaging = Averaging::Ema { beta2: value };
        let rmsprop = Graft::RmsProp { beta2: value, epsilon: 0.0, bias_correction: true };
        let sm3 = Graft::Sm3 { variant: Variant::II, averaging, epsilon: 0.0 };
        let momentum = Momentum { buffers: Buffers::Two, ..Momentum::heavy_ball(value) };
        for config in [
            Config { averaging, ..DEFAULT },
            Config { graft: rmsprop, ..DEFAULT },
            Config { graft: sm3, ..DEFAULT },
            Config { momentum, ..DEFAULT },
        ] {
            let found = Run::<F32>::try_new(&[2, 3], config).err();
            match found {
                Some(ConfigError::BetaRoundsToOne { value: found }) => assert_eq!((value, found), (close, close)),
                Some(ConfigError::Beta { value: found }) => assert_eq!(found.to_bits(), value.to_bits()),
                None => assert!(value == 0.0 && config.momentum == momentum, "{config:?}"),
                other => panic!("{other:?} for {value}"),
            }
            assert_eq!(Run::<F64>::try_new(&[2, 3], config).is_ok(), value == close || found.is_none());
        }
    }
}

#[test]
fn figures_that_must_be_finite_and_not_negative() {
    for value in [-1e-3, f64::INFINITY, f64::NAN] {
        for (config, name) in [
            (Config { initial_statistics: value, ..DEFAULT }, "initial_statistics"),
            (Config { ridge: Ridge::Relative(value), ..DEFAULT }, "ridge"),
            (Config { ridge: Ridge::Absolute(value), ..DEFAULT }, "ridge"),
            (Config { ridge: Ridge::PseudoInverse { cutoff: value }, ..DEFAULT }, "ridge"),
            (Config { max_error: Some(value), ..DEFAULT }, "max_error"),
            (Config { weight_decay: WeightDecay::Coupled(value), ..DEFAULT }, "weight_decay"),
            (Config { weight_decay: WeightDecay::Decoupled(value), ..DEFAULT }, "weight_decay"),
            (Config { graft: Graft::AdaGrad { epsilon: value }, ..DEFAULT }, "graft epsilon"),
        ] {
            let error = Run::<F64>::try_new(&[2, 3], config).err();
            assert!(matches!(error, Some(ConfigError::Figure { field, .. }) if field == name), "{error:?}");
        }
    }
}

#[test]
fn shapes_without_a_place() {
    let rank = |shape: &[usize]| Run::<F32>::try_new(shape, PLAIN).err();
    assert_eq!(rank(&[2; 9]), Some(ConfigError::Shape(ShapeError::Rank { rank: 9, capacity: 8 })));
    assert_eq!(lengths::<F32>(&[usize::MAX, 2], &DEFAULT), Err(ConfigError::Shape(ShapeError::TooLarge)));
    assert_eq!(lengths::<F32>(&[usize::MAX, 0], &DEFAULT).map(|need| need.numel), Ok(0));
}

#[test]
fn errors_name_their_figure() {
    let text = StepError::NonFiniteGradient { index: 17 }.to_string();
    assert!(text.contains("17"), "{text}");
    let text = ConfigError::Beta { value: 1.5 }.to_string();
    assert!(text.contains("1.5"), "{text}");
    let text = ConfigError::Figure { field: "ridge", value: -0.25 }.to_string();
    assert!(text.contains("ridge") && text.contains("-0.25"), "{text}");
}
