//! Laws of every diagonal method: a method is a row of [`rows`].

use crate::common::run::{PLAIN, Run, widen};
use crate::common::{U32, U64, assert_relative, bits, generated};
use crate::diagonal_support::rows::{Call, Kind, Row, VARIANTS, rows, variant};
use crate::diagonal_support::{Alone, each, stream};
use proptest::prelude::{any, prop};
use proptest::proptest;
use shampoo_core::config::Config;
use shampoo_core::graft::{AdaGraft, Graft};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::scalar::{F32, F64};
use shampoo_core::tensor::largest_gradient;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{self, norm};
use shampoo_tests::tolerance::{Check, Size};

/// The bound at step t, and what it is relative to where an entry is smaller.
fn allowed(row: &Row, normalized: bool, numel: usize, t: usize, u: f64, right: &[f64]) -> (f64, f64) {
    let mut bound = Check::DiagonalVsNaive.bound_at(u, Size { order: t + 1, ..Size::default() });
    if normalized || row.kind == Kind::Norm {
        bound += Check::DividedByNorm.bound_at(u, Size { order: numel.max(1), ..Size::default() });
    }
    let scale = right.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    match row.kind {
        Kind::Entry => (bound, 0.0),
        Kind::Sum | Kind::Norm => (bound, scale),
        Kind::Root(kappa) => {
            let size = Size { order: numel.max(1), kappa, root: 2.0, ..Size::default() };
            let root = if u == U64 { Check::RationalRoot } else { Check::RationalTwelve };
            // A bound relative to ||X|| ||h||, which is at most sqrt(kappa) times the step.
            (bound + kappa.sqrt() * root.bound_at(u, size), norm(right))
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
        let [unit_g, unit_h] = [g, h].map(|x| if normalized { naive::rescaled(x, 1.0) } else { x.clone() });
        let right = oracle(&Call { g: &unit_g, h: &unit_h, w: &w, count: t as i32 + 1 });
        let (wide, narrow) = (exact.step([g, h, &w]), single.step([g, h, &w]));
        let Some(right) = right else { continue };
        for (u, found, right) in [(U64, &wide, &right), (U32, &narrow, &right), (U32, &narrow, &wide)] {
            let (bound, floor) = allowed(row, normalized, numel, t, u, right);
            assert_relative(found, right, bound, floor);
        }
    }
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn methods_are_the_oracles(shape in prop::collection::vec(1_usize..=5, 0..=3), seed in any::<u64>()) {
        // Full matrices grow with the square.
        let few = if shape.iter().product::<usize>() > 16 { &shape[1..] } else { &shape[..] };
        let few = if few.iter().product::<usize>() > 16 { &few[1..] } else { few };
        each(|row, normalized| {
            let shape = if matches!(row.kind, Kind::Root(_)) { few } else { &shape };
            assert_oracle(row, shape, normalized, seed);
        });
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
                    let right = if norm(&of_d) == 0.0 { of_m } else { naive::rescaled(&of_d, norm(&of_m)) };
                    let bound = Check::PairVsNaive.bound_at(U64, Size { order: 6, ..Size::default() });
                    assert_relative(&found, &right, bound, 0.0);
                }
            }
        }
    }
}

#[test]
fn every_variant_has_a_row() {
    let rows = rows();
    for name in VARIANTS {
        assert!(rows.iter().any(|row| variant(&row.graft) == *name), "no row for {name}");
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
                    let bound = Check::PairVsNaive.bound_at(U64, Size { order: 6, ..Size::default() });
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
