//! Laws of what follows a direction: momentum, decay and starts. A rule is a row of [`rules`].

use crate::common::run::{PLAIN, Run};
use crate::common::{U32, U64, assert_relative, bits, generated, largest};
use proptest::prelude::any;
use proptest::proptest;
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::scalar::{F32, F64, Precision};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive;
use shampoo_tests::tolerance::{Check, Size};

const RATE: f64 = 0.125;
const STEPS: usize = 7;

/// Two rows of blocks and two columns.
const SHAPE: [usize; 2] = [4, 3];
const BLOCKS: [([usize; 2], &[usize]); 4] =
    [([2, 2], &[0, 1, 3, 4]), ([2, 1], &[2, 5]), ([2, 2], &[6, 7, 9, 10]), ([2, 1], &[8, 11])];

#[derive(Clone, Copy, Debug)]
struct Rule {
    momentum: Momentum,
    filter: Filter,
    weight_decay: WeightDecay,
    start: Start,
    /// The first preconditioned step.
    first: u64,
}

/// Every rule. Add one here and all laws hold it to account.
fn rules() -> Vec<Rule> {
    use WeightDecay::{Coupled, Decoupled};
    const NONE: Rule = Rule {
        momentum: Momentum::NONE,
        filter: Filter::NONE,
        weight_decay: WeightDecay::None,
        start: Start::Switch,
        first: 0,
    };
    const HEAVY: Momentum = Momentum::heavy_ball(0.75);
    const AHEAD: Momentum = Momentum { nesterov: true, ..HEAVY };
    const AVERAGE: Momentum = Momentum { moving_average: true, ..HEAVY };
    const TWO: Momentum = Momentum { buffers: Buffers::Two, ..AHEAD };
    let with = |momentum| Rule { momentum, ..NONE };
    let filter = |bias_correction| Filter { beta1: 0.5, bias_correction };
    vec![
        NONE,
        with(HEAVY),
        with(AHEAD),
        with(AVERAGE),
        with(Momentum { nesterov: true, ..AVERAGE }),
        // Without a buffer the weight of an average remains.
        with(Momentum { beta1: 0.0, ..AVERAGE }),
        with(TWO),
        Rule { first: 3, ..with(TWO) },
        Rule { first: 3, ..with(Momentum { nesterov: false, moving_average: true, ..TWO }) },
        Rule { first: 2, start: Start::Blend, ..with(TWO) },
        Rule { first: 2, start: Start::Blend, ..with(AVERAGE) },
        Rule { first: 2, start: Start::Blend, ..NONE },
        Rule { first: 3, ..with(AHEAD) },
        Rule { weight_decay: Coupled(0.25), ..with(AHEAD) },
        Rule { weight_decay: Decoupled(0.25), ..with(AHEAD) },
        Rule { weight_decay: Coupled(0.25), first: 2, ..with(TWO) },
        Rule { weight_decay: Decoupled(0.25), first: 2, ..with(TWO) },
        Rule { weight_decay: Decoupled(0.25), first: 2, start: Start::Blend, ..with(AVERAGE) },
        Rule { filter: filter(false), ..NONE },
        Rule { filter: filter(true), ..with(TWO) },
        Rule { filter: filter(true), first: 2, start: Start::Blend, ..with(AVERAGE) },
        Rule { filter: filter(true), weight_decay: Coupled(0.25), ..with(AHEAD) },
    ]
}

/// Grafts with a length of their own, without one, and second moments.
const GRAFTS: [Graft; 3] =
    [Graft::Sgd, Graft::None, Graft::RmsProp { beta2: 0.75, epsilon: 1e-3, bias_correction: false }];

fn config(rule: Rule, graft: Graft) -> Config {
    Config {
        block_size: 2,
        averaging: Averaging::Ema { beta2: 0.75 },
        ridge: Ridge::Relative(1e-2),
        graft,
        momentum: rule.momentum,
        filter: rule.filter,
        weight_decay: rule.weight_decay,
        start: rule.start,
        schedule: Schedule { start_preconditioning_step: rule.first, ..Schedule::EVERY_STEP },
        ..PLAIN
    }
}

