//! Which method and which scale a request gets.

use crate::common::root::{diagonal, request, root, root_bound};
use crate::common::run::PSEUDO;
use crate::common::{U32, U64};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Request, Ridge, Scaling};
use shampoo_core::scalar::DoubleF32;
use shampoo_tests::generate::{Random, graded, low_rank, with_condition};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::Size;

const DEFAULT_RIDGE: Ridge = Ridge::Relative(1e-6);

#[test]
fn the_automatic_choice() {
    let mut random = Random::new(31);
    let (small, large) = (with_condition(&mut random, 16, 1e3), with_condition(&mut random, 65, 1e3));
    let auto = |p| request(p, DEFAULT_RIDGE, Method::Auto);
    let strict = |p| Request { max_error: Some(1e-13), ..auto(p) };
    let probed = |max_error| Request { max_error: Some(max_error), certificate: Certificate::Probed, ..auto(4) };
    for (a, request, right) in [
        (&small, auto(1), Method::Rational),
        (&small, auto(2), Method::Rational),
        (&large, auto(4), Method::Rational),
        // No table.
        (&small, auto(5), Method::Spectral),
        (&large, auto(5), Method::CoupledNewton),
        (&large, auto(16), Method::CoupledNewton),
        (&large, auto(17), Method::Spectral),
        // No table that is fine enough; the inverse itself has no error.
        (&small, probed(1e-6), Method::Rational),
        (&small, probed(1e-9), Method::Rational),
        // Neither is an integer root.
        (&large, request(4, PSEUDO, Method::Auto), Method::Spectral),
        (&large, Request { exponent: Exponent::Power(0.3), ..auto(1) }, Method::Spectral),
        // Whole orders are found in a real exponent.
        (&small, Request { exponent: Exponent::Power(0.25), ..auto(1) }, Method::Rational),
    ] {
        let (_, report) = root::<f64, f64>(a, &request).unwrap();
        assert_eq!((report.method, report.outcome), (right, Outcome::Accepted), "{request:?}: {report:?}");
    }
    // None does; the inverse itself has no error.
    let beyond = [(&small, 4, Method::Spectral), (&large, 4, Method::CoupledNewton), (&small, 1, Method::Rational)];
    for (a, p, method) in beyond {
        assert_eq!(root::<f64, f64>(a, &strict(p)).unwrap().1.method, method);
    }
    // The fewest poles that do.
    for (max_error, poles) in [(None, 16), (Some(1e-9), 28)] {
        assert_eq!(root::<f64, f64>(&small, &Request { max_error, ..auto(4) }).unwrap().1.iterations, poles);
    }
    assert_eq!(root::<f32, f32>(&small, &auto(4)).unwrap().1.iterations, 12);
    // Below the table's interval.
    let graded = diagonal(&[1.0, 1e-3, 1e-8]);
    let (_, report) = root::<f64, f64>(&graded, &request(4, Ridge::Absolute(0.0), Method::Auto)).unwrap();
    assert_eq!((report.method, report.outcome), (Method::Spectral, Outcome::Accepted));
    let (_, report) = root::<f64, f64>(&graded, &request(4, Ridge::Absolute(0.0), Method::Rational)).unwrap();
    assert_eq!((report.method, report.outcome), (Method::Rational, Outcome::OutOfRange));
}

/// All eigenvalues of a multiple of the identity may lie where the table's error is largest.
#[test]
fn a_table_is_fine_enough_for_any_spectrum() {
    for p in [2, 3, 4, 6, 8] {
        for scale in (0..40).map(|k| 1.0 + f64::from(k) / 40.0) {
            let a = diagonal(&[scale; 40]);
            let sup = shampoo_core::linalg::inverse_root::tables::table(p).expect("a table").sup_relative_error();
            let limit = sup * 40.0_f64.sqrt();
            for max_error in [0.6, 0.75, 0.9, 1.05].map(|part| Some(part * limit)) {
                let request = Request { max_error, ..request(p, Ridge::Absolute(1e-3 * scale), Method::Auto) };
                let (_, report) = root::<f64, f64>(&a, &request).unwrap();
                assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "{p}, {scale}: {report:?}");
            }
        }
    }
}

#[test]
fn every_scale_of_a_coupled_iteration() {
    let mut random = Random::new(32);
    // Spectra that reach from the ridge to the largest eigenvalue.
    for a in [with_condition(&mut random, 12, 1e4), low_rank(&mut random, 24, 5), graded(&mut random, 9, 1e8)] {
        let n = a.len().isqrt();
        let a: Vec<f64> = a.iter().map(|&x| f64::from(x as f32)).collect();
        let spectrum = wide::decompose(n, &a);
        let kappa = spectrum.condition(oracle::Ridge::Relative(1e-4));
        for method in [Method::CoupledNewton, Method::NewtonSchulz] {
            for p in [2, 4] {
                let iterations = |scaling| {
                    let request = Request { scaling, ..request(p, Ridge::Relative(1e-4), method) };
                    for (u, (x, report)) in
                        [(U64, root::<f64, f64>(&a, &request)), (U32, root::<f32, f32>(&a, &request))]
                            .map(|(u, found)| (u, found.unwrap()))
                    {
                        assert_eq!(report.outcome, Outcome::Accepted, "{scaling:?}: {report:?}");
                        let truth = spectrum.inverse_root(p, oracle::Ridge::Absolute(report.ridge));
                        let error = relative_error(n, &x, &truth);
                        let size = Size { order: n, kappa, root: f64::from(p), ..Size::default() };
                        assert!(error <= root_bound(method, u, size), "{error:e}: {request:?}, {report:?}");
                    }
                    root::<f64, f64>(&a, &request).unwrap().1.iterations
                };
                let [auto, frobenius, largest, best] =
                    [Scaling::Auto, Scaling::Frobenius, Scaling::LambdaMax, Scaling::Optimal].map(iterations);
                assert!(auto == frobenius || auto == largest);
                assert!(largest <= frobenius, "{method:?}, p {p}: {largest} and {frobenius} iterations");
                assert!(best <= largest + 1, "{method:?}, p {p}: {best} and {largest} iterations");
            }
        }
    }
}

#[test]
fn an_order_that_a_method_does_not_compute_is_refused() {
    for p in [1, 2, 3, 4, 5, 6, 8] {
        let legal = |method| request(p, DEFAULT_RIDGE, method).validate().is_ok();
        assert_eq!(legal(Method::NewtonSchulz), p == 2 || p == 4);
        assert_eq!(legal(Method::Rational), [1, 2, 3, 4, 6, 8].contains(&p));
        assert!(legal(Method::CoupledNewton) && legal(Method::Spectral) && legal(Method::Auto));
    }
    assert!(request(2, PSEUDO, Method::NewtonSchulz).validate().is_err());
}

/// Where little error is asked for, double-f32 has its whole way back in double-f32.
#[test]
fn double_f32_keeps_small_promises() {
    let mut random = Random::new(34);
    for (p, kappa) in [(3, 1e4), (4, 1e4), (8, 1e2)] {
        let a: Vec<f64> = with_condition(&mut random, 12, kappa).iter().map(|&x| f64::from(x as f32)).collect();
        let request = Request { max_error: Some(1e-6), ..request(p, Ridge::Absolute(0.0), Method::Rational) };
        let (_, report) = root::<DoubleF32, f64>(&a, &request).expect("finite input");
        assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "{p}, {kappa:e}: {report:?}");
    }
}
