//! Settings and shapes that are refused when an optimizer is built: the parameter and the figure are named.

use crate::runtime_support::{Bench, DESCENT};
use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ShapeError, UnsupportedExponent};
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::{Exponent, Method};
use shampoo_core::momentum::Momentum;
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_runtime::{Builder, Error, SERVER_CONFIG};

/// Refused, whether these are the settings of all parameters or of one of several.
#[track_caller]
fn assert_no_config(config: Config, right: ConfigError, words: &str) {
    let general = Builder::new().inline().config(config).parameter("weights", &[2, 3]);
    let own = Builder::new().inline().parameter("fine", &[2, 3]).parameter_with("weights", &[2, 3], config);
    for builder in [general, own] {
        let error = builder.build().map(drop).unwrap_err();
        assert_eq!(error, Error::Config { parameter: "weights".into(), source: right });
        let text = error.to_string();
        assert!(text.contains("`weights`") && text.contains(words), "{text}");
    }
}

#[test]
fn block_size_zero() {
    assert_no_config(Config { block_size: 0, ..SERVER_CONFIG }, ConfigError::BlockSizeZero, "block_size is 0");
    let error = Builder::new().inline().block_size(0).parameter("weights", &[2, 3]).build().map(drop);
    assert_eq!(error, Err(Error::Config { parameter: "weights".into(), source: ConfigError::BlockSizeZero }));
}

#[test]
fn the_largest_block_size_is_one_block() {
    let keep = Config { block_size: usize::MAX, merge_limit: 1, ..SERVER_CONFIG };
    for builder in [Builder::new().config(keep), Builder::new().block_size(usize::MAX)] {
        let mut bench = Bench::new(builder.inline(), &[("w", &[150, 3])]);
        let tensor = bench.optimizer.tensor("w").unwrap();
        assert_eq!((tensor.partition().block_count(), tensor.slots().len()), (1, 2));
        assert_eq!(bench.steps(1, 2)[1].refresh.accepted, 2);
    }
    // Cut into blocks of 128 by default: the number above is not what any setting gives.
    let bench = Bench::new(Builder::new().inline(), &[("w", &[150, 3])]);
    assert_eq!(bench.optimizer.tensor("w").unwrap().slots().len(), 4);
}

#[test]
fn decays_that_round_to_one() {
    let value = 0.999_999_99;
    let rmsprop = Graft::RmsProp { beta2: value, epsilon: 1e-10, bias_correction: true };
    for config in [
        Config { averaging: Averaging::Ema { beta2: value }, ..SERVER_CONFIG },
        Config { graft: rmsprop, ..SERVER_CONFIG },
        Config { momentum: Momentum::heavy_ball(value), ..SERVER_CONFIG },
    ] {
        assert_no_config(config, ConfigError::BetaRoundsToOne { value }, "0.99999999");
        // In f64 it does not round.
        let wide = Builder::<shampoo_core::scalar::F64>::with_precision().inline().config(config);
        assert!(wide.parameter("weights", &[2, 3]).build().is_ok());
    }
    let averaging = Averaging::Ema { beta2: 1.0 };
    assert_no_config(Config { averaging, ..SERVER_CONFIG }, ConfigError::Beta { value: 1.0 }, "rate of 1");
}

#[test]
fn exponents_that_are_no_roots() {
    for (exponent, error, words) in [
        (Exponent::Root(0), UnsupportedExponent::OrderZero, "order is 0"),
        (Exponent::Power(-0.25), UnsupportedExponent::Power(-0.25), "-0.25"),
        (Exponent::Power(f64::INFINITY), UnsupportedExponent::Power(f64::INFINITY), "inf"),
    ] {
        let config = Config { exponent_override: Some(exponent), ..SERVER_CONFIG };
        assert_no_config(config, ConfigError::Exponent(error), words);
    }
    let real = Some(Exponent::Power(0.4));
    let config = Config { exponent_override: real, method: Method::CoupledNewton, ..SERVER_CONFIG };
    assert_no_config(config, ConfigError::Exponent(UnsupportedExponent::ByMethod), "exponent");
}

#[test]
fn periods_of_no_steps() {
    let schedule = Schedule { precondition_every: 0, ..Schedule::EVERY_STEP };
    assert_no_config(Config { schedule, ..SERVER_CONFIG }, ConfigError::PeriodZero, "0 steps");
}

#[test]
fn shapes_without_a_place() {
    for (shape, right, words) in [
        (&[2; 9][..], ShapeError::Rank { rank: 9, capacity: 8 }, "9 dimensions"),
        (&[usize::MAX, 2], ShapeError::TooLarge, "number of entries"),
    ] {
        let config = Config { merge_limit: 1, ..SERVER_CONFIG };
        let builder = Builder::new().inline().config(config).parameter("fine", &[2, 3]).parameter("weights", shape);
        let error = builder.build().map(drop).unwrap_err();
        assert_eq!(error, Error::Config { parameter: "weights".into(), source: ConfigError::Shape(right) });
        assert!(error.to_string().contains("`weights`") && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a34_names_that_are_registered_twice() {
    for shape in [&[2, 3][..], &[6]] {
        let builder = Builder::new().inline().parameter("7", &[2, 3]).parameter("8", &[1]).parameter("7", shape);
        let error = builder.build().map(drop).unwrap_err();
        assert_eq!(error, Error::Duplicate { parameter: "7".into() });
        assert!(error.to_string().contains("`7`"), "{error}");
    }
}

#[test]
fn a34_a_tied_weight_is_registered_once_with_its_summed_gradient() {
    let mut bench = Bench::new(Builder::new().inline().config(DESCENT).learning_rate(0.1), &[("7", &[1])]);
    *bench.values("7") = vec![1.0];
    bench.step(&[("7", vec![1.0])]);
    assert_eq!(*bench.values("7"), [0.9]);
}
