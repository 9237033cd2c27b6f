//! RMSProp: v <- b2 v + (1 - b2) g^2, step h / (sqrt(v / c) + eps), c = 1 or 1 - b2^t, where h is g unless said
//! otherwise.

use super::{Gradient, accumulate_squares};
use crate::kernel::Kernel;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// One step: `v` takes the gradient in, `out` is the step for a learning rate of 1.
///
/// `bias_correction` holds the number of gradients that `v` has taken in, this one included: the parameter's own
/// count, not the run's. The first step is then g / |g|.
///
/// **Shapes**: all of one length. **Ranges**: `beta2` in (0, 1) and not 1 in `T`, an epsilon and a count of at
/// least 0 and 1, squares in the range of `T`: nothing is checked here. **Cost**: one square root and one division an entry. **Source**: Tieleman and Hinton 2012; the correction is Adam's (Kingma and Ba
/// 2014, algorithm 1).
///
/// ```
/// use shampoo_core::{diagonal::{Gradient, rmsprop}, kernel::Portable};
/// let (mut out, mut v) = ([0.0_f64], [0.0]);
/// rmsprop::step(&mut out, Gradient::plain(&[2.0]), &mut v, 0.999, 0.0, Some(1), &Portable);
/// assert!((out[0] - 1.0).abs() < 1e-12);
/// ```
pub fn step<T: Real, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    gradient: Gradient<'_, T>,
    v: &mut [T],
    beta2: f64,
    epsilon: f64,
    bias_correction: Option<u64>,
    kernel: &K,
) {
    let averaging = Averaging::Ema { beta2 };
    accumulate_squares(v, gradient.raw, averaging);
    let scale = bias_correction.map_or(1.0, |count| averaging.bias_correction(count));
    kernel.scale_by_rsqrt(out, gradient.numerator, v, T::from_f64(scale), T::from_f64(epsilon));
}
