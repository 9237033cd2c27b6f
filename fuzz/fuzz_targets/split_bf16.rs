//! Products of split factors and state in bfloat16 words: the bounds that are documented, in the ranges that are.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::SplitBf16;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use shampoo_fuzz::numbers::Number;

#[derive(Arbitrary, Debug)]
struct Case {
    x: Number,
    y: Number,
}

/// From here on the first word is infinite.
const OVERFLOW: f64 = (2.0 - 1.0 / 256.0) * power_of_two(127);

/// Up to here the product of the first words, each up to 1 + 2^-8 times its number, is finite.
const LARGEST_PRODUCT: f64 = (2.0 - 1.0 / 64.0) * power_of_two(127);

const fn power_of_two(k: i64) -> f64 {
    f64::from_bits(((1023 + k) as u64) << 52)
}

fuzz_target!(|case: Case| {
    let (x, y) = (case.x.value(), case.y.value());
    products::<1>(x as f32, y as f32, 7);
    products::<3>(x as f32, y as f32, 15);
    products::<6>(x as f32, y as f32, 24);
    products::<9>(x as f32, y as f32, 48);
    for x in [x, y] {
        stored::<f32, Bf16>(x, 1);
        stored::<f64, Bf16>(x, 1);
        stored::<DoubleF32, Bf16>(x, 1);
        stored::<f32, Bf16x2>(x, 2);
        stored::<f64, Bf16x2>(x, 2);
        stored::<DoubleF32, Bf16x2>(x, 2);
        stored::<f32, Bf16x3>(x, 3);
        stored::<f64, Bf16x3>(x, 3);
        stored::<DoubleF32, Bf16x3>(x, 3);
        exact(x as f32);
    }
});

/// |sum of the partial products - x y| <= 2^-bits |x y|; with all nine words nothing is lost.
fn products<const TERMS: usize>(x: f32, y: f32, bits: i64) {
    let products = SplitBf16::<TERMS>::partial_products(x, y);
    let (x, y) = (f64::from(x), f64::from(y));
    let exact = x * y;
    let magnitude = |x: f64| x == 0.0 || (power_of_two(-110)..OVERFLOW).contains(&x.abs());
    // The smallest partial product of all is 2^-33 of the whole, and must still be a number of `f32` to its last digit.
    let product = exact == 0.0 || (power_of_two(-101)..=LARGEST_PRODUCT).contains(&exact.abs());
    if !(magnitude(x) && magnitude(y) && product) {
        return;
    }
    // Exact sums: the terms and their spread fit into 2 * 24 bits and some.
    let mut sum = twofloat::TwoFloat::from(0.0);
    for product in products {
        assert!(product.is_finite(), "{x:e} {y:e}: {products:?}");
        sum += f64::from(product);
    }
    let error = f64::from(sum - exact).abs();
    let allowed = if TERMS == 9 { 0.0 } else { power_of_two(-bits) * exact.abs() };
    assert!(error <= allowed, "{TERMS} terms of {x:e} {y:e}: {error:e} above {allowed:e}");
}

/// Words round as documented, and what is stored is stored again without a change.
fn stored<R: Real, S: Stored<R> + PartialEq>(x: f64, words: i32) {
    let x = R::from_f64(x);
    let exact = x.to_f64();
    let kept = S::store(x);
    let loaded = kept.load();
    if x.is_nan() {
        assert!(loaded.is_nan());
        return;
    }
    if !x.is_finite() {
        assert_eq!(loaded.to_f64(), exact, "infinities stay");
        return;
    }
    let error = (loaded.to_f64() - exact).abs();
    if exact.abs() <= S::LARGEST {
        assert!(loaded.is_finite(), "{exact:e} in {words} words");
        if exact.abs() >= S::SMALLEST {
            // The difference is exact, or far from the bound.
            assert!(error <= S::ROUNDOFF * exact.abs(), "{exact:e} in {words} words: off by {error:e}");
        } else {
            assert!(error <= power_of_two(-134), "{exact:e} in {words} words: off by {error:e}");
        }
        assert!(S::store(loaded) == kept || S::store(loaded).load() == loaded, "{exact:e} in {words} words: {kept:?}");
    } else if exact.abs() >= OVERFLOW {
        assert!(!loaded.is_finite(), "{exact:e} in {words} words");
    }
}

/// Three words hold every `f32` in their range.
fn exact(x: f32) {
    if (power_of_two(-110)..OVERFLOW).contains(&f64::from(x.abs())) {
        let loaded: f32 = Bf16x3::store(x).load();
        assert_eq!(loaded, x);
    }
}
