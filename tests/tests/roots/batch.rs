//! Many roots at once: each is what it would be alone, whatever lies in the lanes beside it.

use core::sync::atomic::{AtomicUsize, Ordering};

use crate::common;
use crate::common::root::{assert_spectrum, diagonal, request, root_bound};
use crate::common::{U32, U64};
use shampoo_core::error::{RootError, ShapeError};
use shampoo_core::kernel::{Accum, Kernel, Lanewise, Portable, TiledTriangle, Tridiagonal, lanewise, tridiagonal};
use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Method, Outcome, Report, Request, Ridge, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{Bf16x2, DoubleF32, Plain, Real, Stored, Tile};
use shampoo_runtime::kernel::{Instructions, Server};
use shampoo_tests::generate::{Random, from_spectrum, graded, low_rank, packed_to_full, to_packed, with_condition};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

/// Orders that straddle panels of four rows, up to the largest in lanes and one beyond.
const ORDERS: [usize; 9] = [1, 2, 3, 4, 5, 8, 13, 32, 33];

type Reports = Vec<Result<Report, RootError>>;

/// What was there before.
const UNTOUCHED: f64 = 7.0;

fn stored<R: Real, S: Stored<R>>(n: usize, full: &[f64]) -> Vec<S> {
    to_packed(n, &full.iter().map(|&x| S::store(R::from_f64(x))).collect::<Vec<S>>())
}

/// Packed roots and reports of a batch.
fn together<R: Real, S: Stored<R>>(
    n: usize,
    triangles: &[Vec<S>],
    request: &Request,
    workspace: usize,
    kernel: &dyn Kernel<R>,
) -> (Vec<Vec<S>>, Reports) {
    let untouched = S::store(R::from_f64(UNTOUCHED));
    let mut roots: Vec<Vec<S>> = triangles.iter().map(|triangle| vec![untouched; triangle.len()]).collect();
    // Anything may lie in the workspace.
    let mut workspace = vec![R::from_f64(f64::NAN); workspace];
    let mut members: Vec<_> =
        triangles.iter().zip(&mut roots).map(|(triangle, root)| Member::new(triangle, root)).collect();
    inverse_roots(&mut members, n, request, &mut workspace, kernel);
    let reports = members.into_iter().map(|member| member.report).collect();
    (roots, reports)
}

/// The same one by one.
fn alone<R: Real, S: Stored<R>>(
    n: usize,
    triangles: &[Vec<S>],
    request: &Request,
    kernel: &dyn Kernel<R>,
) -> (Vec<Vec<S>>, Reports) {
    let mut workspace = vec![R::default(); inverse_root_workspace_len(n)];
    let each = triangles.iter().map(|triangle| {
        let mut root = vec![S::store(R::from_f64(UNTOUCHED)); triangle.len()];
        let report = inverse_root(triangle, n, &mut root, request, &mut workspace, kernel);
        (root, report)
    });
    each.unzip()
}

fn full<R: Real, S: Stored<R>>(n: usize, packed: &[S]) -> Vec<f64> {
    packed_to_full(n, &packed.iter().map(|x| x.load().to_f64()).collect::<Vec<_>>())
}

fn bits<R: Real, S: Stored<R>>(packed: &[S]) -> Vec<u64> {
    packed.iter().map(|x| x.load().to_f64().to_bits()).collect()
}

/// The kernel of every instruction set at hand.
fn kernels<T: Real>() -> Vec<Box<dyn Kernel<T>>>
where
    Server: Kernel<T>,
{
    let sets = [Instructions::Baseline, Instructions::Avx2, Instructions::Avx512];
    let servers = sets.into_iter().filter_map(Server::up_to).map(|server| Box::new(server) as Box<dyn Kernel<T>>);
    core::iter::once(Box::new(Portable) as Box<dyn Kernel<T>>).chain(servers).collect()
}

