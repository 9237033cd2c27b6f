//! A root in steps: the bits of a root at once, whatever happens between the steps, and nothing where it is dropped.

use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::common::root::request;
use crate::common::run::PSEUDO;
use shampoo_core::error::{RootError, ShapeError};
use shampoo_core::kernel::{Accum, Kernel, Poles, Portable, TiledTriangle, Tridiagonal, portable};
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Job, Method, Outcome, Progress, Report, Request, Ridge, inverse_root, inverse_root_while,
    inverse_root_workspace_len,
};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::{Random, low_rank, to_packed, with_condition};

const DEFAULT_RIDGE: Ridge = Ridge::Relative(1e-6);

/// Every method and certificate, the ladder, and what cannot be computed.
fn requests() -> Vec<Request> {
    let mut requests = Vec::new();
    for method in [Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral] {
        for p in [2, 4] {
            for certificate in [Certificate::Full, Certificate::Probed] {
                requests.push(Request { certificate, ..request(p, DEFAULT_RIDGE, method) });
            }
        }
    }
    requests.extend([
        request(3, DEFAULT_RIDGE, Method::Rational),
        request(7, DEFAULT_RIDGE, Method::CoupledNewton),
        request(2, PSEUDO, Method::Auto),
        Request { exponent: Exponent::Power(0.4), ..request(1, DEFAULT_RIDGE, Method::Auto) },
        // Below the rational function's interval, so by another method, and up the ladder.
        Request { max_retries: 3, ..request(4, Ridge::Relative(1e-9), Method::Auto) },
        Request { max_retries: 3, max_error: Some(1e-300), ..request(4, DEFAULT_RIDGE, Method::Auto) },
    ]);
    requests
}

/// A packed matrix and everything that a root of it needs.
struct Case<R, S> {
    n: usize,
    triangle: Vec<S>,
    root: Vec<S>,
    workspace: Vec<R>,
}

impl<R: Real, S: Stored<R>> Case<R, S> {
    fn new(full: &[f64]) -> Self {
        let n = full.len().isqrt();
        let kept: Vec<S> = full.iter().map(|&x| S::store(R::from_f64(x))).collect();
        let triangle = to_packed(n, &kept);
        let root = vec![S::store(R::from_f64(7.0)); triangle.len()];
        Self { n, triangle, root, workspace: vec![R::from_f64(f64::NAN); inverse_root_workspace_len(n)] }
    }

    fn start(&self, request: &Request) -> Job<R> {
        Job::start(&self.triangle, self.n, request).expect("finite input")
    }

    fn step(&mut self, job: &mut Job<R>, kernel: &impl Kernel<R>) -> Progress {
        job.step(&self.triangle, &mut self.workspace, kernel).expect("buffers that are long enough")
    }

    fn bits(&self) -> Vec<u64> {
        self.root.iter().map(|x| x.load().to_f64().to_bits()).collect()
    }

    fn at_once(&mut self, request: &Request, kernel: &impl Kernel<R>) -> Report {
        inverse_root(&self.triangle, self.n, &mut self.root, request, &mut self.workspace, kernel).unwrap()
    }
}

fn matrices() -> [Vec<f64>; 4] {
    let mut random = Random::new(91);
    [
        with_condition(&mut random, 1, 1.0),
        with_condition(&mut random, 5, 1e3),
        low_rank(&mut random, 9, 3),
        with_condition(&mut random, 17, 1e5),
    ]
}

/// Two roots in turns, with a third computed at once between any two steps, against each of them at once.
fn assert_interleaved<R: Real, S: Stored<R>>(kernel: &impl Kernel<R>) {
    let [_, small, ..] = matrices();
    for request in requests() {
        for a in matrices() {
            let mut other = Case::<R, S>::new(&small);
            let mut right = [Case::<R, S>::new(&a), Case::new(&small)];
            let reports = right.each_mut().map(|case| case.at_once(&request, kernel));
            let mut cases = [Case::<R, S>::new(&a), Case::new(&small)];
            let mut jobs = cases.each_ref().map(|case| case.start(&request));
            let mut working = true;
            while working {
                working = false;
                for (case, job) in cases.iter_mut().zip(&mut jobs) {
                    // A job is plain data: a copy goes on as well.
                    let mut copy = *job;
                    working |= case.step(&mut copy, kernel) == Progress::Working;
                    *job = copy;
                }
                other.at_once(&request, kernel);
            }
            for ((case, job), (right, report)) in cases.iter_mut().zip(jobs).zip(right.iter().zip(reports)) {
                let found = job.finish(&mut case.root, &case.workspace).unwrap();
                assert_eq!(format!("{found:?}"), format!("{report:?}"), "{request:?}");
                assert_eq!(case.bits(), right.bits(), "{request:?}");
            }
        }
    }
}

