//! Whole steps against the textbook: statistics, roots, graft, momentum and decay in plain `f64`.

use crate::common::run::{PLAIN, Run};
use crate::common::{U32, U48, U64, generated};
use proptest::prelude::{Strategy, any, prop};
use proptest::proptest;
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::{Method, Ridge};
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::{DoubleF32, F32RootDoubleF32, F32RootF64, F64, Mixed, Precision};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{self, Shampoo, grafted, norm};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge as OracleRidge;
use shampoo_tests::tolerance::{Check, Size};

/// The ridge of these tests: large enough that roots of first, rank-deficient statistics can be compared closely.
const EPSILON: f64 = 1e-3;

/// The textbook's state of one parameter under `config`.
struct Textbook {
    config: Config,
    shampoo: Shampoo,
    /// The statistics that the roots in use belong to.
    snapshot: Option<Shampoo>,
    second_moment: Vec<f64>,
    momentum: naive::Momentum,
    weights: Vec<f64>,
    count: u64,
}

impl Textbook {
    fn new(shape: &[usize], config: Config, weights: &[f64]) -> Self {
        let beta2 = match config.averaging {
            Averaging::Sum => 1.0,
            Averaging::Ema { beta2 } => beta2,
        };
        Self {
            config,
            shampoo: Shampoo::new(shape, beta2, config.initial_statistics),
            snapshot: None,
            second_moment: vec![0.0; weights.len()],
            momentum: naive::Momentum::new(config.momentum.beta1, weights.len()),
            weights: weights.to_vec(),
            count: 0,
        }
    }

    fn graft(&mut self, gradient: &[f64]) -> Vec<f64> {
        match self.config.graft {
            Graft::AdaGrad { epsilon } => naive::adagrad(&mut self.second_moment, gradient, epsilon),
            Graft::RmsProp { beta2, epsilon, .. } => naive::rmsprop(&mut self.second_moment, gradient, beta2, epsilon),
            _ => gradient.to_vec(),
        }
    }

    /// The update, and the largest condition number among the roots in use.
    fn step(&mut self, gradient: &[f64], rate: f64) -> (Vec<f64>, f64) {
        let Schedule { start_preconditioning_step: start, statistics_every, precondition_every, .. } =
            self.config.schedule;
        let t = self.count;
        self.count += 1;
        if t.is_multiple_of(statistics_every) {
            self.shampoo.accumulate(gradient);
        }
        if t >= start && (t - start).is_multiple_of(precondition_every) {
            self.snapshot = Some(self.shampoo.clone());
        }
        let plain = self.graft(gradient);
        let ridge = OracleRidge::Relative(EPSILON);
        let mut kappa = 1.0_f64;
        let mut step = match &self.snapshot {
            None => plain,
            Some(snapshot) => {
                for (&d, h) in snapshot.shape.iter().zip(&snapshot.statistics) {
                    kappa = kappa.max(narrow::decompose(d, h).condition(ridge));
                }
                let p = snapshot.precondition(gradient, snapshot.exponent(), ridge);
                if self.config.graft == Graft::None { p } else { grafted(&p, &plain) }
            }
        };
        let decay =
            |rate: f64, step: &mut Vec<f64>| step.iter_mut().zip(&self.weights).for_each(|(s, w)| *s += rate * w);
        if let WeightDecay::Coupled(rate) = self.config.weight_decay {
            decay(rate, &mut step);
        }
        if self.config.momentum.beta1 > 0.0 {
            step = self.momentum.apply(&step, self.config.momentum.nesterov);
        }
        if let WeightDecay::Decoupled(rate) = self.config.weight_decay {
            decay(rate, &mut step);
        }
        let update: Vec<f64> = step.iter().map(|s| -rate * s).collect();
        self.weights.iter_mut().zip(&update).for_each(|(w, u)| *w += u);
        (update, kappa)
    }
}

fn assert_steps<P: Precision>(shape: &[usize], config: Config, seed: u64, unit_roundoff: f64) {
    let mut random = Random::new(seed);
    let numel = shape.iter().product();
    let held = |x: Vec<f64>| -> Vec<f64> { x.iter().map(|&x| f64::from(x as f32)).collect() };
    let weights = held(random.gaussians(numel));
    let mut textbook = Textbook::new(shape, config, &weights);
    let mut run = Run::<P>::new(shape, config).with_weights(&weights);
    let (mut worst, mut scale) = (1.0_f64, 0.0_f64);
    for t in 0..7 {
        let gradient = held(random.gaussians(numel));
        let (right, kappa) = textbook.step(&gradient, 0.05);
        worst = worst.max(kappa);
        let size = Size { order: numel, kappa: worst, root: 2.0 * shape.len() as f64, ..Size::default() };
        let mut bound = Check::StepVsNaive.bound_at(unit_roundoff, size);
        if config.method == Method::Auto {
            bound += shape.len() as f64 * Check::RationalRoot.bound_at(U64, size);
        }
        let found = run.step(&gradient, 0.05);
        assert_eq!(run.refresh.rejected, 0);
        // Decay may cancel a step but for its error, and momentum remembers larger steps with theirs.
        scale = scale.max(norm(&right)).max(0.05 * config.weight_decay.rate() * norm(&textbook.weights));
        let distance = found.iter().zip(&right).fold(0.0_f64, |m, (x, y)| m.max((x - y).abs()));
        assert!(distance <= bound * scale, "step {t}: {distance:e} > {bound:e} * {scale:e}\n{config:?}");
    }
}

fn configs() -> impl Strategy<Value = Config> {
    let averaging = prop::option::of(0.5..0.999_f64);
    let graft = prop::sample::select(vec![
        Graft::None,
        Graft::Sgd,
        Graft::AdaGrad { epsilon: 1e-8 },
        Graft::RmsProp { beta2: 0.9, epsilon: 1e-8, bias_correction: false },
    ]);
    let momentum = prop::sample::select(vec![
        Momentum::NONE,
        Momentum::heavy_ball(0.8),
        Momentum { nesterov: true, ..Momentum::heavy_ball(0.8) },
    ]);
    let decay = prop::sample::select(vec![WeightDecay::None, WeightDecay::Coupled(0.1), WeightDecay::Decoupled(0.1)]);
    let method = prop::sample::select(vec![Method::Spectral, Method::Auto]);
    let schedule = (0..4_u64, 1..3_u64, 1..4_u64);
    (averaging, graft, momentum, decay, method, schedule).prop_map(
        |(beta2, graft, momentum, weight_decay, method, (start, statistics_every, precondition_every))| Config {
            averaging: beta2.map_or(Averaging::Sum, |beta2| Averaging::Ema { beta2 }),
            ridge: Ridge::Relative(EPSILON),
            initial_statistics: 1e-4,
            precondition_vectors: true,
            graft,
            momentum,
            weight_decay,
            method,
            schedule: Schedule {
                start_preconditioning_step: start,
                statistics_every,
                precondition_every,
                ..Schedule::EVERY_STEP
            },
            ..PLAIN
        },
    )
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn steps_are_the_textbooks(
        shape in prop::collection::vec(1_usize..=5, 1..=3),
        config in configs(),
        seed in any::<u64>(),
    ) {
        assert_steps::<F64>(&shape, config, seed, U64);
        assert_steps::<F32RootF64>(&shape, config, seed, U32);
        assert_steps::<F32RootDoubleF32>(&shape, config, seed, U32);
        assert_steps::<Mixed<DoubleF32, DoubleF32, DoubleF32>>(&shape, config, seed, U48);
    }
}
