//! Laws of every diagonal method: a method is a row of [`rows`].

mod common;

use common::run::{PLAIN, Run, narrow, widen};
use common::{U32, U64, assert_relative, bits, generated};
use proptest::prelude::{any, prop};
use proptest::proptest;
use shampoo_core::config::Config;
use shampoo_core::diagonal::Gradient;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::{AdaGraft, Graft, Input, Length};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::scalar::{F32, F64, Real, Stored};
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::largest_gradient;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{self, axis_covers, divided, norm};
use shampoo_tests::tolerance::{Check, Size};

/// The ridge of full matrices: the condition is at most 101.
const RIDGE: f64 = 1e-2;

/// How close a method is to the oracle.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Some operations an entry.
    Entry,
    /// Sums whose terms may cancel.
    Sum,
    /// Norms are taken too.
    Norm,
    /// An inverse root is.
    Root,
}

/// What the oracle is given: g, h, w, the count from 1 on.
struct Call<'a> {
    g: &'a [f64],
    h: &'a [f64],
    w: &'a [f64],
    count: i32,
}

type Oracle = Box<dyn FnMut(&Call<'_>) -> Vec<f64>>;

struct Row {
    graft: Graft,
    kind: Kind,
    /// The step of 2^k g is 2^(degree k) times that of g; `None` where an epsilon or a decay knows the scale.
    degree: Option<i32>,
    /// Whether the parameter is decayed, so a gradient of 0 gives a step.
    decays: bool,
    oracle: fn(&[usize]) -> Oracle,
}

fn second_moment(update: impl Fn(&mut Vec<f64>, &Call<'_>) -> Vec<f64> + 'static, len: usize) -> Oracle {
    let mut state = vec![0.0; len];
    Box::new(move |call| update(&mut state, call))
}

fn sm3(shape: &[usize], averaging: Averaging, variant: Variant) -> Oracle {
    let cover = axis_covers(shape);
    let mut mu = vec![0.0; cover.len()];
    Box::new(move |call| {
        mu.iter_mut().for_each(|mu| *mu *= averaging.decay());
        let scaled: Vec<f64> = call.g.iter().map(|g| averaging.weight().sqrt() * g).collect();
        let rule = if variant == Variant::I { naive::sm3_i } else { naive::sm3_ii };
        divided(call.h, &rule(&mut mu, &cover, &scaled), 0.0)
    })
}

fn scaled(h: &[f64], length: f64) -> Vec<f64> {
    let own = norm(h);
    h.iter().map(|h| naive::quotient(h * length, own)).collect()
}

/// Every method. Add one here and all laws hold it to account.
#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Kind::{Entry, Norm, Root, Sum};
    const EMA: Averaging = Averaging::Ema { beta2: 0.75 };
    let row = |graft, kind, degree, oracle| Row { graft, kind, degree, decays: false, oracle };
    let sm3 = |variant, averaging| Graft::Sm3 { variant, averaging, epsilon: 0.0 };
    vec![
        row(Graft::None, Entry, Some(1), |_| Box::new(|call| call.h.to_vec())),
        row(Graft::Sgd, Entry, Some(1), |_| Box::new(|call| call.h.to_vec())),
        row(Graft::Momentum { beta1: 0.9, nesterov: false }, Sum, Some(1), |shape| momentum(shape, 0.9, false)),
        row(Graft::Momentum { beta1: 0.5, nesterov: true }, Sum, Some(1), |shape| momentum(shape, 0.5, true)),
        row(Graft::Momentum { beta1: 0.0, nesterov: true }, Entry, Some(1), |_| Box::new(|call| call.h.to_vec())),
        row(Graft::AdaGrad { epsilon: 0.0 }, Entry, Some(0), |shape| adagrad(shape, 0.0)),
        row(Graft::AdaGrad { epsilon: 0.5 }, Entry, None, |shape| adagrad(shape, 0.5)),
        row(Graft::RmsProp { beta2: 0.75, epsilon: 0.0, bias_correction: false }, Entry, Some(0), |shape| rmsprop(shape, false)),
        row(Graft::RmsProp { beta2: 0.75, epsilon: 0.0, bias_correction: true }, Entry, Some(0), |shape| rmsprop(shape, true)),
        row(Graft::Adam { beta1: 0.9, beta2: 0.75, epsilon: 0.0 }, Sum, Some(0), |shape| adam(shape, [0.9, 0.75, 0.0])),
        row(Graft::Adam { beta1: 0.0, beta2: 0.5, epsilon: 1e-3 }, Sum, None, |shape| adam(shape, [0.0, 0.5, 1e-3])),
        row(sm3(Variant::I, Averaging::Sum), Entry, Some(0), |shape| self::sm3(shape, Averaging::Sum, Variant::I)),
        row(sm3(Variant::I, EMA), Entry, Some(0), |shape| self::sm3(shape, EMA, Variant::I)),
        row(sm3(Variant::II, Averaging::Sum), Entry, Some(0), |shape| self::sm3(shape, Averaging::Sum, Variant::II)),
        row(sm3(Variant::II, EMA), Entry, Some(0), |shape| self::sm3(shape, EMA, Variant::II)),
        row(Graft::FullMatrix { ridge: Ridge::Relative(RIDGE) }, Root, Some(0), |shape| {
            let d = shape.iter().product::<usize>();
            second_moment(|sum, call| naive::full_matrix(sum, call.g, call.h, RIDGE), d * d)
        }),
        row(Graft::Lars { beta: 0.0 }, Norm, Some(0), |_| Box::new(|call| naive::lars(call.h, call.w, 0.0))),
        Row { graft: Graft::Lars { beta: 0.25 }, kind: Norm, degree: None, decays: true,
            oracle: |_| Box::new(|call| naive::lars(call.h, call.w, 0.25)) },
        row(Graft::Sign, Entry, Some(0), |_| Box::new(|call| call.h.iter().map(|h| naive::quotient(*h, h.abs())).collect())),
        row(Graft::FixedNorm(Length::Rows), Norm, Some(0), |shape| {
            let rows = shape.first().map_or(1.0, |&rows| rows as f64);
            Box::new(move |call| scaled(call.h, rows.sqrt()))
        }),
        row(Graft::FixedNorm(Length::Entries), Norm, Some(0), |_| Box::new(|call| scaled(call.h, (call.h.len() as f64).sqrt()))),
        row(Graft::FixedNorm(Length::Given(0.3)), Norm, Some(0), |_| Box::new(|call| scaled(call.h, 0.3))),
    ]
}

fn momentum(shape: &[usize], beta1: f64, nesterov: bool) -> Oracle {
    let mut momentum = naive::Momentum { buffer: vec![0.0; shape.iter().product()], beta1 };
    Box::new(move |call| momentum.apply(call.h, nesterov))
}

fn adagrad(shape: &[usize], epsilon: f64) -> Oracle {
    let update = move |v: &mut Vec<f64>, call: &Call<'_>| {
        naive::adagrad(v, call.g, epsilon);
        divided(call.h, v, epsilon)
    };
    second_moment(update, shape.iter().product())
}

