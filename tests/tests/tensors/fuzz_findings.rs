//! What the fuzz targets found, as plain numbers.

use crate::common::root::{diagonal, root};
use crate::common::run::{Run, narrow, widen};
use crate::common::{U32, assert_relative};
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::Gradient;
use shampoo_core::diagonal::adam::Adam;
use shampoo_core::error::ConfigError;
use shampoo_core::graft::Graft;
use shampoo_core::kernel::{Portable, SplitBf16};
use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request, Ridge};
use shampoo_core::lookup::{Lookup, RowGraft, Update, Workspace, lengths};
use shampoo_core::mat::MatRef;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::{Bf16x2, DoubleF32, F32, Real, Stored};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::statistics::Averaging;
use shampoo_tests::oracle::root as oracle;
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::Check;

/// A root whose last words vanish in coarse numbers was accepted with a promise of 1e-13 and an error of 9e-8: the range
/// of the store alone was looked at.
#[test]
fn a_root_below_the_range_of_the_arithmetic_is_refused() {
    let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(1)) };
    let large = [9.645798802352e37];
    for method in [Method::Auto, Method::CoupledNewton, Method::Spectral] {
        let request = Request { method, ..request };
        let (_, report) = root::<DoubleF32, f64>(&large, &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::OutsideStore, "{report:?}");
        let (_, report) = root::<f32, f64>(&large.map(|x| 2.5 * x), &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::OutsideStore, "{report:?}");
        // The store keeps what the arithmetic has.
        let (_, report) = root::<DoubleF32, f32>(&large.map(|x| 0.25 * x), &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    }
}

/// The place of the block's first entry was computed before it was looked at, and overflowed.
#[test]
fn a_block_far_outside_is_none() {
    let data = [1, 2, 3, 4, 5, 6];
    let view = MatRef::with_strides(&data, 2, 2, 3, 1).expect("it fits");
    for far in [usize::MAX - 1, usize::MAX / 2, usize::MAX / 3 + 1] {
        assert!(view.block(far, 0, 1, 1).is_none());
        assert!(view.transpose().block(0, far, 1, 1).is_none());
    }
}

/// The largest number in two words was stored as one that is infinite when it is stored again.
#[test]
fn what_two_words_hold_can_be_stored_again() {
    let largest = <Bf16x2 as Stored<f32>>::LARGEST;
    for x in [largest, -largest, largest * 0.999_99] {
        let once = <Bf16x2 as Stored<f64>>::store(x);
        let again: f32 = once.load();
        assert!(again.to_f64().is_finite());
        assert_eq!(Bf16x2::store(again), once, "{x:e}");
    }
    // Not even the next number of two words is within reach.
    let above: f32 = Bf16x2::store(largest as f32 * (1.0 + f32::EPSILON)).load();
    assert!(above.to_f64() >= largest);
}

/// A zero matrix under an absolute ridge beyond the range of `f32` was scaled by infinity, and 0 times that is NaN: it was
/// refused as not positive definite.
#[test]
fn a_ridge_beyond_the_range_of_the_arithmetic_alone_has_a_root() {
    for method in [Method::Auto, Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral] {
        for n in [1, 3, 9] {
            // Its fourth root is within the range.
            let ridge = Ridge::Absolute(2.0_f64.powi(-440));
            let request = Request { ridge, method, max_retries: 0, ..Request::new(Exponent::Root(4)) };
            let right = diagonal(&vec![2.0_f64.powi(110); n]);
            for (root, report) in [
                root::<f32, f32>(&vec![0.0; n * n], &request).expect("finite input"),
                root::<DoubleF32, f32>(&vec![0.0; n * n], &request).expect("finite input"),
            ] {
                assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
                assert_relative(&root, &right, Check::RationalTwelve.bound(U32), 0.0);
            }
        }
    }
}

/// The same in lanes, beside matrices that are not 0.
#[test]
fn a_ridge_beyond_the_range_has_a_root_in_a_batch_too() {
    let request = Request { ridge: Ridge::Absolute(2.0_f64.powi(-440)), ..Request::new(Exponent::Root(4)) };
    let matrices = [[0.0_f32; 3], [1.0, 0.0, 1.0], [0.0; 3], [16.0, 0.0, 81.0]];
    let mut roots = [[0.0_f32; 3]; 4];
    let mut workspace = [0.0_f32; inverse_roots_workspace_len(2)];
    let mut members: Vec<_> = matrices.iter().zip(&mut roots).map(|(a, root)| Member::new(a, root)).collect();
    inverse_roots(&mut members, 2, &request, &mut workspace, &Portable);
    for member in members {
        let report = member.report.expect("finite input");
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    }
    let found = [roots[0][0], roots[2][2], roots[1][0], roots[3][2]].map(f64::from);
    let right = [2.0_f64.powi(110), 2.0_f64.powi(110), 1.0, 1.0 / 3.0];
    assert_relative(&found, &right, Check::RationalTwelve.bound(U32), 0.0);
}

