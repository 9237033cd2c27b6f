//! Settings, variables and gradients that are refused: the name, and nothing has changed.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::{ConfigError, StepError};
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::linalg::inverse_root::{Exponent, Ridge};
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::schedule::{Adaptive, Mode, Schedule};
use shampoo_core::statistics::Averaging;
use shampoo_runtime::candle::CandleError;
use shampoo_runtime::candle_device::DeviceShampoo;
use shampoo_runtime::{Builder, Error};

use super::support::{Done, bits, store, tensor, var};
use super::{CONFIG, builder};

/// The field and the value that are refused.
fn refusal(result: Result<DeviceShampoo, CandleError>) -> Option<(String, &'static str, String)> {
    match result.err()? {
        CandleError::Shampoo(Error::Unsupported { parameter, field, value }) => Some((parameter, field, value)),
        other => panic!("{other:?}"),
    }
}

fn named() -> Result<Vec<(String, Var)>, candle_core::Error> {
    Ok(vec![("w".to_owned(), var(&[3, 2], 1)?)])
}

#[test]
fn settings_that_are_not_known_on_devices() -> Done {
    let adaptive = Mode::Adaptive(Adaptive { drift: 0.1, flops: 1, max_staleness: 1 });
    let sm3 = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 };
    let graft = |graft: Graft| ("graft", Config { graft, ..CONFIG }, format!("{graft:?}"));
    let two = Momentum { buffers: Buffers::Two, ..Momentum::heavy_ball(0.9) };
    let filter = Filter { beta1: 0.5, bias_correction: false };
    let schedule = Schedule { mode: adaptive, ..Schedule::EVERY_STEP };
    let refused = [
        graft(sm3),
        graft(Graft::Sign),
        graft(Graft::Lars { beta: 0.1 }),
        graft(Graft::Momentum { beta1: 0.9, nesterov: false }),
        graft(Graft::FullMatrix { ridge: Ridge::Relative(1e-6) }),
        ("mode", Config { schedule, ..CONFIG }, format!("{adaptive:?}")),
        ("momentum", Config { momentum: two, ..CONFIG }, format!("{two:?}")),
        ("filter", Config { filter, ..CONFIG }, format!("{filter:?}")),
        ("graft_scope", Config { graft_scope: Scope::Block, ..CONFIG }, "Block".to_owned()),
        ("graft_scope", Config { graft_scope: Scope::Global, ..CONFIG }, "Global".to_owned()),
        ("start", Config { start: Start::Blend, ..CONFIG }, "Blend".to_owned()),
        ("normalize_graft", Config { normalize_graft: true, ..CONFIG }, "true".to_owned()),
        ("packed_products", Config { packed_products: true, ..CONFIG }, "true".to_owned()),
        ("weight_decay", Config { weight_decay: WeightDecay::Gradient(0.1), ..CONFIG }, "Gradient(0.1)".to_owned()),
    ];
    for (field, config, value) in refused {
        let found = refusal(DeviceShampoo::with_names(named()?, builder(config)));
        assert_eq!(found, Some(("w".to_owned(), field, value)));
        // Also where one parameter alone has it.
        let alone = builder(CONFIG).parameter_with("w", &[3, 2], config);
        assert_eq!(refusal(DeviceShampoo::with_names(named()?, alone)).map(|(_, field, _)| field), Some(field));
    }
    let threads = refusal(DeviceShampoo::with_names(named()?, Builder::new().threads(2)));
    assert_eq!(threads, Some(("*".to_owned(), "threads", "2".to_owned())));
    let error = DeviceShampoo::new(vec![var(&[2], 1)?], builder(Config { start: Start::Blend, ..CONFIG }));
    let text = error.map(drop).unwrap_err().to_string();
    assert!(["`var.0`", "start", "Blend"].iter().all(|word| text.contains(word)), "{text}");
    Ok(())
}

