//! The root goldens and the coupled Newton tables of NUMERICS section 3 and 4.

use crate::common::root::{diagonal, request, root};
use crate::common::{U32, U64, assert_absolute, assert_relative};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::coupled_newton::{CoupledNewton, workspace_len};
use shampoo_core::linalg::inverse_root::{Extent, Method, Outcome, Request, Ridge, Scaling, Stop};
use shampoo_core::mat::MatRef;
use shampoo_tests::generate::{Random, log_spaced, with_condition};
use shampoo_tests::golden::iterations as golden;
use shampoo_tests::oracle::root::relative_error;
use shampoo_tests::tolerance::Check;

const INTEGERS: [f64; 9] = [1195., -944., -224., -944., 746., 177., -224., 177., 42.];
const INTEGERS_ROOT: [f64; 9] = [1., 1., 1., 1., 2., -3., 1., -3., 18.];

#[test]
fn integer_matrix_with_condition_6_8e5() {
    let exact = Ridge::Absolute(0.0);
    for (method, bound) in [
        (Method::Spectral, Check::GoldenRoot),
        (Method::CoupledNewton, Check::GoldenRoot),
        (Method::Rational, Check::RationalRoot),
    ] {
        let (x, report) = root::<f64, f64>(&INTEGERS, &request(2, exact, method)).unwrap();
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
        let error = relative_error(3, &x, &INTEGERS_ROOT);
        assert!(error <= bound.bound(U64), "{method:?}: {error:e}");
        assert!(error <= report.promised, "{report:?}");
        assert_relative(&[report.kappa], &[6.8e5], Check::GoldenCondition.bound(U64), 0.0);
        // u kappa is 0.04 in f32: at the edge of what is accepted by default.
        let request = Request { max_error: Some(0.1), ..request(2, exact, method) };
        let (x, report) = root::<f32, f32>(&INTEGERS, &request).unwrap();
        let error = relative_error(3, &x, &INTEGERS_ROOT);
        assert!(report.outcome == Outcome::Accepted && error <= report.promised, "in f32: {error:e} {report:?}");
    }
}

#[test]
fn the_default_ridge_is_visible_in_the_integer_matrix() {
    let (x, _) = root::<f64, f64>(&INTEGERS, &request(2, Ridge::Relative(1e-6), Method::Spectral)).unwrap();
    assert!(relative_error(3, &x, &INTEGERS_ROOT) > Check::GoldenRoot.bound(U32));
}

#[test]
fn pseudo_inverse_of_one_power() {
    for p in 2..=8 {
        let a = diagonal(&[2.0_f64.powi(p), 0.0, 0.0, 0.0]);
        let request = request(p.unsigned_abs(), Ridge::PseudoInverse { cutoff: 1e-6 }, Method::Auto);
        let right = diagonal(&[0.5, 0.0, 0.0, 0.0]);
        let (x, report) = root::<f64, f64>(&a, &request).unwrap();
        assert_eq!((report.outcome, report.rank), (Outcome::Accepted, 1));
        assert_relative(&x, &right, Check::GoldenPseudoInverse.bound(U64), 0.0);
        let (x, _) = root::<f32, f32>(&a, &request).unwrap();
        assert_relative(&x, &right, Check::GoldenPseudoInverse.bound(U32), 0.0);
    }
}

#[test]
fn indicators_of_the_first_iterates() {
    let a = [1.0, 0.0, 0.0, 4.0];
    for (p, printed) in [
        (2, [0.636196562, 0.367934064, 0.113983918, 0.0101144795, 7.69857068e-5, 4.445e-9]),
        (4, [1.42535625, 0.583702164, 0.282156536, 0.0571557836, 0.00210071605, 2.76102813e-6]),
    ] {
        let mut workspace = [0.0; workspace_len(2)];
        let z = Scaling::Frobenius.factor(p, extent(&a));
        let a = MatRef::new(&a, 2, 2).unwrap();
        let mut newton = CoupledNewton::start(a, p, z, &mut workspace).unwrap();
        for (k, right) in printed.into_iter().enumerate() {
            assert_absolute(&[newton.indicator()], &[right], Check::GoldenIndicator.bound(U64));
            assert_eq!(newton.iterations(), k as u32);
            while newton.iterations() == k as u32 && newton.stop().is_none() {
                newton.step(&mut workspace, &Portable).unwrap();
            }
        }
    }
}

