//! State on the variables' own device: the same steps as on the host, but for sums in another order.
#![cfg(feature = "candle")]

#[path = "candle_device/refused.rs"]
mod refused;
#[path = "candle_device/roots.rs"]
mod roots;
#[path = "candle/support.rs"]
mod support;

use candle_core::{Tensor, Var};
use candle_nn::Optimizer;
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::graft::{Graft, Length};
use shampoo_core::linalg::inverse_root::{Exponent, Ridge};
use shampoo_core::momentum::Momentum;
use shampoo_core::partition::Sides;
use shampoo_core::schedule::{Mode, Schedule};
use shampoo_core::statistics::{Averaging, TraceScaling};
use shampoo_runtime::candle::CandleShampoo;
use shampoo_runtime::candle_device::DeviceShampoo;
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::tolerance::{Check, Size};
use support::{Done, bits, store, tensor, var};

/// Blocks, a vector, a scalar, three and four modes, and nothing.
const SHAPES: [&[usize]; 6] = [&[33, 20], &[7], &[], &[9, 5, 4], &[5, 4, 6, 7], &[0, 3]];

/// Blocks of 16, small enough for several of each shape, with roots of moderate condition.
const CONFIG: Config = Config { block_size: 16, merge_limit: 16, ridge: Ridge::Relative(1e-4), ..SERVER_CONFIG };

/// How far a run with a relative ridge may be from the host's.
fn bound(ridge: f64) -> f64 {
    let size = Size { order: 16, kappa: 1.0 / ridge, root: 4.0, ..Size::default() };
    Check::DeviceVsHost.bound_at(f64::from(f32::EPSILON) / 2.0, size)
}

fn builder(config: Config) -> Builder {
    Builder::new().inline().learning_rate(0.05).config(config).mode(config.schedule.mode)
}

fn gradients(vars: &[Var], seed: u64) -> candle_core::Result<Vec<(&Var, Tensor)>> {
    vars.iter().map(|var| Ok((var, tensor(var.dims(), seed)?))).collect()
}

fn start() -> Vec<Var> {
    SHAPES.map(|shape| var(shape, 1).expect("a legal shape")).to_vec()
}

/// Difference of two variables, relative to how far the second has come from its start.
fn difference(found: &Tensor, right: &Tensor, start: &Tensor) -> Result<f64, candle_core::Error> {
    let flat = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
    let [found, right, start] = [flat(found)?, flat(right)?, flat(start)?];
    let length = |a: &[f32], b: &[f32]| {
        a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
    };
    Ok(length(&found, &right) / length(&right, &start).max(f64::MIN_POSITIVE))
}

/// 50 steps on the device and on the host, within the tolerance and with the same roots at the same steps.
fn assert_as_host(what: &str, builder: Builder) -> Done {
    assert_within(what, builder, bound(CONFIG.ridge.figure()))
}

fn assert_within(what: &str, builder: Builder, bound: f64) -> Done {
    let (own, hosts, before) = (start(), start(), start());
    let mut device = DeviceShampoo::new(own.clone(), builder.clone())?;
    let mut host = CandleShampoo::new(hosts.clone(), builder)?;
    for step in 0..50 {
        device.step(&store(&gradients(&own, 100 + step)?)?)?;
        host.step(&store(&gradients(&hosts, 100 + step)?)?)?;
        let (found, right) = (device.report(), host.report());
        assert_eq!((found.updated, found.ages), (right.updated, right.ages), "{what}: step {step}");
        assert_eq!(
            (found.refresh.accepted, found.refresh.zero),
            (right.refresh.accepted, right.refresh.zero),
            "{what}"
        );
        assert_eq!((found.refresh.rejected, found.panicked), (0, 0), "{what}");
    }
    for ((own, host), before) in own.iter().zip(&hosts).zip(&before) {
        let found = difference(own, host, before)?;
        assert!(found <= bound, "{what}: {:?} is off by {found:e}, bound {bound:e}", own.dims());
        assert!(own.elem_count() == 0 || bits(own)? != bits(before)?, "{what}: {:?} has moved", own.dims());
    }
    Ok(())
}

