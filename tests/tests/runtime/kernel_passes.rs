//! Laws of a kernel's passes that are not products, on every kernel, against wide arithmetic.

use crate::runtime_support::battery::{Judged, assert_sum, battery, size, sum_of_products};
use proptest::prelude::*;
use shampoo_core::mat::MatMut;
use shampoo_core::scalar::Real;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::tolerance::{Check, Size};
use twofloat::TwoFloat;

/// A length and the seed of the numbers.
#[derive(Clone, Debug)]
struct Pass {
    length: usize,
    seed: u64,
}

fn pass() -> impl Strategy<Value = Pass> {
    (size(), any::<u64>()).prop_map(|(length, seed)| Pass { length, seed })
}

fn numbers<T: Real>(random: &mut Random, length: usize) -> Vec<T> {
    random.gaussians(length).into_iter().map(T::from_f64).collect()
}

fn wide<T: Real>(x: T) -> TwoFloat {
    TwoFloat::widen(x.to_f64())
}

/// As a sum of so many products.
fn sums(unit: f64, terms: usize) -> f64 {
    Check::KernelGemm.bound_at(unit, Size { order: terms, ..Size::default() })
}

fn elementwise(unit: f64) -> f64 {
    Check::KernelElementwise.bound(unit)
}

fn dot<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let mut random = Random::new(case.seed);
    let [x, y] = [0; 2].map(|_| numbers::<T>(&mut random, case.length));
    let (sum, size) = sum_of_products(x.iter().zip(&y).map(|(x, y)| (x.to_f64(), y.to_f64())));
    assert_sum(judged.kernel.dot(&x, &y).to_f64(), sum, sums(judged.unit, case.length), size);
}

fn axpby<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let mut random = Random::new(case.seed);
    let [x, before] = [0; 2].map(|_| numbers::<T>(&mut random, case.length));
    let (alpha, beta) = (T::from_f64(random.gaussian()), T::from_f64(random.gaussian()));
    let mut y = before.clone();
    judged.kernel.axpby(alpha, &x, beta, &mut y);
    for ((x, y), before) in x.iter().zip(y).zip(before) {
        let terms = [(alpha, *x), (beta, before)].map(|(a, b)| (a.to_f64(), b.to_f64()));
        let (sum, size) = sum_of_products(terms.into_iter());
        assert_sum(y.to_f64(), sum, elementwise(judged.unit), size);
    }
}

/// Two numbers that an angle has as its cosine and sine, up to rounding.
fn rotation<T: Real>(random: &mut Random) -> [T; 2] {
    let (s, c) = (6.3 * random.uniform()).sin_cos();
    [c, s].map(T::from_f64)
}

/// Every entry as two products; with rows further apart than they are long, and nothing beside them touched.
fn rotate_rows<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let (ncols, nrows) = (case.length, 1 + (case.seed % 6) as usize);
    let (stride, mut random) = (ncols + (case.seed % 3) as usize, Random::new(case.seed));
    let before = numbers::<T>(&mut random, nrows * stride);
    let rotations: Vec<[T; 2]> = (1..nrows).map(|_| rotation(&mut random)).collect();
    let mut found = before.clone();
    let view = MatMut::with_row_stride(&mut found, nrows, ncols, stride).expect("rows");
    judged.kernel.rotate_rows(view, &rotations);
    let mut right: Vec<TwoFloat> = before.iter().map(|&x| wide(x)).collect();
    for (k, [c, s]) in rotations.iter().map(|r| r.map(wide)).enumerate() {
        let row = nrows - 2 - k;
        for (upper, lower) in (0..ncols).map(|j| (row * stride + j, (row + 1) * stride + j)) {
            (right[upper], right[lower]) = (c * right[upper] - s * right[lower], s * right[upper] + c * right[lower]);
        }
    }
    for (at, (found, right)) in found.iter().zip(right).enumerate() {
        let column = (0..nrows).map(|row| before[row * stride + at % stride].to_f64().abs());
        let bound = if at % stride < ncols { sums(judged.unit, nrows) } else { 0.0 };
        assert_sum(found.to_f64(), right, bound, column.sum());
    }
}

fn reflect_rows<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let (ncols, nrows) = (case.length, (case.seed % 4) as usize);
    let (stride, mut random) = (ncols + (case.seed % 3) as usize, Random::new(case.seed));
    let before = numbers::<T>(&mut random, nrows * stride);
    let v = numbers::<T>(&mut random, ncols);
    let tau = T::from_f64(random.gaussian());
    let mut found = before.clone();
    judged.kernel.reflect_rows(MatMut::with_row_stride(&mut found, nrows, ncols, stride).expect("rows"), tau, &v);
    for (row, before) in before.chunks(stride.max(1)).enumerate() {
        let (sum, size) = sum_of_products(before.iter().zip(&v).map(|(x, v)| (x.to_f64(), v.to_f64())));
        for (j, before) in before.iter().enumerate() {
            let factor = v.get(j).map_or(wide(T::zero()), |&v| wide(tau) * wide(v));
            let size = before.to_f64().abs() + factor.narrow().abs() * size;
            let bound = sums(judged.unit, ncols + 2);
            assert_sum(found[row * stride + j].to_f64(), wide(*before) - factor * sum, bound, size);
        }
    }
}

fn scale_by_rsqrt<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let mut random = Random::new(case.seed);
    let g: Vec<T> = numbers::<T>(&mut random, case.length)
        .into_iter()
        .enumerate()
        .map(|(i, g)| if i % 3 == 2 { T::zero() } else { g })
        .collect();
    let v: Vec<T> = numbers::<T>(&mut random, case.length)
        .into_iter()
        .enumerate()
        // No second moment beside some gradients that are 0 and some that are not.
        .map(|(i, v)| if i % 5 == 2 { T::zero() } else { v * v })
        .collect();
    let scale = T::from_f64(0.1 + random.uniform());
    for eps in [T::zero(), T::from_f64(1e-10), T::from_f64(0.25)] {
        let mut out = vec![T::from_f64(f64::NAN); case.length];
        judged.kernel.scale_by_rsqrt(&mut out, &g, &v, scale, eps);
        for ((out, &g), &v) in out.iter().zip(&g).zip(&v) {
            let divisor = (wide(scale) * wide(v)).square_root() + wide(eps);
            if g == T::zero() || divisor.narrow() == 0.0 {
                assert_eq!(out.to_f64(), 0.0, "nothing over nothing, and a gradient whose square has vanished");
            } else {
                let right = wide(g).divide(divisor);
                assert_sum(out.to_f64(), right, elementwise(judged.unit), right.narrow().abs());
            }
        }
    }
}

battery! {
    dot(pass());
    axpby(pass());
    rotate_rows(pass());
    reflect_rows(pass());
    scale_by_rsqrt(pass());
}
