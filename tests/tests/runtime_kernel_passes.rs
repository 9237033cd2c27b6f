//! Laws of a kernel's passes that are not products, on every kernel, against wide arithmetic.

mod common;
mod runtime_support;

use proptest::prelude::*;
use runtime_support::battery::{Judged, assert_sum, battery, size, sum_of_products};
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
    scale_by_rsqrt(pass());
}
