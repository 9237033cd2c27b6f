//! Laws of a kernel's passes that are not products, on every kernel, against wide arithmetic.

mod common;
mod runtime_support;

use proptest::prelude::*;
use runtime_support::battery::{Judged, assert_sum, battery, size, sum_of_products};
use shampoo_core::kernel::{LANES, TiledTriangle, padded};
use shampoo_core::scalar::Real;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::tolerance::{Check, Size};
use twofloat::TwoFloat;

/// A length, spare tiles beyond it, and the seed of the numbers.
#[derive(Clone, Debug)]
struct Pass {
    length: usize,
    spare: usize,
    seed: u64,
}

fn pass() -> impl Strategy<Value = Pass> {
    (size(), 0_usize..3, any::<u64>()).prop_map(|(length, spare, seed)| Pass { length, spare, seed })
}

fn numbers<T: Real>(random: &mut Random, length: usize) -> Vec<T> {
    random.gaussians(length).into_iter().map(T::from_f64).collect()
}

/// Zeros up to a whole number of tiles.
fn pad<T: Real>(mut x: Vec<T>) -> Vec<T> {
    x.resize(padded(x.len()), T::zero());
    x
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

/// What lies right of the tiles on the diagonal is NaN: it is neither read nor written.
fn rank_two_symv<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let (n, mut random) = (case.length, Random::new(case.seed));
    let stride = padded(n) + case.spare * LANES;
    let symmetric = random.gaussians(padded(n) * padded(n));
    let beyond = |i: usize, j: usize| j / LANES > i / LANES;
    let before: Vec<T> = (0..padded(n) * stride)
        .map(|at| (at / stride.max(1), at % stride.max(1)))
        .map(|(i, j)| if beyond(i, j) { f64::NAN } else { symmetric[i.max(j) * padded(n) + i.min(j)] })
        .map(T::from_f64)
        .collect();
    let [v, w, x] = [0; 3].map(|_| pad(numbers::<T>(&mut random, n)));
    let (mut a, mut y) = (before.clone(), vec![T::from_f64(f64::NAN); padded(n)]);
    judged.kernel.rank_two_symv(TiledTriangle { data: &mut a, stride, order: n }, &v, &w, &x, &mut y);

    for (i, j) in (0..n).flat_map(|i| (0..=i).map(move |j| (i, j))) {
        let one = before[i * stride + j].to_f64();
        let terms = [(one, 1.0), (v[i].to_f64(), w[j].to_f64()), (w[i].to_f64(), v[j].to_f64())];
        let (sum, size) = sum_of_products(terms.into_iter());
        assert_sum(a[i * stride + j].to_f64(), sum, elementwise(judged.unit), size);
        // Inside a tile both triangles are kept, for the next pass.
        if !beyond(j, i) {
            assert_sum(a[j * stride + i].to_f64(), sum, elementwise(judged.unit), size);
        }
    }
    for (at, number) in a.iter().enumerate().filter(|(at, _)| beyond(at / stride, at % stride)) {
        assert!(number.is_nan(), "number {at} lies outside the triangle");
    }
    for (i, &y) in y.iter().enumerate() {
        let updated = |j: usize| a[i.max(j) * stride + i.min(j)].to_f64();
        let columns = || (0..n).filter(|_| i < n);
        let (sum, _) = sum_of_products(columns().map(|j| (updated(j), x[j].to_f64())));
        // The two triangles of a tile on the diagonal differ by the rounding of the update, whose terms may cancel.
        let terms = |j: usize| {
            let one = before[i.max(j) * stride + i.min(j)].to_f64().abs();
            one + (v[i] * w[j]).to_f64().abs() + (w[i] * v[j]).to_f64().abs()
        };
        let (_, size) = sum_of_products(columns().map(|j| (terms(j), x[j].to_f64())));
        assert_sum(y.to_f64(), sum, sums(judged.unit, n) + elementwise(judged.unit), size);
    }
}

fn reflect_rows<T: Real>(judged: &Judged<'_, T>, case: &Pass) {
    let (n, mut random) = (case.length, Random::new(case.seed));
    let count = case.spare * 3;
    let stride = n + case.spare * LANES;
    let before: Vec<T> = numbers(&mut random, count * stride);
    let (v, gains): (Vec<T>, Vec<T>) = (numbers(&mut random, n), numbers(&mut random, count));
    let tau = T::from_f64(random.gaussian());
    let (mut rows, mut sum) = (before.clone(), vec![T::from_f64(f64::NAN); n]);
    judged.kernel.reflect_rows(&mut rows, stride, &gains, tau, &v, &mut sum);

    let bound = sums(judged.unit, n) + elementwise(judged.unit);
    for (p, &gain) in gains.iter().enumerate() {
        let row = &before[p * stride..][..stride];
        let (along, size) = sum_of_products(row.iter().zip(&v).map(|(z, v)| (z.to_f64(), v.to_f64())));
        for (i, &z) in row.iter().enumerate() {
            let found = rows[p * stride + i];
            let Some(&v) = v.get(i) else { continue };
            let right = wide(gain) * (wide(z) - wide(tau) * along * wide(v));
            let scale = gain.abs().to_f64() * (z.abs().to_f64() + (tau * v).abs().to_f64() * size);
            assert_sum(found.to_f64(), right, bound, scale);
        }
    }
    for (i, &sum) in sum.iter().enumerate() {
        let (right, size) = sum_of_products((0..count).map(|p| (rows[p * stride + i].to_f64(), 1.0)));
        assert_sum(sum.to_f64(), right, sums(judged.unit, count), size);
    }
}

battery! {
    dot(pass());
    axpby(pass());
    scale_by_rsqrt(pass());
    rank_two_symv(pass());
    reflect_rows(pass());
}