fn extent(a: &[f64]) -> Extent {
    Extent { frobenius: a.iter().map(|x| x * x).sum::<f64>().sqrt(), largest: None, smallest: 0.0 }
}

/// Iterations to max |M - I| < 1e-6 at p = 4, of a matrix with these eigenvalues as far as they are told.
fn iterations(a: &[f64], scaling: Scaling, largest: f64, smallest: f64) -> u32 {
    count(a, scaling.factor(4, Extent { largest: Some(largest), smallest, ..extent(a) }), |newton| newton)
}

/// The same of a matrix whose largest eigenvalue is 1, scaled by it, and anew before every step.
fn iterations_rescaled(a: &[f64]) -> u32 {
    count(a, 2.5, CoupledNewton::rescaled)
}

fn count(a: &[f64], z: f64, set: impl FnOnce(CoupledNewton<f64>) -> CoupledNewton<f64>) -> u32 {
    let n = a.len().isqrt();
    let mut workspace = vec![0.0; workspace_len(n)];
    let a = MatRef::new(a, n, n).unwrap();
    let mut newton = set(CoupledNewton::start(a, 4, z, &mut workspace).unwrap()).with_tolerance(1e-6);
    newton.run(&mut workspace, &Portable).unwrap();
    assert_eq!(newton.stop(), Some(Stop::Tolerance));
    assert!(newton.indicator() < 1e-6);
    newton.iterations()
}

#[test]
fn iteration_counts_by_condition() {
    let counts = |scaling, largest, known: fn(f64) -> f64| {
        golden::KAPPAS.map(|kappa| iterations(&diagonal(&log_spaced(16, kappa)), scaling, largest, known(kappa)))
    };
    assert_eq!(counts(Scaling::LambdaMax, 1.0, |_| 0.0), golden::LAMBDA_MAX);
    assert_eq!(counts(Scaling::Frobenius, 1.0, |_| 0.0), golden::FROBENIUS);
    assert_eq!(counts(Scaling::Optimal, 1.0, |kappa| 1.0 / kappa), golden::OPTIMAL);
    // ||A||_F = 32 lambda_max, the worst of order 1024: the same as a largest eigenvalue overestimated 32 times.
    assert_eq!(counts(Scaling::LambdaMax, 32.0, |_| 0.0), golden::FROBENIUS_WORST);
}

#[test]
fn a_scale_before_every_step_saves_iterations_and_costs_none() {
    // A column of a diagonal matrix is an eigenvector: the smallest eigenvalue is known.
    let straight = golden::KAPPAS.map(|kappa| iterations_rescaled(&diagonal(&log_spaced(16, kappa))));
    assert_eq!(straight, golden::RESCALED);
    for (kappa, plain) in golden::KAPPAS.into_iter().zip(golden::LAMBDA_MAX).chain([(1.5, 5), (10.0, 5)]) {
        for seed in 0..4 {
            let a = with_condition(&mut Random::new(seed), 16, kappa);
            let (rescaled, best) = (iterations_rescaled(&a), iterations_rescaled(&diagonal(&log_spaced(16, kappa))));
            assert!(rescaled <= plain && rescaled <= best + 1, "{kappa:e}: {rescaled} against {best} and {plain}");
        }
    }
}

#[test]
fn a_basis_does_not_change_the_convergence() {
    // max |M - I| of a rotated matrix is at most the largest |eigenvalue - 1|, and not much less.
    for kappa in golden::KAPPAS {
        let a = with_condition(&mut Random::new(21), 16, kappa);
        let (rotated, straight) = (
            iterations(&a, Scaling::LambdaMax, 1.0, 0.0),
            iterations(&diagonal(&log_spaced(16, kappa)), Scaling::LambdaMax, 1.0, 0.0),
        );
        assert!(rotated <= straight && rotated + 1 >= straight, "{kappa:e}: {rotated} against {straight}");
    }
}
