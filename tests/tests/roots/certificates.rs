//! No accepted root is further from the truth than its certificate promises, and wrong roots are caught.

use crate::common::root::{request, root, root_bound};
use crate::common::{U32, U64, largest};
use shampoo_core::error::{RootError, UnsupportedExponent};
use shampoo_core::kernel::{Portable, SymmetricTiles};
use shampoo_core::linalg::inverse_root::certificate::{self, full_workspace_len, probed_workspace_len};
use shampoo_core::linalg::inverse_root::certificate::{Candidate, Sign};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};
use shampoo_core::linalg::norm::norm;
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::{Real, Stored, padded};
use shampoo_tests::generate::{Random, from_spectrum, with_condition};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::{narrow, wide};
use shampoo_tests::tolerance::{Check, Size};

const METHODS: [Method; 5] =
    [Method::Auto, Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral];

/// Orders that straddle tiles, and condition numbers up to what `f64` must manage.
const ORDERS: [usize; 6] = [1, 2, 5, 8, 17, 32];
const KAPPAS: [f64; 5] = [1.0, 1e2, 1e4, 1e6, 1e8];

/// A matrix as `f32` keeps it, so that all arithmetics see the same one.
fn rounded(full: &[f64]) -> Vec<f64> {
    full.iter().map(|&x| f64::from(x as f32)).collect()
}

/// The report and the true error of a root, against double-double; `None` where the method has no such order.
fn judged<R: Real, S: Stored<R>>(
    a: &[f64],
    request: &Request,
    truth: impl Fn(&Report) -> Vec<twofloat::TwoFloat>,
) -> Option<(Report, f64)> {
    let (x, report) = match root::<R, S>(a, request) {
        Err(RootError::Exponent(UnsupportedExponent::ByMethod)) => return None,
        other => other.expect("finite input"),
    };
    if report.outcome != Outcome::Accepted {
        return Some((report, 0.0));
    }
    Some((report, relative_error(a.len().isqrt(), &x, &truth(&report))))
}

#[track_caller]
fn assert_honest((report, error): (Report, f64), n: usize, unit_roundoff: f64) {
    if report.outcome == Outcome::Accepted {
        let noise = Check::CertificateHonest.bound_at(unit_roundoff, Size { order: n, ..Size::default() });
        assert!(error <= report.promised + noise, "n {n}: true error {error:e}, {report:?}");
    }
}

/// A report with the true error, the true condition number, and the roundoff of the arithmetic.
struct Seen {
    found: (Report, f64),
    kappa: f64,
    u: f64,
}

/// Every method, arithmetic and certificate on one matrix.
fn judge_all(a: &[f64], p: u32, ridge: Ridge, mut see: impl FnMut(Seen)) {
    let n = a.len().isqrt();
    let spectrum = wide::decompose(n, a);
    let kappa = spectrum.condition(match ridge {
        Ridge::Relative(factor) => oracle::Ridge::Relative(factor),
        other => oracle::Ridge::Absolute(other.amount(1.0)),
    });
    // The ridge that was added, which may rest on an estimate of the largest eigenvalue.
    let truth = |report: &Report| spectrum.inverse_root(p, oracle::Ridge::Absolute(report.ridge));
    for method in METHODS {
        for certificate in [Certificate::Full, Certificate::Probed] {
            let request = Request { certificate, ..request(p, ridge, method) };
            if let Some(found) = judged::<f64, f64>(a, &request, truth) {
                assert_honest(found, n, U64);
                see(Seen { found, kappa, u: U64 });
            }
            if let Some(found) = judged::<f64, f32>(a, &request, truth) {
                assert_honest(found, n, U64);
            }
            if let Some(found) = judged::<f32, f32>(a, &request, truth) {
                assert_honest(found, n, U32);
                see(Seen { found, kappa, u: U32 });
            }
        }
    }
}

#[test]
fn no_accepted_root_is_worse_than_its_promise() {
    let mut random = Random::new(51);
    for n in ORDERS {
        for kappa in KAPPAS {
            let a = rounded(&with_condition(&mut random, n, kappa));
            for p in 1..=8 {
                judge_all(&a, p, Ridge::Absolute(0.0), |_| ());
            }
            for p in [1, 2, 4, 6] {
                judge_all(&a, p, Ridge::Relative(1e-6), |_| ());
            }
        }
    }
}

