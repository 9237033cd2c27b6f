//! What the fuzz targets found, as plain numbers.

mod common;

use common::root::root;
use shampoo_core::kernel::SplitBf16;
use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request, Ridge};
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::{Bf16x2, DoubleF32, Real, Stored};

/// A root whose last words vanish in coarse numbers was accepted with a promise of 1e-13 and an error of 9e-8: the range
/// of the store alone was looked at.
#[test]
fn a_root_below_the_range_of_the_arithmetic_is_refused() {
    let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(1)) };
    let large = [9.645798802352e37];
    for method in [Method::Auto, Method::CoupledNewton, Method::Spectral] {
        let request = Request { method, ..request };
        let (_, report) = root::<DoubleF32, f64>(&large, &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::OutsideStore, "{report:?}");
        let (_, report) = root::<f32, f64>(&large.map(|x| 2.5 * x), &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::OutsideStore, "{report:?}");
        // The store keeps what the arithmetic has.
        let (_, report) = root::<DoubleF32, f32>(&large.map(|x| 0.5 * x), &request).expect("finite input");
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    }
}

/// The place of the block's first entry was computed before it was looked at, and overflowed.
#[test]
fn a_block_far_outside_is_none() {
    let data = [1, 2, 3, 4, 5, 6];
    let view = MatRef::with_strides(&data, 2, 2, 3, 1).expect("it fits");
    for far in [usize::MAX - 1, usize::MAX / 2, usize::MAX / 3 + 1] {
        assert!(view.block(far, 0, 1, 1).is_none());
        assert!(view.transpose().block(0, far, 1, 1).is_none());
    }
}

/// The largest number in two words was stored as one that is infinite when it is stored again.
#[test]
fn what_two_words_hold_can_be_stored_again() {
    let largest = <Bf16x2 as Stored<f32>>::LARGEST;
    for x in [largest, -largest, largest * 0.999_99] {
        let once = <Bf16x2 as Stored<f64>>::store(x);
        let again: f32 = once.load();
        assert!(again.to_f64().is_finite());
        assert_eq!(Bf16x2::store(again), once, "{x:e}");
    }
    // Not even the next number of two words is within reach.
    let above: f32 = Bf16x2::store(largest as f32 * (1.0 + f32::EPSILON)).load();
    assert!(above.to_f64() >= largest);
}

/// First words that were rounded up have a product beyond `f32` where that of the numbers is still inside.
#[test]
fn products_of_words_are_finite_up_to_their_own_end() {
    let [beyond] = SplitBf16::<1>::partial_products(1.841_281_9e19, 1.841_281_9e19);
    assert_eq!(beyond, f32::INFINITY);
    // Both are ties that are rounded up, by nearly 2^-8 of themselves.
    let tie = 2.0_f32.powi(63) * (1.0 + 3.0 / 256.0);
    let largest = (2.0 - 1.0 / 64.0) * 2.0_f64.powi(127);
    let other = (largest / f64::from(tie)) as f32;
    let products = SplitBf16::<9>::partial_products(tie, other);
    assert!(products.iter().all(|x| x.is_finite()), "{products:?}");
}