#[test]
fn roots_that_a_device_does_not_compute() -> Done {
    let on_device = |config: Config| {
        Ok::<_, CandleError>(refusal(DeviceShampoo::with_names(named()?, builder(config))?.roots_on_device(true)))
    };
    let with_ridge = |ridge| on_device(Config { ridge, ..CONFIG });
    let field = |found: Option<(String, &'static str, String)>| found.map(|(_, field, _)| field);
    assert_eq!(field(with_ridge(Ridge::PseudoInverse { cutoff: 1e-6 })?), Some("ridge"));
    assert_eq!(field(with_ridge(Ridge::Relative(0.0))?), Some("ridge"));
    let real = Config { exponent_override: Some(Exponent::Power(0.4)), ..CONFIG };
    let (_, field, value) = on_device(real)?.expect("a real exponent");
    assert_eq!((field, value.as_str()), ("exponent_override", "Power(0.4)"));
    assert_eq!(on_device(Config { exponent_override: Some(Exponent::Power(0.25)), ..CONFIG })?, None);
    // Nothing to compute, nothing to refuse.
    assert_eq!(on_device(Config { precondition: false, ridge: Ridge::Relative(0.0), ..CONFIG })?, None);
    Ok(())
}

#[test]
fn settings_that_cannot_work_anywhere() -> Done {
    let error = DeviceShampoo::with_names(named()?, builder(Config { block_size: 0, ..CONFIG })).map(drop);
    let right = Error::Config { parameter: "w".to_owned(), source: ConfigError::BlockSizeZero };
    assert!(matches!(error, Err(CandleError::Shampoo(found)) if found == right));
    Ok(())
}

#[test]
fn variables_that_do_not_fit() -> Done {
    let text = |vars: Vec<(String, Var)>, builder: Builder| {
        DeviceShampoo::with_names(vars, builder).map(drop).unwrap_err().to_string()
    };
    let twice = text([named()?, named()?].concat(), builder(CONFIG));
    assert!(twice.contains("`w`") && twice.contains("twice"), "{twice}");
    let wide = vec![("wide".to_owned(), Var::zeros((2, 2), DType::F64, &Device::Cpu)?)];
    let wide = text(wide, builder(CONFIG));
    assert!(["`wide`", "F64", "F32"].iter().all(|word| wide.contains(word)), "{wide}");
    let missing = text(named()?, builder(CONFIG).parameter("there", &[2, 2]));
    assert!(missing.contains("`there`") && missing.contains("no variable"), "{missing}");
    Ok(())
}

/// A step with this gradient for the second variable is refused, and all that follows has the bits of a run without it.
fn assert_refused(config: Config, bad: &Tensor, is_right: impl Fn(&CandleError) -> bool) -> Done {
    let run = |with_bad: bool| -> Result<Vec<Vec<u32>>, Box<dyn core::error::Error>> {
        let vars = [var(&[3, 2], 7)?, var(&[2, 2], 8)?];
        let mut optimizer = DeviceShampoo::new(vars.to_vec(), builder(config))?;
        for step in 0..4 {
            if with_bad && step == 2 {
                let before = [bits(&vars[0])?, bits(&vars[1])?];
                let grads = store(&[(&vars[0], tensor(&[3, 2], 99)?), (&vars[1], bad.clone())])?;
                let error = optimizer.try_step(&grads).unwrap_err();
                assert!(is_right(&error), "{error:?}");
                assert_eq!(([bits(&vars[0])?, bits(&vars[1])?], optimizer.steps()), (before, 2));
            }
            optimizer.step(&store(&[(&vars[0], tensor(&[3, 2], step)?), (&vars[1], tensor(&[2, 2], step)?)])?)?;
        }
        Ok(vars.iter().map(|var| bits(var)).collect::<candle_core::Result<_>>()?)
    };
    assert_eq!(run(true)?, run(false)?);
    Ok(())
}

fn is_step_error(error: &CandleError, right: impl Fn(&StepError) -> bool) -> bool {
    matches!(error, CandleError::Shampoo(Error::Step { parameter, source }) if parameter == "var.1" && right(source))
}

#[test]
fn a_gradient_with_nan_changes_nothing() -> Done {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let bad = Tensor::new(&[[1.0, 2.0], [bad, 4.0]], &Device::Cpu)?;
        let right =
            |error: &CandleError| is_step_error(error, |source| *source == StepError::NonFiniteGradient { index: 2 });
        assert_refused(CONFIG, &bad, right)?;
    }
    Ok(())
}

#[test]
fn a_gradient_that_is_too_large_changes_nothing() -> Done {
    let too_large = |value: f32| {
        move |error: &CandleError| {
            is_step_error(
                error,
                |source| matches!(source, StepError::GradientTooLarge { value: found, .. } if *found == f64::from(value)),
            )
        }
    };
    let with = |value: f32| Tensor::new(&[[1.0, 2.0], [-value, 4.0]], &Device::Cpu);
    // sqrt(MAX / 16) is 4.6e18.
    assert_refused(CONFIG, &with(5e18)?, too_large(5e18))?;
    // Sums have less room left.
    let sums = Config { averaging: Averaging::Sum, ..CONFIG };
    let vars = vec![var(&[2, 2], 1)?];
    let mut optimizer = DeviceShampoo::new(vars.clone(), builder(sums))?;
    optimizer.step(&store(&[(&vars[0], with(4.5e18)?)])?)?;
    optimizer.step(&store(&[(&vars[0], with(4.5e18)?)])?)?;
    assert!(optimizer.step(&store(&[(&vars[0], with(4.5e18)?)])?).is_err());
    Ok(())
}

#[test]
fn gradients_and_rates_that_do_not_fit_change_nothing() -> Done {
    let wrong = |error: &CandleError| matches!(error, CandleError::Candle(_));
    assert_refused(CONFIG, &tensor(&[4], 72)?, wrong)?;
    assert_refused(CONFIG, &tensor(&[2, 2], 72)?.to_dtype(DType::F64)?, wrong)?;
    let w = var(&[2, 2], 1)?;
    let mut optimizer = DeviceShampoo::new(vec![w.clone()], builder(CONFIG))?;
    optimizer.set_learning_rate(f64::NAN);
    let before = bits(&w)?;
    let error = optimizer.try_step(&store(&[(&w, tensor(&[2, 2], 1)?)])?).unwrap_err();
    assert!(matches!(error, CandleError::Shampoo(Error::LearningRate { value }) if value.is_nan()));
    assert_eq!((bits(&w)?, optimizer.steps()), (before, 0));
    Ok(())
}