/// The ladder went on to ridges that are infinite in the arithmetic or when they are reported, and the last word was that
/// the matrix is not positive definite.
#[test]
fn the_ladder_ends_at_the_range_of_the_arithmetic() {
    let impossible = Request { max_error: Some(0.0), max_retries: u32::MAX, ..Request::new(Exponent::Root(2)) };
    let (large, small) = ([1e300, 0.0, 0.0, 1e300], [2.0, 1.0, 1.0, 2.0]);
    for method in [Method::Rational, Method::CoupledNewton, Method::Spectral] {
        for ridge in [Ridge::Relative(1e-6), Ridge::Absolute(0.75)] {
            let request = Request { ridge, method, ..impossible };
            for (_, report) in [
                root::<f32, f32>(&small, &request).expect("finite input"),
                root::<DoubleF32, f32>(&small, &request).expect("finite input"),
                root::<f64, f64>(&large, &request).expect("finite input"),
            ] {
                assert_eq!(report.outcome, Outcome::Uncertified, "{report:?}");
                assert!(report.ridge.is_finite() && report.retries > 5, "{report:?}");
            }
        }
    }
}

/// The largest entry of a stored root was a normal number but the others were not, and they are many: the promise allowed
/// for rounding relative to each, and was 2 % short.
#[test]
fn a_root_of_small_numbers_is_refused_or_kept_as_promised() {
    let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(1)) };
    let mut refused = 0;
    for n in [2, 8, 12] {
        for k in 0..200 {
            let (diagonal, beside) = (5e37 + 2e35 * f64::from(k), -2e35 - 4e34 * f64::from(k % 60));
            let entry = |i: usize| if i.is_multiple_of(n + 1) { diagonal } else { beside };
            let a: Vec<f64> = (0..n * n).map(|i| f64::from(entry(i) as f32)).collect();
            let (x, report) = root::<f64, f32>(&a, &request).expect("finite input");
            if report.outcome == Outcome::OutsideStore {
                refused += 1;
                continue;
            }
            assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
            let truth = wide::decompose(n, &a).inverse_root(1, oracle::Ridge::None);
            let error = oracle::relative_error(n, &x, &truth);
            assert!(error <= report.promised, "error {error:e}: {report:?}");
        }
    }
    assert!(refused > 0);
}

/// The factor that gives a direction its length left the range of `f32`, and infinity times 0 was a NaN parameter.
#[test]
fn a_direction_too_short_to_be_given_a_length_leaves_the_grafts_step() {
    let config = Config {
        exponent_override: Some(Exponent::Power(0.6)),
        graft: Graft::Sgd,
        momentum: Momentum::NONE,
        averaging: Averaging::Sum,
        ..Config::DEFAULT
    };
    let mut run = Run::<F32>::new(&[2, 2], config);
    let gradient = [1e18, 0.0, 0.0, 1e18];
    assert_eq!(run.step(&gradient, 1.0), widen(&narrow::<f32>(&gradient.map(|g| -g))));
    assert_eq!(run.refresh.accepted, 2);

    let need = lengths(3, 2, 1, &config, RowGraft::Sgd);
    let config = Config { exponent_override: Some(Exponent::Power(1.2)), ..config };
    let mut table =
        Lookup::<F32, _, _, _>::new(3, 2, config, RowGraft::Sgd, [0.0; 3], [0.0; 3], [], [Slot::EMPTY]).unwrap();
    let (mut keys, mut sums, mut direction, mut work) = ([0], [0.0; 2], [0.0; 2], vec![0.0; need.work]);
    let (mut root, mut ids, mut rows) = (vec![0.0; need.root], [0], [0.0; 2]);
    let (keys, sums, direction) = (&mut keys[..], &mut sums[..], &mut direction[..]);
    let mut workspace = Workspace { keys, sums, direction, work: &mut work, root: &mut root };
    let mut update = Update { ids: &mut ids, rows: &mut rows };
    let done = table.step(&[1], &[1e18, 0.0], &[], 1.0, &mut update, &mut workspace, &Portable).unwrap();
    assert_eq!((done.refresh.accepted, rows), (1, [-1e18, 0.0]));
}

