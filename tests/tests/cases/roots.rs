//! CASES A1 to A13: inputs that broke eigensolvers and root iterations.

use core::f64::consts::FRAC_1_SQRT_2;

use crate::common::root::{assert_case, diagonal, entries, request, root};
use crate::common::run::PSEUDO;
use crate::common::{U32, U64, assert_relative, bits, largest};
use shampoo_core::linalg::inverse_root::{Method, Outcome, Report, Ridge};
use shampoo_tests::generate::packed_to_full;
use shampoo_tests::oracle::{root as oracle, wide};
use shampoo_tests::tolerance::Check;

const DEFAULT_RIDGE: Ridge = Ridge::Relative(1e-6);
const NO_RIDGE: Ridge = Ridge::Absolute(0.0);

fn outer_product(v: &[f64]) -> Vec<f64> {
    v.iter().flat_map(|x| v.iter().map(move |y| x * y)).collect()
}

#[test]
fn a01_rank_one_of_order_64() {
    let v: Vec<f64> = (1..=64).map(f64::from).collect();
    let a = outer_product(&v);
    assert_case(&a, 4, PSEUDO, &[(0, 0, 6.46524909e-7), (63, 63, 2.64816603e-3)]);
    assert_case(&a, 4, DEFAULT_RIDGE, &[(0, 0, 1.8285732), (63, 63, 1.7474988)]);
    for method in [Method::Spectral, Method::Auto] {
        let (_, report) = root::<f64, f64>(&a, &request(4, PSEUDO, method)).unwrap();
        assert_eq!(report.rank, 1);
        assert_relative(&[report.lambda_max], &[89440.0], Check::Case.bound(U64), 0.0);
        let coarse = Ridge::PseudoInverse { cutoff: 1e-5 };
        let (_, report) = root::<f32, f32>(&a, &request(4, coarse, method)).unwrap();
        assert_eq!(report.rank, 1);
        assert_relative(&[report.lambda_max], &[89440.0], Check::CaseNarrow.bound(U32), 0.0);
    }
}

#[test]
fn a02_zero_one_matrix_with_repeated_rows_ends() {
    let mut a = [0.0; 144];
    for group in [&[1, 4, 7][..], &[2, 9]] {
        group.iter().for_each(|i| group.iter().for_each(|j| a[i * 12 + j] = 1.0));
    }
    for (p, three, two) in [(4, 0.253278562, 0.420448208), (2, 0.192450090, 0.353553391)] {
        let in_three = |k: usize| [1, 4, 7].contains(&k);
        let value = |k: usize, x: f64| {
            if x == 0.0 {
                0.0
            } else if in_three(k / 12) {
                three
            } else {
                two
            }
        };
        let right: Vec<f64> = a.iter().enumerate().map(|(k, &x)| value(k, x)).collect();
        let started = std::time::Instant::now();
        let (x, report) = root::<f64, f64>(&a, &request(p, PSEUDO, Method::Auto)).unwrap();
        assert_eq!((report.outcome, report.rank), (Outcome::Accepted, 2));
        assert_relative(&x, &right, Check::Case.bound(U64), largest(&right));
        let (x, report) =
            root::<f32, f32>(&a, &request(p, Ridge::PseudoInverse { cutoff: 1e-5 }, Method::Auto)).unwrap();
        assert_eq!(report.outcome, Outcome::Accepted);
        assert_relative(&x, &right, Check::CaseNarrow.bound(U32), largest(&right));
        assert!(started.elapsed().as_secs() < 2, "symmetric QR spun for ever");
    }
}

#[test]
fn a03_zero_row_stays_exactly_zero() {
    let a = [0.8, 0., -2., 0., 0., 0., -2., 0., 5.];
    for (p, corner, off, last) in
        [(2, 0.0572727447, -0.143181862, 0.357954655), (4, 0.0888801942, -0.222200486, 0.555501214)]
    {
        let right = [corner, 0., off, 0., 0., 0., off, 0., last];
        assert_case(&a, p, PSEUDO, &entries(&right));
        let (x, _) = root::<f64, f64>(&a, &request(p, PSEUDO, Method::Auto)).unwrap();
        assert!([1, 3, 4, 5, 7].iter().all(|&k| x[k] == 0.0), "{x:?}");
    }
}

