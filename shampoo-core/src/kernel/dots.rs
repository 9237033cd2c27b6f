//! Dot products.

use crate::scalar::{LANES, Lanes, Plain, Real};

/// Partial sums side by side in a dot product: two tiles hide the latency of an addition.
const DOT_LANES: usize = 2 * LANES;

/// Sum of x_i y_i, the rest of whole pairs of tiles last.
#[inline(always)]
pub(super) fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let length = x.len().min(y.len());
    let (x, y) = (x.get(..length).unwrap_or_default(), y.get(..length).unwrap_or_default());
    let ((x_lanes, x_rest), (y_lanes, y_rest)) = (x.as_chunks::<DOT_LANES>(), y.as_chunks::<DOT_LANES>());
    let mut sums = [T::zero(); DOT_LANES];
    for (x, y) in x_lanes.iter().zip(y_lanes) {
        for ((s, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *s += x * y;
        }
    }
    let halves = sums.as_chunks::<LANES>().0;
    halves.iter().fold(T::zero(), |s, &half| s + Plain.sum(half)) + dot_of_rest(x_rest, y_rest)
}

#[inline(always)]
fn dot_of_rest<T: Real>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::zero(), |s, (&x, &y)| s + x * y)
}
