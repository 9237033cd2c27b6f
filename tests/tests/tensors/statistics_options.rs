//! Bias correction, scaling by the trace and one-sided factors against the textbook.

use crate::common;
use crate::common::run::{PLAIN, PSEUDO, Run};
use crate::common::{U64, assert_relative, bits, largest};
use shampoo_core::config::Config;
use shampoo_core::error::ConfigError;
use shampoo_core::linalg::inverse_root::{Exponent, Ridge};
use shampoo_core::partition::Sides;
use shampoo_core::scalar::{F32RootF64, F64};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::{Averaging, TraceScaling, trace};
use shampoo_core::tensor::{Lengths, lengths};
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{Shampoo, gram, matmul, norm, transpose};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge as OracleRidge;
use shampoo_tests::tolerance::{Check, Size};

const BETA2: f64 = 0.9;
const RIDGE: f64 = 1e-3;

/// The textbook's statistics, multiplied as `config` says, after so many terms.
fn scaled(shampoo: &Shampoo, config: &Config, terms: i32) -> Shampoo {
    let mut scaled = shampoo.clone();
    for (&n, h) in shampoo.shape.iter().zip(&mut scaled.statistics) {
        if config.bias_correction {
            h.iter_mut().for_each(|x| *x /= 1.0 - BETA2.powi(terms));
        }
        if let Some(TraceScaling { power, epsilon }) = config.trace_scaling {
            let trace: f64 = h.iter().step_by(n + 1).sum();
            h.iter_mut().for_each(|x| *x *= trace.max(epsilon).powf(-power));
        }
    }
    scaled
}

fn assert_textbook(shape: &[usize], config: Config) {
    let numel = shape.iter().product();
    let mut random = Random::new(161);
    let mut shampoo = Shampoo::new(shape, BETA2, config.initial_statistics);
    let mut run = Run::<F64>::new(shape, config);
    let Schedule { statistics_every, precondition_every, .. } = config.schedule;
    let (mut terms, mut in_use) = (0, None);
    for t in 0..8 {
        let gradient = random.gaussians(numel);
        if t % statistics_every == 0 {
            shampoo.accumulate(&gradient);
            terms += 1;
        }
        if t % precondition_every == 0 {
            in_use = Some(scaled(&shampoo, &config, terms));
        }
        let in_use = in_use.as_ref().expect("the first step computes roots");
        let ridge = match config.ridge {
            Ridge::Relative(epsilon) => OracleRidge::Relative(epsilon),
            _ => OracleRidge::Absolute(RIDGE),
        };
        let right = in_use.precondition(&gradient, in_use.exponent(), ridge);
        let found = run.direction(&gradient);
        assert_eq!(run.refresh.rejected, 0);
        let conditions = shape.iter().zip(&in_use.statistics).map(|(&n, h)| narrow::decompose(n, h).condition(ridge));
        let kappa = conditions.fold(1.0, f64::max);
        let size = Size { order: numel, kappa, root: 2.0 * shape.len() as f64, ..Size::default() };
        let bound = Check::StepVsNaive.bound_at(U64, size);
        assert_relative(&found, &right, bound, norm(&right));
        // The statistics themselves are not touched.
        let kept = &shampoo.statistics[0];
        assert_relative(&run.statistics()[..1], &kept[..1], Check::KernelNorm.bound_at(U64, size), largest(kept));
    }
}

#[test]
fn corrected_and_scaled_roots_are_the_textbooks() {
    let ema = Config { averaging: Averaging::Ema { beta2: BETA2 }, ..PLAIN };
    let late = Schedule { statistics_every: 2, precondition_every: 3, ..Schedule::EVERY_STEP };
    let scalings = [
        None,
        Some(TraceScaling::SQUARE_ROOT),
        Some(TraceScaling { power: 1.0, epsilon: 0.0 }),
        // Above every trace.
        Some(TraceScaling { power: 0.5, epsilon: 1e6 }),
    ];
    for ridge in [Ridge::Relative(RIDGE), Ridge::Absolute(RIDGE)] {
        for trace_scaling in scalings {
            for bias_correction in [false, true] {
                for (schedule, initial_statistics) in [(Schedule::EVERY_STEP, 0.0), (late, 1e-2)] {
                    let config = Config { ridge, trace_scaling, bias_correction, schedule, initial_statistics, ..ema };
                    assert_textbook(&[4, 3], config);
                    assert_textbook(&[2, 3, 2], config);
                }
            }
        }
    }
}