#[test]
fn a04_values_and_vectors_stay_in_step() {
    for n in 31..=34_u32 {
        let values: Vec<f64> = (1..=n).rev().map(f64::from).collect();
        let right: Vec<f64> = values.iter().map(|x| 1.0 / x.sqrt()).collect();
        assert_case(&diagonal(&values), 2, NO_RIDGE, &entries(&diagonal(&right)));
        if n == 33 {
            let printed = [(0, 0, 0.174077656), (31, 31, FRAC_1_SQRT_2), (32, 32, 1.0)];
            assert_case(&diagonal(&values), 2, NO_RIDGE, &printed);
        }
    }
}

#[test]
fn a05_path_laplacian_keeps_its_null_vector() {
    let a = [1., -1., 0., -1., 2., -1., 0., -1., 1.];
    let (x, y, z, w) = (0.626639281, -0.253278562, -0.373360719, 0.506557124);
    assert_case(&a, 4, PSEUDO, &entries(&[x, y, z, y, w, y, z, y, x]));
    let (root, _) = root::<f64, f64>(&a, &request(4, PSEUDO, Method::Auto)).unwrap();
    for row in root.chunks(3) {
        assert!(row.iter().sum::<f64>().abs() < Check::Case.bound(U64), "{root:?}");
    }
}

#[test]
fn a06_already_diagonal() {
    let two = 0.840896415;
    for (a, right) in [([2., 1.], [two, 1.]), ([1., 1.], [1., 1.]), ([1., 2.], [1., two])] {
        assert_case(&diagonal(&a), 4, NO_RIDGE, &entries(&diagonal(&right)));
        let (x, report) = root::<f64, f64>(&diagonal(&a), &request(4, NO_RIDGE, Method::Spectral)).unwrap();
        let ones = a.iter().enumerate().filter(|(_, a)| **a == 1.0);
        ones.for_each(|(i, _)| assert_eq!(x[i * 3], 1.0, "exactly 1 for the 1"));
        assert_eq!(report.indicator, 0.0);
    }
}

#[test]
fn a07_one_triangle_decides() {
    // The packed triangle is all that the contract reads: the other one, a bit off or NaN, has no place in it.
    let upper = 1.0 + 2.0_f64.powi(-23);
    let right = packed_to_full(2, &[0.788675135, -0.211324865, 0.788675135]);
    let bits_of = |a: [f64; 4], p| {
        let (x, _) = root::<f32, f32>(&a, &request(p, NO_RIDGE, Method::Auto)).unwrap();
        assert_relative(&x, &right, Check::CaseNarrow.bound(U32), 0.0);
        assert_eq!(x[1].to_bits(), x[2].to_bits());
        bits(&x)
    };
    assert_eq!(bits_of([2.0, upper, 1.0, 2.0], 2), bits_of([2.0, f64::NAN, 1.0, 2.0], 2));
    assert_case(&[2.0, upper, 1.0, 2.0], 2, NO_RIDGE, &entries(&right));
}

/// An accepted root of an `f32` matrix is as near to the oracle's as it promises.
fn assert_honest(a: &[f64], p: u32, x: &[f64], report: &Report) {
    let n = a.len().isqrt();
    let truth = wide::decompose(n, a).inverse_root(p, oracle::Ridge::Absolute(report.ridge));
    let error = oracle::relative_error(n, x, &truth);
    assert!(error <= report.promised, "{error:e} against {report:?}");
}

#[test]
fn a08_slightly_negative_eigenvalue() {
    let a = [1.0, 1.0, 1.0, 1.0 - 2.0_f64.powi(-23)];
    let right = [13.8171356, -12.9762401, -12.9762401, 13.8171371];
    let (x, _) = root::<f64, f64>(&a, &request(4, DEFAULT_RIDGE, Method::Spectral)).unwrap();
    assert_relative(&x, &right, Check::Case.bound(U64), 0.0);
    for method in [Method::Auto, Method::Spectral, Method::CoupledNewton] {
        let (x, _) = root::<f64, f32>(&a, &request(4, DEFAULT_RIDGE, method)).unwrap();
        assert_relative(&x, &right, Check::Case.bound(U32), 0.0);
        let (x, report) = root::<f32, f32>(&a, &request(4, DEFAULT_RIDGE, method)).unwrap();
        if report.outcome == Outcome::Accepted {
            assert_honest(&a, 4, &x, &report);
        }
        for ridge in [NO_RIDGE, Ridge::Relative(0.0)] {
            let (x, report) = root::<f32, f32>(&a, &request(4, ridge, method)).unwrap();
            assert_ne!(report.outcome, Outcome::Accepted, "an indefinite matrix has no root: {report:?}");
            assert_eq!(x, [0.0; 4], "nothing is written");
        }
    }
    let (x, report) = root::<f32, f32>(&a, &request(4, Ridge::PseudoInverse { cutoff: 1e-5 }, Method::Auto)).unwrap();
    assert_eq!((report.outcome, report.rank), (Outcome::Accepted, 1));
    assert!(largest(&x) < 1e3);
}