/// Roots of a batch are accepted where they are alone, honest, and as near to the oracle as the row says.
fn judge<R: Real, S: Stored<R>>(
    n: usize,
    matrices: &[Vec<f64>],
    requests: &[Request],
    u: f64,
    kernels: &[Box<dyn Kernel<R>>],
) {
    let triangles: Vec<Vec<S>> = matrices.iter().map(|a| stored(n, a)).collect();
    let spectra: Vec<_> = triangles.iter().map(|triangle| wide::decompose(n, &full(n, triangle))).collect();
    for (request, kernel) in requests.iter().flat_map(|request| kernels.iter().map(move |kernel| (request, kernel))) {
        let (roots, reports) = together(n, &triangles, request, inverse_roots_workspace_len(n), &**kernel);
        let (_, expected) = alone(n, &triangles, request, &**kernel);
        let found = roots.iter().zip(reports.iter().zip(&expected));
        for ((root, (report, expected)), spectrum) in found.zip(&spectra) {
            let (report, expected) = (report.expect("finite input"), expected.expect("finite input"));
            let same = (report.outcome, report.method, report.retries);
            assert_eq!(same, (expected.outcome, expected.method, expected.retries), "{report:?}, {expected:?}");
            if report.outcome == Outcome::Accepted {
                let ridge = request.ridge.times(10.0_f64.powi(report.retries.cast_signed()));
                assert_spectrum(&report, spectrum, ridge, u);
                let Exponent::Root(p) = request.exponent else { panic!("an integer root") };
                let ridge = oracle::Ridge::Absolute(report.ridge);
                let error = relative_error(n, &full(n, root), &spectrum.inverse_root(p, ridge));
                let size = Size { order: n, kappa: spectrum.condition(ridge), root: f64::from(p), ..Size::default() };
                // As near as the method's row says, or as what keeps it can be; and as near as promised.
                let bound = root_bound(report.method, u, size) + Check::StoredRoot.bound_at(S::ROUNDOFF, size);
                assert!(error <= bound, "{size:?}: {error:e} above {bound:e}, {report:?}");
                let promised = report.promised + Check::CertificateHonest.bound_at(u, size);
                assert!(error <= promised, "{size:?}: {error:e} above {promised:e}, {report:?}");
            }
        }
    }
}

#[test]
fn roots_are_those_of_the_oracle() {
    let mut random = Random::new(121);
    for n in ORDERS {
        let mut up_to = |largest: f64| {
            let kappas = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 3.0, 30.0, 300.0];
            kappas.map(|kappa| with_condition(&mut random, n, largest.min(kappa)))
        };
        // Far from the largest error accepted, where rounding would decide.
        let (wide, narrow) = (up_to(1e6), up_to(1e4));
        let requests: Vec<_> = [1, 2, 3, 4, 6, 8]
            .iter()
            .flat_map(|&p| {
                let of = |certificate, ridge| Request { certificate, ..request(p, ridge, Method::Auto) };
                [
                    of(Certificate::Probed, Ridge::Absolute(0.0)),
                    of(Certificate::Probed, Ridge::Relative(1e-6)),
                    of(Certificate::Full, Ridge::Absolute(1e-4)),
                ]
            })
            .collect();
        judge::<f64, f64>(n, &wide, &requests, U64, &kernels());
        judge::<f32, f32>(n, &narrow, &requests, U32, &kernels());
    }
}

#[test]
fn statistics_of_all_kinds_and_formats() {
    let mut random = Random::new(122);
    let n = 12;
    let mut matrices = vec![graded(&mut random, n, 1e10), low_rank(&mut random, n, 3), low_rank(&mut random, n, 1)];
    for values in [[1.0; 12], [2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1e-7]] {
        matrices.push(from_spectrum(&mut random, &values));
    }
    matrices.push(diagonal(&(1..=12).map(f64::from).collect::<Vec<_>>()));
    let retries = Request { max_retries: 5, certificate: Certificate::Probed, ..Request::new(Exponent::Root(4)) };
    let requests = [retries, request(2, Ridge::Relative(1e-6), Method::Rational)];
    judge::<f64, f64>(n, &matrices, &requests, U64, &kernels());
    judge::<f64, f32>(n, &matrices, &requests, U64, &kernels());
    judge::<f64, Bf16x2>(n, &matrices, &requests, U64, &kernels());
    judge::<DoubleF32, f32>(n, &matrices, &requests, common::U48, &[Box::new(Portable)]);
}

