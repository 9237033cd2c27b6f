//! Grafting: the direction of one method, the length of another.
//!
//! P <- P ||g|| / ||P|| with g the step of a cheap method and P the preconditioned gradient (\[AG\]). Norms
//! are taken over the blocks of one tensor that have roots; ||P|| = 0 gives the step g itself.

use crate::capacity::{Dims, product};
use crate::diagonal::{adagrad, rmsprop, sm3};
use crate::error::ConfigError;
use crate::kernel::Kernel;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// The method whose step length is taken; also the whole step of tensors that are not preconditioned.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[doc(alias = "graft_type")]
pub enum Graft {
    /// No grafting: the preconditioned gradient as it is, whose size does not depend on the gradient's scale
    /// (with sums, the first step of G has the norm of its polar factor), so learning rates differ by orders of
    /// magnitude from a first-order method's. Where there is no root, the gradient itself.
    None,
    /// The gradient.
    Sgd,
    /// v <- v + g^2, g / (sqrt(v) + epsilon).
    AdaGrad {
        /// Added to the square root.
        epsilon: f64,
    },
    /// v <- b2 v + (1 - b2) g^2, g / (sqrt(v) + epsilon).
    RmsProp {
        /// The decay b2.
        beta2: f64,
        /// Added to the square root.
        epsilon: f64,
        /// Divide v by 1 - b2^t first, t the parameter's own count of gradients.
        bias_correction: bool,
    },
    /// SM3-II over the slices of the tensor.
    Sm3 {
        /// How squares are accumulated; the paper's is the sum.
        averaging: Averaging,
        /// Added to the square root.
        epsilon: f64,
    },
}

/// Over what lengths are compared (\[AG\] section 2: layer-wise or global).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope {
    /// One tensor (\[GP\]).
    Tensor,
    /// One block of a tensor, and each of them (\[FB\]).
    Block,
    /// All tensors with this scope together, in order of registration; a tensor by itself is as with
    /// [`Tensor`](Scope::Tensor).
    Global,
}

/// The lengths that a graft compares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Norms {
    /// Of the graft's step.
    pub graft: f64,
    /// Of the preconditioned gradient.
    pub direction: f64,
}

impl Norms {
    /// Both together, without overflow. Not associative in its last bits: callers keep an order.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { graft: libm::hypot(self.graft, other.graft), direction: libm::hypot(self.direction, other.direction) }
    }
}

impl Graft {
    /// Numbers of state for a tensor of these sizes.
    pub const fn state_len(&self, dims: &[usize]) -> usize {
        match self {
            Self::None | Self::Sgd => 0,
            Self::AdaGrad { .. } | Self::RmsProp { .. } => product(dims),
            Self::Sm3 { .. } => sm3::state_len(dims),
        }
    }

    /// Whether the state is a sum of squares, which grows without end.
    pub fn sums_squares(&self) -> bool {
        matches!(self, Self::AdaGrad { .. } | Self::Sm3 { averaging: Averaging::Sum, .. })
    }

    /// Numbers of scratch for [`step`](Self::step).
    pub const fn scratch_len(&self, dims: &[usize]) -> usize {
        if matches!(self, Self::Sm3 { .. }) { sm3::scratch_len(dims) } else { 0 }
    }

    /// Refuses decay rates outside (0, 1) or equal to 1 in `T`, and an epsilon that is not a number >= 0.
    ///
    /// **Errors**: [`ConfigError`] with the figure.
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        let (averaging, epsilon) = match *self {
            Self::None | Self::Sgd => return Ok(()),
            Self::AdaGrad { epsilon } => (Averaging::Sum, epsilon),
            Self::RmsProp { beta2, epsilon, .. } => (Averaging::Ema { beta2 }, epsilon),
            Self::Sm3 { averaging, epsilon } => (averaging, epsilon),
        };
        averaging.validate::<T>()?;
        crate::config::check_figure::<T>("graft epsilon", epsilon)
    }

    /// Takes the gradient into `state` and writes the method's step for a learning rate of 1.
    ///
    /// `count` is the number of gradients of this parameter, this one included.
    ///
    /// **Shapes**: `out` and `g` row-major of sizes `dims`, `state` [`state_len`](Self::state_len) numbers, scratch
    /// at least [`scratch_len`](Self::scratch_len).
    #[expect(clippy::too_many_arguments, reason = "state, scratch, sizes and count of one parameter")]
    pub fn step<T: Real, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        g: &[T],
        state: &mut [T],
        scratch: &mut [T],
        dims: &Dims,
        count: u64,
        kernel: &K,
    ) {
        match *self {
            Self::None | Self::Sgd => out.iter_mut().zip(g).for_each(|(o, &g)| *o = g),
            Self::AdaGrad { epsilon } => adagrad::step(out, g, state, epsilon, kernel),
            Self::RmsProp { beta2, epsilon, bias_correction } => {
                let correction = bias_correction.then_some(count);
                rmsprop::step(out, g, state, beta2, epsilon, correction, kernel);
            }
            Self::Sm3 { averaging, epsilon } => {
                sm3::step(out, g, state, scratch, dims, averaging, epsilon, kernel);
            }
        }
    }

    /// The factor that gives the preconditioned gradient its length; `None` where the step g is taken.
    pub fn factor(&self, length: f64, preconditioned_length: f64) -> Option<f64> {
        match self {
            // A stale root may carry a legal gradient out of range.
            _ if !preconditioned_length.is_finite() => None,
            Self::None => Some(1.0),
            _ if preconditioned_length > 0.0 => Some(length / preconditioned_length),
            _ => None,
        }
    }
}
