//! Diagonal methods: each usable alone and as a graft. State is a slice, the step another.

pub mod adagrad;
pub mod rmsprop;
pub mod sm3;

use crate::scalar::Real;
use crate::statistics::Averaging;

/// v <- decay v + weight g^2, entry by entry.
fn accumulate_squares<T: Real>(v: &mut [T], g: &[T], averaging: Averaging) {
    let (decay, weight) = (T::from_f64(averaging.decay()), T::from_f64(averaging.weight()));
    for (v, &g) in v.iter_mut().zip(g) {
        *v = decay * *v + weight * (g * g);
    }
}