/// Sound matrices, each between two that have no root, at both ends of the range, or no matrices.
#[test]
fn a_lane_that_fails_disturbs_no_other() {
    fn law<R: Real, S: Stored<R>>(kernel: &dyn Kernel<R>) {
        let n = 6;
        let mut random = Random::new(123);
        let sound: Vec<Vec<S>> = (0..8).map(|_| stored(n, &with_condition(&mut random, n, 100.0))).collect();
        let entry = |a: &[f64], x: f64| stored::<R, S>(n, &a.iter().map(|&a| a * x).collect::<Vec<_>>());
        let a = with_condition(&mut random, n, 100.0);
        let mut nan = a.clone();
        nan[4 * n + 1] = f64::NAN;
        let mut infinite = a.clone();
        infinite[0] = f64::INFINITY;
        let (largest, smallest) = (S::LARGEST.min(R::MAX.to_f64()), S::SMALLEST.max(R::MIN_POSITIVE.to_f64()));
        let odd = [
            stored(n, &vec![0.0; n * n]),
            entry(&nan, 1.0),
            entry(&diagonal(&[1.0, 2.0, 3.0, -1.0, 5.0, 6.0]), 1.0),
            entry(&a, largest / 4.0),
            entry(&a, smallest / 8.0),
            entry(&infinite, 1.0),
            entry(&diagonal(&[1.0, 1.0, 1.0, 0.0, 0.0, 1.0]), 1.0),
            vec![S::default(); 3],
        ];
        let mixed: Vec<Vec<S>> = sound.iter().zip(&odd).flat_map(|(a, b)| [a.clone(), b.clone()]).collect();
        for max_retries in [0, 5] {
            for ridge in [Ridge::Absolute(0.0), Ridge::Relative(1e-6)] {
                for certificate in [Certificate::Full, Certificate::Probed] {
                    let request = Request { max_retries, certificate, ..request(4, ridge, Method::Auto) };
                    let length = inverse_roots_workspace_len(n);
                    let (clean, _) = together(n, &sound, &request, length, kernel);
                    let (roots, reports) = together(n, &mixed, &request, length, kernel);
                    let (_, expected) = alone(n, &mixed, &request, kernel);
                    for ((root, report), expected) in roots.iter().zip(&reports).zip(&expected) {
                        let outcome = |report: &Result<Report, RootError>| report.map(|report| report.outcome);
                        assert_eq!(outcome(report), outcome(expected));
                        let written = root.iter().any(|x| x.load().to_f64() != UNTOUCHED);
                        assert_eq!(written, outcome(report) == Ok(Outcome::Accepted), "{report:?}");
                    }
                    for (root, clean) in roots.iter().step_by(2).zip(&clean) {
                        assert_eq!(bits::<R, S>(root), bits::<R, S>(clean));
                    }
                }
            }
        }
    }
    kernels().iter().for_each(|kernel| law::<f64, f64>(&**kernel));
    kernels().iter().for_each(|kernel| law::<f64, f32>(&**kernel));
    kernels().iter().for_each(|kernel| law::<f32, f32>(&**kernel));
}

#[test]
fn powers_of_two_scale_roots_exactly() {
    let n = 5;
    let mut random = Random::new(124);
    let matrices: Vec<_> = (0..8).map(|_| with_condition(&mut random, n, 50.0)).collect();
    let request = Request { certificate: Certificate::Probed, ..request(4, Ridge::Relative(1e-6), Method::Auto) };
    let roots = |scale: i32| {
        let triangles: Vec<Vec<f64>> = matrices
            .iter()
            .map(|a| stored::<f64, f64>(n, &a.iter().map(|x| x * 2.0_f64.powi(scale)).collect::<Vec<_>>()))
            .collect();
        let length = inverse_roots_workspace_len(n);
        let (roots, reports) = together::<f64, f64>(n, &triangles, &request, length, &Server::new());
        assert!(reports.iter().all(|report| report.is_ok_and(|report| report.outcome == Outcome::Accepted)));
        let back = |x: &f64| (x * 2.0_f64.powi(scale / 4)).to_bits();
        roots.iter().flatten().map(back).collect::<Vec<_>>()
    };
    for scale in [-960, -240, -60, 60, 240, 960] {
        assert_eq!(roots(scale), roots(0), "2^{scale}");
    }
}

