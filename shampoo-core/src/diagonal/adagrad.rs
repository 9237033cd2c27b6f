//! Diagonal AdaGrad: v <- v + g^2, step h / (sqrt(v) + eps), where h is g unless said otherwise.

use super::{Gradient, accumulate_squares};
use crate::kernel::Kernel;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// One step: `v` takes the gradient in, `out` is the step for a learning rate of 1.
///
/// An entry whose gradients were all 0 gives 0, also where eps is 0.
///
/// **Shapes**: all of one length. **Cost**: one square root and one division an entry.
/// **Source**: Duchi, Hazan, Singer 2011.
///
/// ```
/// use shampoo_core::{diagonal::{Gradient, adagrad}, kernel::Portable};
/// let (mut out, mut v) = ([9.0_f32; 2], [0.0; 2]);
/// adagrad::step(&mut out, Gradient::plain(&[0.0, 2.0]), &mut v, 0.0, &Portable);
/// assert_eq!(out, [0.0, 1.0]);
/// ```
pub fn step<T: Real, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    gradient: Gradient<'_, T>,
    v: &mut [T],
    epsilon: f64,
    kernel: &K,
) {
    accumulate_squares(v, gradient.raw, Averaging::Sum);
    kernel.scale_by_rsqrt(out, gradient.numerator, v, T::one(), T::from_f64(epsilon));
}