/// Gradients that `f32` holds.
fn stream(random: &mut Random) -> Vec<Vec<f64>> {
    let vector = |random: &mut Random| random.gaussians(12).into_iter().map(|x| f64::from(x as f32)).collect();
    (0..STEPS).map(|_| vector(random)).collect()
}

/// The rule's updates, from preconditioned steps and the graft's.
struct Oracle {
    rule: Rule,
    of_steps: naive::Momentum,
    of_grafts: naive::Momentum,
    weights: Vec<f64>,
}

impl Oracle {
    fn new(rule: Rule, weights: &[f64]) -> Self {
        let Momentum { beta1, moving_average, .. } = rule.momentum;
        let weight = if moving_average { 1.0 - beta1 } else { 1.0 };
        let [of_steps, of_grafts] = [0; 2].map(|_| naive::Momentum { weight, ..naive::Momentum::new(beta1, 12) });
        Self { rule, of_steps, of_grafts, weights: weights.to_vec() }
    }

    fn step(&mut self, t: usize, preconditioned: &[f64], graft: &[f64]) -> Vec<f64> {
        let Rule { momentum, weight_decay, start, first, .. } = self.rule;
        let mix = match start {
            Start::Blend => ((t as f64 - first as f64) / first as f64).clamp(0.0, 1.0),
            Start::Switch => 1.0,
        };
        let decayed = |rate: f64, step: &[f64]| step.iter().zip(&self.weights).map(|(s, w)| s + rate * w).collect();
        let coupled = if let WeightDecay::Coupled(rate) = weight_decay { rate } else { 0.0 };
        let decoupled = if let WeightDecay::Decoupled(rate) = weight_decay { rate } else { 0.0 };
        let mixed: Vec<f64> = preconditioned.iter().zip(graft).map(|(p, g)| mix * p + (1.0 - mix) * g).collect();
        let preconditions = t as u64 >= first;
        let [step, graft]: [Vec<f64>; 2] = [&mixed, graft].map(|step| decayed(coupled, step));
        let chosen = match momentum.buffers {
            Buffers::One => self.of_steps.apply(if preconditions { &step } else { &graft }, momentum.nesterov),
            Buffers::Two => {
                let (step, graft) =
                    (self.of_steps.apply(&step, momentum.nesterov), self.of_grafts.apply(&graft, momentum.nesterov));
                if preconditions { step } else { graft }
            }
        };
        let chosen: Vec<f64> = decayed(decoupled, &chosen);
        let update: Vec<f64> = chosen.iter().map(|x| -RATE * x).collect();
        self.weights.iter_mut().zip(&update).for_each(|(w, u)| *w += u);
        update
    }
}

fn assert_oracle<P: Precision>(rule: Rule, graft: Graft, seed: u64, u: f64) {
    let mut random = Random::new(seed);
    let weights: Vec<f64> = random.gaussians(12).into_iter().map(|x| f64::from(x as f32)).collect();
    let bare = Rule { momentum: Momentum::NONE, weight_decay: WeightDecay::None, ..rule };
    let bare = config(Rule { start: Start::Switch, first: 0, ..bare }, graft);
    let mut preconditioned = Run::<P>::new(&SHAPE, bare);
    let mut grafts = Run::<P>::new(&SHAPE, Config { precondition: false, ..bare });
    let mut run = Run::<P>::new(&SHAPE, config(rule, graft)).with_weights(&weights);
    let mut oracle = Oracle::new(rule, &weights);
    let mut scale = largest(&weights);
    for (t, gradient) in stream(&mut random).iter().enumerate() {
        let right = oracle.step(t, &preconditioned.direction(gradient), &grafts.direction(gradient));
        scale = scale.max(largest(&right));
        let bound = Check::MomentumVsNaive.bound_at(u, Size { order: t + 1, ..Size::default() });
        // Terms may cancel, and buffers remember larger ones.
        assert_relative(&run.step(gradient, RATE), &right, bound, scale);
    }
}

fn each(mut law: impl FnMut(Rule, Graft)) {
    for rule in rules() {
        GRAFTS.into_iter().for_each(|graft| law(rule, graft));
    }
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn rules_are_the_oracles(seed in any::<u64>(), graft in proptest::sample::select(GRAFTS.to_vec())) {
        for rule in rules() {
            assert_oracle::<F64>(rule, graft, seed, U64);
            assert_oracle::<F32>(rule, graft, seed, U32);
        }
    }
}

