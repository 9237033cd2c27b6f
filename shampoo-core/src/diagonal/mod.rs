//! Diagonal methods: each usable alone and as a graft. State is a slice, the step another.

pub mod adagrad;
pub mod adam;
pub mod cover;
pub mod full_matrix;
pub mod lars;
pub mod rmsprop;
pub mod sm3;

use crate::scalar::Real;
use crate::statistics::Averaging;

/// What a step is made of: second moments take in the gradient, the step divides the numerator.
///
/// The two differ where momentum stands before the preconditioner (\[FB\]): the numerator is then the filtered gradient.
#[derive(Clone, Copy, Debug)]
pub struct Gradient<'a, T> {
    /// What second moments take in.
    pub raw: &'a [T],
    /// What is divided.
    pub numerator: &'a [T],
}

impl<'a, T> Gradient<'a, T> {
    /// The gradient as both.
    pub const fn plain(g: &'a [T]) -> Self {
        Self { raw: g, numerator: g }
    }
}

/// v <- decay v + weight g^2, entry by entry.
pub(crate) fn accumulate_squares<T: Real>(v: &mut [T], g: &[T], averaging: Averaging) {
    let (decay, weight) = (T::from_f64(averaging.decay()), T::from_f64(averaging.weight()));
    for (v, &g) in v.iter_mut().zip(g) {
        *v = decay * *v + weight * (g * g);
    }
}