#[test]
fn corrected_averages_of_one_gradient_are_its_own() {
    // G = diag(2, 3) for ever: L / (1 - b2^t) = G G^T, so P = I with p = 4 at every step.
    let config = Config {
        averaging: Averaging::Ema { beta2: 0.99 },
        bias_correction: true,
        ridge: Ridge::Absolute(0.0),
        ..PLAIN
    };
    let mut run = Run::<F64>::new(&[2, 2], config);
    let mut plain = Run::<F64>::new(&[2, 2], Config { bias_correction: false, ..config });
    for t in 1..20 {
        let found = run.direction(&[2.0, 0.0, 0.0, 3.0]);
        assert_relative(&found, &[1.0, 0.0, 0.0, 1.0], Check::Case.bound(U64), 0.0);
        let right = (1.0 - 0.99_f64.powi(t)).powf(-0.5);
        let found = plain.direction(&[2.0, 0.0, 0.0, 3.0]);
        assert_relative(&found, &[right, 0.0, 0.0, right], Check::Case.bound(U64), 0.0);
    }
    // A sum has nothing to correct.
    let sum = Config { averaging: Averaging::Sum, ..config };
    let [mut corrected, mut plain] =
        [true, false].map(|bias_correction| Run::<F64>::new(&[2, 2], Config { bias_correction, ..sum }));
    for gradient in [[2.0, 1.0, 0.0, 3.0], [1.0, 1.0, 1.0, 0.0]] {
        assert_eq!(bits(&corrected.direction(&gradient)), bits(&plain.direction(&gradient)));
    }
}

#[test]
fn a_trace_of_one_makes_roots_free_of_the_gradients_scale() {
    let config = Config {
        trace_scaling: Some(TraceScaling { power: 1.0, epsilon: 0.0 }),
        ridge: Ridge::Relative(1e-6),
        ..PLAIN
    };
    let (mut small, mut large) = (Run::<F32RootF64>::new(&[3, 4], config), Run::<F32RootF64>::new(&[3, 4], config));
    let gradient = Random::new(162).gaussians(12);
    small.step(&gradient.iter().map(|x| x / 1024.0).collect::<Vec<_>>(), 1.0);
    large.step(&gradient.iter().map(|x| x * 32768.0).collect::<Vec<_>>(), 1.0);
    // Powers of two: only what scales back rounds differently.
    let bound = Check::KernelElementwise.bound(common::U32);
    assert_relative(&small.roots(), &large.roots(), bound, largest(&large.roots()));
    assert_eq!(trace::<f64, f64>(&[1.0, 7.0, 2.0, 7.0, 7.0, 4.0]), 7.0);
    assert_eq!(trace::<f64, f64>(&[]), 0.0);
}

#[test]
fn statistics_of_zeros_have_no_root_by_any_scale() {
    let config = Config {
        averaging: Averaging::Ema { beta2: 0.5 },
        bias_correction: true,
        trace_scaling: Some(TraceScaling::SQUARE_ROOT),
        ridge: Ridge::Relative(1e-6),
        ..PLAIN
    };
    let mut run = Run::<F64>::new(&[2, 3], config);
    assert_eq!(run.direction(&[0.0; 6]), [0.0; 6]);
    assert_eq!((run.refresh.zero, run.refresh.rejected), (2, 0));
    run.direction(&[1.0; 6]);
    assert_eq!((run.refresh.accepted, run.refresh.rejected), (2, 0));
}

