//! Ordinary inputs at the edges: order 0 and 1, zero matrices, the ends of the range.

use crate::common;
use crate::common::root::{diagonal, request, root, root_bound};
use crate::common::run::PSEUDO;
use crate::common::{U48, U64, assert_relative, bits, largest};
use shampoo_core::error::{RootError, ShapeError, UnsupportedExponent};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{
    Exponent, Method, Outcome, Request, Ridge, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_tests::generate::{packed_to_full, to_packed};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

const METHODS: [Method; 5] =
    [Method::Auto, Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral];
const NO_RIDGE: Ridge = Ridge::Absolute(0.0);

#[test]
fn all_zero_has_no_root_without_an_absolute_ridge() {
    for n in [1, 2, 9] {
        for ridge in [Ridge::Relative(1e-6), NO_RIDGE, PSEUDO] {
            for method in METHODS {
                let request = Request { max_retries: 5, ..request(4, ridge, method) };
                let computed = root::<f64, f64>(&vec![0.0; n * n], &request);
                if let Err(unsupported) = request.validate() {
                    assert_eq!(computed.unwrap_err(), unsupported.into());
                    continue;
                }
                let (x, report) = computed.unwrap();
                assert_eq!((report.outcome, report.retries), (Outcome::Zero, 0), "{report:?}");
                assert_ne!(report.method, Method::Auto);
                assert!(x.iter().all(|&x| x == 0.0), "nothing is written");
            }
        }
    }
}

#[test]
fn all_zero_under_an_absolute_ridge_is_a_multiple_of_the_identity() {
    for n in [1, 2, 9] {
        let right = diagonal(&vec![16.0_f64.powf(0.25) * 10.0; n]);
        for method in METHODS {
            let ridge = Ridge::Absolute(1e-4 / 16.0);
            let (x, report) = root::<f64, f64>(&vec![0.0; n * n], &request(4, ridge, method)).unwrap();
            assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
            let size = Size { order: n, ..Size::default() };
            assert_relative(&x, &right, Check::RationalRoot.bound_at(U64, size), 0.0);
        }
    }
}

#[test]
fn order_one_is_a_number() {
    for p in 1..=8_u32 {
        for a in [1.0, 5.0, 1e-12, 3e20] {
            for method in METHODS {
                let found = root::<f64, f64>(&[a], &request(p, NO_RIDGE, method));
                if found == Err(RootError::Exponent(UnsupportedExponent::ByMethod)) {
                    continue;
                }
                let (x, report) = found.unwrap();
                assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
                let right = f64::powf(a, -1.0 / f64::from(p));
                assert_relative(&x, &[right], Check::RationalRoot.bound(U64), 0.0);
            }
        }
    }
}

#[test]
fn order_zero_is_nothing() {
    let request = Request::new(Exponent::Root(4));
    let mut workspace = vec![0.0; inverse_root_workspace_len(0)];
    let report = inverse_root::<f64, f64, _>(&[], 0, &mut [], &request, &mut workspace, &Portable).unwrap();
    assert_eq!(report.outcome, Outcome::Zero);
}

#[test]
fn powers_of_two_scale_the_root_exactly() {
    let plain = [2.0, 1.0, 1.0, 3.0];
    for p in [1, 2, 3, 4, 6] {
        for method in METHODS {
            for ridge in [NO_RIDGE, Ridge::Relative(1e-6)] {
                let request = request(p, ridge, method);
                if request.validate().is_err() {
                    continue;
                }
                let of = |scale: i32| {
                    let a = plain.map(|x: f64| x * 2.0_f64.powi(scale));
                    let (x, report) = root::<f64, f64>(&a, &request).unwrap();
                    assert_eq!(report.outcome, Outcome::Accepted);
                    (x, report.kappa)
                };
                let (unscaled, kappa) = of(0);
                for shift in [-1020, -960, -60, 60, 960] {
                    let shift = shift / p as i32 * p as i32;
                    let (x, kappa_scaled) = of(shift);
                    let back: Vec<f64> = x.iter().map(|x| x * 2.0_f64.powi(shift / p as i32)).collect();
                    assert_eq!(bits(&back), bits(&unscaled), "{method:?}, p {p}, 2^{shift}");
                    assert_eq!(kappa, kappa_scaled);
                }
            }
        }
    }
}

#[test]
fn subnormal_input_in_f32() {
    let tiny = 2.0_f64.powi(-149);
    for method in METHODS {
        let a = diagonal(&[4.0 * tiny, 64.0 * tiny]);
        let (x, report) = root::<f32, f32>(&a, &request(4, NO_RIDGE, method)).unwrap();
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
        let right = [4.0 * tiny, 64.0 * tiny].map(|x: f64| x.powf(-0.25));
        assert_relative(
            &[x[0], x[3]],
            &right,
            Check::Case.bound(common::U32) + Check::RationalTwelve.bound(common::U32),
            0.0,
        );
    }
}

#[test]
fn a_root_beyond_the_range_is_not_written() {
    // 2^149 exceeds f32.
    let a = diagonal(&[1.0, 2.0_f64.powi(-149)]);
    for method in [Method::Spectral, Method::Auto] {
        let (x, report) =
            root::<f64, f32>(&a, &Request { max_error: Some(1e300), ..request(1, NO_RIDGE, method) }).unwrap();
        assert!(matches!(report.outcome, Outcome::OutsideStore | Outcome::Uncertified), "{report:?}");
        assert_eq!(x, [0.0; 4]);
    }
}

/// A large power of an eigenvalue near 2 is below the smallest normal number before it is scaled back, and has lost its
/// digits there, whatever a certificate says of it.
#[test]
fn a_root_that_lost_its_digits_below_the_range_is_not_accepted() {
    let mut accepted = 0;
    for alpha in (1100..1160).map(f64::from) {
        let request = Request { exponent: Exponent::Power(alpha), ..request(1, NO_RIDGE, Method::Spectral) };
        let (x, report) = root::<f64, f64>(&[0.95], &request).expect("finite input");
        if report.outcome == Outcome::Accepted {
            accepted += 1;
            let right = (-alpha * 0.95_f64.ln()).exp();
            let error = (x[0] / right - 1.0).abs();
            assert!(error <= report.promised, "{alpha}: {error:e}, {report:?}");
        } else {
            assert_eq!(report.outcome, Outcome::OutsideStore, "{alpha}: {report:?}");
        }
    }
    assert!((1..60).contains(&accepted), "both sides of the end of the range: {accepted}");
}

#[test]
fn refused_roots_write_nothing() {
    let indefinite = [1.0, 0.0, -1.0];
    for method in METHODS {
        let mut x = [7.0; 3];
        let mut workspace = vec![f64::NAN; inverse_root_workspace_len(2)];
        let request = request(4, NO_RIDGE, method);
        let report = inverse_root(&indefinite, 2, &mut x, &request, &mut workspace, &Portable).unwrap();
        assert_ne!(report.outcome, Outcome::Accepted, "{report:?}");
        assert_eq!(x, [7.0; 3]);
    }
}

/// What becomes of an input.
enum Right {
    /// The same for every method.
    All(Outcome),
    /// Rational, the coupled iterations, spectral, automatic.
    Each([Outcome; 4]),
    Error(RootError),
}

impl Right {
    fn of(&self, method: Method) -> Result<Outcome, RootError> {
        match *self {
            Self::All(outcome) => Ok(outcome),
            Self::Each([rational, coupled, spectral, auto]) => Ok(match method {
                Method::Rational => rational,
                Method::CoupledNewton | Method::NewtonSchulz => coupled,
                Method::Spectral => spectral,
                Method::Auto => auto,
            }),
            Self::Error(error) => Err(error),
        }
    }
}

/// Name, row-major matrix, ridge, and what becomes of it as a fourth root; `narrow` where `f32` computes, `tiny` where that
/// or the store has no normal number.
fn inputs(narrow: bool, tiny: f64) -> Vec<(&'static str, Vec<f64>, Ridge, Right)> {
    use Outcome::{Accepted, NotPositiveDefinite, OutOfRange, Uncertified, Zero};
    let accepted = || Right::All(Accepted);
    let indefinite = || Right::Each([NotPositiveDefinite, Uncertified, NotPositiveDefinite, NotPositiveDefinite]);
    // The rounding of an f32 reduction hides whether an eigenvalue is 0.
    let unseen = if narrow { Uncertified } else { NotPositiveDefinite };
    let singular = Right::Each([unseen, Uncertified, NotPositiveDefinite, unseen]);
    // So does it hide an eigenvalue below the table's interval; what is left of the root is not certified.
    let below = match narrow {
        true => Right::All(Uncertified),
        false => Right::Each([OutOfRange, Accepted, Accepted, Accepted]),
    };
    let relative = Ridge::Relative(1e-4);
    let non_finite = |row, column| Right::Error(RootError::NonFinite { row, column });
    let with = |k: usize, x: f64| {
        let mut a = vec![3.0, 1.0, 0.5, 1.0, 2.0, 0.25, 0.5, 0.25, 1.0];
        a[k] = x;
        a
    };
    let blocks = vec![2., 1., 0., 0., 1., 3., 0., 0., 0., 0., 5., -2., 0., 0., -2., 4.];
    vec![
        ("zero", vec![0.0; 9], NO_RIDGE, Right::All(Zero)),
        ("zero under a relative ridge", vec![0.0; 9], relative, Right::All(Zero)),
        ("zero under an absolute ridge", vec![0.0; 9], Ridge::Absolute(0.25), accepted()),
        ("one by one", vec![5.0], NO_RIDGE, accepted()),
        ("one by one, negative", vec![-5.0], NO_RIDGE, indefinite()),
        ("NaN on the diagonal", with(4, f64::NAN), relative, non_finite(1, 1)),
        ("NaN in the lower triangle", with(6, f64::NAN), relative, non_finite(2, 0)),
        ("NaN in the upper triangle", with(2, f64::NAN), relative, accepted()),
        ("infinite", with(7, f64::INFINITY), relative, non_finite(2, 1)),
        ("infinite, negative", with(0, f64::NEG_INFINITY), relative, non_finite(0, 0)),
        ("asymmetric", with(1, 100.0), NO_RIDGE, accepted()),
        ("subnormal", diagonal(&[tiny, 4.0 * tiny, 3.0 * tiny]), NO_RIDGE, accepted()),
        ("negative eigenvalue", vec![1., 2., 2., 1.], NO_RIDGE, indefinite()),
        ("negative eigenvalue that a ridge lifts", diagonal(&[1.0, -1e-5]), Ridge::Absolute(1e-3), accepted()),
        ("negative definite", diagonal(&[-1.0, -2.0]), NO_RIDGE, indefinite()),
        ("singular", diagonal(&[1.0, 0.0, 2.0]), NO_RIDGE, singular),
        ("singular under a ridge", diagonal(&[1.0, 0.0, 2.0]), relative, accepted()),
        ("diagonal", diagonal(&[4.0, 1.0, 0.5, 0.25]), NO_RIDGE, accepted()),
        ("the identity", diagonal(&[1.0; 9]), NO_RIDGE, accepted()),
        ("block-diagonal", blocks, NO_RIDGE, accepted()),
        ("below the interval", diagonal(&[1.0, 1e-7]), NO_RIDGE, below),
    ]
}

/// Every input through every method, in one arithmetic; where it is accepted, near to the oracle's root.
fn assert_outcomes<R: Real, S: Stored<R>>() {
    let u = R::UNIT_ROUNDOFF.to_f64();
    // Exact in what is kept, and so are its small multiples.
    for (name, a, ridge, right) in inputs(u > U48, S::SMALLEST * 2.0_f64.powi(-14)) {
        for method in METHODS {
            let found = root::<R, S>(&a, &request(4, ridge, method));
            let outcome = found.as_ref().map(|(_, report)| report.outcome).map_err(|&error| error);
            assert_eq!(outcome, right.of(method), "{name}, {method:?}: {found:?}");
            let Ok((x, report)) = found else { continue };
            if report.outcome != Outcome::Accepted {
                assert!(x.iter().all(|&x| x == 0.0), "{name}, {method:?}: something was written");
                continue;
            }
            let n = a.len().isqrt();
            // Into the oracle's range, where its fourth root is as exact.
            let up = if largest(&a).max(report.ridge) < f64::from(f32::MIN_POSITIVE) { 240 } else { 0 };
            let lower: Vec<f64> =
                packed_to_full(n, &to_packed(n, &a)).iter().map(|x| x * 2.0_f64.powi(4 * up)).collect();
            let x: Vec<f64> = x.iter().map(|x| x * 2.0_f64.powi(-up)).collect();
            let (spectrum, ridge) = (wide::decompose(n, &lower), oracle::Ridge::Absolute(report.ridge));
            let error = relative_error(n, &x, &spectrum.inverse_root(4, ridge));
            let size = Size { order: n, kappa: spectrum.condition(ridge), root: 4.0, ..Size::default() };
            let bound = root_bound(report.method, u, size) + S::ROUNDOFF;
            assert!(error <= bound, "{name}, {method:?}: {error:e} above {bound:e}, {report:?}");
        }
    }
}

#[test]
fn every_input_has_its_outcome() {
    assert_outcomes::<f64, f64>();
    assert_outcomes::<f64, f32>();
    assert_outcomes::<f32, f32>();
    assert_outcomes::<DoubleF32, f32>();
}

#[test]
fn lengths_are_checked() {
    let request = Request::new(Exponent::Root(4));
    let needed = inverse_root_workspace_len(2);
    let run = |triangle: usize, out: usize, space: usize| {
        let (a, mut x, mut workspace) = (vec![1.0; triangle], vec![7.0; out], vec![0.0; space]);
        let error = inverse_root::<f64, f64, _>(&a, 2, &mut x, &request, &mut workspace, &Portable).unwrap_err();
        assert!(x.iter().all(|&x| x == 7.0));
        error
    };
    for (found, needed, error) in [
        (2, 3, run(2, 3, needed)),
        (4, 3, run(4, 3, needed)),
        (2, 3, run(3, 2, needed)),
        (needed - 1, needed, run(3, 3, needed - 1)),
    ] {
        assert_eq!(error, RootError::Shape(ShapeError::Length { needed, found }));
    }
}
