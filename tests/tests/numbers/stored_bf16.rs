//! State in one, two and three bfloat16 words: what is kept, averages, roots, whole steps.

use crate::common::root::{request, root};
use crate::common::run::{PLAIN, Run};
use crate::common::{U32, U64};
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::{Method, Outcome, Request, Ridge};
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::{Bf16, Bf16Store, Bf16x2, Bf16x2Store, Bf16x3, Bf16x3Store, DoubleF32};
use shampoo_core::scalar::{F32, Precision, Real, Stored};
use shampoo_core::statistics::{Averaging, accumulate};
use shampoo_tests::generate::{Random, with_condition};
use shampoo_tests::oracle::naive::norm;
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

const SAMPLES: usize = 100_000;

/// What is left of a number after it was kept.
fn kept<R: Real, S: Stored<R>>(x: f64) -> f64 {
    S::store(R::from_f64(x)).load().to_f64()
}

/// Numbers of the whole range of `f32`: random bits.
fn singles(random: &mut Random) -> impl Iterator<Item = f32> {
    (0..SAMPLES).map(|_| f32::from_bits(random.bits() as u32)).filter(|x| x.is_finite())
}

#[test]
fn three_words_are_an_f32() {
    let smallest = 2.0_f32.powi(-110);
    let infinite = (2.0 - 2.0_f32.powi(-8)) * 2.0_f32.powi(127);
    let ends = [smallest, smallest.next_up(), infinite.next_down(), -smallest];
    for x in singles(&mut Random::new(81)).chain(ends) {
        if (smallest..infinite).contains(&x.abs()) {
            assert_eq!(Stored::<f32>::load(Bf16x3::store(x)), x);
            assert_eq!(kept::<f64, Bf16x3>(f64::from(x)), f64::from(x));
            assert_eq!(kept::<DoubleF32, Bf16x3>(f64::from(x)), f64::from(x));
        }
    }
    let below = (smallest / 2.0).next_up();
    assert_ne!(Stored::<f32>::load(Bf16x3::store(below)), below);
    assert_eq!(Stored::<f32>::load(Bf16x3::store(infinite)), f32::INFINITY);
}

/// Rounding stays within the constant and comes near it, down to the smallest number and not much further.
fn assert_constants<S: Stored<f64>>() {
    let mut random = Random::new(82);
    let mut worst = |exponent: f64| {
        let errors = (0..SAMPLES / 10).map(|_| {
            let x = (1.0 + random.uniform()) * exponent.exp2();
            (kept::<f64, S>(x) - x).abs() / x
        });
        errors.fold(0.0, f64::max)
    };
    for exponent in [0.0, 1.0, -60.0, 100.0, S::SMALLEST.log2()] {
        let found = worst(exponent);
        let short = 1.0 - found / S::ROUNDOFF;
        assert!((0.0..=Check::RoundoffSharp.bound(U64)).contains(&short), "2^{exponent}: {found:e}");
    }
    assert!(worst(S::SMALLEST.log2() - 1.0) > S::ROUNDOFF);
    assert!(kept::<f64, S>(S::LARGEST).is_finite() && !kept::<f64, S>(S::LARGEST * 1.01).is_finite());
}

#[test]
fn the_constants_of_the_formats_are_sharp() {
    assert_constants::<Bf16>();
    assert_constants::<Bf16x2>();
    assert_constants::<Bf16x3>();
}

#[test]
fn one_word_is_the_nearest() {
    for x in singles(&mut Random::new(83)).map(f64::from) {
        let word = <Bf16 as Stored<f64>>::store(x);
        let distance = |bits: u16| (Bf16::from_bits(bits).to_f64() - x).abs();
        let (below, above) = (word.to_bits().wrapping_sub(1), word.to_bits().wrapping_add(1));
        if word.is_finite() {
            for other in [below, above].into_iter().filter(|&bits| Bf16::from_bits(bits).is_finite()) {
                assert!(distance(word.to_bits()) <= distance(other), "{x:e}");
            }
        }
    }
}

/// One step of a running average of a single number.
fn average<S: Stored<f32>>(h: S, term: f32, averaging: Averaging) -> S {
    let mut triangle = [h];
    accumulate(&mut triangle, MatRef::new(&[term], 1, 1).expect("one number"), averaging);
    triangle[0]
}

