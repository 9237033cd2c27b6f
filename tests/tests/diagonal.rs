//! Diagonal methods: laws of SM3 against the statistics of the same stream, and the naive versions of all of them.

mod common;

use common::run::{PLAIN, Run, narrow, widen};
use common::{U32, U64, assert_absolute, assert_relative, generated};
use proptest::prelude::{any, prop};
use proptest::proptest;
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::Gradient;
use shampoo_core::diagonal::cover::AxisCover;
use shampoo_core::diagonal::sm3::{self, Sm3, Variant};
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::{F32, F64, Precision, Real};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::{Random, packed_index, packed_len};
use shampoo_tests::oracle::naive::{self, adagrad, axis_covers, quotient, rmsprop, sm3_i, sm3_ii};
use shampoo_tests::tolerance::{Check, Size};

fn alone(graft: Graft) -> Config {
    Config { momentum: Momentum::NONE, ..Config::diagonal(graft) }
}

#[test]
fn golden_sm3() {
    let graft = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 };
    let mut run = Run::<F64>::new(&[2, 2], alone(graft));
    run.step(&[1., 2., 3., 4.], 1.0);
    let second = run.direction(&[2., 0., 1., 1.]);
    let right = [core::f64::consts::FRAC_1_SQRT_2, 0., 0.31622777, 0.24253563];
    assert_absolute(&second, &right, Check::GoldenDiagonal.bound(U64));
    assert_eq!(run.tensor.graft_state(), [8., 17., 10., 17.]);
    let mut narrow = Run::<F32>::new(&[2, 2], alone(graft));
    narrow.step(&[1., 2., 3., 4.], 1.0);
    assert_absolute(&narrow.direction(&[2., 0., 1., 1.]), &right, Check::GoldenDiagonal.bound(U32));
}

/// Gaussian numbers that `f32` holds, a quarter of them 0.
fn sparse(random: &mut Random, len: usize) -> Vec<f64> {
    let held = |x: f64, drop: bool| if drop { 0.0 } else { f64::from(x as f32) };
    (0..len).map(|_| held(random.gaussian(), random.below(4) == 0)).collect()
}

fn assert_naive<P: Precision>(shape: &[usize], seed: u64, epsilon: f64, u: f64) {
    let mut random = Random::new(seed);
    let numel = shape.iter().product();
    let gradients: Vec<_> = (0..6).map(|_| sparse(&mut random, numel)).collect();
    let bound = Check::DiagonalVsNaive.bound(u);
    // Every step adds the rounding of one update of the second moment.
    let grown = |t: usize| bound * (t + 1) as f64;
    let compare = |graft: Graft, naive: &mut dyn FnMut(&[f64], i32) -> Vec<f64>| {
        let mut run = Run::<P>::new(shape, Config { merge: PLAIN.merge, ..alone(graft) });
        for (t, gradient) in gradients.iter().enumerate() {
            let right = naive(gradient, t as i32 + 1);
            assert_relative(&run.direction(gradient), &right, grown(t), 0.0);
        }
    };
    let mut v = vec![0.0; numel];
    compare(Graft::AdaGrad { epsilon }, &mut |g, _| adagrad(&mut v, g, epsilon));
    let mut v = vec![0.0; numel];
    let plain = Graft::RmsProp { beta2: 0.9, epsilon, bias_correction: false };
    compare(plain, &mut |g, _| rmsprop(&mut v, g, 0.9, epsilon));
    let mut v = vec![0.0; numel];
    let corrected = Graft::RmsProp { beta2: 0.9, epsilon, bias_correction: true };
    compare(corrected, &mut |g, count| {
        rmsprop(&mut v, g, 0.9, epsilon);
        let scale = 1.0 - 0.9_f64.powi(count);
        v.iter().zip(g).map(|(v, g)| quotient(*g, (v / scale).sqrt() + epsilon)).collect()
    });
    let cover = axis_covers(shape);
    let mut mu = vec![0.0; cover.len()];
    compare(Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon }, &mut |g, _| {
        let nu = sm3_ii(&mut mu, &cover, g);
        g.iter().zip(nu).map(|(g, nu)| quotient(*g, nu.sqrt() + epsilon)).collect()
    });
}

/// nu of one SM3-II step of the core, read back from the step.
fn core_nu<T: Real>(mu: &mut [T], dims: &[usize], g: &[f64], averaging: Averaging) -> Vec<f64> {
    let mut out = vec![T::default(); g.len()];
    let mut scratch = vec![T::default(); sm3::scratch_len(dims)];
    let (g_narrow, rule) = (narrow::<T>(g), Sm3 { averaging, ..Sm3::PAPER });
    rule.step(&mut out, Gradient::plain(&g_narrow), &AxisCover::new(dims), mu, &mut scratch, &Portable);
    g.iter().zip(widen(&out)).map(|(g, step)| (g / step) * (g / step)).collect()
}

