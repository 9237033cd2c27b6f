//! Laws of a kernel's products, on every kernel: any shape and stride against wide sums; nothing outside the output
//! is written, and nothing between a matrix's entries read.

use crate::runtime_support::battery::{
    Judged, Layout, Matrix, accum, assert_sum, battery, layout, size, sum_of_products,
};
use proptest::prelude::*;
use shampoo_core::kernel::{Accum, Kernel, Portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::Real;
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::tolerance::{Check, Size};
use twofloat::TwoFloat;

/// C m x n, A m x k, B k x n in layouts of their own, and the gap between rows of C.
#[derive(Clone, Debug)]
struct Product {
    shape: [usize; 3],
    layouts: [Layout; 2],
    gap: usize,
    accum: Accum,
    alpha: f64,
    seed: u64,
}

fn product() -> impl Strategy<Value = Product> {
    let alpha = prop_oneof![Just(1.0), Just(-1.0), Just(0.375), Just(0.0)];
    ([size(), size(), size()], [layout(), layout()], 0_usize..4, accum(), alpha, any::<u64>())
        .prop_map(|(shape, layouts, gap, accum, alpha, seed)| Product { shape, layouts, gap, accum, alpha, seed })
}

/// An output with a mark on everything that must stay, and what was in it.
struct Output<T> {
    data: Vec<T>,
    before: Vec<T>,
    ncols: usize,
    stride: usize,
}

const MARK: f64 = 7.5;

impl<T: Real> Output<T> {
    /// NaN where the content is to be replaced, numbers where it is added to.
    fn new(nrows: usize, ncols: usize, gap: usize, accum: Accum, written: impl Fn(usize, usize) -> bool) -> Self {
        // One row needs no stride.
        let stride = if nrows == 1 && gap == 3 { 0 } else { ncols + gap };
        let mut data = vec![T::from_f64(MARK); nrows * stride + ncols];
        let mut random = Random::new(23);
        for i in 0..nrows {
            for j in (0..ncols).filter(|&j| written(i, j)) {
                let number = random.gaussian();
                data[i * stride + j] = T::from_f64(if accum == Accum::Add { number } else { f64::NAN });
            }
        }
        Self { before: data.clone(), data, ncols, stride }
    }

    fn view(&mut self, nrows: usize) -> MatMut<'_, T> {
        MatMut::with_row_stride(&mut self.data, nrows, self.ncols, self.stride).expect("long enough")
    }

    /// Every entry that `right` knows agrees with it; every other number is untouched.
    #[track_caller]
    fn assert(&self, nrows: usize, bound: f64, accum: Accum, right: impl Fn(usize, usize) -> Option<(TwoFloat, f64)>) {
        let mut expected_untouched = vec![true; self.data.len()];
        for (i, j) in (0..nrows).flat_map(|i| (0..self.ncols).map(move |j| (i, j))) {
            let Some((sum, size)) = right(i, j) else { continue };
            let at = i * self.stride + j;
            expected_untouched[at] = false;
            let start = if accum == Accum::Add { self.before[at].to_f64() } else { 0.0 };
            assert_sum(self.data[at].to_f64(), sum + TwoFloat::widen(start), bound, size + start.abs());
        }
        for (at, _) in expected_untouched.iter().enumerate().filter(|(_, untouched)| **untouched) {
            assert_eq!(self.data[at].to_f64(), MARK, "number {at} lies outside the output");
        }
    }
}

fn bound_of(unit: f64, terms: usize) -> f64 {
    Check::KernelGemm.bound_at(unit, Size { order: terms, ..Size::default() })
}

/// Entry (i, j) of alpha A B, and the sum of the magnitudes.
fn entry<T: Real>(alpha: f64, a: &Matrix<T>, b: &Matrix<T>, terms: usize, i: usize, j: usize) -> (TwoFloat, f64) {
    let (sum, size) = sum_of_products((0..terms).map(|l| (a.at(i, l), b.at(l, j))));
    (sum * alpha, size * alpha.abs())
}

