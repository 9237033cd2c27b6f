//! Laws of the eigendecomposition, against wide arithmetic.

use crate::common::{U32, U48, U64};
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::eigen::{Eigen, workspace_len};
use shampoo_core::linalg::ql::Ql;
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{DoubleF32, Real};
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::{Random, from_spectrum, graded, low_rank, nearly_diagonal, with_condition};
use shampoo_tests::oracle::number::Number;
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};
use twofloat::TwoFloat;

/// Eigenvalues, and eigenvectors in rows, of what was loaded.
struct Found<R> {
    a: Vec<f64>,
    values: Vec<f64>,
    vectors: Vec<f64>,
    ql: Ql<R>,
}

fn decompose<R: Real>(n: usize, a: &[f64], kernel: &dyn Kernel<R>) -> Found<R> {
    let a: Vec<R> = a.iter().map(|&x| R::from_f64(x)).collect();
    let nan = R::from_f64(f64::NAN);
    let (mut v, mut workspace) = (vec![nan; n * n], vec![nan; workspace_len(n)]);
    let mut eigen = Eigen::start(MatRef::new(&a, n, n).expect("a square"), &mut workspace).expect("room");
    eigen.run(MatMut::new(&mut v, n, n).expect("a square"), &mut workspace, kernel).expect("room");
    let values = eigen.values(&workspace);
    assert_eq!(values.len(), n);
    let number = |x: &R| x.to_f64();
    let [a, values, vectors] = [&a, values, &v].map(|x| x.iter().map(number).collect());
    Found { a, values, vectors, ql: eigen.ql() }
}

/// Row i of X times row j of Y.
fn product(n: usize, x: &[f64], i: usize, y: &[f64], j: usize) -> TwoFloat {
    let terms = x[i * n..].iter().zip(&y[j * n..]).take(n);
    terms.fold(TwoFloat::widen(0.0), |sum, (&x, &y)| sum + TwoFloat::widen(x) * TwoFloat::widen(y))
}

/// V V^T = I, A v = lambda v, and the oracle's eigenvalues, all relative to the largest eigenvalue.
fn assert_decomposed<R: Real>(name: &str, n: usize, a: &[f64], unit: f64, kernel: &dyn Kernel<R>) {
    let found = decompose(n, a, kernel);
    assert!(found.ql.converged, "{name}: {:?}", found.ql);
    let bound = Check::Eigen.bound_at(unit, Size { order: n, ..Size::default() });
    let right = wide::decompose(n, &found.a).values;
    let norm = right.iter().fold(0.0_f64, |norm, x| norm.max(x.narrow().abs()));
    let mut sorted = found.values.clone();
    sorted.sort_by(f64::total_cmp);
    for (x, right) in sorted.iter().zip(&right) {
        let error = (TwoFloat::widen(*x) - *right).narrow().abs();
        assert!(error <= bound * norm, "{name}: {x:e} against {:e}, allowed {:e}", right.narrow(), bound * norm);
    }
    for (i, &lambda) in found.values.iter().enumerate() {
        for j in 0..n {
            let unit = TwoFloat::widen(f64::from(u8::from(i == j)));
            let cosine = (product(n, &found.vectors, i, &found.vectors, j) - unit).narrow().abs();
            assert!(cosine <= bound, "{name}: rows {i} and {j}, {cosine:e}, allowed {bound:e}");
            let image = TwoFloat::widen(lambda) * TwoFloat::widen(found.vectors[i * n + j]);
            let residual = (product(n, &found.vectors, i, &found.a, j) - image).narrow().abs();
            assert!(residual <= bound * norm, "{name}: eigenvector {i}, {residual:e}, allowed {:e}", bound * norm);
        }
    }
}

fn wilkinson() -> Vec<f64> {
    let entry = |i: usize, j: usize| match i.abs_diff(j) {
        0 => (i as f64 - 10.0).abs(),
        1 => 1.0,
        _ => 0.0,
    };
    (0..441).map(|k| entry(k / 21, k % 21)).collect()
}