/// sum g^2 <= nu_II <= nu_I <= min(L_ii, R_jj) for a matrix, and min over the modes for any tensor.
fn assert_sm3_laws<P: Precision>(shape: &[usize], averaging: Averaging, seed: u64, u: f64) {
    let mut random = Random::new(seed);
    let numel: usize = shape.iter().product();
    let config = Config { averaging, precondition_vectors: true, ..PLAIN };
    let mut statistics = Run::<P>::new(shape, config);
    let cover = axis_covers(shape);
    let (mut mu, mut mu_i) = (vec![P::Work::default(); sm3::state_len(shape)], vec![0.0; cover.len()]);
    let mut squares = vec![0.0; numel];
    for _ in 0..6 {
        // No zeros: nu is read back from the step.
        let g: Vec<f64> = random.gaussians(numel).iter().map(|&x| f64::from(x as f32)).collect();
        statistics.step(&g, 0.1);
        let nu = core_nu(&mut mu, shape, &g, averaging);
        let (decay, weight) = (averaging.decay(), averaging.weight());
        squares.iter_mut().zip(&g).for_each(|(v, g)| *v = decay * *v + weight * g * g);
        mu_i.iter_mut().for_each(|mu| *mu *= decay);
        let scaled: Vec<f64> = g.iter().map(|g| weight.sqrt() * g).collect();
        let nu_i = sm3_i(&mut mu_i, &cover, &scaled);
        let diagonals = diagonals(&statistics.statistics(), shape);
        let slack = Check::DiagonalLaw.bound_at(u, Size { order: numel + 6, ..Size::default() });
        for k in 0..numel {
            let sets = cover.iter().zip(&diagonals).filter(|(set, _)| set.contains(&k));
            let least = sets.map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
            let chain = [squares[k], nu[k], nu_i[k], least];
            assert!(chain.is_sorted_by(|x, y| *x <= y * (1.0 + slack)), "{shape:?}, entry {k}: {chain:?}");
        }
    }
}

/// Diagonals of packed statistics, factor after factor: one number for each set of the axis cover.
fn diagonals(packed: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut offset = 0;
    let mut all = Vec::new();
    for &d in shape {
        all.extend((0..d).map(|i| packed[offset + packed_index(i, i)]));
        offset += packed_len(d);
    }
    all
}

fn assert_momentum(momentum: Momentum, decay: WeightDecay, seed: u64) {
    let mut random = Random::new(seed);
    let config = Config { momentum, weight_decay: decay, ..alone(Graft::Sgd) };
    let start = random.gaussians(5);
    let mut run = Run::<F64>::new(&[5], config).with_weights(&start);
    let (mut weights, mut m) = (start, vec![0.0; 5]);
    let w = if momentum.moving_average { 1.0 - momentum.beta1 } else { 1.0 };
    for t in 0..8 {
        let gradient = random.gaussians(5);
        let found = run.step(&gradient, 0.1);
        let (coupled, decoupled) = match decay {
            WeightDecay::None => (0.0, 0.0),
            WeightDecay::Coupled(rate) => (rate, 0.0),
            WeightDecay::Decoupled(rate) => (0.0, rate),
            WeightDecay::Gradient(rate) => unreachable!("{rate}: not one of these"),
        };
        let mut right = vec![0.0; 5];
        for i in 0..5 {
            let step = gradient[i] + coupled * weights[i];
            m[i] = momentum.beta1 * m[i] + w * step;
            let sel = if momentum.nesterov { w * step + momentum.beta1 * m[i] } else { m[i] };
            right[i] = -0.1 * (sel + decoupled * weights[i]);
        }
        weights.iter_mut().zip(&right).for_each(|(w, u)| *w += u);
        let bound = Check::DiagonalVsNaive.bound(U64) * f64::from(t + 1);
        // Relative to 1: the terms may cancel.
        assert_relative(&found, &right, bound, 1.0);
    }
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn methods_are_the_naive_ones(
        shape in prop::collection::vec(1_usize..=6, 0..=4),
        epsilon in prop::sample::select(vec![0.0, 1e-8, 0.5]),
        seed in any::<u64>(),
    ) {
        assert_naive::<F64>(&shape, seed, epsilon, U64);
        assert_naive::<F32>(&shape, seed, epsilon, U32);
    }

    #[test]
    fn sm3_lies_between_adagrad_and_the_statistics(
        shape in prop::collection::vec(1_usize..=5, 1..=3),
        beta2 in prop::option::of(0.1..0.999_f64),
        seed in any::<u64>(),
    ) {
        let averaging = beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 });
        assert_sm3_laws::<F64>(&shape, averaging, seed, U64);
        assert_sm3_laws::<F32>(&shape, averaging, seed, U32);
    }

    #[test]
    fn momentum_and_decay_are_the_naive_ones(
        beta1 in prop::sample::select(vec![0.0, 0.5, 0.95]),
        nesterov in any::<bool>(),
        moving_average in any::<bool>(),
        decay in prop::sample::select(vec![WeightDecay::None, WeightDecay::Coupled(0.2), WeightDecay::Decoupled(0.2)]),
        seed in any::<u64>(),
    ) {
        let momentum = Momentum { nesterov, moving_average, ..Momentum::heavy_ball(beta1) };
        assert_momentum(momentum, decay, seed);
    }
}

#[test]
fn heavy_ball_is_the_oracles_too() {
    let config = Config { momentum: Momentum { nesterov: true, ..Momentum::heavy_ball(0.5) }, ..alone(Graft::Sgd) };
    let mut run = Run::<F64>::new(&[2], config);
    let mut oracle = naive::Momentum { buffer: vec![0.0; 2], beta1: 0.5 };
    for g in [[1.0, -2.0], [0.5, 0.25], [4.0, 0.0]] {
        assert_eq!(run.direction(&g), oracle.apply(&g, true), "binary fractions: exact");
    }
}
