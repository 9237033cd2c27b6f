//! Diagonal methods: each usable alone and as a graft. State is a slice, the step another.

pub mod adagrad;
pub mod rmsprop;
pub mod sm3;

use crate::scalar::Real;

/// v <- decay v + weight g^2, entry by entry.
fn accumulate_squares<T: Real>(v: &mut [T], g: &[T], decay: f64, weight: f64) {
    let (decay, weight) = (T::from_f64(decay), T::from_f64(weight));
    for (v, &g) in v.iter_mut().zip(g) {
        *v = decay * *v + weight * (g * g);
    }
}