/// A stale root of small statistics made steps near the largest number; their momentum became infinite and, with weight
/// decay, NaN.
#[test]
fn steps_that_momentum_cannot_sum_are_not_taken() {
    let config = Config {
        graft: Graft::None,
        exponent_override: Some(Exponent::Root(2)),
        weight_decay: WeightDecay::Coupled(0.1),
        schedule: Schedule { precondition_every: 100, ..Schedule::EVERY_STEP },
        ..Config::DEFAULT
    };
    let mut run = Run::<F32>::new(&[2, 2], config);
    run.step(&[1e-18, 0.0, 0.0, 1e-18], 0.01);
    for _ in 0..20 {
        let update = run.step(&[20.0, 0.0, 0.0, 20.0], 0.01);
        assert!(update.iter().chain(&widen(run.tensor.momentum())).all(|x| x.is_finite()), "{update:?}");
    }
}

/// First words that were rounded up have a product beyond `f32` where that of the numbers is still inside.
#[test]
fn products_of_words_are_finite_up_to_their_own_end() {
    let [beyond] = SplitBf16::<1>::partial_products(1.841_281_9e19, 1.841_281_9e19);
    assert_eq!(beyond, f32::INFINITY);
    // Both are ties that are rounded up, by nearly 2^-8 of themselves.
    let tie = 2.0_f32.powi(63) * (1.0 + 3.0 / 256.0);
    let largest = (2.0 - 1.0 / 64.0) * 2.0_f64.powi(127);
    let other = (largest / f64::from(tie)) as f32;
    let products = SplitBf16::<9>::partial_products(tie, other);
    assert!(products.iter().all(|x| x.is_finite()), "{products:?}");
}

/// Adam's second moment vanished before its average did, and the quotient, corrected, was infinite.
#[test]
fn adam_without_a_second_moment_does_not_step() {
    let adam = Adam { beta1: 0.9956, beta2: 3e-24, epsilon: 0.0 };
    let (mut out, mut state) = ([9.0_f32], [0.0; 2]);
    for (count, g) in (1..=8).zip([1e18, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]) {
        adam.step(&mut out, Gradient::plain(&[g]), &mut state, count, &Portable);
        assert!(out[0].is_finite(), "step {count}: {out:?} {state:?}");
    }
    // The second moment as small as it can be.
    let mut state = [1e15, f32::from_bits(1)];
    let adam = Adam { beta2: 0.9, ..adam };
    adam.step(&mut out, Gradient::plain(&[0.0]), &mut state, 2, &Portable);
    assert!(out[0].is_finite() && state[1] > 0.0, "{out:?} {state:?}");
}

/// Statistics that start near the largest number became infinite with the first sum: a table, and a tensor alike.
#[test]
fn statistics_that_start_at_the_end_of_the_range_are_refused() {
    let config = Config { averaging: Averaging::Sum, initial_statistics: 3.402_771_7e38, ..Config::DEFAULT };
    let refused = ConfigError::Figure { field: "initial_statistics", value: config.initial_statistics };
    let (kept, slots) = ([0.0_f32; 3], [Slot::EMPTY]);
    let table = Lookup::<F32, _, _, _>::new(9, 2, config, RowGraft::None, kept, kept, [], slots);
    assert_eq!(table.map(|_| ()), Err(refused));
    assert_eq!(Run::<F32>::try_new(&[2, 2], config).map(|_| ()).err(), Some(refused));
    // A quarter of the range is accepted, and sums of what is accepted after it stay inside.
    let config = Config { initial_statistics: 8.5e37, ..config };
    let mut table = Lookup::<F32, _, _, _>::new(9, 2, config, RowGraft::None, kept, kept, [], slots).unwrap();
    let need = table.lengths(1);
    let (mut direction, mut out, mut work, mut root) =
        (vec![0.0; need.rows], vec![0.0; need.rows], vec![0.0; need.work], vec![0.0; need.root]);
    let mut accepted = 0;
    loop {
        let (work, root) = (&mut work[..], &mut root[..]);
        let mut workspace = Workspace { keys: &mut [0], sums: &mut [0.0; 2], direction: &mut direction, work, root };
        let mut update = Update { ids: &mut [0], rows: &mut out };
        if table.step(&[1], &[4e18, 0.0], &[], 0.1, &mut update, &mut workspace, &Portable).is_err() {
            break;
        }
        accepted += 1;
        assert!(table.statistics().iter().all(|x| x.is_finite()) && accepted < 9);
    }
    assert!(accepted > 0);
}