#[test]
fn nothing_is_read_from_the_workspace() {
    each(|rule, graft| {
        let [mut clean, mut spoilt] = [0; 2].map(|_| Run::<F64>::new(&SHAPE, config(rule, graft)));
        for gradient in stream(&mut Random::new(91)) {
            spoilt.spoil_workspace();
            let [clean, spoilt] = [&mut clean, &mut spoilt].map(|run| bits(&run.step(&gradient, RATE)));
            assert_eq!(clean, spoilt, "{rule:?} {graft:?}");
        }
        assert_eq!(clean.state(), spoilt.state(), "{rule:?} {graft:?}");
    });
}

/// Where each block is grafted by itself, blocks are as if each were a parameter.
#[test]
fn blocks_are_independent_parameters() {
    each(|rule, graft| {
        let config = Config { graft_scope: Scope::Block, ..config(rule, graft) };
        let mut random = Random::new(92);
        let weights = random.gaussians(12);
        let own = |x: &[f64], cells: &[usize]| cells.iter().map(|&k| x[k]).collect::<Vec<_>>();
        let mut whole = Run::<F64>::new(&SHAPE, config).with_weights(&weights);
        let mut parts =
            BLOCKS.map(|(shape, cells)| Run::<F64>::new(&shape, config).with_weights(&own(&weights, cells)));
        for gradient in stream(&mut random) {
            let update = whole.step(&gradient, RATE);
            for (part, (_, cells)) in parts.iter_mut().zip(BLOCKS) {
                let right = part.step(&own(&gradient, cells), RATE);
                assert_eq!(bits(&own(&update, cells)), bits(&right), "{rule:?} {graft:?}");
            }
        }
    });
}

/// Without decay everything after the graft is linear.
#[test]
fn powers_of_two_go_through() {
    for rule in rules().into_iter().filter(|rule| rule.weight_decay == WeightDecay::None) {
        for power in [0.125, 1024.0] {
            let config = Config { precondition: false, ..config(rule, Graft::Sgd) };
            let [mut plain, mut large] = [0; 2].map(|_| Run::<F32>::new(&SHAPE, config));
            for gradient in stream(&mut Random::new(93)) {
                let times = |x: Vec<f64>| x.into_iter().map(|x| power * x).collect::<Vec<_>>();
                let [right, scaled] = [plain.step(&gradient, RATE), gradient].map(times);
                assert_eq!(bits(&large.step(&scaled, RATE)), bits(&right), "{rule:?}");
            }
        }
    }
}

#[test]
fn a_gradient_of_zero_leaves_the_decay_alone() {
    each(|rule, graft| {
        let weights = [2.0, -4.0, 1.0, 8.0, 0.0, 0.5, 1.0, -1.0, 2.0, 2.0, 4.0, -8.0];
        let mut run = Run::<F64>::new(&SHAPE, config(rule, graft)).with_weights(&weights);
        let mut oracle = Oracle::new(rule, &weights);
        for t in 0..STEPS {
            let right = oracle.step(t, &[0.0; 12], &[0.0; 12]);
            let bound = Check::MomentumVsNaive.bound_at(U64, Size { order: t + 1, ..Size::default() });
            assert_relative(&run.step(&[0.0; 12], RATE), &right, bound, 1.0);
            if rule.weight_decay == WeightDecay::None {
                assert!(right.iter().all(|&x| x == 0.0) && run.weights == weights);
            }
        }
    });
}

#[test]
fn what_is_finite_stays_finite() {
    let magnitudes = [0.0, f64::from(f32::from_bits(1)), 1e-30, 1e-10, 1.0, 1e10, 1e17];
    each(|rule, graft| {
        let mut random = Random::new(94);
        let mut run = Run::<F32>::new(&SHAPE, config(rule, graft));
        for _ in 0..20 {
            let size = magnitudes[random.below(magnitudes.len())];
            let gradient: Vec<f64> = random.gaussians(12).iter().map(|x| f64::from((size * x) as f32)).collect();
            let update = run.step(&gradient, RATE);
            let momentum = run.tensor.momentum();
            assert!(
                update.iter().all(|x| x.is_finite()) && momentum.iter().all(|x| x.is_finite()),
                "{rule:?} {graft:?}"
            );
        }
    });
}