#[test]
fn sums_do_not_depend_on_the_order_of_two_terms() {
    let mut random = Random::new(84);
    for _ in 0..SAMPLES / 10 {
        let (x, y) = (random.gaussian() as f32, random.gaussian() as f32);
        let both = |a: f32, b: f32| average(Bf16x3::store(a), b, Averaging::Sum);
        assert_eq!(both(x, y), both(y, x));
    }
}

/// Largest relative distance from the `f64` average of the same squares over 10,000 steps.
fn drift<S: Stored<f32>>(seed: u64, beta2: f64) -> f64 {
    let averaging = Averaging::Ema { beta2 };
    let mut random = Random::new(seed);
    let (mut h, mut right, mut worst) = (S::default(), 0.0, 0.0_f64);
    for _ in 0..10_000 {
        let g = random.gaussian() as f32;
        h = average(h, g * g, averaging);
        right = beta2 * right + (1.0 - beta2) * f64::from(g * g);
        worst = worst.max((f64::from(h.load()) - right).abs() / right);
    }
    worst
}

#[test]
fn averages_in_split_accumulators() {
    for beta2 in [0.95, 0.99, 0.999] {
        let size = Size { forgetting: 1.0 - beta2, ..Size::default() };
        for seed in 85..88 {
            let (one, two) = (drift::<Bf16>(seed, beta2), drift::<Bf16x2>(seed, beta2));
            let three = drift::<Bf16x3>(seed, beta2);
            assert!(two <= Check::SplitAverageTwo.bound_at(U32, size), "{beta2}: {two:e}");
            assert!(three <= Check::SplitAverageThree.bound_at(U32, size), "{beta2}: {three:e}");
            assert!(one > Check::SplitAverageTwo.bound_at(U32, size), "one word would do: {one:e}");
        }
    }
}

#[test]
fn a50_gradients_in_bf16_are_widened_before_they_are_squared() {
    let gradient = Bf16::from_f32(1.0 + 2.0_f32.powi(-7));
    fn statistic<P: Precision<Work = f32>>(gradient: Bf16) -> f64 {
        let mut run = Run::<P>::new(&[1, 1], PLAIN);
        run.try_step(&[gradient.load()], 1.0, &mut [0.0]).expect("a legal gradient");
        run.statistics()[0]
    }
    assert_eq!(statistic::<F32>(gradient), 1.015_686_035_156_25);
    assert_eq!(statistic::<Bf16x3Store>(gradient), 1.015_686_035_156_25);
    assert_eq!(statistic::<Bf16x2Store>(gradient), 1.015_686_035_156_25);
    assert_eq!(statistic::<Bf16Store>(gradient), 1.015_625, "what a bf16 product would store");
}

#[test]
fn a51_one_word_stalls_and_split_accumulators_do_not() {
    for (beta2, limit, steps) in [(0.999, 0.25, 256), (0.99, 0.804_687_5, 146), (0.9, 0.984_375, 37)] {
        let averaging = Averaging::Ema { beta2 };
        let next = |h: &Bf16| Some(average(*h, 1.0, averaging));
        let values: Vec<Bf16> = core::iter::successors(Some(Bf16::ZERO), next).take(1000).collect();
        let arrival = values.iter().position(|h| h.to_f64() == limit);
        assert_eq!(arrival, Some(steps), "b2 {beta2}");
        assert!(values[steps..].iter().all(|h| h.to_f64() == limit));
    }
    fn after<S: Stored<f32>>(steps: usize) -> f64 {
        let averaging = Averaging::Ema { beta2: 0.999 };
        f64::from((0..steps).fold(S::default(), |h, _| average(h, 1.0, averaging)).load())
    }
    let (right, size) = (0.999_954_83, Size { forgetting: 1e-3, ..Size::default() });
    assert!((after::<Bf16x2>(10_000) - right).abs() <= Check::SplitAverageTwo.bound_at(U32, size));
    assert!((after::<Bf16x3>(10_000) - right).abs() <= Check::SplitAverageThree.bound_at(U32, size));
}