#[test]
fn every_graft_is_that_of_the_host() -> Done {
    for graft in [
        Graft::None,
        Graft::Sgd,
        Graft::AdaGrad { epsilon: 1e-10 },
        Graft::RmsProp { beta2: 0.95, epsilon: 1e-10, bias_correction: false },
        Graft::RmsProp { beta2: 0.95, epsilon: 0.0, bias_correction: true },
        Graft::Adam { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
        Graft::FixedNorm(Length::Rows),
        Graft::FixedNorm(Length::Entries),
        Graft::FixedNorm(Length::Given(0.5)),
    ] {
        assert_as_host(&format!("{graft:?}"), builder(Config { graft, ..CONFIG }))?;
    }
    Ok(())
}

#[test]
fn momentum_and_decay_are_those_of_the_host() -> Done {
    let heavy = Momentum::heavy_ball(0.9);
    for momentum in [
        Momentum::NONE,
        heavy,
        Momentum { nesterov: true, ..heavy },
        Momentum { moving_average: true, ..heavy },
        Momentum { moving_average: true, nesterov: true, ..heavy },
    ] {
        for weight_decay in [WeightDecay::None, WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1)] {
            let config = Config { momentum, weight_decay, ..CONFIG };
            assert_as_host(&format!("{momentum:?}, {weight_decay:?}"), builder(config))?;
        }
    }
    Ok(())
}

#[test]
fn statistics_and_periods_are_those_of_the_host() -> Done {
    let uneven =
        Schedule { start_preconditioning_step: 3, statistics_every: 2, precondition_every: 5, ..Schedule::EVERY_STEP };
    let settings = [
        ("sum", Config { averaging: Averaging::Sum, graft: Graft::AdaGrad { epsilon: 0.0 }, ..CONFIG }),
        ("uneven periods", Config { schedule: uneven, ..CONFIG }),
        ("corrected", Config { bias_correction: true, ridge: Ridge::Absolute(1e-6), graft: Graft::None, ..CONFIG }),
        ("scaled", Config { trace_scaling: Some(TraceScaling::SQUARE_ROOT), graft: Graft::None, ..CONFIG }),
        ("initial", Config { initial_statistics: 1e-3, ..CONFIG }),
        ("vectors", Config { precondition_vectors: true, ..CONFIG }),
        ("one-sided", Config { sides: Sides::Smallest, ..CONFIG }),
        ("some sides", Config { max_preconditioned_dim: 20, ..CONFIG }),
        ("real exponent", Config { exponent_override: Some(Exponent::Power(0.4)), ..CONFIG }),
        ("diagonal", Config::diagonal(Graft::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 })),
    ];
    for (what, config) in settings {
        assert_as_host(what, builder(config))?;
    }
    assert_as_host("staggered", builder(CONFIG).precondition_every(4).staggered(true))
}

#[test]
fn late_roots_are_those_of_the_host() -> Done {
    for mode in [Mode::Pipelined { delay: 3 }, Mode::Pipelined { delay: 0 }] {
        let builder = builder(CONFIG).mode(mode).precondition_every(2);
        assert_as_host(&format!("{mode:?}"), builder)?;
    }
    // With a thread for the roots nothing changes.
    let threaded = Builder::new().root_threads(2).learning_rate(0.05).config(CONFIG).mode(Mode::Pipelined { delay: 3 });
    assert_as_host("two threads", threaded)?;
    // Computed at submission, a root is there in the next step.
    let at_once = builder(CONFIG).root_threads(0).mode(Mode::Async);
    assert_as_host("asynchronous", at_once)
}

/// Where statistics hold less than they have sides, roots amplify the last bits of sums, late roots most.
#[test]
fn ill_conditioned_roots_are_those_of_the_host() -> Done {
    let config = Config { ridge: Ridge::Relative(1e-6), ..CONFIG };
    assert_within("in time", builder(config), bound(1e-6))?;
    assert_within("late", builder(config).mode(Mode::Pipelined { delay: 3 }), bound(1e-6))
}

#[test]
fn threads_do_not_change_a_bit() -> Done {
    let run = |builder: Builder| -> Result<Vec<Vec<u32>>, Box<dyn core::error::Error>> {
        let vars = start();
        let mut optimizer = DeviceShampoo::new(vars.clone(), builder.config(CONFIG))?;
        for step in 0..10 {
            optimizer.step(&store(&gradients(&vars, step)?)?)?;
        }
        Ok(vars.iter().map(|var| bits(var)).collect::<candle_core::Result<_>>()?)
    };
    let alone = run(Builder::new().inline())?;
    assert_eq!(run(Builder::new().root_threads(1))?, alone);
    assert_eq!(run(Builder::new().root_threads(3))?, alone);
    Ok(())
}