fn rmsprop(shape: &[usize], bias_correction: bool) -> Oracle {
    let update = move |v: &mut Vec<f64>, call: &Call<'_>| {
        naive::rmsprop(v, call.g, 0.75, 0.0);
        let lacking = if bias_correction { 1.0 - 0.75_f64.powi(call.count) } else { 1.0 };
        divided(call.h, &v.iter().map(|v| v / lacking).collect::<Vec<_>>(), 0.0)
    };
    second_moment(update, shape.iter().product())
}

fn adam(shape: &[usize], figures: [f64; 3]) -> Oracle {
    let [mut m, mut v] = [0; 2].map(|_| vec![0.0; shape.iter().product()]);
    Box::new(move |call| naive::adam([&mut m, &mut v], call.g, call.h, figures, call.count))
}

/// A method over `Vec`s.
struct Alone<T> {
    method: AdaGraft,
    /// The magnitude alone, where there is no direction.
    grafted: bool,
    shape: Vec<usize>,
    normalized: bool,
    state: Vec<T>,
    scratch: Vec<T>,
    count: u64,
}

impl<T: Real + Stored<T>> Alone<T> {
    fn new(graft: Graft, shape: &[usize], normalized: bool) -> Self {
        let (state, scratch) = (graft.state_len(shape), graft.scratch_len(shape, normalized));
        Self::with(AdaGraft { magnitude: graft, direction: graft }, false, shape, normalized, [state, scratch])
    }

    fn grafted(method: AdaGraft, shape: &[usize], normalized: bool) -> Self {
        let lengths = [method.state_len(shape), method.scratch_len(shape, normalized)];
        Self::with(method, true, shape, normalized, lengths)
    }

    fn with(method: AdaGraft, grafted: bool, shape: &[usize], normalized: bool, lengths: [usize; 2]) -> Self {
        let [state, scratch] = lengths.map(|length| vec![T::default(); length]);
        Self { method, grafted, shape: shape.to_vec(), normalized, state, scratch, count: 0 }
    }