/// Name, order, matrix.
fn matrices() -> Vec<(&'static str, usize, Vec<f64>)> {
    let mut random = Random::new(7);
    let mut all = vec![
        ("W21+", 21, wilkinson()),
        ("zero", 5, vec![0.0; 25]),
        ("all ones", 19, vec![1.0; 361]),
        ("a multiple of the identity", 9, (0..81).map(|k| f64::from(u8::from(k % 10 == 0)) * 0.7).collect()),
        ("order 0", 0, vec![]),
        ("order 1", 1, vec![-3.0]),
        ("order 2, equal on the diagonal", 2, vec![1.0, 1e-9, 1e-9, 1.0]),
    ];
    for n in [2, 3, 7, 8, 9, 16, 17, 25, 40] {
        all.push(("graded", n, graded(&mut random, n, 1e12)));
        all.push(("log-spaced", n, with_condition(&mut random, n, 1e8)));
        all.push(("low rank", n, low_rank(&mut random, n, n / 2)));
        all.push(("nearly diagonal", n, nearly_diagonal(&mut random, n, 1e6, 1e-9)));
        let cluster: Vec<f64> = (0..n).map(|i| 1.0 + 1e-15 * i as f64 - if i % 3 == 0 { 2.0 } else { 0.0 }).collect();
        all.push(("two clusters", n, from_spectrum(&mut random, &cluster)));
        let one: Vec<f64> = (0..n).map(|i| if i == 0 { 1.0 } else { 1e-10 }).collect();
        all.push(("one large", n, from_spectrum(&mut random, &one)));
        // Large at the end instead of at the beginning.
        let flipped: Vec<f64> = graded(&mut random, n, 1e12).into_iter().rev().collect();
        all.push(("graded, upwards", n, flipped));
    }
    all
}

fn laws<R: Real>(unit: f64, kernel: &dyn Kernel<R>) {
    for (name, n, a) in matrices() {
        assert_decomposed(name, n, &a, unit, kernel);
    }
}

#[test]
fn double() {
    laws::<f64>(U64, &Portable);
}

#[test]
fn double_server() {
    laws::<f64>(U64, &Server::new());
}

#[test]
fn single() {
    laws::<f32>(U32, &Portable);
}

#[test]
fn single_server() {
    laws::<f32>(U32, &Server::new());
}

#[test]
fn double_single() {
    laws::<DoubleF32>(U48, &Portable);
}

/// What vanishes or overflows when squared is scaled first: the same bits, times the power of two.
#[test]
fn powers_of_two_pass_through() {
    let a = with_condition(&mut Random::new(8), 20, 1e4);
    let right = decompose::<f64>(20, &a, &Portable);
    for power in [-600, -80, 3, 900] {
        let scale = 2.0_f64.powi(power);
        let scaled: Vec<f64> = a.iter().map(|x| x * scale).collect();
        let found = decompose::<f64>(20, &scaled, &Portable);
        assert_eq!(found.vectors, right.vectors);
        assert!(found.values.iter().zip(&right.values).all(|(x, y)| *x == y * scale));
    }
}

#[test]
fn what_is_diagonal_passes_through() {
    let entries = [4.0, 0.0, -1.0, 1e-300, 0.25, 3.0, 3.0, 3.0, 1e300];
    let a: Vec<f64> = (0..81).map(|k| if k % 10 == 0 { entries[k / 10] } else { 0.0 }).collect();
    let found = decompose::<f64>(9, &a, &Portable);
    assert_eq!((found.ql.sweeps, found.ql.converged), (0, true));
    assert!(found.values.iter().zip(entries).all(|(x, y)| *x == y || y == 1e-300));
    assert!(found.vectors.iter().enumerate().all(|(k, x)| *x == f64::from(u8::from(k % 10 == 0))));
}

#[test]
fn infinity_and_nan_end_without_a_decomposition() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut a = with_condition(&mut Random::new(9), 12, 10.0);
        (a[3 * 12 + 1], a[12 + 3]) = (bad, bad);
        assert!(!decompose::<f64>(12, &a, &Portable).ql.converged);
    }
}