fn gemm<T: Real>(judged: &Judged<'_, T>, case: &Product) {
    let ([m, k, n], mut random) = (case.shape, Random::new(case.seed));
    let a = Matrix::<T>::random(m, k, case.layouts[0], &mut random);
    let b = Matrix::<T>::random(k, n, case.layouts[1], &mut random);
    let mut c = Output::<T>::new(m, n, case.gap, case.accum, |_, _| true);
    judged.kernel.gemm(c.view(m), case.accum, T::from_f64(case.alpha), a.view(), b.view());
    c.assert(m, bound_of(judged.unit, k), case.accum, |i, j| Some(entry(case.alpha, &a, &b, k, i, j)));
}

fn gram<T: Real>(judged: &Judged<'_, T>, case: &Product) {
    let ([m, k, _], mut random) = (case.shape, Random::new(case.seed));
    let a = Matrix::<T>::random(m, k, case.layouts[0], &mut random);
    let transpose = Matrix::<T>::new(k, m, Layout::Rows(0), |l, i| T::from_f64(a.at(i, l)));
    let mut c = Output::<T>::new(m, m, case.gap, case.accum, |i, j| j <= i);
    judged.kernel.gram(c.view(m), case.accum, T::from_f64(case.alpha), a.view());
    let right = |i, j| (j <= i).then(|| entry(case.alpha, &a, &transpose, k, i, j));
    c.assert(m, bound_of(judged.unit, k), case.accum, right);
}

fn symm_product<T: Real>(judged: &Judged<'_, T>, case: &Product) {
    let ([n, ..], mut random) = (case.shape, Random::new(case.seed));
    // Sixty-fourths: A and A + 2 I commute exactly.
    let numbers: Vec<f64> = random.gaussians(n * n).iter().map(|x| (x * 64.0).round() / 64.0).collect();
    let symmetric = |i: usize, j: usize| numbers[i.max(j) * n + i.min(j)];
    let shifted = |i: usize, j: usize| symmetric(i, j) + if i == j { 2.0 } else { 0.0 };
    let a = Matrix::<T>::new(n, n, case.layouts[0], |i, j| T::from_f64(symmetric(i, j)));
    let b = Matrix::<T>::new(n, n, case.layouts[1], |i, j| T::from_f64(shifted(i, j)));
    let mut c = Output::<T>::new(n, n, case.gap, Accum::Replace, |_, _| true);
    judged.kernel.symm_product(c.view(n), a.view(), b.view());
    c.assert(n, bound_of(judged.unit, n), Accum::Replace, |i, j| Some(entry(1.0, &a, &b, n, i, j)));
}

battery! {
    gemm(product());
    gram(product());
    symm_product(product());
}

/// A product of the same numbers from memory shifted by some numbers.
fn shifted_product<T: Real>(kernel: &dyn Kernel<T>, [m, k, n]: [usize; 3], offset: usize) -> Vec<u64> {
    let mut random = Random::new(53);
    let mut shifted = |length: usize| -> Vec<T> {
        let numbers = random.gaussians(length).into_iter().map(T::from_f64);
        core::iter::repeat_n(T::zero(), offset).chain(numbers).collect()
    };
    let (a, b) = (shifted(m * k), shifted(k * n));
    let mut c = vec![T::zero(); offset + m * n];
    let a = MatRef::new(&a[offset..], m, k).unwrap();
    let b = MatRef::new(&b[offset..], k, n).unwrap();
    kernel.gemm(MatMut::new(&mut c[offset..], m, n).unwrap(), Accum::Replace, T::one(), a, b);
    c[offset..].iter().map(|x| x.to_f64().to_bits()).collect()
}

#[test]
fn a53_bits_of_library_products_do_not_depend_on_alignment() {
    let server = Server::new();
    for shape in [[3, 5, 2], [16, 16, 16], [33, 70, 47]] {
        for offset in 1..9 {
            assert_eq!(shifted_product::<f32>(&server, shape, offset), shifted_product::<f32>(&server, shape, 0));
            assert_eq!(shifted_product::<f64>(&server, shape, offset), shifted_product::<f64>(&server, shape, 0));
        }
    }
}

#[test]
fn a40_an_output_of_one_row_may_carry_any_stride() {
    let (shape, layouts) = ([1, 3, 2], [Layout::Rows(0); 2]);
    let case = Product { shape, layouts, gap: 3, accum: Accum::Replace, alpha: 1.0, seed: 40 };
    let unit = f64::EPSILON / 2.0;
    for kernel in [&Portable as &dyn Kernel<f64>, &Server::new()] {
        gemm(&Judged { kernel, unit }, &case);
    }
}