#[test]
fn a_variable_without_a_gradient_is_untouched() -> Done {
    let config = Config { weight_decay: WeightDecay::Decoupled(0.1), ..CONFIG };
    let [used, unused] = [var(&[3, 2], 9)?, var(&[2, 2], 9)?];
    let alone = var(&[2, 2], 9)?;
    let mut both = DeviceShampoo::new(vec![unused.clone(), used.clone()], builder(config))?;
    let before = bits(&unused)?;
    for step in 0..3 {
        both.step(&store(&[(&used, tensor(&[3, 2], step)?)])?)?;
        assert_eq!(both.report().updated, 1);
    }
    assert_eq!(bits(&unused)?, before);
    // Its state too: what follows is as if those steps had not been.
    let mut fresh = DeviceShampoo::new(vec![alone.clone()], builder(config))?;
    for step in 0..3 {
        both.step(&store(&[(&unused, tensor(&[2, 2], step)?)])?)?;
        fresh.step(&store(&[(&alone, tensor(&[2, 2], step)?)])?)?;
        assert_eq!(bits(&unused)?, bits(&alone)?);
    }
    both.step(&store(&[])?)?;
    assert_eq!((both.report().updated, both.steps()), (0, 7), "a step without any gradient is legal");
    Ok(())
}

#[test]
fn a_gradient_may_be_a_variable_or_a_view() -> Done {
    let [v, w, right_v, right_w] = [var(&[3, 2], 1)?, var(&[3, 2], 2)?, var(&[3, 2], 1)?, var(&[3, 2], 2)?];
    let mut shared = DeviceShampoo::new(vec![v.clone(), w.clone()], builder(CONFIG))?;
    let mut copied = DeviceShampoo::new(vec![right_v.clone(), right_w.clone()], builder(CONFIG))?;
    for _ in 0..3 {
        // Each is the gradient of the other, one of them transposed twice.
        let (of_v, of_w) = (right_w.copy()?, right_v.copy()?);
        shared.step(&store(&[(&v, w.as_tensor().clone()), (&w, v.t()?.contiguous()?.t()?)])?)?;
        copied.step(&store(&[(&right_v, of_v), (&right_w, of_w)])?)?;
        assert_eq!((bits(&v)?, bits(&w)?), (bits(&right_v)?, bits(&right_w)?));
    }
    Ok(())
}

#[test]
fn a_device_does_not_wait_for_the_host_unless_told_to() -> Done {
    let mode = |builder: Builder| -> Result<Mode, Box<dyn core::error::Error>> {
        let vars = vec![("w".to_owned(), var(&[4, 3], 1)?)];
        let optimizer = DeviceShampoo::with_names(vars, builder.inline())?;
        Ok(optimizer.config("w").expect("registered").schedule.mode)
    };
    assert_eq!(mode(Builder::new().precondition_every(7))?, Mode::Pipelined { delay: 7 });
    assert_eq!(mode(Builder::new().mode(Mode::Sync))?, Mode::Sync);
    assert_eq!(mode(Builder::new().mode(Mode::Async))?, Mode::Async);
    Ok(())
}

#[test]
fn names_settings_and_rates() -> Done {
    let (layer, table) = (var(&[4, 3], 1)?, var(&[6, 2], 2)?);
    let sgd = Config::diagonal(Graft::Sgd);
    let vars = vec![("layer".to_owned(), layer.clone()), ("table".to_owned(), table.clone())];
    let builder = Builder::new().inline().learning_rate(0.5).parameter_with("table", &[6, 2], sgd).timeline(10);
    let mut optimizer = DeviceShampoo::with_names(vars, builder)?;
    assert_eq!(optimizer.config("table"), Some(&sgd));
    assert_ne!(optimizer.config("layer"), Some(&sgd));
    let gradient = tensor(&[6, 2], 3)?;
    let right = (table.as_tensor().copy()? - (&gradient * 0.5)?)?;
    optimizer.step(&store(&[(&layer, tensor(&[4, 3], 4)?), (&table, gradient)])?)?;
    assert_eq!(bits(&table)?, bits(&right)?, "its own gradient, and plain SGD");
    assert!(optimizer.timeline().is_some());
    // Statistics and roots as squares, second moments, momentum; one snapshot and one root of each factor.
    let device = 4 * (2 * (16 + 9) + 12 + 12);
    assert_eq!(optimizer.state_bytes(), device + 4 * 2 * (10 + 6));
    optimizer.set_learning_rate(0.0);
    assert_eq!(optimizer.learning_rate(), 0.0);
    let before = bits(&layer)?;
    optimizer.step(&store(&[(&layer, tensor(&[4, 3], 5)?)])?)?;
    assert_eq!(bits(&layer)?, before);
    Ok(())
}
