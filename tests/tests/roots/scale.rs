//! Roots of a multiple of a matrix, which is never formed: against the oracle of the multiple, and its bits where it is
//! exact.

use crate::common::root::{diagonal, request, root, root_bound};
use crate::common::{U32, U48, U64, assert_relative, bits};
use shampoo_core::error::RootError;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Job, Method, Outcome, Report, Request, Ridge, inverse_root_workspace_len,
};
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_tests::generate::{Random, to_packed, with_condition};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

const METHODS: [Method; 4] = [Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral];

fn ridges() -> [(Ridge, oracle::Ridge); 2] {
    [
        (Ridge::Relative(1e-4), oracle::Ridge::Relative(1e-4)),
        // In units of the multiple.
        (Ridge::Absolute(1e-4), oracle::Ridge::Absolute(1e-4)),
    ]
}

/// The bound of a root's method, by the reported condition number: the spectra here are known to the oracle alone.
fn bound_of(report: &Report, u: f64, n: usize, p: f64) -> f64 {
    root_bound(report.method, u, Size { order: n, kappa: report.kappa, root: p, ..Size::default() })
}

/// One matrix, by one method, against the oracle's root of the multiple.
fn assert_near<R: Real, S: Stored<R>>(a: &[f64], request: &Request, ridge: oracle::Ridge, p: u32, u: f64) {
    let n = a.len().isqrt();
    let multiple: Vec<f64> = a.iter().map(|x| x * request.scale).collect();
    let spectrum = wide::decompose(n, &multiple);
    let (found, report) = root::<R, S>(a, request).expect("finite input");
    assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "{report:?}");
    let error = relative_error(n, &found, &spectrum.inverse_root(p, ridge));
    let size = Size { order: n, ..Size::default() };
    let stored = Check::StoredRoot.bound_at(S::ROUNDOFF, size);
    let bound = bound_of(&report, u, n, f64::from(p)) + stored;
    assert!(error <= bound, "{error:e} > {bound:e}: {report:?}");
    assert!(error <= report.promised + Check::CertificateHonest.bound_at(u, size), "{error:e}: {report:?}");
    // What is reported is of the multiple too.
    let (_, plain) = root::<R, S>(a, &Request { scale: 1.0, ..*request }).expect("finite input");
    let rounding = Check::KernelElementwise.bound(U64);
    assert_relative(&[report.lambda_max], &[request.scale * plain.lambda_max], rounding, 0.0);
    let amount = request.ridge.amount(report.lambda_max);
    assert_relative(&[report.ridge], &[amount], Check::KernelElementwise.bound(u), 0.0);
}

#[test]
fn near_to_the_oracle_of_the_multiple() {
    let mut random = Random::new(151);
    for scale in [0.3, 1.0, 2.5, 1e-3, 7e4] {
        for (n, p) in [(1, 4), (5, 2), (9, 4), (17, 2)] {
            let a: Vec<f64> = with_condition(&mut random, n, 1e3).iter().map(|&x| f64::from(x as f32)).collect();
            for (ridge, right) in ridges() {
                for method in METHODS {
                    let request = Request { scale, max_error: Some(0.5), ..request(p, ridge, method) };
                    assert_near::<f64, f64>(&a, &request, right, p, U64);
                    assert_near::<f64, f32>(&a, &request, right, p, U64);
                    assert_near::<f32, f32>(&a, &request, right, p, U32);
                    assert_near::<DoubleF32, f32>(&a, &request, right, p, U48);
                }
            }
        }
    }
}

/// Every combination of method and certificate on a matrix that has a root by all of them.
fn combinations() -> impl Iterator<Item = Request> {
    let certificates = [Certificate::Full, Certificate::Probed];
    METHODS.into_iter().flat_map(move |method| {
        certificates.into_iter().flat_map(move |certificate| {
            let ridges = [Ridge::Relative(1e-4), Ridge::Absolute(3e-3)];
            ridges.map(|ridge| Request { certificate, max_error: Some(0.5), ..request(4, ridge, method) })
        })
    })
}

