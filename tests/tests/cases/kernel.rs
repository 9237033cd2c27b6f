//! CASES A13, A15, A53 and A57, where a kernel of the test's own or a single product shows the fault.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::common::root::{request, root, root_with};
use crate::common::{U64, assert_relative};
use shampoo_core::error::RootError;
use shampoo_core::kernel::{Accum, Kernel, Portable, portable};
use shampoo_core::linalg::inverse_root::{Method, Outcome, Request, Ridge};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

/// Spoils the certificates of the first `failing` attempts: a spectral root forms its root by the one `gram` of an
/// attempt, its certificate by `gemm`.
struct Spoiled {
    failing: u32,
    attempts: AtomicU32,
}

impl Spoiled {
    fn new(failing: u32) -> Self {
        Self { failing, attempts: AtomicU32::new(0) }
    }
}

impl Kernel<f64> for Spoiled {
    fn gemm(&self, mut c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        portable::gemm(c.reborrow(), accum, alpha, a, b);
        if self.attempts.load(Ordering::Relaxed) <= self.failing {
            c.rows_mut().for_each(|row| row.fill(f64::NAN));
        }
    }

    fn gram(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        portable::gram(c, accum, alpha, a);
    }
}

const A: [f64; 4] = [2.0, 1.0, 1.0, 2.0];
const FIRST_RIDGE: f64 = 1e-6;

fn patient(ridge: Ridge) -> Request {
    Request { max_retries: 5, ..request(4, ridge, Method::Spectral) }
}

#[test]
fn a13_ridges_do_not_pile_up() {
    for (ridge, first) in
        [(Ridge::Absolute(FIRST_RIDGE), FIRST_RIDGE), (Ridge::Relative(FIRST_RIDGE), 3.0 * FIRST_RIDGE)]
    {
        let (x, report) = root_with::<f64, f64, _>(&A, &patient(ridge), &Spoiled::new(2)).unwrap();
        assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 2), "{report:?}");
        // 100 times, not 111 times.
        assert_relative(&[report.ridge], &[100.0 * first], Check::Case.bound(U64), 0.0);
        // From the untouched input: the same bits as a root that starts there.
        let there = request(4, ridge.times(10.0).times(10.0), Method::Spectral);
        let (direct, _) = root::<f64, f64>(&A, &there).unwrap();
        assert_eq!(x, direct);
    }
}

#[test]
fn a13_the_ladder_ends() {
    let kernel = Spoiled::new(u32::MAX);
    let (x, report) = root_with::<f64, f64, _>(&A, &patient(Ridge::Relative(FIRST_RIDGE)), &kernel).unwrap();
    assert_eq!((report.outcome, report.retries), (Outcome::Uncertified, 5));
    assert_eq!(kernel.attempts.into_inner(), 6, "the first attempt and five retries");
    assert_eq!(x, [0.0; 4], "nothing is written");
}

#[test]
fn a13_without_a_ridge_there_is_no_ladder() {
    let kernel = Spoiled::new(u32::MAX);
    let (_, report) = root_with::<f64, f64, _>(&A, &patient(Ridge::Absolute(0.0)), &kernel).unwrap();
    assert_eq!((report.outcome, report.retries, kernel.attempts.into_inner()), (Outcome::Uncertified, 0, 1));
}

#[test]
fn a15_more_ridge_cannot_mend_nan_in_the_input() {
    for poison in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for method in [Method::Auto, Method::Spectral, Method::CoupledNewton, Method::Rational] {
            let mut a = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
            a[2 * 3 + 1] = poison;
            let kernel = Spoiled::new(0);
            let request = Request { method, ..patient(Ridge::Relative(FIRST_RIDGE)) };
            let error = root_with::<f64, f64, _>(&a, &request, &kernel).unwrap_err();
            assert_eq!(error, RootError::NonFinite { row: 2, column: 1 });
            assert_eq!(kernel.attempts.into_inner(), 0, "at once");
        }
    }
}

#[test]
fn a53_bits_do_not_depend_on_alignment() {
    let x: Vec<f32> = Random::new(53).gaussians(1008).iter().map(|&x| x as f32).collect();
    let at = |offset: usize| {
        let mut moved = vec![0.0_f32; offset];
        moved.extend(&x[..1000]);
        Kernel::<f32>::dot(&Portable, &moved[offset..], &x[8..]).to_bits()
    };
    (0..8).for_each(|offset| assert_eq!(at(offset), at(0)));
}

#[test]
fn a57_portable_products_are_not_fused() {
    let a = 1.0 + 2.0_f32.powi(-12);
    let c = -(1.0 + 2.0_f32.powi(-11));
    assert_eq!(Portable.dot(&[c, a], &[1.0, a]), 0.0);
    assert_ne!(a.mul_add(a, c), 0.0, "fused, the rounding of the square would show");
}
