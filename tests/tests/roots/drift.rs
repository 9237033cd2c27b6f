//! How far statistics have moved away from a root, against the whole residual; and roots that were computed elsewhere.

use crate::common::root::{request, root};
use crate::common::{U32, U64, assert_absolute, assert_relative};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::certify::{certify, certify_workspace_len};
use shampoo_core::linalg::inverse_root::drift::{drift, drift_workspace_len, is_measured};
use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request, Ridge, inverse_root_workspace_len};
use shampoo_core::scalar::Real;
use shampoo_tests::generate::{Random, to_packed, with_condition};
use shampoo_tests::tolerance::Check;

/// The drift in `R`, and the same from the whole of ||X^(p/2) (scale A + r I) X^(p/2) - I||_F / sqrt(n).
fn both<R: Real + shampoo_core::scalar::Stored<R>>(a: &[f64], x: &[f64], request: &Request, ridge: f64) -> [f64; 2] {
    let n = a.len().isqrt();
    let narrow = |full: &[f64]| to_packed(n, &full.iter().map(|&x| R::from_f64(x)).collect::<Vec<_>>());
    let mut workspace = vec![R::from_f64(f64::NAN); drift_workspace_len(n)];
    let found = drift::<R, R, _>(&narrow(a), &narrow(x), n, request, ridge, &mut workspace, &Portable);
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let entry = |i: usize, j: usize| (0..n).map(|k| a[i * n + k] * b[k * n + j]).sum();
        (0..n * n).map(|place| entry(place / n, place % n)).collect()
    };
    let Exponent::Root(p) = request.exponent else { panic!("a root") };
    let diagonal = |place: usize| f64::from(place.is_multiple_of(n + 1));
    let mut s: Vec<f64> = a.iter().enumerate().map(|(i, a)| request.scale * a + ridge * diagonal(i)).collect();
    for _ in 0..p / 2 {
        s = product(&product(x, &s), x);
    }
    let squares: f64 = s.iter().enumerate().map(|(i, s)| (s - diagonal(i)).powi(2)).sum();
    [found, (squares / n as f64).sqrt()]
}

#[test]
fn the_drift_is_that_of_the_whole_residual() {
    let mut random = Random::new(51);
    for n in [1, 2, 7, 8, 20, 33] {
        for (p, step) in [(2, 1e-2), (4, 0.3), (4, 5.0), (6, 0.3)] {
            let a = with_condition(&mut random, n, 1e4);
            let asked = Request { max_error: Some(1.0), ..request(p, Ridge::Relative(1e-6), Method::Auto) };
            let (x, report) = root::<f64, f64>(&a, &asked).expect("a root");
            let rank_one = random.gaussians(n);
            let moved: Vec<f64> =
                a.iter().enumerate().map(|(i, a)| a + step * rank_one[i / n] * rank_one[i % n] / n as f64).collect();
            let [found, right] = both::<f64>(&moved, &x, &asked, report.ridge);
            assert_relative(&[found], &[right], Check::Drift.bound(U64), 0.0);
            // A multiple of the statistics moves every vector by the same.
            let scaled = Request { scale: 1.0 + step, ..asked };
            let [found, right] = both::<f64>(&a, &x, &scaled, report.ridge * (1.0 + step));
            assert_relative(&[found], &[right], Check::Drift.bound(U64), 0.0);
            assert_absolute(&[found], &[step], Check::NoDrift.bound(U64) * (1.0 + step));
        }
    }
}

#[test]
fn a_fresh_root_has_not_drifted() {
    let mut random = Random::new(52);
    for n in [1, 5, 16, 40] {
        let a = with_condition(&mut random, n, 1e2);
        let asked = request(4, Ridge::Relative(1e-6), Method::Auto);
        let (x, report) = root::<f64, f64>(&a, &asked).expect("a root");
        assert_absolute(&[both::<f64>(&a, &x, &asked, report.ridge)[0]], &[0.0], Check::NoDrift.bound(U64));
        assert_absolute(&[both::<f32>(&a, &x, &asked, report.ridge)[0]], &[0.0], Check::NoDrift.bound(U32));
    }
}

#[test]
fn what_cannot_be_told_is_infinite() {
    let mut workspace = [0.0_f64; drift_workspace_len(2)];
    let mut of = |a: [f64; 3], exponent, length: usize| {
        let request = Request::new(exponent);
        drift(&a, &[1.0, 0.0, 1.0], 2, &request, 0.0, &mut workspace[..length], &Portable)
    };
    let whole = drift_workspace_len(2);
    assert_eq!(of([1.0, 0.0, 1.0], Exponent::Root(4), whole), 0.0);
    for exponent in [Exponent::Root(3), Exponent::Power(0.3), Exponent::Root(0)] {
        assert_eq!(of([1.0, 0.0, 1.0], exponent, whole), f64::INFINITY);
        assert!(!is_measured(exponent, Ridge::Relative(1e-6)));
    }
    assert_eq!(of([1.0, 0.0, 1.0], Exponent::Root(4), whole - 1), f64::INFINITY);
    assert_eq!(of([f64::NAN, 0.0, 1.0], Exponent::Root(4), whole), f64::INFINITY);
    assert_eq!(of([f64::MAX, f64::MAX, f64::MAX], Exponent::Root(4), whole), f64::INFINITY);
    assert!(is_measured(Exponent::Root(2), Ridge::Absolute(0.0)));
    assert!(!is_measured(Exponent::Root(2), Ridge::PseudoInverse { cutoff: 1e-6 }));
}

#[test]
fn a_root_from_elsewhere_is_judged_like_any_other() {
    let mut random = Random::new(53);
    for (n, p) in [(1, 2), (6, 4), (20, 4), (33, 3)] {
        let a = with_condition(&mut random, n, 1e3);
        let asked = Request { max_error: Some(1e-2), ..request(p, Ridge::Relative(1e-6), Method::Auto) };
        let (x, report) = root::<f64, f64>(&a, &asked).expect("a root");
        let mut workspace = vec![f64::NAN; certify_workspace_len(n)];
        let mut judge = |x: &[f64], ridge: f64| {
            let (a, x) = (to_packed(n, &a), to_packed(n, x));
            certify(&a, &x, n, &asked, ridge, &mut workspace, &Portable).expect("lengths that fit")
        };
        let good = judge(&x, report.ridge);
        assert_eq!(good.outcome, Outcome::Accepted);
        assert!(good.promised < 1e-2 && good.lambda_max >= report.lambda_max && good.kappa >= report.kappa);
        let worse: Vec<f64> = x.iter().map(|x| 1.02 * x).collect();
        assert_eq!(judge(&worse, report.ridge).outcome, Outcome::Uncertified);
        let turned: Vec<f64> = x.iter().map(|x| -x).collect();
        assert_eq!(judge(&turned, report.ridge).outcome, Outcome::Uncertified);
        assert_eq!(judge(&x, 0.0).outcome, Outcome::Uncertified, "nothing bounds its condition");
    }
    assert!(
        certify_workspace_len(64) <= inverse_root_workspace_len(64)
            && drift_workspace_len(64) <= inverse_root_workspace_len(64)
    );
}