#[test]
fn figures_that_cannot_work_are_refused() {
    for (power, epsilon) in [(-0.5, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 0.0), (0.5, -1.0), (0.5, f64::NAN)] {
        let config = Config { trace_scaling: Some(TraceScaling { power, epsilon }), ..Config::DEFAULT };
        assert!(matches!(lengths::<F64>(&[2, 2], &config), Err(ConfigError::Figure { .. })));
    }
    // A power that leaves the range is a root refused, not a root of anything else.
    let config = Config { trace_scaling: Some(TraceScaling { power: 1e3, epsilon: 0.0 }), ..PLAIN };
    let mut run = Run::<F64>::new(&[2, 2], config);
    assert_eq!(run.direction(&[9.0, 0.0, 0.0, 9.0]), [9.0, 0.0, 0.0, 9.0]);
    assert_eq!(run.refresh.rejected, 2);
}

/// The one factor's size along its mode, for a shape.
fn one_sided(shape: &[usize]) -> Option<(usize, usize)> {
    let run = Run::<F64>::new(shape, Config { sides: Sides::Smallest, precondition_vectors: true, ..PLAIN });
    let partition = run.tensor.partition();
    assert!(partition.factors_per_block() <= 1);
    let factor = partition.factors(0..1).next();
    factor.map(|factor| (factor.mode, factor.order))
}

#[test]
fn the_smallest_side_alone_has_a_factor() {
    assert_eq!(one_sided(&[5, 2]), Some((1, 2)));
    assert_eq!(one_sided(&[2, 5]), Some((0, 2)));
    assert_eq!(one_sided(&[3, 3]), Some((1, 3)), "of equal ones the last");
    assert_eq!(one_sided(&[3, 2, 4, 2]), Some((3, 2)));
    assert_eq!(one_sided(&[7]), Some((0, 7)));
    assert_eq!(one_sided(&[]), None);
    let config = Config { sides: Sides::Smallest, ..PLAIN };
    assert_eq!(config.request(1).exponent, Exponent::Root(2));
    assert_eq!(Lengths::of(&[5, 2], &Config { max_preconditioned_dim: 1, ..config }).slots, 0);
    assert_eq!(Lengths::of(&[5, 2], &Config { max_preconditioned_dim: 2, ..config }).statistics, 3);
}

#[test]
fn one_sided_steps_are_those_of_the_textbook() {
    let mut random = Random::new(163);
    for (m, n) in [(6, 3), (3, 6), (4, 4)] {
        let config = Config { sides: Sides::Smallest, ridge: Ridge::Relative(RIDGE), ..PLAIN };
        let mut run = Run::<F64>::new(&[m, n], config);
        // Along the smaller side: R = sum G^T G, or L = sum G G^T.
        let (tall, d) = (n <= m, n.min(m));
        let mut statistic = vec![0.0; d * d];
        for _ in 0..4 {
            let g = random.gaussians(m * n);
            let term = if tall { gram(n, &transpose(n, &g)) } else { gram(m, &g) };
            statistic.iter_mut().zip(&term).for_each(|(s, t)| *s += t);
            let spectrum = narrow::decompose(d, &statistic);
            let root = spectrum.inverse_root(2, OracleRidge::Relative(RIDGE));
            let right = if tall { matmul([m, n, n], &g, &root) } else { matmul([m, m, n], &root, &g) };
            let kappa = spectrum.condition(OracleRidge::Relative(RIDGE));
            let size = Size { order: m * n, kappa, root: 2.0, ..Size::default() };
            assert_relative(&run.direction(&g), &right, Check::StepVsNaive.bound_at(U64, size), norm(&right));
        }
    }
    // G R^(-1/2) of an orthogonal G is G.
    let config = Config { sides: Sides::Smallest, ridge: PSEUDO, ..PLAIN };
    let found = Run::<F64>::new(&[3, 2], config).direction(&[0.6, 0.0, 0.8, 0.0, 0.0, -1.0]);
    assert_relative(&found, &[0.6, 0.0, 0.8, 0.0, 0.0, -1.0], Check::Case.bound(U64), 0.0);
}
