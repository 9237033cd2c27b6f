//! A graft over all tensors together: one factor for all of them, whoever computes it.

mod runtime_support;

use runtime_support::{Bench, Gradients, Shapes, gradients};
use shampoo_core::config::Config;
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::momentum::Momentum;
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

const SHAPES: Shapes<'static> = &[("a", &[5, 4]), ("empty", &[0, 5]), ("b", &[3, 6]), ("bias", &[4])];

fn bench(graft: Graft, graft_scope: Scope, shapes: Shapes<'_>, threads: usize) -> Bench {
    let config = Config { graft, graft_scope, momentum: Momentum::NONE, ..SERVER_CONFIG };
    let mut bench = Bench::new(Builder::new().config(config).learning_rate(1.0).threads(threads), shapes);
    shapes.iter().for_each(|(name, _)| bench.values(name).fill(0.0));
    bench
}

/// The step from 0, with its sign turned.
fn step(bench: &mut Bench, gradients: &Gradients, name: &str) -> Vec<f64> {
    bench.values(name).fill(0.0);
    bench.step(gradients);
    bench.values(name).iter().map(|&x| -f64::from(x)).collect()
}

fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn all_matrices_share_one_factor() {
    let gradients = gradients(&mut Random::new(5), SHAPES);
    let of = |name: &str| gradients.iter().find(|(n, _)| *n == name).map(|(_, g)| g).expect("known");
    let [a, b] = ["a", "b"].map(|name| step(&mut bench(Graft::None, Scope::Tensor, SHAPES, 1), &gradients, name));
    let graft = ["a", "b"].map(|name| length(&of(name).iter().map(|&x| f64::from(x)).collect::<Vec<_>>()));
    let factor = graft[0].hypot(graft[1]) / length(&a).hypot(length(&b));
    for (name, direction) in [("a", a), ("b", b)] {
        let found = step(&mut bench(Graft::Sgd, Scope::Global, SHAPES, 1), &gradients, name);
        let bound = Check::GraftVsNaive.bound(f64::from(f32::EPSILON) / 2.0) * factor * length(&direction);
        for (x, p) in found.iter().zip(&direction) {
            assert!((x - factor * p).abs() <= bound, "{name}: {x} against {}", factor * p);
        }
        let own = step(&mut bench(Graft::Sgd, Scope::Tensor, SHAPES, 1), &gradients, name);
        assert!((length(&own) / length(&found) - 1.0).abs() > 1e-2, "{name}: the scope makes no difference here");
    }
    let bias = step(&mut bench(Graft::Sgd, Scope::Global, SHAPES, 1), &gradients, "bias");
    assert!(bias.iter().zip(of("bias")).all(|(&x, &g)| x == f64::from(g)), "no direction, so the graft's own step");
}

#[test]
fn a37_empty_tensors_and_absent_gradients_do_not_count() {
    let gradients = gradients(&mut Random::new(6), SHAPES);
    let only = |name: &str| gradients.iter().filter(|(n, _)| *n == name).cloned().collect::<Gradients>();
    let mut alone = bench(Graft::Sgd, Scope::Tensor, &SHAPES[..1], 1);
    let right = step(&mut alone, &only("a"), "a");
    let mut both = only("a");
    both.extend(only("empty"));
    for gradients in [only("a"), both] {
        assert_eq!(step(&mut bench(Graft::Sgd, Scope::Global, SHAPES, 1), &gradients, "a"), right);
    }
}

#[test]
fn a53_lengths_are_added_in_order_of_registration() {
    let [mut one, mut many] = [1, 3].map(|threads| bench(Graft::Sgd, Scope::Global, SHAPES, threads));
    one.steps(7, 4);
    many.steps(7, 4);
    assert_eq!(one.state(), many.state());
}
