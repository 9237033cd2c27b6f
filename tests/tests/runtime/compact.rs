//! The compact kernel has every bit of the portable one.

use crate::common;
use crate::runtime_support::battery::{Layout, Matrix, accum, layout, size};
use proptest::prelude::*;
use shampoo_core::kernel::{Accum, Compact, Kernel, Portable};
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Method, Outcome, Report, Request, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::mat::MatMut;
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_tests::generate::Random;

/// What a kernel makes of a matrix whose content is known.
fn filled<T: Real>(nrows: usize, ncols: usize, gap: usize, work: impl Fn(MatMut<'_, T>)) -> Vec<[u64; 2]> {
    let stride = ncols + gap;
    let mut data: Vec<T> = Random::new(5).gaussians(nrows * stride + ncols).into_iter().map(T::from_f64).collect();
    work(MatMut::with_row_stride(&mut data, nrows, ncols, stride).expect("long enough"));
    bits(&data)
}

/// Value and sign of zero; a double-f32 number is exact in `f64` as far as both words reach.
fn bits<T: Real>(numbers: &[T]) -> Vec<[u64; 2]> {
    numbers.iter().map(|&x| [x.to_f64().to_bits(), (x - T::from_f64(x.to_f64())).to_f64().to_bits()]).collect()
}

fn products_agree<T: Real>(shape: [usize; 3], layouts: [Layout; 2], gap: usize, accum: Accum, alpha: f64, seed: u64) {
    let ([m, k, n], mut random) = (shape, Random::new(seed));
    let a = Matrix::<T>::random(m, k, layouts[0], &mut random);
    let b = Matrix::<T>::random(k, n, layouts[1], &mut random);
    let [square, other] = layouts.map(|layout| Matrix::<T>::random(m, m, layout, &mut random));
    let alpha = T::from_f64(alpha);
    let all = |kernel: &dyn Kernel<T>| {
        [
            filled(m, n, gap, |c| kernel.gemm(c, accum, alpha, a.view(), b.view())),
            filled(m, m, gap, |c| kernel.gram(c, accum, alpha, a.view())),
            filled(m, m, gap, |c| kernel.symm_product(c, square.view(), other.view())),
        ]
    };
    assert_eq!(all(&Compact), all(&Portable));
}

fn root_agrees<S: Stored<R>, R: Real>(n: usize, request: &Request, seed: u64) {
    let (rank, mut random) = (2 * n, Random::new(seed));
    let g = random.gaussians(n * rank);
    let entry = |i: usize, j: usize| (0..rank).map(|k| g[i * rank + k] * g[j * rank + k]).sum::<f64>();
    let places = (0..n).flat_map(|i| (0..=i).map(move |j| (i, j)));
    let triangle: Vec<S> = places.map(|(i, j)| S::store(R::from_f64(entry(i, j)))).collect();
    let run = |kernel: &dyn Kernel<R>| -> (Report, Vec<[u64; 2]>) {
        let mut root = triangle.clone();
        let mut workspace = vec![R::zero(); inverse_root_workspace_len(n)];
        let report = inverse_root(&triangle, n, &mut root, request, &mut workspace, kernel).expect("a root");
        (report, bits(&root.iter().map(|&x| x.load()).collect::<Vec<R>>()))
    };
    let (compact, portable) = (run(&Compact), run(&Portable));
    assert_eq!(portable.0.outcome, Outcome::Accepted);
    assert_eq!(compact, portable);
}

proptest! {
    #![proptest_config(common::generated())]

    #[test]
    fn products_have_the_same_bits(
        shape in [size(), size(), size()],
        layouts in [layout(), layout()],
        gap in 0_usize..4,
        accum in accum(),
        alpha in prop_oneof![Just(1.0), Just(-1.0), Just(0.3), Just(0.0)],
        seed in any::<u64>(),
    ) {
        products_agree::<f32>(shape, layouts, gap, accum, alpha, seed);
        products_agree::<f64>(shape, layouts, gap, accum, alpha, seed);
    }

    #[test]
    fn roots_have_the_same_bits(
        n in prop_oneof![3 => 1_usize..=20, 1 => 21_usize..=45],
        p in prop_oneof![Just(1), Just(2), Just(3), Just(4), Just(6), Just(8)],
        method in prop_oneof![4 => Just(Method::Rational), 1 => Just(Method::Spectral), 1 => Just(Method::CoupledNewton)],
        certificate in prop_oneof![Just(Certificate::Full), Just(Certificate::Probed)],
        seed in any::<u64>(),
    ) {
        let request = Request { method, certificate, ..Request::new(Exponent::Root(p)) };
        root_agrees::<f32, f32>(n, &request, seed);
        root_agrees::<f64, f64>(n, &request, seed);
        root_agrees::<f32, DoubleF32>(n, &request, seed);
    }
}