fn assert_bits_of_the_multiple<R: Real, S: Stored<R>>() {
    let mut random = Random::new(152);
    for n in [1, 6, 11] {
        let a: Vec<f64> = with_condition(&mut random, n, 100.0).iter().map(|&x| f64::from(x as f32)).collect();
        for request in combinations() {
            for power in [-31, -6, 0, 1, 4, 37] {
                let scale = 2.0_f64.powi(power);
                let multiple: Vec<f64> = a.iter().map(|x| x * scale).collect();
                let (right, plain) = root::<R, S>(&multiple, &request).expect("finite input");
                let (found, report) = root::<R, S>(&a, &Request { scale, ..request }).expect("finite input");
                assert_eq!((bits(&found), report), (bits(&right), plain), "{request:?} 2^{power}");
                assert_eq!(report.outcome, Outcome::Accepted);
            }
        }
    }
}

#[test]
fn powers_of_two_give_the_bits_of_the_multiple() {
    assert_bits_of_the_multiple::<f64, f64>();
    assert_bits_of_the_multiple::<f64, f32>();
    assert_bits_of_the_multiple::<f32, f32>();
    assert_bits_of_the_multiple::<DoubleF32, f32>();
}

#[test]
fn the_multiple_may_leave_the_range() {
    // diag(2, 32) times a scale that is subnormal or infinite in `f32`, and in `f64` with the matrix.
    let a = diagonal(&[2.0, 32.0]);
    for method in METHODS {
        for scale in [1e-44, 3e38, 1e60, 1e-60, 7e-90] {
            let request = Request { scale, ..request(4, Ridge::Absolute(0.0), method) };
            let right = |x: f64| x.powf(-0.25) * scale.powf(-0.25);
            let (found, report) = root::<f32, f32>(&a, &request).expect("finite input");
            assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
            let floor = right(2.0);
            let bound = bound_of(&report, U32, 2, 4.0);
            assert_relative(&found, &[right(2.0), 0.0, 0.0, right(32.0)], bound, floor);
        }
        let huge: Vec<f64> = a.iter().map(|x| x * 1e300).collect();
        for (a, scale) in [(&huge, 1e300), (&a, 5e-324), (&huge, f64::MAX)] {
            let request = Request { scale, ..request(4, Ridge::Relative(1e-6), method) };
            let (found, report) = root::<f64, f64>(a, &request).expect("finite input");
            assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
            let ridge = 1e-6 * a[3];
            let right = |x: f64| (x + ridge).powf(-0.25) * scale.powf(-0.25);
            let bound = bound_of(&report, U64, 2, 4.0);
            assert_relative(&found, &[right(a[0]), 0.0, 0.0, right(a[3])], bound, right(a[0]));
        }
        // The root itself does not.
        let request = Request { scale: 1e-300, ..request(2, Ridge::Absolute(0.0), Method::Spectral) };
        assert_eq!(root::<f64, f32>(&a, &request).expect("finite input").1.outcome, Outcome::OutsideStore);
    }
}

#[test]
fn real_exponents_and_the_pseudo_inverse() {
    let a = diagonal(&[4.0, 0.0, 9.0]);
    for scale in [0.3, 2.5, 1e-9] {
        let ridge = Ridge::PseudoInverse { cutoff: 1e-10 };
        for (exponent, alpha) in [(Exponent::Root(2), 0.5), (Exponent::Power(0.7), 0.7), (Exponent::Power(30.0), 30.0)]
        {
            let request = Request { exponent, scale, ridge, ..Request::new(exponent) };
            let (found, report) = root::<f64, f64>(&a, &request).expect("finite input");
            assert_eq!((report.outcome, report.rank), (Outcome::Accepted, 2));
            let right = |x: f64| (x * scale).powf(-alpha);
            let right = diagonal(&[right(4.0), 0.0, right(9.0)]);
            let bound = bound_of(&report, U64, 3, 1.0 / alpha);
            assert_relative(&found, &right, bound, right[0]);
        }
    }
}

#[test]
fn a_ridge_alone_is_in_units_of_the_multiple() {
    for scale in [1e-3, 1.0, 8e7] {
        let request = Request { scale, ..request(4, Ridge::Absolute(16.0), Method::Auto) };
        let (found, report) = root::<f64, f64>(&[0.0; 4], &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::Accepted);
        assert_relative(&found, &diagonal(&[0.5, 0.5]), bound_of(&report, U64, 2, 4.0), 0.0);
        let nothing = Request { ridge: Ridge::Relative(1e-6), ..request };
        assert_eq!(root::<f64, f64>(&[0.0; 4], &nothing).expect("finite input").1.outcome, Outcome::Zero);
    }
}

