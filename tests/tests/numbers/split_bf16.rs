//! Products in bfloat16 words: the bounds of NUMERICS section 6, the kernel's shapes, and roots.

use crate::common::root::{request, root_with};
use crate::common::{U32, assert_absolute, assert_relative, largest};
use shampoo_core::kernel::{Accum, Kernel, Portable, SplitBf16};
use shampoo_core::linalg::inverse_root::{Method, Outcome, Request, Ridge};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_tests::generate::{Random, with_condition};
use shampoo_tests::oracle::naive::{gram, matmul, transpose};
use shampoo_tests::oracle::root::{self as oracle, relative_error};
use shampoo_tests::oracle::wide;
use shampoo_tests::tolerance::{Check, Size};

const SAMPLES: usize = 200_000;

/// Relative error of the sum of the partial products, which is exact in `f64`, as the product itself is.
fn product_error<const TERMS: usize>(x: f32, y: f32) -> f64 {
    let right = f64::from(x) * f64::from(y);
    let found: f64 = SplitBf16::<TERMS>::partial_products(x, y).iter().map(|&p| f64::from(p)).sum();
    ((found - right) / right).abs()
}

/// Random numbers with full significands, and such with few bits beside a tie of the first word.
fn factor(random: &mut Random) -> f32 {
    let exponent = 2.0_f64.powi(random.below(60) as i32 - 30);
    let near_tie = 1.0 + 2.0_f64.powi(-8) + (random.below(5) as f64 - 2.0) * 2.0_f64.powi(-17 - random.below(7) as i32);
    let x = if random.below(2) == 0 { random.gaussian() } else { near_tie };
    (x * exponent) as f32
}

#[test]
fn product_errors_stay_within_their_bounds() {
    let [one, three, six] = [Check::SplitOne, Check::SplitThree, Check::SplitSix].map(|check| check.bound(U32));
    let mut random = Random::new(91);
    for _ in 0..SAMPLES {
        let (x, y) = (factor(&mut random), factor(&mut random));
        assert!(product_error::<1>(x, y) <= one, "{x:e} {y:e}");
        assert!(product_error::<3>(x, y) <= three, "{x:e} {y:e}");
        assert!(product_error::<6>(x, y) <= six, "{x:e} {y:e}");
        assert_eq!(product_error::<9>(x, y), 0.0, "{x:e} {y:e}");
    }
}

#[test]
fn the_bounds_are_nearly_reached() {
    let square =
        |terms: &[i32]| terms.iter().fold(1.0, |x, &k| x + f32::from(k.signum() as i8) * 2.0_f32.powi(-k.abs()));
    let [one, three, six] = [square(&[8, 23]), square(&[8, 17]), square(&[8, -17])];
    for (error, bits) in [
        (product_error::<1>(one, one), 7.003),
        (product_error::<3>(three, three), 15.008),
        (product_error::<6>(six, six), 24.013),
    ] {
        assert!((-error.log2() - bits).abs() <= Check::SplitBits.bound(U32), "{error:e}, 2^-{bits}");
    }
}

const SHAPE: [usize; 3] = [5, 7, 6];

fn singles(random: &mut Random, length: usize) -> Vec<f32> {
    random.gaussians(length).iter().map(|&x| x as f32).collect()
}