/// A root kept as `S` is as near to the root of what was kept as its certificate says.
fn assert_honest<R: Real, S: Stored<R>>(u: f64) {
    let mut random = Random::new(88);
    for (n, kappa) in [(1, 1.0), (6, 1e3), (17, 1e4)] {
        let a = with_condition(&mut random, n, kappa);
        let stored: Vec<f64> = a.iter().map(|&x| kept::<R, S>(x)).collect();
        for p in [2, 4] {
            let request = Request { max_error: Some(1.0), ..request(p, Ridge::Relative(1e-2), Method::Auto) };
            let (x, report) = root::<R, S>(&a, &request).expect("finite input");
            assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
            let truth = wide::decompose(n, &stored).inverse_root(p, oracle::Ridge::Absolute(report.ridge));
            let (error, size) = (relative_error(n, &x, &truth), Size { order: n, ..Size::default() });
            let noise = Check::CertificateHonest.bound_at(u, size);
            assert!(error <= report.promised + noise, "n {n}, p {p}: {error:e}, {report:?}");
        }
    }
}

#[test]
fn promises_count_the_rounding_of_the_words() {
    assert_honest::<f32, Bf16>(U32);
    assert_honest::<f32, Bf16x2>(U32);
    assert_honest::<f32, Bf16x3>(U32);
    assert_honest::<f64, Bf16>(U64);
    assert_honest::<f64, Bf16x2>(U64);
    assert_honest::<DoubleF32, Bf16x3>(U64);
}

/// Whole steps whose roots have condition numbers of at most 2, so that rounding shows as it is.
const CONFIG: Config = Config { ridge: Ridge::Relative(1.0), graft: Graft::Sgd, ..Config::DEFAULT };

/// Largest distance between the updates of two precisions, relative to the longest update.
fn distance<P: Precision, Q: Precision>(shape: &[usize]) -> f64 {
    let (mut one, mut other) = (Run::<P>::new(shape, CONFIG), Run::<Q>::new(shape, CONFIG));
    let mut random = Random::new(89);
    let (mut worst, mut longest) = (0.0_f64, 0.0_f64);
    for _ in 0..20 {
        let gradient = random.gaussians(shape.iter().product());
        let (x, y) = (one.step(&gradient, 0.1), other.step(&gradient, 0.1));
        assert_eq!((one.refresh.rejected, one.refresh.retries), (0, 0));
        let difference: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x - y).collect();
        (worst, longest) = (worst.max(norm(&difference)), longest.max(norm(&y)));
    }
    worst / longest
}

#[test]
fn steps_with_split_state_are_those_of_f32() {
    for shape in [&[3, 4][..], &[8, 5], &[2, 3, 4]] {
        let order = *shape.iter().max().expect("a matrix");
        let size = Size { order, kappa: 2.0, root: 2.0 * shape.len() as f64, forgetting: 0.1 };
        // Statistics that are wrong by so much give roots wrong by kappa/p times that, once a mode.
        let amplified = (order as f64).sqrt() * size.kappa / 2.0;
        let bound = amplified * Check::SplitAverageTwo.bound_at(U32, size) + Check::StepVsNaive.bound_at(U32, size);
        let (one, two) = (distance::<Bf16Store, F32>(shape), distance::<Bf16x2Store, F32>(shape));
        assert!(two <= bound, "{shape:?}: {two:e} above {bound:e}");
        assert!(one > bound, "{shape:?}: one word would do, {one:e}");
        assert_eq!(distance::<Bf16x3Store, F32>(shape), 0.0, "three words are an f32");
    }
}

/// ||W - W*|| after some steps on half its square, relative to the start.
fn distance_left<P: Precision>() -> f64 {
    let target = Random::new(90).gaussians(30);
    let mut run = Run::<P>::new(&[5, 6], CONFIG);
    let left = |run: &Run<P>| -> Vec<f64> { run.weights.iter().zip(&target).map(|(w, t)| w.to_f64() - t).collect() };
    let start = norm(&left(&run));
    for _ in 0..60 {
        run.step(&left(&run), 0.1);
        assert_eq!(run.refresh.rejected, 0);
    }
    norm(&left(&run)) / start
}

#[test]
fn every_format_trains() {
    let plain = distance_left::<F32>();
    for left in [distance_left::<Bf16Store>(), distance_left::<Bf16x2Store>(), distance_left::<Bf16x3Store>()] {
        let most = Check::Trained.bound(U32).min(plain * (1.0 + Check::TrainedVsPlain.bound(U32)));
        assert!(left <= most, "{left:e} against {plain:e}");
    }
}