/// Packed roots of a batch.
fn batch(n: usize, triangles: &[Vec<f64>], request: &Request) -> Vec<(Vec<f64>, Result<Outcome, RootError>)> {
    let mut roots = vec![vec![7.0; triangles[0].len()]; triangles.len()];
    let mut workspace = vec![f64::NAN; inverse_roots_workspace_len(n)];
    let mut members: Vec<_> = triangles.iter().zip(&mut roots).map(|(a, root)| Member::new(a, root)).collect();
    inverse_roots(&mut members, n, request, &mut workspace, &Portable);
    let outcomes: Vec<_> = members.into_iter().map(|member| member.report.map(|report| report.outcome)).collect();
    roots.into_iter().zip(outcomes).collect()
}

#[test]
fn batches_take_the_multiple_too() {
    let mut random = Random::new(153);
    let n = 9;
    let full: Vec<Vec<f64>> = (0..5).map(|_| with_condition(&mut random, n, 1e3)).collect();
    let triangles: Vec<_> = full.iter().map(|full| to_packed(n, full)).collect();
    for ridge in [Ridge::Relative(1e-4), Ridge::Absolute(1e-3)] {
        let request = request(4, ridge, Method::Auto);
        // In lanes, and the bits of the multiples there.
        let scale = 2.0_f64.powi(-13);
        let multiples: Vec<Vec<f64>> = triangles.iter().map(|a| a.iter().map(|x| x * scale).collect()).collect();
        assert_eq!(batch(n, &triangles, &Request { scale, ..request }), batch(n, &multiples, &request));
        for scale in [0.3, 41.0] {
            let request = Request { scale, ..request };
            for ((found, outcome), full) in batch(n, &triangles, &request).iter().zip(&full) {
                assert_eq!(*outcome, Ok(Outcome::Accepted));
                let (right, report) = root::<f64, f64>(full, &request).expect("finite input");
                let right = to_packed(n, &right);
                let floor = right.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
                assert_relative(found, &right, bound_of(&report, U64, n, 4.0), floor);
            }
        }
    }
}

#[test]
fn what_is_no_factor_is_refused() {
    for scale in [0.0, -1.0, f64::INFINITY, f64::NEG_INFINITY] {
        let request = Request { scale, ..request(4, Ridge::Relative(1e-6), Method::Auto) };
        let refused = RootError::Scale { value: scale };
        assert_eq!(root::<f64, f64>(&diagonal(&[1.0, 2.0]), &request).map(|_| ()), Err(refused));
        let triangles = vec![vec![1.0, 0.0, 2.0]; 4];
        assert!(batch(2, &triangles, &request).iter().all(|one| *one == (vec![7.0; 3], Err(refused))));
        assert_eq!(Job::<f64>::start(&triangles[0], 2, &request).map(|_| ()), Err(refused));
    }
    let request = Request { scale: f64::NAN, ..request(4, Ridge::Relative(1e-6), Method::Auto) };
    let found = root::<f64, f64>(&diagonal(&[1.0, 2.0]), &request);
    assert!(matches!(found, Err(RootError::Scale { value }) if value.is_nan()));
}

#[test]
fn steps_of_a_job_give_the_same() {
    let a = to_packed(6, &with_condition(&mut Random::new(154), 6, 1e3));
    let request = Request { scale: 0.7, ..request(4, Ridge::Absolute(1e-3), Method::Auto) };
    let mut workspace = vec![0.0; inverse_root_workspace_len(6)];
    let run = |steps: bool, workspace: &mut Vec<f64>| {
        let mut job = Job::<f64>::start(&a, 6, &request).expect("finite input");
        if steps {
            use shampoo_core::linalg::Progress;
            while job.step(&a, workspace, &Portable).expect("long enough") == Progress::Working {}
        } else {
            job.run(&a, workspace, &Portable).expect("long enough");
        }
        let mut root = vec![0.0; a.len()];
        (job.finish(&mut root, workspace).expect("long enough"), bits(&root))
    };
    assert_eq!(run(true, &mut workspace), run(false, &mut workspace));
}
