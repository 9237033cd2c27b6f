//! Settings of single parameters, learning rates (CASES A35), and orders that do not matter.

use crate::runtime_support;
use crate::runtime_support::{Bench, DESCENT, Shapes, bits, gaussians, gradients};
use shampoo_core::config::Config;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::Graft;
use shampoo_core::learning_rate::{Decay, LearningRate};
use shampoo_core::momentum::Momentum;
use shampoo_core::statistics::Averaging;
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;

const SHAPES: Shapes<'static> = &[("w", &[5, 4]), ("embedding", &[6, 3]), ("bias", &[4])];

fn embedding() -> Config {
    Config::diagonal(Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 1e-10 })
}

#[test]
fn a_parameter_with_settings_of_its_own_is_as_if_alone_with_them() {
    let grouped = |builder: Builder| {
        builder.parameter("w", &[5, 4]).parameter_with("embedding", &[6, 3], embedding()).parameter("bias", &[4])
    };
    // Common settings hold wherever in the chain they stand.
    let before = grouped(Builder::new().inline().block_size(3).momentum(Momentum::NONE).precondition_every(2));
    let after = grouped(Builder::new()).precondition_every(2).momentum(Momentum::NONE).block_size(3).inline();
    let [mut before, mut after] = [before, after].map(|builder| Bench::built(builder, SHAPES));
    let common = Config { block_size: 3, merge_limit: 3, momentum: Momentum::NONE, ..SERVER_CONFIG };
    let common =
        Config { schedule: shampoo_core::schedule::Schedule { precondition_every: 2, ..common.schedule }, ..common };
    let mut alone: Vec<Bench> = [(0, common), (1, embedding()), (2, common)]
        .map(|(i, config)| Bench::new(Builder::new().inline().config(config), &SHAPES[i..=i]))
        .into();
    assert_eq!(before.optimizer.config("embedding"), Some(&embedding()));
    assert_eq!(before.optimizer.config("w"), Some(&common));
    let mut random = Random::new(35);
    for _ in 0..5 {
        let gradients = gradients(&mut random, SHAPES);
        before.step(&gradients);
        after.step(&gradients);
        for (bench, one) in alone.iter_mut().zip(&gradients) {
            bench.step(core::slice::from_ref(one));
        }
        let alone: Vec<_> = alone.iter().flat_map(|bench| bench.state().parameters).collect();
        assert_eq!(before.state().parameters, alone);
        assert_eq!(after.state(), before.state());
    }
}

#[test]
fn a35_the_learning_rate_is_applied_last() {
    let rates = [1.0, 0.1, 0.01];
    let mut benches = rates.map(|rate| Bench::new(Builder::new().inline().learning_rate(rate), SHAPES));
    let mut random = Random::new(36);
    for _ in 0..5 {
        let gradients = gradients(&mut random, SHAPES);
        // From 0 on, values are the step itself.
        let steps = benches.each_mut().map(|bench| {
            bench.values("w").fill(0.0);
            bench.step(&gradients);
            bench.values("w").clone()
        });
        for (rate, step) in rates.into_iter().zip(&steps) {
            let scaled: Vec<f32> = steps[0].iter().map(|x| x * rate as f32).collect();
            assert_eq!(bits(step), bits(&scaled));
        }
    }
}

#[test]
fn a35_with_a_rate_of_zero_statistics_still_accumulate() {
    let mut bench = Bench::new(Builder::new().inline().learning_rate(0.1), SHAPES);
    let mut usual = Bench::new(Builder::new().inline().learning_rate(0.1), SHAPES);
    bench.steps(37, 5);
    usual.steps(37, 5);
    bench.optimizer.set_learning_rate(0.0);
    assert_eq!(bench.optimizer.learning_rate(), 0.0);
    let before = bench.state();
    bench.steps(38, 2);
    usual.steps(38, 2);
    let usual = usual.state();
    for ((before, after), usual) in before.parameters.iter().zip(bench.state().parameters).zip(usual.parameters) {
        assert_eq!(after.values, before.values, "no step, and no division by the rate");
        assert_ne!(usual.values, before.values);
        assert!(after.statistics != before.statistics || after.statistics.is_empty());
        assert_eq!(runtime_support::ParameterState { values: usual.values.clone(), ..after }, usual);
    }
}

#[test]
fn a_schedule_of_learning_rates_reaches_the_step() {
    let schedule = LearningRate { base: 0.5, warmup: 3, decay: Decay::Cosine { total: 8, floor: 0.25 } };
    let builder = Builder::new().inline().config(DESCENT).learning_rate_schedule(schedule);
    let mut bench = Bench::new(builder, &[("w", &[2, 2])]);
    for step in 0..10 {
        bench.values("w").fill(0.0);
        assert_eq!(bench.optimizer.learning_rate(), schedule.at(step));
        let report = bench.step(&[("w", vec![1.0, -2.0, 4.0, 0.5])]);
        let rate = schedule.at(step) as f32;
        assert_eq!((&bench.values("w")[..], report.step), (&[-rate, 2.0 * rate, -4.0 * rate, -0.5 * rate][..], step));
    }
    bench.optimizer.set_learning_rate(0.125);
    bench.values("w").fill(0.0);
    bench.step(&[("w", vec![8.0; 4])]);
    assert_eq!(*bench.values("w"), [-1.0; 4]);
}

#[test]
fn orders_of_parameters_and_gradients_do_not_matter() {
    let reversed: Vec<_> = SHAPES.iter().rev().copied().collect();
    let builder = || Builder::new().threads(2).block_size(3);
    let (mut bench, mut other) = (Bench::new(builder(), SHAPES), Bench::new(builder(), SHAPES));
    let mut registered_backwards = Bench::new(builder(), &reversed);
    let mut random = Random::new(39);
    for step in 0..4 {
        let mut gradients = gradients(&mut random, SHAPES);
        bench.step(&gradients);
        registered_backwards.step(&gradients);
        gradients.rotate_left(1 + step % 2);
        other.try_step_with(&gradients, |parameters, _| parameters.reverse()).expect("legal gradients");
        assert_eq!(other.state(), bench.state());
        for (name, _) in SHAPES {
            assert_eq!(registered_backwards.state_of(name), bench.state_of(name));
        }
    }
    assert!(bench.optimizer.names().eq(SHAPES.iter().map(|(name, _)| *name)));
    assert!(registered_backwards.optimizer.names().eq(reversed.iter().map(|(name, _)| *name)));
}

#[test]
fn values_are_added_to_and_not_replaced() {
    let mut random = Random::new(40);
    let start = gaussians(&mut random, 4);
    let mut bench = Bench::new(Builder::new().inline().config(DESCENT).learning_rate(0.5), &[("w", &[4])]);
    bench.values("w").copy_from_slice(&start);
    bench.step(&[("w", vec![1.0, 2.0, -4.0, 0.0])]);
    let right: Vec<f32> = start.iter().zip([0.5, 1.0, -2.0, 0.0]).map(|(w, step)| w - step).collect();
    assert_eq!(*bench.values("w"), right);
}