#[test]
fn clusters_and_outliers() {
    let mut random = Random::new(52);
    for values in [
        &[1.0; 12][..],
        &[1e-7, 1.0, 1.0, 1.0, 1.0, 1.0],
        &[1e-7, 1e-7, 1e-7, 1e-7, 1.0],
        &[1.0, 1.0 + 1e-6, 1.0 + 2e-6, 3.0, 1e3],
        &[0.0, 0.0, 0.0, 1e-3, 1.0],
        &[0.0, 0.0, 1.0],
    ] {
        let a = rounded(&from_spectrum(&mut random, values));
        for p in [1, 2, 3, 4, 7] {
            judge_all(&a, p, Ridge::Relative(1e-6), |_| ());
        }
    }
}

#[test]
fn f64_certifies_up_to_kappa_1e8() {
    let mut random = Random::new(53);
    for n in ORDERS {
        for kappa in KAPPAS {
            let a = with_condition(&mut random, n, kappa);
            for p in [1, 2, 3, 4, 6, 8] {
                for method in [Method::CoupledNewton, Method::Spectral, Method::Auto] {
                    let (_, report) = root::<f64, f64>(&a, &request(p, Ridge::Absolute(0.0), method)).unwrap();
                    assert_eq!(report.outcome, Outcome::Accepted, "n {n}, kappa {kappa:e}, p {p}: {report:?}");
                    assert!(report.promised <= Check::Promise.bound(U64), "{report:?}");
                }
            }
        }
    }
}

#[test]
fn errors_stay_within_the_lost_bits() {
    let mut random = Random::new(54);
    for n in [2, 8, 32] {
        for kappa in [1.0, 1e2, 1e4, 1e6] {
            let a = rounded(&with_condition(&mut random, n, kappa));
            for p in [1, 2, 3, 4, 6, 8] {
                judge_all(&a, p, Ridge::Absolute(0.0), |Seen { found: (report, error), kappa, u }| {
                    let size = Size { order: n, kappa, root: f64::from(p), ..Size::default() };
                    let bound = root_bound(report.method, u, size);
                    assert!(error <= bound || bound >= 1.0, "u {u:e}, p {p}: {error:e} > {bound:e}, {report:?}");
                });
            }
        }
    }
}

#[test]
fn real_exponents_and_pseudo_inverses_are_as_honest() {
    let mut random = Random::new(55);
    for (n, kappa) in [(3, 10.0), (8, 1e4), (20, 1e6)] {
        let a = rounded(&with_condition(&mut random, n, kappa));
        let spectrum = wide::decompose(n, &a);
        for alpha in [0.4, 1.0 / 3.0, 0.9, 1.5] {
            let request =
                Request { exponent: Exponent::Power(alpha), ..request(1, Ridge::Absolute(0.0), Method::Auto) };
            let truth = |_: &Report| spectrum.inverse_power(alpha, oracle::Ridge::None);
            assert_honest(judged::<f64, f64>(&a, &request, truth).unwrap(), n, U64);
            assert_honest(judged::<f32, f32>(&a, &request, truth).unwrap(), n, U32);
        }
    }
    for (n, rank) in [(6, 1), (12, 5), (24, 23)] {
        let values: Vec<f64> = (0..n).map(|i| if i < rank { 1.0 + i as f64 } else { 0.0 }).collect();
        let a = from_spectrum(&mut random, &values);
        let (cutoff, spectrum) = (1e-6, wide::decompose(n, &a));
        for p in [2, 4] {
            let truth = |_: &Report| spectrum.inverse_root(p, oracle::Ridge::PseudoInverse(cutoff));
            let request = request(p, Ridge::PseudoInverse { cutoff }, Method::Auto);
            let found = judged::<f64, f64>(&a, &request, truth).unwrap();
            assert_eq!((found.0.outcome, found.0.rank), (Outcome::Accepted, rank));
            assert_honest(found, n, U64);
        }
    }
}

