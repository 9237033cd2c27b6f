//! Momentum: of an update that is already preconditioned, heavy-ball or Nesterov, and of the gradient before that.

use crate::error::ConfigError;
use crate::kernel::Kernel;
use crate::mat::copy;
use crate::scalar::{Real, power_less_one};

/// Which updates are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Buffers {
    /// The step really taken.
    One,
    /// Preconditioned steps and the grafting method's steps, each in a buffer (\[GP\]): both are fed
    /// from the first step on, so a run that starts preconditioning late has a warm buffer then.
    Two,
}

/// Momentum m <- b1 m + w u; the step is m, or w u + b1 m with Nesterov's look-ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Momentum {
    /// The decay b1 in [0, 1); 0 keeps no buffer.
    #[doc(alias = "b1")]
    pub beta1: f64,
    /// Look-ahead.
    pub nesterov: bool,
    /// w = 1 - b1 instead of 1.
    pub moving_average: bool,
    /// What is remembered.
    pub buffers: Buffers,
}

impl Momentum {
    /// No momentum.
    pub const NONE: Self = Self::heavy_ball(0.0);

    /// m <- b1 m + u, one buffer.
    pub const fn heavy_ball(beta1: f64) -> Self {
        Self { beta1, nesterov: false, moving_average: false, buffers: Buffers::One }
    }

    /// The weight w of a new update.
    pub const fn weight(&self) -> f64 {
        if self.moving_average { 1.0 - self.beta1 } else { 1.0 }
    }

    /// Buffers as long as the parameter.
    pub const fn buffer_count(&self) -> usize {
        match self.buffers {
            _ if self.beta1 == 0.0 => 0,
            Buffers::One => 1,
            Buffers::Two => 2,
        }
    }

    /// Refuses b1 outside [0, 1) or equal to 1 in `T`.
    ///
    /// **Errors**: [`ConfigError::Beta`], [`ConfigError::BetaRoundsToOne`].
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        check_decay::<T>(self.beta1)
    }

    /// Remembers the update in `buffer` and returns the look-ahead in `update`; an empty buffer (b1 = 0)
    /// leaves w u. The look-ahead is never written back into the buffer.
    ///
    /// **Shapes**: both of one length, or an empty buffer. **Cost**: 3 flops an entry, 6 with the look-ahead.
    pub fn apply<T: Real, K: Kernel<T> + ?Sized>(&self, update: &mut [T], buffer: &mut [T], kernel: &K) {
        let (beta, weight) = (T::from_f64(self.beta1), T::from_f64(self.weight()));
        if buffer.is_empty() {
            update.iter_mut().for_each(|u| *u *= weight);
            return;
        }
        kernel.axpby(weight, update, beta, buffer);
        if self.nesterov {
            kernel.axpby(beta, buffer, weight, update);
        } else {
            copy(update, buffer);
        }
    }
}

/// An average of gradients that is preconditioned in the gradient's place: momentum before the preconditioner (\[FB\]).
///
/// m <- b1 m + (1 - b1) g, or with bias correction m_t <- (b1 (1 - b1^{t-1}) m + (1 - b1) g) / (1 - b1^t), the same
/// divided by 1 - b1^t. Statistics and second moments take the gradient itself.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Filter {
    /// The decay b1 in [0, 1); 0 keeps no buffer.
    pub beta1: f64,
    /// Weigh the first gradients so that m is an average from the start, by the parameter's own count of gradients.
    pub bias_correction: bool,
}

impl Filter {
    /// The gradient itself.
    pub const NONE: Self = Self { beta1: 0.0, bias_correction: false };

    /// Whether there is an average to be kept.
    pub const fn is_used(&self) -> bool {
        self.beta1 != 0.0
    }

    /// Refuses b1 outside [0, 1) or equal to 1 in `T`.
    ///
    /// **Errors**: [`ConfigError::Beta`], [`ConfigError::BetaRoundsToOne`].
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        check_decay::<T>(self.beta1)
    }

    /// Takes a gradient into the average; `count` gradients are then in it.
    ///
    /// **Shapes**: both of one length. **Cost**: 3 flops an entry.
    pub fn apply<T: Real, K: Kernel<T> + ?Sized>(&self, average: &mut [T], gradient: &[T], count: u64, kernel: &K) {
        let missing = |count: u64| -power_less_one(self.beta1 - 1.0, count);
        let (before, now) = match self.bias_correction {
            true => (missing(count.saturating_sub(1)), missing(count.max(1))),
            false => (1.0, 1.0),
        };
        let (decay, weight) = (self.beta1 * before / now, (1.0 - self.beta1) / now);
        kernel.axpby(T::from_f64(weight), gradient, T::from_f64(decay), average);
    }
}

#[inline(never)]
fn check_decay<T: Real>(beta1: f64) -> Result<(), ConfigError> {
    if !(0.0..1.0).contains(&beta1) {
        return Err(ConfigError::Beta { value: beta1 });
    }
    if T::from_f64(beta1) == T::one() {
        return Err(ConfigError::BetaRoundsToOne { value: beta1 });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;

    #[test]
    fn a27_the_look_ahead_stays_out_of_the_buffer() {
        let momentum = Momentum { nesterov: true, ..Momentum::heavy_ball(0.5) };
        let mut buffer = [0.0_f64];
        let steps = [(1.5, 1.0), (1.75, 1.5), (1.875, 1.75)];
        for (step, remembered) in steps {
            let mut update = [1.0];
            momentum.apply(&mut update, &mut buffer, &Portable);
            assert_eq!((update[0], buffer[0]), (step, remembered));
        }
    }

    #[test]
    fn decays_that_round_to_one_are_refused() {
        let close = Momentum::heavy_ball(0.999_999_99);
        assert_eq!(close.validate::<f64>(), Ok(()));
        assert_eq!(close.validate::<f32>(), Err(ConfigError::BetaRoundsToOne { value: 0.999_999_99 }));
        assert_eq!(Momentum::heavy_ball(1.0).validate::<f64>(), Err(ConfigError::Beta { value: 1.0 }));
    }
}