fn widened(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Every product of the kernel against plain sums, relative to |A| |B|, with the words' error and that of `f32` sums.
fn assert_products<const TERMS: usize>(check: Option<Check>) {
    let kernel = SplitBf16::<TERMS>;
    let mut random = Random::new(92);
    let [m, k, n] = SHAPE;
    let (a, b) = (singles(&mut random, m * k), singles(&mut random, k * n));
    let (wide_a, wide_b) = (widened(&a), widened(&b));
    let magnitude = |x: &[f64]| x.iter().map(|x| x.abs()).collect::<Vec<_>>();
    let sums = Check::KernelGemm.bound_at(U32, Size { order: k, ..Size::default() });
    let bound = sums + check.map_or(0.0, |check| check.bound(U32));
    let (view_a, view_b) = (MatRef::new(&a, m, k).expect("A"), MatRef::new(&b, k, n).expect("B"));

    let right = matmul(SHAPE, &wide_a, &wide_b);
    let scale = largest(&matmul(SHAPE, &magnitude(&wide_a), &magnitude(&wide_b)));
    let mut c = vec![f32::NAN; m * n];
    kernel.gemm(MatMut::new(&mut c, m, n).expect("C"), Accum::Replace, 1.0, view_a, view_b);
    assert_absolute(&widened(&c), &right, bound * scale);
    kernel.gemm(MatMut::new(&mut c, m, n).expect("C"), Accum::Add, -1.0, view_a, view_b);
    assert_eq!(c, vec![0.0; m * n], "the same product twice");

    let square = gram(m, &wide_a);
    let scale = largest(&square);
    let mut c = vec![f32::NAN; m * m];
    kernel.gram(MatMut::new(&mut c, m, m).expect("C"), Accum::Replace, 1.0, view_a);
    for i in 0..m {
        let (lower, upper) = c[i * m..][..m].split_at(i + 1);
        assert_absolute(&widened(lower), &square[i * m..][..=i], bound * scale);
        assert!(upper.iter().all(|x| x.is_nan()), "the upper triangle is not touched");
    }

    // A symmetric matrix and its square commute.
    let kept: Vec<f32> = square.iter().map(|&x| x as f32).collect();
    let symmetric = widened(&kept);
    let mut c = vec![f32::NAN; m * m];
    let view = MatRef::new(&kept, m, m).expect("A");
    kernel.symm_product(MatMut::new(&mut c, m, m).expect("C"), view, view);
    let scale = largest(&matmul([m, m, m], &magnitude(&symmetric), &magnitude(&symmetric)));
    assert_absolute(&widened(&c), &matmul([m, m, m], &symmetric, &symmetric), bound * scale);
    assert_eq!(widened(&c), transpose(m, &widened(&c)));

    let dot = kernel.dot(&a[..k], &a[..k]);
    assert_relative(&[f64::from(dot)], &[square[0]], bound, 0.0);
}

#[test]
fn the_kernels_products() {
    assert_products::<1>(Some(Check::SplitOne));
    assert_products::<3>(Some(Check::SplitThree));
    assert_products::<6>(Some(Check::SplitSix));
    assert_products::<9>(None);
}

/// True errors of coupled Newton's root with this kernel, whatever its certificate says.
fn root_error<K: Kernel<f32>>(a: &[f64], p: u32, kernel: &K) -> f64 {
    let n = a.len().isqrt();
    let request = Request { max_error: Some(1.0), ..request(p, Ridge::Absolute(0.0), Method::CoupledNewton) };
    let (x, report) = root_with::<f32, f32, _>(a, &request, kernel).expect("finite input");
    if report.outcome != Outcome::Accepted {
        return f64::INFINITY;
    }
    relative_error(n, &x, &wide::decompose(n, a).inverse_root(p, oracle::Ridge::None))
}

#[test]
fn six_terms_give_the_roots_of_f32_and_three_do_not() {
    let mut random = Random::new(93);
    for n in [4, 9, 24] {
        for kappa in [1.0, 1e2, 1e4, 1e6] {
            let a: Vec<f64> = with_condition(&mut random, n, kappa).iter().map(|&x| f64::from(x as f32)).collect();
            for p in [2, 4] {
                // Measured from n = 16 on: a smaller matrix has fewer roundings to average.
                let size = Size { order: n.max(16), kappa, root: f64::from(p), ..Size::default() };
                let bound = Check::RootVsOracle.bound_at(U32, size);
                let errors = [root_error(&a, p, &Portable), root_error(&a, p, &SplitBf16::<6>)];
                assert!(errors.iter().all(|&error| error <= bound), "{n}, {kappa:e}, {p}: {errors:?} above {bound:e}");
                let three = root_error(&a, p, &SplitBf16::<3>);
                assert!(three > bound || kappa == 1.0, "{n}, {kappa:e}, {p}: three terms would do, {three:e}");
            }
        }
    }
}

/// The products of one term under the roundoff of `f32`.
struct Boastful;

impl Kernel<f32> for Boastful {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        SplitBf16::<1>.gemm(c, accum, alpha, a, b);
    }

    fn symm_product(&self, c: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        SplitBf16::<1>.symm_product(c, a, b);
    }

    fn dot(&self, x: &[f32], y: &[f32]) -> f32 {
        SplitBf16::<1>.dot(x, y)
    }
}

/// Promises kept and broken by the roots of small matrices, by the methods made of products.
fn kept_and_broken<K: Kernel<f32>>(kernel: &K) -> [usize; 2] {
    let mut random = Random::new(94);
    let (mut counts, p) = ([0; 2], 2);
    for (n, kappa) in [(1, 1.0), (2, 1.0), (2, 4.0), (4, 10.0)].repeat(16) {
        let scale = 1.0 + random.uniform();
        let a: Vec<f64> = with_condition(&mut random, n, kappa).iter().map(|x| f64::from((x * scale) as f32)).collect();
        let right = wide::decompose(n, &a).inverse_root(p, oracle::Ridge::None);
        for method in [Method::CoupledNewton, Method::NewtonSchulz] {
            let request = Request { max_error: Some(1.0), ..request(p, Ridge::Absolute(0.0), method) };
            let (x, report) = root_with::<f32, f32, _>(&a, &request, kernel).expect("finite input");
            if report.outcome == Outcome::Accepted {
                counts[usize::from(relative_error(n, &x, &right) > report.promised)] += 1;
            }
        }
    }
    counts
}

#[test]
fn a_certificate_allows_for_the_products_that_it_is_made_of() {
    let [kept, broken] = kept_and_broken(&SplitBf16::<1>);
    assert_eq!(broken, 0, "of {kept}");
    assert!(kept > 0, "no promise at all");
    let [_, broken] = kept_and_broken(&Boastful);
    assert!(broken > 0, "the roundoff of f32 would do");
}
