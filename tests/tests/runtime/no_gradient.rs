//! CASES A29, A30 and A37: no gradient is not a zero gradient, counts are a parameter's own, empty tensors.

use crate::common::{U32, assert_relative};
use crate::runtime_support::{Bench, DESCENT, Shapes, gradients, settings};
use shampoo_core::block::Refresh;
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::graft::Graft;
use shampoo_core::momentum::Momentum;
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

#[test]
fn a29_a_parameter_without_a_gradient_does_not_decay() {
    let config = Config { weight_decay: WeightDecay::Decoupled(0.1), ..DESCENT };
    let mut bench =
        Bench::new(Builder::new().inline().config(config).learning_rate(0.1), &[("a", &[1, 1]), ("b", &[1, 1])]);
    (*bench.values("a"), *bench.values("b")) = (vec![2.0], vec![2.0]);
    let before = bench.state_of("a");
    bench.step(&[("b", vec![0.0])]);
    assert_eq!(bench.state_of("a"), before);
    assert_eq!(*bench.values("a"), [2.0]);
    let found = f64::from(bench.values("b")[0]);
    assert_relative(&[found], &[1.98], Check::Case.bound(U32), 0.0);
}

#[test]
fn a29_nothing_of_it_changes_bit_for_bit() {
    let shapes: Shapes<'_> = &[("a", &[4, 3]), ("b", &[5, 2])];
    let decays = [WeightDecay::Decoupled(0.1), WeightDecay::Coupled(0.1)];
    for (config, weight_decay) in settings().into_iter().flat_map(|config| decays.map(|decay| (config, decay))) {
        let mut bench = Bench::new(Builder::new().threads(2).config(Config { weight_decay, ..config }), shapes);
        let untouched = bench.state_of("a");
        let mut random = Random::new(29);
        // Before its first gradient no state is made for it.
        bench.step(&gradients(&mut random, &shapes[1..]));
        assert_eq!(bench.state_of("a"), untouched);
        assert!(untouched.count == 0 && untouched.slots.iter().all(|slot| *slot == Slot::EMPTY));
        for state in [&untouched.statistics, &untouched.roots, &untouched.graft, &untouched.momentum] {
            assert!(state.iter().all(|&x| x == 0));
        }
        // And between two gradients nothing of it changes.
        bench.steps(30, 2);
        let untouched = bench.state_of("a");
        let moving = bench.state_of("b");
        for _ in 0..3 {
            bench.step(&gradients(&mut random, &shapes[1..]));
        }
        assert_eq!(bench.state_of("a"), untouched);
        assert_ne!(bench.state_of("b"), moving);
        // Nor where it is not even handed over.
        bench
            .try_step_with(&gradients(&mut random, &shapes[1..]), |parameters, _| {
                parameters.retain(|parameter| parameter.name != "a")
            })
            .expect("a legal step");
        assert_eq!(bench.state_of("a"), untouched);
    }
}

#[test]
fn a30_refresh_times_do_not_depend_on_the_neighbours() {
    let shapes: Shapes<'_> = &[("a", &[3, 3]), ("b", &[1])];
    let graft = Graft::RmsProp { beta2: 0.999, epsilon: 0.0, bias_correction: true };
    let schedule = Schedule { precondition_every: 3, ..Schedule::EVERY_STEP };
    let config = Config { graft, schedule, momentum: Momentum::NONE, ..SERVER_CONFIG };
    let builder = || Builder::new().inline().config(config).learning_rate(1.0);
    let (mut both, mut alone) = (Bench::new(builder(), shapes), Bench::new(builder(), &shapes[..1]));
    let mut random = Random::new(30);
    both.values("b")[0] = 0.0;
    for step in 0..105 {
        let mut gradient = gradients(&mut random, &shapes[..1]);
        alone.step(&gradient);
        if step >= 100 {
            assert!(step > 100 || both.values("b")[0] == 0.0, "not yet touched");
            gradient.push(("b", vec![2.0]));
        }
        both.step(&gradient);
        if step == 100 {
            // By its own count the bias correction gives 2 / sqrt(4); by the common one it would be 9.80.
            assert_relative(&[f64::from(both.values("b")[0])], &[-1.0], Check::Case.bound(U32), 0.0);
        }
        assert_eq!(both.state_of("a"), alone.state_of("a"), "step {step}");
    }
    assert_eq!((both.state_of("a").count, both.state_of("b").count), (105, 5));
    let stamps = |bench: &Bench| bench.state_of("a").slots.iter().map(Slot::stamp).collect::<Vec<_>>();
    assert_eq!(stamps(&both), [Some(102), Some(102)]);
}

#[test]
fn a30_a_step_without_any_gradient() {
    let shapes: Shapes<'_> = &[("a", &[3, 3]), ("b", &[2, 4])];
    let schedule = Schedule { precondition_every: 3, ..Schedule::EVERY_STEP };
    for builder in [Builder::new().inline(), Builder::new().threads(2)] {
        let builder = builder.config(Config { schedule, ..SERVER_CONFIG });
        let [mut bench, mut other] = [0; 2].map(|_| Bench::new(builder.clone(), shapes));
        for seed in 0..5 {
            let before = bench.state();
            let report = bench.step(&[]);
            assert_eq!((report.updated, report.refresh), (0, Refresh::default()));
            assert_eq!(bench.state().parameters, before.parameters);
            assert_eq!(bench.optimizer.steps(), before.step + 1, "it is a step of the learning rate's schedule");
            bench.steps(seed, 2);
            other.steps(seed, 2);
            assert_eq!(bench.state().parameters, other.state().parameters);
        }
        let report = bench.optimizer.step(&mut [], &[]).expect("nothing at all is legal");
        assert_eq!(report.updated, 0);
    }
    let mut nothing = Builder::new().inline().build().expect("no parameter is legal");
    assert_eq!(nothing.step(&mut [], &[]).map(|report| report.updated), Ok(0));
}

#[test]
fn a37_empty_tensors_beside_a_normal_one() {
    let shapes: Shapes<'_> = &[("none", &[0]), ("rows", &[0, 5]), ("w", &[2, 2]), ("columns", &[3, 0])];
    for config in settings() {
        for builder in [Builder::new().inline(), Builder::new().threads(3)] {
            let builder = builder.config(Config { precondition_vectors: true, merge_limit: 1, ..config });
            let (mut bench, mut alone) = (Bench::new(builder.clone(), shapes), Bench::new(builder, &shapes[2..3]));
            for name in ["none", "rows", "columns"] {
                let tensor = bench.optimizer.tensor(name).unwrap();
                let need = tensor.lengths();
                assert_eq!((need.numel, need.statistics, need.slots, need.momentum), (0, 0, 0, 0), "{name}");
                assert_eq!((tensor.statistics().len(), tensor.partition().block_count()), (0, 0), "{name}");
            }
            for (all, one) in bench.steps(37, 4).into_iter().zip(alone.steps(37, 4)) {
                assert_eq!((all.updated, one.updated), (4, 1));
                assert_eq!(all.refresh, one.refresh);
            }
            assert_eq!(bench.state_of("w"), alone.state_of("w"));
            // Nor are their gradients missed.
            let w = [("w", vec![1.0, 2.0, 3.0, 4.0])];
            assert_eq!((bench.step(&w).updated, alone.step(&w).updated), (1, 1));
            assert_eq!(bench.state_of("w"), alone.state_of("w"));
        }
    }
}
