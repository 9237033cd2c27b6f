//! Double-f32 arithmetic against `f64`, which is wider by 8 bits at least.

use crate::common::U48;
use shampoo_core::scalar::{DoubleF32, Real};
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

const SAMPLES: usize = 100_000;

#[test]
fn its_roundoff_is_what_the_laws_below_use() {
    assert_eq!(DoubleF32::UNIT_ROUNDOFF.to_f64(), U48);
}

/// A number of 48 bits with a random exponent of at most `spread`, and what `f64` makes of it.
fn sample(random: &mut Random, spread: i32) -> (DoubleF32, f64) {
    let (x, exponent) = (random.gaussian(), random.uniform() * f64::from(2 * spread) - f64::from(spread));
    let x = DoubleF32::from_f64(x * exponent.exp2());
    (x, x.to_f64())
}

/// Within the row's bound.
#[track_caller]
fn assert_within(row: Check, found: DoubleF32, right: f64, inputs: &[f64]) {
    let error = (found.to_f64() - right).abs();
    assert!(error <= row.bound(U48) * right.abs(), "{found:?} against {right:e}: {error:e}, of {inputs:?}");
}

/// A sum, a difference or a product.
#[track_caller]
fn assert_close(found: DoubleF32, right: f64, inputs: &[f64]) {
    assert_within(Check::DoubleF32, found, right, inputs);
}

/// A quotient, a root or a power.
#[track_caller]
fn assert_quotient(found: DoubleF32, right: f64, inputs: &[f64]) {
    assert_within(Check::DoubleF32Quotient, found, right, inputs);
}

#[test]
fn the_four_operations() {
    let mut random = Random::new(71);
    for _ in 0..SAMPLES {
        let ((x, wide_x), (y, wide_y)) = (sample(&mut random, 20), sample(&mut random, 20));
        let inputs = [wide_x, wide_y];
        assert_close(x * y, wide_x * wide_y, &inputs);
        assert_quotient(x / y, wide_x / wide_y, &inputs);
        assert_close(x + y, wide_x + wide_y, &inputs);
        assert_close(x - y, wide_x - wide_y, &inputs);
        assert_quotient(x.abs().sqrt(), wide_x.abs().sqrt(), &inputs);
    }
}

#[test]
fn differences_of_neighbours_lose_nothing() {
    let mut random = Random::new(72);
    for _ in 0..SAMPLES {
        let (x, wide_x) = sample(&mut random, 20);
        let near = 1.0 + random.gaussian() * (-48.0 * random.uniform()).exp2();
        let y = DoubleF32::from_f64(wide_x * near);
        assert_close(x - y, wide_x - y.to_f64(), &[wide_x, near]);
    }
}

#[test]
fn powers() {
    let mut random = Random::new(73);
    for _ in 0..SAMPLES / 10 {
        let (x, wide) = sample(&mut random, 40);
        for p in [2.0, 3.0, 4.0, 6.0] {
            let y = -DoubleF32::from_f64(1.0) / DoubleF32::from_f64(p);
            assert_quotient(x.abs().powf(y), wide.abs().powf(y.to_f64()), &[wide, p]);
        }
    }
}

#[test]
fn the_whole_range() {
    let smallest = DoubleF32::MIN_POSITIVE.to_f64();
    let mut random = Random::new(74);
    for _ in 0..SAMPLES {
        let ((x, wide_x), (y, wide_y)) = (sample(&mut random, 126), sample(&mut random, 126));
        let inputs = [wide_x, wide_y];
        let inside = |right: &f64| (smallest..f64::from(f32::MAX)).contains(&right.abs());
        if ![wide_x, wide_y].iter().all(inside) {
            continue;
        }
        let rows = [Check::DoubleF32, Check::DoubleF32, Check::DoubleF32Quotient];
        let results = [(x + y, wide_x + wide_y), (x * y, wide_x * wide_y), (x / y, wide_x / wide_y)];
        for (row, (found, right)) in rows.into_iter().zip(results) {
            if inside(&right) {
                assert_within(row, found, right, &inputs);
            }
        }
    }
}