    /// The step; before it, output and scratch hold `before`.
    fn step_over(&mut self, before: f64, [g, h, w]: [&[f64]; 3]) -> Vec<f64> {
        self.count += 1;
        let mut out = vec![T::from_f64(before); g.len()];
        self.scratch.fill(T::from_f64(before));
        let [g, h, w] = [g, h, w].map(narrow::<T>);
        let gradient = Gradient { raw: &g, numerator: &h };
        let (dims, count, normalized) = (&self.shape[..], self.count, self.normalized);
        let input = Input { gradient, parameter: &w, dims, count, normalized };
        let (state, scratch) = (&mut self.state[..], &mut self.scratch[..]);
        if self.grafted {
            self.method.step(&mut out, &input, state, scratch, &Portable);
        } else {
            self.method.magnitude.step(&mut out, &input, state, scratch, &Portable);
        }
        widen(&out)
    }

    fn step(&mut self, vectors: [&[f64]; 3]) -> Vec<f64> {
        self.step_over(0.0, vectors)
    }
}

/// Gradients that `f32` holds, a quarter of the entries 0, their averages, and a parameter.
fn stream(random: &mut Random, numel: usize, steps: usize) -> (Vec<[Vec<f64>; 2]>, Vec<f64>) {
    let held = |x: f64| f64::from(x as f32);
    let mut h = vec![0.0; numel];
    let gradients = (0..steps).map(|_| {
        let g: Vec<f64> =
            (0..numel).map(|_| if random.below(4) == 0 { 0.0 } else { held(random.gaussian()) }).collect();
        h.iter_mut().zip(&g).for_each(|(h, g)| *h = held(0.5 * *h + 0.5 * g));
        [g, h.clone()]
    });
    let gradients = gradients.collect();
    (gradients, random.gaussians(numel).into_iter().map(held).collect())
}

/// The bound at step t, and what it is relative to where an entry is smaller.
fn allowed(row: &Row, normalized: bool, numel: usize, t: usize, u: f64, right: &[f64]) -> (f64, f64) {
    let size = Size { order: numel.max(1), kappa: 1.0 + 1.0 / RIDGE, root: 2.0, ..Size::default() };
    let mut bound = Check::DiagonalVsNaive.bound(u) * (t + 1) as f64;
    if normalized || row.kind == Kind::Norm {
        bound += 2.0 * Check::KernelNorm.bound_at(u, size);
    }
    let scale = right.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    match row.kind {
        Kind::Entry => (bound, 0.0),
        Kind::Sum | Kind::Norm => (bound, scale),
        Kind::Root => {
            let root = if u == U64 { Check::RationalRoot } else { Check::RationalTwelve };
            // A bound relative to ||X|| ||h||, which is at most sqrt(kappa) times the step.
            (bound + size.kappa.sqrt() * root.bound_at(u, size), norm(right))
        }
    }
}

fn assert_oracle(row: &Row, shape: &[usize], normalized: bool, seed: u64) {
    let numel = shape.iter().product();
    let (gradients, w) = stream(&mut Random::new(seed), numel, 6);
    let mut oracle = (row.oracle)(shape);
    let mut exact = Alone::<f64>::new(row.graft, shape, normalized);
    let mut single = Alone::<f32>::new(row.graft, shape, normalized);
    for (t, [g, h]) in gradients.iter().enumerate() {
        let [unit_g, unit_h] = [g, h].map(|x| if normalized { scaled(x, 1.0) } else { x.clone() });
        let right = oracle(&Call { g: &unit_g, h: &unit_h, w: &w, count: t as i32 + 1 });
        let (wide, narrow) = (exact.step([g, h, &w]), single.step([g, h, &w]));
        for (u, found, right) in [(U64, &wide, &right), (U32, &narrow, &right), (U32, &narrow, &wide)] {
            let (bound, floor) = allowed(row, normalized, numel, t, u, right);
            assert_relative(found, right, bound, floor);
        }
    }
}

