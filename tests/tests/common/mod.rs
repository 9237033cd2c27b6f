//! What the tests of the core share: a parameter over `Vec`s, roots of whole matrices, comparisons.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod root;
pub(crate) mod run;

use proptest::test_runner::Config as ProptestConfig;

/// Unit roundoff of `f32`.
pub(crate) const U32: f64 = f32::EPSILON as f64 / 2.0;

/// Unit roundoff of `f64`.
pub(crate) const U64: f64 = f64::EPSILON / 2.0;

/// Unit roundoff of `DoubleF32`.
pub(crate) const U48: f64 = 1.0 / (1_u64 << 45) as f64;

/// Entry by entry within `bound` times the entry, or within `bound` times `floor` where that is more.
#[track_caller]
pub(crate) fn assert_relative(found: &[f64], right: &[f64], bound: f64, floor: f64) {
    assert_eq!(found.len(), right.len());
    for (i, (x, y)) in found.iter().zip(right).enumerate() {
        let allowed = bound * y.abs().max(floor);
        assert!((x - y).abs() <= allowed, "entry {i}: {x:e} against {y:e}, allowed {allowed:e}\n{found:?}\n{right:?}");
    }
}

/// Entry by entry within `bound`.
#[track_caller]
pub(crate) fn assert_absolute(found: &[f64], right: &[f64], bound: f64) {
    assert_eq!(found.len(), right.len());
    for (i, (x, y)) in found.iter().zip(right).enumerate() {
        assert!((x - y).abs() <= bound, "entry {i}: {x:e} against {y:e}, allowed {bound:e}\n{found:?}\n{right:?}");
    }
}

/// The largest magnitude.
pub(crate) fn largest(x: &[f64]) -> f64 {
    x.iter().fold(0.0, |m, x| x.abs().max(m))
}

/// The bits of numbers that are exact in `f64`.
pub(crate) fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// 256 generated inputs, or as many as the variable `PROPTEST_CASES` says.
pub(crate) fn generated() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}
