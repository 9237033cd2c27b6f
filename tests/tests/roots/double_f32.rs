//! Roots with double-f32 inside: far closer than with `f32`, where there is no fast `f64`.

use crate::common::U48;
use crate::common::root::{assert_spectrum, request, root, root_bound};
use shampoo_core::linalg::inverse_root::{Certificate, Method, Outcome, Request, Ridge};
use shampoo_core::scalar::DoubleF32;
use shampoo_tests::generate::{Random, graded, low_rank, with_condition};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

/// Orders that straddle tiles.
const ORDERS: [usize; 5] = [1, 3, 8, 17, 32];

/// All methods and certificates on one matrix: accepted at the first attempt, honest, and as near to the truth as the method's row says.
fn judge(a: &[f64], p: u32, ridge: Ridge) {
    let n = a.len().isqrt();
    let spectrum = wide::decompose(n, a);
    for method in [Method::Auto, Method::CoupledNewton, Method::Spectral] {
        for certificate in [Certificate::Full, Certificate::Probed] {
            let request = Request { certificate, ..request(p, ridge, method) };
            let (x, report) = root::<DoubleF32, f32>(a, &request).expect("finite input");
            assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "n {n}, p {p}: {report:?}");
            assert!(report.promised <= Check::PromiseDoubleF32.bound(U48), "{report:?}");
            assert_spectrum(&report, &spectrum, ridge, U48);
            // Rows of `f64`: what the root itself may be off, then its rounding to the stored `f32`.
            let truth = spectrum.inverse_root(p, oracle::Ridge::Absolute(report.ridge));
            let error = relative_error(n, &x, &truth);
            let kappa = spectrum.condition(oracle::Ridge::Absolute(report.ridge));
            let size = Size { order: n, kappa, root: f64::from(p), ..Size::default() };
            let stored = Check::RationalRoot.row().floor_f32;
            let bound = root_bound(report.method, U48, size).max(stored);
            assert!(error <= bound, "n {n}, p {p}: {error:e} above {bound:e}, {report:?}");
            let noise = Check::CertificateHonest.bound_at(U48, Size { order: n, ..Size::default() });
            assert!(error <= report.promised + noise, "n {n}, p {p}: {error:e}, {report:?}");
        }
    }
}

/// A matrix as `f32` keeps it.
fn rounded(full: &[f64]) -> Vec<f64> {
    full.iter().map(|&x| f64::from(x as f32)).collect()
}

#[test]
fn errors_stay_within_1e_5_up_to_kappa_1e6() {
    let mut random = Random::new(75);
    for n in ORDERS {
        for kappa in [1.0, 1e3, 1e6] {
            let a = rounded(&with_condition(&mut random, n, kappa));
            for p in [1, 2, 3, 4, 6] {
                judge(&a, p, Ridge::Absolute(0.0));
            }
        }
    }
}

#[test]
fn graded_and_deficient_statistics() {
    let mut random = Random::new(76);
    for a in [graded(&mut random, 16, 1e10), low_rank(&mut random, 16, 3), low_rank(&mut random, 9, 1)] {
        for p in [2, 4] {
            judge(&rounded(&a), p, Ridge::Relative(1e-6));
        }
    }
}
