//! Adam: m <- b1 m + (1 - b1) h, v <- b2 v + (1 - b2) g^2, step m' / (sqrt(v') + eps) with m' = m / (1 - b1^t) and
//! v' = v / (1 - b2^t), where h is g unless said otherwise.

use super::{Gradient, accumulate_squares};
use crate::capacity::product;
use crate::kernel::Kernel;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// Adam's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adam {
    /// The decay b1 of the gradient's average, in [0, 1).
    pub beta1: f64,
    /// The decay b2 of the second moment, in (0, 1).
    pub beta2: f64,
    /// Added to the square root.
    pub epsilon: f64,
}

/// Numbers of state for a tensor of these sizes: m, then v; saturates.
pub const fn state_len(dims: &[usize]) -> usize {
    product(dims).saturating_mul(2)
}

impl Adam {
    /// One step: `state` takes the gradient in, `out` is the step for a learning rate of 1.
    ///
    /// `count` is the number of gradients that the state has taken in, this one included: the parameter's own count,
    /// not the run's. The first step is then g / (|g| + eps). 0 where the denominator is 0.
    ///
    /// **Shapes**: `out` and the gradient of one length, [`state_len`] numbers of state. **Ranges**: the figures
    /// as above, neither decay 1 in `T`, an epsilon of at least 0, a count of at least 1, squares in the range of `T`:
    /// nothing is checked here. **Cost**: one square root and one division an entry. **Source**: Kingma and Ba 2014, algorithm 1.
    ///
    /// ```
    /// use shampoo_core::{diagonal::{Gradient, adam::Adam}, kernel::Portable};
    /// let (mut out, mut state) = ([0.0_f64], [0.0; 2]);
    /// let adam = Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// adam.step(&mut out, Gradient::plain(&[1.0]), &mut state, 1, &Portable);
    /// assert!((out[0] - 1.0 / (1.0 + 1e-8)).abs() < 1e-12);
    /// ```
    pub fn step<T: Real, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        gradient: Gradient<'_, T>,
        state: &mut [T],
        count: u64,
        kernel: &K,
    ) {
        let (beta1, beta2) = (Averaging::Ema { beta2: self.beta1 }, Averaging::Ema { beta2: self.beta2 });
        let Some((m, v)) = state.split_at_mut_checked(out.len()) else { return };
        kernel.axpby(T::from_f64(beta1.weight()), gradient.numerator, T::from_f64(beta1.decay()), m);
        accumulate_squares(v, gradient.raw, beta2);
        let scale = T::from_f64(beta2.bias_correction(count));
        kernel.scale_by_rsqrt(out, m, v, scale, T::from_f64(self.epsilon));
        let scale = T::from_f64(beta1.bias_correction(count));
        for o in out {
            let corrected = *o * scale;
            // As where the kernel's quotient leaves the range: what it was divided by has vanished.
            *o = if corrected.abs() > T::MAX { T::zero() } else { corrected };
        }
    }
}