/// Counts reductions in lanes and alone.
#[derive(Default)]
struct Counting {
    lanes: AtomicUsize,
    alone: AtomicUsize,
}

impl Kernel<f64> for Counting {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        Portable.gemm(c, accum, alpha, a, b);
    }
    fn tridiagonalize(
        &self,
        a: TiledTriangle<'_, f64>,
        t: Tridiagonal<'_, f64>,
        vectors: &mut [f64],
        rows: core::ops::Range<usize>,
    ) {
        self.alone.fetch_add(1, Ordering::Relaxed);
        tridiagonal::tridiagonalize(Plain, a, t, vectors, rows);
    }
    fn reduce_lanes(&self, work: &mut Lanewise<'_, f64>) -> [Tile<f64>; 2] {
        self.lanes.fetch_add(1, Ordering::Relaxed);
        lanewise::reduce(Plain, work)
    }
}

#[test]
fn lanes_are_used_where_they_fit() {
    let mut random = Random::new(125);
    let mut count = |n: usize, jobs: usize, request: &Request, spare: isize| {
        let triangles: Vec<Vec<f64>> =
            (0..jobs).map(|_| stored::<f64, f64>(n, &with_condition(&mut random, n, 10.0))).collect();
        let kernel = Counting::default();
        let length = inverse_roots_workspace_len(n).checked_add_signed(spare).expect("a length");
        let (_, reports) = together::<f64, f64>(n, &triangles, request, length, &kernel);
        assert!(reports.iter().all(|report| report.is_ok_and(|report| report.outcome == Outcome::Accepted)));
        (kernel.lanes.into_inner(), kernel.alone.into_inner())
    };
    let rational = request(4, Ridge::Relative(1e-6), Method::Auto);
    assert_eq!(count(8, 8, &rational, 0), (1, 0));
    assert_eq!(count(32, 17, &rational, 0), (2, 1));
    assert_eq!(count(33, 8, &rational, 0), (0, 8));
    assert_eq!(count(5, 21, &rational, 0), (3, 0));
    // Too short for lanes, not for one.
    assert_eq!(count(8, 8, &rational, -1), (0, 8));
    // No table, another method.
    assert_eq!(count(8, 8, &Request { exponent: Exponent::Root(5), ..rational }, 0).0, 0);
    assert_eq!(count(8, 8, &Request { method: Method::Spectral, ..rational }, 0).0, 0);
}

#[test]
fn settings_and_lengths_are_refused_in_every_report() {
    let n = 4;
    let triangles = vec![vec![1.0_f64; 10]; 9];
    let run = |request: &Request, space: usize| together::<f64, f64>(n, &triangles, request, space, &Portable).1;
    let plain = Request::new(Exponent::Root(4));
    let enough = inverse_roots_workspace_len(n);
    let needed = inverse_root_workspace_len(n);
    let short = RootError::Shape(ShapeError::Length { needed, found: needed - 1 });
    assert!(run(&plain, needed - 1).iter().all(|report| *report == Err(short)));
    let negative = Request { ridge: Ridge::Relative(-1.0), ..plain };
    assert!(run(&negative, enough).iter().all(|report| *report == Err(RootError::Ridge { value: -1.0 })));
    let zero = Request { exponent: Exponent::Root(0), ..plain };
    assert!(run(&zero, enough).iter().all(|report| matches!(report, Err(RootError::Exponent(_)))));
    assert!(together::<f64, f64>(0, &vec![vec![]; 9], &plain, enough, &Portable).1.iter().all(Result::is_ok));
}