#[test]
fn a09_rounded_hilbert_matrix() {
    let a: Vec<f64> = (0..64u16).map(|k| f64::from(1.0 / f32::from(k / 8 + k % 8 + 1))).collect();
    let printed = [(0, 0, 1.22582393), (7, 7, 11.1120136), (0, 7, -6.51781688e-3)];
    for method in [Method::Spectral, Method::CoupledNewton, Method::Auto] {
        let (x, report) = root::<f64, f64>(&a, &request(4, DEFAULT_RIDGE, method)).unwrap();
        // Relative to the root's norm: the corner is 1700 times smaller than the last entry.
        let bound = if method == Method::Auto { Check::RationalRoot } else { Check::Case }.bound(U64);
        printed.iter().for_each(|&(i, j, y)| assert_relative(&[x[i * 8 + j]], &[y], bound, largest(&x)));
        // kappa is the ridge's, and log2(kappa / p) bits are lost.
        let known = [report.kappa, report.lost_bits];
        assert_relative(&known, &[1e6, 17.93], Check::GoldenCondition.bound(U64), 0.0);
        let (x, report) = root::<f32, f32>(&a, &request(4, NO_RIDGE, method)).unwrap();
        assert!(report.outcome != Outcome::Accepted && x == [0.0; 64], "f32 cannot resolve kappa 1.5e10: {report:?}");
    }
    let (x, report) = root::<f32, f32>(&a, &request(4, DEFAULT_RIDGE, Method::Auto)).unwrap();
    if report.outcome == Outcome::Accepted {
        assert_honest(&a, 4, &x, &report);
    }
}

#[test]
fn a10_thresholds_are_relative() {
    let (tiny, plain) = ([2e-16, 1e-16, 1e-16, 2e-16], [2.0, 1.0, 1.0, 2.0]);
    let right = [8799.17843, -1200.82157, -1200.82157, 8799.17843];
    assert_case(&tiny, 4, NO_RIDGE, &entries(&right));
    for method in [Method::Auto, Method::Spectral, Method::CoupledNewton] {
        let (_, small) = root::<f64, f64>(&tiny, &request(4, DEFAULT_RIDGE, method)).unwrap();
        let (_, large) = root::<f64, f64>(&plain, &request(4, DEFAULT_RIDGE, method)).unwrap();
        assert_eq!((small.rank, small.iterations), (2, large.iterations));
        assert_relative(&[small.kappa], &[large.kappa], Check::Case.bound(U64), 0.0);
    }
    let pinv = Ridge::PseudoInverse { cutoff: 1e-6 };
    assert_case(&tiny, 4, pinv, &entries(&right));
}

#[test]
fn a11_powers_that_are_not_powers_of_two() {
    for p in [3, 5, 6, 7] {
        let a = diagonal(&[1.0, 2.0, 3.0].map(|x: f64| x.powi(p)));
        let right = diagonal(&[1.0, 1.0 / 2.0, 1.0 / 3.0]);
        assert_case(&a, p.unsigned_abs(), NO_RIDGE, &entries(&right));
    }
    // NUMERICS section 1: p = 6 of diag(1, 4) is not the neighbouring order's.
    assert_case(&diagonal(&[1.0, 4.0]), 6, NO_RIDGE, &entries(&diagonal(&[1.0, 0.793700526])));
}

#[test]
fn a12_square_root_is_not_fourth_root() {
    let a = diagonal(&[2.0, 16.0]);
    assert_case(&a, 4, NO_RIDGE, &entries(&diagonal(&[0.840896415, 0.5])));
    assert_case(&a, 2, NO_RIDGE, &entries(&diagonal(&[FRAC_1_SQRT_2, 0.25])));
}