fn each(mut law: impl FnMut(&Row, bool)) {
    for row in rows() {
        for normalized in [false, true] {
            law(&row, normalized);
        }
    }
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn methods_are_the_oracles(shape in prop::collection::vec(1_usize..=4, 0..=3), seed in any::<u64>()) {
        // Full matrices grow with the square.
        let shape = if shape.iter().product::<usize>() > 24 { &shape[1..] } else { &shape[..] };
        each(|row, normalized| assert_oracle(row, shape, normalized, seed));
    }

    #[test]
    fn nothing_is_read_from_output_and_scratch(seed in any::<u64>()) {
        each(|row, normalized| {
            let (gradients, w) = stream(&mut Random::new(seed), 6, 4);
            let [mut clean, mut spoilt] = [0; 2].map(|_| Alone::<f64>::new(row.graft, &[2, 3], normalized));
            for [g, h] in &gradients {
                let vectors = [&g[..], h, &w];
                assert_eq!(bits(&clean.step(vectors)), bits(&spoilt.step_over(f64::NAN, vectors)), "{:?}", row.graft);
            }
            assert_eq!(bits(&clean.state), bits(&spoilt.state), "{:?}", row.graft);
        });
    }

    #[test]
    fn a_method_grafted_onto_itself_is_the_method(seed in any::<u64>()) {
        each(|row, normalized| {
            let (gradients, w) = stream(&mut Random::new(seed), 6, 4);
            let mut alone = Alone::<f32>::new(row.graft, &[2, 3], normalized);
            let both = AdaGraft { magnitude: row.graft, direction: row.graft };
            let mut grafted = Alone::<f32>::grafted(both, &[2, 3], normalized);
            for [g, h] in &gradients {
                let vectors = [&g[..], h, &w];
                assert_eq!(bits(&alone.step(vectors)), bits(&grafted.step_over(f64::NAN, vectors)), "{:?}", row.graft);
            }
        });
    }

    #[test]
    fn powers_of_two_go_through(seed in any::<u64>(), k in prop::sample::select(vec![-12, -1, 3, 12])) {
        each(|row, normalized| {
            let Some(degree) = row.degree else { return };
            let power = |k: i32| 2.0_f64.powi(k);
            let image = if normalized && degree == 1 { 1.0 } else { power(degree * k) };
            let (gradients, w) = stream(&mut Random::new(seed), 6, 4);
            let [mut plain, mut large] = [0; 2].map(|_| Alone::<f32>::new(row.graft, &[2, 3], normalized));
            for [g, h] in &gradients {
                let [g_large, h_large] = [g, h].map(|x| x.iter().map(|x| x * power(k)).collect::<Vec<_>>());
                let right: Vec<f64> = plain.step([g, h, &w]).iter().map(|x| x * image).collect();
                assert_eq!(bits(&large.step([&g_large, &h_large, &w])), bits(&right), "{:?}", row.graft);
            }
        });
    }

    #[test]
    fn what_is_finite_stays_finite(seed in any::<u64>()) {
        // Sums of eight steps stay within the range.
        let huge = largest_gradient::<F32>(6) / 4.0;
        let magnitudes = [0.0, f64::from(f32::from_bits(1)), 1e-42, 1e-30, 1e-10, 1.0, 1e10, huge];
        each(|row, normalized| {
            let mut random = Random::new(seed);
            let mut single = Alone::<f32>::new(row.graft, &[2, 3], normalized);
            for _ in 0..8 {
                let common = magnitudes[random.below(8)];
                let mixed = random.below(2) == 0;
                let mut vector = || -> Vec<f64> {
                    let size = |random: &mut Random| if mixed { magnitudes[random.below(8)] } else { common };
                    (0..6).map(|_| size(&mut random) * if random.below(2) == 0 { 1.0 } else { -1.0 }).collect()
                };
                let (g, w) = (vector(), vector());
                let step = single.step([&g, &g, &w]);
                let state = widen(&single.state);
                let finite = step.iter().chain(&state).all(|x| x.is_finite());
                assert!(finite, "{:?} {normalized}: {step:?} from {g:?} and {w:?}, {state:?}", row.graft);
            }
        });
    }

    #[test]
    fn any_pair_has_the_length_of_one_and_the_direction_of_the_other(seed in any::<u64>()) {
        let (gradients, w) = stream(&mut Random::new(seed), 6, 2);
        for m in rows().iter().filter(|row| row.graft != Graft::None) {
            for d in &rows() {
                let mut pair = Alone::<f64>::grafted(AdaGraft { magnitude: m.graft, direction: d.graft }, &[2, 3], false);
                let [mut of_m, mut of_d] = [m, d].map(|row| Alone::<f64>::new(row.graft, &[2, 3], false));
                for [g, h] in &gradients {
                    let [found, of_m, of_d] = [&mut pair, &mut of_m, &mut of_d].map(|method| method.step([g, h, &w]));
                    let right = if norm(&of_d) == 0.0 { of_m } else { scaled(&of_d, norm(&of_m)) };
                    let bound = 4.0 * Check::KernelNorm.bound_at(U64, Size { order: 6, ..Size::default() });
                    assert_relative(&found, &right, bound, 0.0);
                }
            }
        }
    }
}