#[test]
fn steps_give_the_bits_of_a_root_at_once() {
    assert_interleaved::<f64, f64>(&Portable);
    assert_interleaved::<f64, f32>(&Portable);
    assert_interleaved::<f32, f32>(&Portable);
    assert_interleaved::<DoubleF32, f32>(&Portable);
    assert_interleaved::<f64, f32>(&Server::new());
    assert_interleaved::<f32, f32>(&Server::new());
}

#[test]
fn a_job_dropped_at_any_step_leaves_no_trace() {
    let [_, a, ..] = matrices();
    for request in requests() {
        let mut case = Case::<f64, f64>::new(&a);
        let (input, output) = (case.triangle.clone(), case.bits());
        for stop_after in 0.. {
            let mut job = case.start(&request);
            let done = (0..stop_after).any(|_| case.step(&mut job, &Portable) == Progress::Done);
            if done {
                assert!(stop_after > 5, "{stop_after} steps are a whole root");
                break;
            }
            let report = job.finish(&mut case.root, &case.workspace).unwrap();
            assert_eq!(report.outcome, Outcome::Cancelled);
            assert_eq!(case.triangle, input);
            assert_eq!(case.bits(), output);
        }
    }
}

#[test]
fn a_root_goes_on_as_long_as_it_is_told() {
    let [.., a] = matrices();
    for request in requests() {
        let mut right = Case::<f64, f64>::new(&a);
        let report = right.at_once(&request, &Portable);
        let mut case = Case::<f64, f64>::new(&a);
        let mut run = |limit: u32| {
            let mut polls = 0;
            let keep_going = || {
                polls += 1;
                polls < limit
            };
            let Case { n, triangle, root, workspace } = &mut case;
            let found = inverse_root_while(triangle, *n, root, &request, workspace, &Portable, keep_going).unwrap();
            (found, polls, case.bits())
        };
        let untouched = Case::<f64, f64>::new(&a).bits();
        for limit in [1, 7, 20] {
            let (stopped, polls, bits) = run(limit);
            assert_eq!((stopped.outcome, polls, bits), (Outcome::Cancelled, limit, untouched.clone()));
        }
        let (found, _, bits) = run(u32::MAX);
        assert_eq!((found.outcome, bits), (report.outcome, right.bits()));
    }
}

/// Counts the products, and the rows of a reduction and its way back.
#[derive(Default)]
struct Counting(AtomicU64);

impl Kernel<f64> for Counting {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        portable::gemm(c, accum, alpha, a, b);
    }

    fn gram(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        portable::gram(c, accum, alpha, a);
    }

    fn symm_product(&self, c: MatMut<'_, f64>, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        portable::symm_product(c, a, b);
    }

    fn tridiagonalize(
        &self,
        a: TiledTriangle<'_, f64>,
        t: Tridiagonal<'_, f64>,
        vectors: &mut [f64],
        rows: Range<usize>,
    ) {
        self.0.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Portable.tridiagonalize(a, t, vectors, rows);
    }

    fn back_transform(
        &self,
        a: TiledTriangle<'_, f64>,
        tau: &[f64],
        poles: Poles<'_, f64>,
        vectors: &mut [f64],
        rows: Range<usize>,
    ) {
        self.0.fetch_add(rows.len() as u64, Ordering::Relaxed);
        Portable.back_transform(a, tau, poles, vectors, rows);
    }
}

#[test]
fn no_step_is_more_than_one_product_or_row() {
    let [.., a] = matrices();
    for request in requests().into_iter().filter(|request| request.certificate == Certificate::Full) {
        let (mut case, kernel) = (Case::<f64, f64>::new(&a), Counting::default());
        let mut job = case.start(&request);
        let (mut before, mut progress) = (0, Progress::Working);
        while progress == Progress::Working {
            progress = case.step(&mut job, &kernel);
            let after = kernel.0.load(Ordering::Relaxed);
            assert!(after <= before + 1, "{request:?}: {} at once", after - before);
            before = after;
        }
        assert!(before > 0, "a certificate alone has some: {request:?}");
    }
}

#[test]
fn buffers_are_checked_in_every_call() {
    let [_, a, ..] = matrices();
    let mut case = Case::<f64, f64>::new(&a);
    let mut job = case.start(&request(4, DEFAULT_RIDGE, Method::Auto));
    let needed = case.workspace.len();
    let short = &mut case.workspace[..needed - 1];
    let error = job.step(&case.triangle, short, &Portable).unwrap_err();
    assert_eq!(error, RootError::Shape(ShapeError::Length { needed, found: needed - 1 }));
    let other = &case.triangle[1..];
    assert!(job.step(other, &mut case.workspace, &Portable).is_err());
    // What was refused has changed nothing.
    job.run(&case.triangle, &mut case.workspace, &Portable).unwrap();
    assert!(job.finish(&mut case.root[1..], &case.workspace).is_err());
    assert!(job.finish(&mut case.root, &case.workspace[1..]).is_err());
    assert_eq!(job.finish(&mut case.root, &case.workspace).unwrap().outcome, Outcome::Accepted);
}