/// Promises of both certificates for a candidate.
fn promises(a: &[f64], x: &[f64], p: u32) -> [f64; 2] {
    let n = a.len().isqrt();
    let (stride, mut tiles) = (padded(n), [vec![0.0; padded(n) * padded(n)], vec![0.0; padded(n) * padded(n)]]);
    for (tiles, full) in tiles.iter_mut().zip([a, x]) {
        full.chunks(n).zip(tiles.chunks_mut(stride)).for_each(|(row, to)| to[..n].copy_from_slice(row));
    }
    let [b_tiles, x_tiles] = tiles.each_ref().map(|data| SymmetricTiles { data, stride, order: n });
    let candidate = Candidate { b: b_tiles, x: x_tiles, p, kappa: 1.0, sign: Sign::ByConstruction };
    let (mut space, mut thin) = (vec![0.0; full_workspace_len(n)], vec![0.0; probed_workspace_len(n)]);
    let (b, x) = (MatRef::new(a, n, n).unwrap(), MatRef::new(x, n, n).unwrap());
    [certificate::full(b, x, p, 1.0, &mut space, &Portable), certificate::probed(candidate, 0.0, &mut thin, &Portable)]
}

#[test]
fn wrong_roots_are_caught() {
    let mut random = Random::new(56);
    for n in [1, 4, 16] {
        let a = with_condition(&mut random, n, 50.0);
        let spectrum = narrow::decompose(n, &a);
        for p in 1..=8 {
            let right = spectrum.inverse_root(p, oracle::Ridge::None);
            assert!(promises(&a, &right, p).iter().all(|&promise| promise < Check::Case.bound(U64)), "the right root");
            let scaled: Vec<f64> = right.iter().map(|x| 1.003 * x).collect();
            let mut shifted = right.clone();
            shifted[0] *= 1.003;
            let mut tilted = right.clone();
            let step = 3e-3 * largest(&right);
            (tilted[n - 1], tilted[(n - 1) * n]) = (tilted[n - 1] + step, tilted[(n - 1) * n] + step);
            for wrong in [scaled, shifted, tilted] {
                let error = relative_error(n, &wrong, &right);
                assert!(error > Check::Promise.bound(U64));
                for promise in promises(&a, &wrong, p) {
                    assert!(promise >= error, "n {n}, p {p}: {promise:e} for an error of {error:e}");
                }
            }
            // The root of a neighbouring order.
            let other = spectrum.inverse_root(p + 1, oracle::Ridge::None);
            let error = relative_error(n, &other, &right);
            assert!(n == 1 || promises(&a, &other, p).iter().all(|&promise| promise >= error));
        }
    }
}

#[test]
fn indefinite_and_nan_candidates_have_no_promise() {
    let identity = [1.0, 0.0, 0.0, 1.0];
    for p in [1, 2, 3, 4] {
        // diag(1, -1)^p is the identity for even p: the residual alone would pass it.
        let [full, _] = promises(&identity, &[1.0, 0.0, 0.0, -1.0], p);
        assert_eq!(full, f64::INFINITY);
        for (entry, mirrored) in [(0, 0), (1, 2), (3, 3)] {
            let mut x = identity;
            (x[entry], x[mirrored]) = (f64::NAN, f64::NAN);
            assert!(promises(&identity, &x, p).iter().all(|&promise| promise == f64::INFINITY), "X {x:?}, p {p}");
            assert!(promises(&x, &identity, p).iter().all(|&promise| promise == f64::INFINITY), "A {x:?}, p {p}");
        }
        assert_eq!(promises(&[f64::NAN; 4], &identity, p), [f64::INFINITY; 2]);
        assert_eq!(promises(&identity, &[f64::NAN; 4], p), [f64::INFINITY; 2]);
    }
}

#[test]
fn the_norm_of_nan_is_not_zero() {
    for x in [&[f64::NAN][..], &[0.0, f64::NAN], &[f64::NAN, 1.0], &[f64::NAN, f64::INFINITY]] {
        assert!(!norm(x, &Portable).is_finite(), "{x:?}: a certificate would take it for a perfect residual");
    }
}