#[test]
fn a_gradient_of_zero_gives_a_step_of_zero() {
    each(|row, normalized| {
        let mut method = Alone::<f32>::new(row.graft, &[2, 2], normalized);
        let w = [1.0, -2.0, 0.0, 3.0];
        for _ in 0..3 {
            let right = if row.decays { w.map(|w| 0.25 * w) } else { [0.0; 4] };
            assert_eq!(method.step([&[0.0; 4], &[0.0; 4], &w]), right, "{:?}", row.graft);
            assert!(method.state.iter().all(|x| x.is_finite()));
        }
    });
}

#[test]
fn an_entry_that_never_had_a_gradient_does_not_move() {
    each(|row, normalized| {
        let mut method = Alone::<f32>::new(row.graft, &[2, 2], normalized);
        for g in [[0.0, 2.0, -1.0, 3.0], [0.0, 0.5, 0.0, -1.0], [0.0; 4]] {
            assert_eq!(method.step([&g, &g, &[0.0, 1.0, 1.0, 1.0]])[0], 0.0, "{:?}", row.graft);
        }
    });
}

#[test]
fn a_direction_of_zero_leaves_the_magnitudes_step() {
    let method = AdaGraft { magnitude: Graft::Lars { beta: 0.5 }, direction: Graft::Sgd };
    let mut grafted = Alone::<f64>::grafted(method, &[2], false);
    assert_eq!(grafted.step([&[0.0; 2], &[0.0; 2], &[2.0, -4.0]]), [1.0, -2.0]);
    let method = AdaGraft { magnitude: Graft::None, direction: Graft::Sign };
    let found = Alone::<f64>::grafted(method, &[2], false).step([&[3.0, -4.0], &[3.0, -4.0], &[0.0; 2]]);
    assert_eq!(found, [1.0, -1.0], "without a magnitude the length is the direction's");
}

#[test]
fn a_tensor_takes_the_methods_step_or_its_length() {
    let shape = [2, 3];
    let ridged = Config { ridge: Ridge::Relative(1e-6), ..PLAIN };
    each(|row, normalized| {
        let (gradients, w) = stream(&mut Random::new(11), 6, 3);
        let config = |precondition| Config { graft: row.graft, normalize_graft: normalized, precondition, ..ridged };
        for precondition in [false, true] {
            let mut run = Run::<F64>::new(&shape, config(precondition)).with_weights(&w);
            let mut alone = Alone::<f64>::new(row.graft, &shape, normalized);
            for [g, _] in &gradients {
                let right = alone.step([g, g, &run.weights.clone()]);
                let found = run.direction(g);
                if !precondition {
                    assert_eq!(found, right, "{:?}", row.graft);
                } else if row.graft != Graft::None {
                    let bound = 4.0 * Check::KernelNorm.bound_at(U64, Size { order: 6, ..Size::default() });
                    assert_relative(&[norm(&found)], &[norm(&right)], bound, 0.0);
                }
            }
        }
    });
}

#[test]
fn a_full_matrix_without_a_root_steps_like_its_diagonal_and_then_keeps_the_last_root() {
    let graft = Graft::FullMatrix { ridge: Ridge::Absolute(0.0) };
    let mut method = Alone::<f64>::new(graft, &[2], false);
    let mut step = |g: [f64; 2]| method.step([&g, &g, &[0.0; 2]]);
    // H = [[1, 1], [1, 1]] has no root.
    assert_eq!(step([1.0, 1.0]), [1.0, 1.0]);
    let half = core::f64::consts::FRAC_1_SQRT_2;
    let bound = Check::RationalRoot.bound_at(U64, Size { order: 2, root: 2.0, ..Size::default() });
    assert_relative(&step([1.0, -1.0]), &[half, -half], bound, 0.0);
    // 2 I has vanished beside 1e36.
    assert_relative(&step([1e18, 1e18]), &[1e18 * half; 2], bound, 0.0);
}

#[test]
fn lengths_saturate() {
    // Sizes that overflow are never small numbers.
    const HUGE: &[usize] = &[usize::MAX, 2];
    for row in rows() {
        let len = row.graft.state_len(HUGE);
        assert!(len == 0 || len == usize::MAX, "{:?}", row.graft);
        assert_eq!(row.graft.scratch_len(HUGE, true), usize::MAX);
    }
}
