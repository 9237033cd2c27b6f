//! A graft over all tensors together: one factor for all of them, whoever computes it.

use crate::common::U32;
use crate::runtime_support::{Bench, Gradients, Shapes, gradients};
use shampoo_core::config::Config;
use shampoo_core::graft::{Graft, Norms, Scope};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::norm::norm;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::F64;
use shampoo_runtime::{Builder, Gradient, ParameterMut, SERVER_CONFIG};
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive;
use shampoo_tests::tolerance::Check;

const SHAPES: Shapes<'static> = &[("a", &[5, 4]), ("empty", &[0, 5]), ("b", &[3, 6]), ("bias", &[4])];

/// With roots, and enough of them for an order to matter.
const MATRICES: Shapes<'static> = &[("a", &[5, 4]), ("b", &[3, 6]), ("c", &[4, 4]), ("d", &[2, 7]), ("e", &[3, 3])];

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

#[test]
fn all_matrices_share_one_factor() {
    let gradients = gradients(&mut Random::new(5), SHAPES);
    let of = |name: &str| gradients.iter().find(|(n, _)| *n == name).map(|(_, g)| g).expect("known");
    let [a, b] = ["a", "b"].map(|name| step(&mut bench(Graft::None, Scope::Tensor, SHAPES, 1), &gradients, name));
    let graft = ["a", "b"].map(|name| naive::norm(&of(name).iter().map(|&x| f64::from(x)).collect::<Vec<_>>()));
    let factor = graft[0].hypot(graft[1]) / naive::norm(&a).hypot(naive::norm(&b));
    for (name, direction) in [("a", a), ("b", b)] {
        let found = step(&mut bench(Graft::Sgd, Scope::Global, SHAPES, 1), &gradients, name);
        let bound = Check::GraftVsNaive.bound(U32) * factor * naive::norm(&direction);
        for (x, p) in found.iter().zip(&direction) {
            assert!((x - factor * p).abs() <= bound, "{name}: {x} against {}", factor * p);
        }
        let own = step(&mut bench(Graft::Sgd, Scope::Tensor, SHAPES, 1), &gradients, name);
        assert!(
            (naive::norm(&own) / naive::norm(&found) - 1.0).abs() > 1e-2,
            "{name}: the scope makes no difference here"
        );
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

/// Steps from 0 in `f64`, whose last bits an order of sums can change; their signs turned.
fn wide(graft: Graft, graft_scope: Scope, threads: usize, gradients: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let config = Config { graft, graft_scope, momentum: Momentum::NONE, ..SERVER_CONFIG };
    let builder = Builder::<F64, _>::with_precision().config(config).learning_rate(1.0).threads(threads);
    let builder = MATRICES.iter().fold(builder, |builder, (name, shape)| builder.parameter(*name, shape));
    let mut optimizer = builder.kernel(Portable).build().expect("legal settings");
    let mut values: Vec<_> = gradients.iter().map(|g| vec![0.0; g.len()]).collect();
    let parameters = MATRICES.iter().zip(&mut values);
    let mut parameters: Vec<_> =
        parameters.map(|(&(name, shape), values)| ParameterMut { name, shape, values }).collect();
    let gradients = MATRICES.iter().zip(gradients);
    let gradients: Vec<_> = gradients.map(|(&(name, shape), values)| Gradient { name, shape, values }).collect();
    optimizer.step(&mut parameters, &gradients).expect("legal gradients");
    values.into_iter().map(|values| values.into_iter().map(|x| -x).collect()).collect()
}

#[test]
fn a53_lengths_are_added_in_order_of_registration() {
    let mut shown = 0;
    for seed in 0..8 {
        let mut random = Random::new(seed);
        let gradients: Vec<_> = MATRICES.iter().map(|(_, shape)| random.gaussians(shape.iter().product())).collect();
        let directions = wide(Graft::None, Scope::Tensor, 1, &gradients);
        // Of a tensor row by row, which has one block here.
        let norms = gradients.iter().zip(&directions).zip(MATRICES).map(|((gradient, direction), (_, shape))| Norms {
            graft: gradient.chunks(shape[1]).map(|row| norm(row, &Portable)).fold(0.0, |a, b| f64::sqrt(a * a + b * b)),
            direction: norm(direction, &Portable),
        });
        let norms: Vec<_> = norms.collect();
        let factor = |norms: Option<Norms>| norms.map_or(0.0, |norms| norms.graft / norms.direction);
        let first = factor(norms.iter().copied().reduce(Norms::merge));
        let last = factor(norms.iter().rev().copied().reduce(Norms::merge));
        shown += usize::from(first != last);
        for threads in [1, 3] {
            let found = wide(Graft::Sgd, Scope::Global, threads, &gradients);
            for (found, direction) in found.iter().zip(&directions) {
                let right: Vec<f64> = direction.iter().map(|p| first * p).collect();
                assert_eq!(found, &right, "{threads} threads");
            }
        }
    }
    assert!(shown >= 2, "another order would not show");
}
