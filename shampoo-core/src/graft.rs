//! Grafting: the direction of one method, the length of another.
//!
//! P <- P ||g|| / ||P|| with g the step of a cheap method and P the preconditioned gradient (\[AG\]). Norms
//! are taken over the blocks of one tensor that have roots; ||P|| = 0 gives the step g itself.

mod ada_graft;

pub use ada_graft::AdaGraft;

use crate::capacity::product;
use crate::diagonal::adam::{self, Adam};
use crate::diagonal::cover::AxisCover;
use crate::diagonal::sm3::{self, Sm3, Variant};
use crate::diagonal::{Gradient, adagrad, full_matrix, lars, rmsprop};
use crate::error::ConfigError;
use crate::kernel::Kernel;
use crate::linalg::inverse_root::Ridge;
use crate::linalg::norm::{hypotenuse, norm, rescale};
use crate::mat::copy;
use crate::momentum::Momentum;
use crate::scalar::{Real, Stored, check_figure};
use crate::statistics::Averaging;

/// The method whose step length is taken; also the whole step of tensors that are not preconditioned.
///
/// Below g is the gradient, and h what the step is made of: g, or the filtered gradient where momentum stands before
/// the preconditioner. Second moments always take in g.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[doc(alias = "graft_type")]
pub enum Graft {
    /// No grafting: the preconditioned gradient as it is, whose size does not depend on the gradient's scale
    /// (with sums, the first step of G has the norm of its polar factor), so learning rates differ by orders of
    /// magnitude from a first-order method's. Where there is no root, h itself.
    None,
    /// h.
    Sgd,
    /// m <- b1 m + h; m, or h + b1 m with Nesterov's look-ahead.
    Momentum {
        /// The decay b1, in [0, 1).
        beta1: f64,
        /// Look-ahead.
        nesterov: bool,
    },
    /// v <- v + g^2, h / (sqrt(v) + epsilon).
    AdaGrad {
        /// Added to the square root.
        epsilon: f64,
    },
    /// v <- b2 v + (1 - b2) g^2, h / (sqrt(v) + epsilon).
    RmsProp {
        /// The decay b2.
        beta2: f64,
        /// Added to the square root.
        epsilon: f64,
        /// Divide v by 1 - b2^t first, t the parameter's own count of gradients.
        bias_correction: bool,
    },
    /// m <- b1 m + (1 - b1) h, v <- b2 v + (1 - b2) g^2, both corrected by the parameter's own count;
    /// m / (sqrt(v) + epsilon).
    Adam {
        /// The decay b1, in [0, 1).
        beta1: f64,
        /// The decay b2.
        beta2: f64,
        /// Added to the square root.
        epsilon: f64,
    },
    /// SM3 over the slices of the tensor.
    Sm3 {
        /// Which of the two algorithms; SM3-II is the tighter one.
        variant: Variant,
        /// How squares are accumulated; the paper's is the sum.
        averaging: Averaging,
        /// Added to the square root.
        epsilon: f64,
    },
    /// H <- H + g g^T, (H + r I)^{-1/2} h: for few entries only, its state grows with their square.
    FullMatrix {
        /// The ridge r.
        ridge: Ridge,
    },
    /// (h + beta w) ||w|| / (||h|| + beta ||w||), w the parameter; the factor is 1 where either norm is 0.
    Lars {
        /// The weight decay beta.
        beta: f64,
    },
    /// The signs of h, so the length is the square root of the number of entries that are not 0 (\[GP\]'s `SQRT_N`).
    Sign,
    /// h scaled to a fixed length; 0 stays 0.
    FixedNorm(Length),
}

/// A length that does not depend on the gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Length {
    /// Square root of the first size after merging: the number of rows of a matrix; 1 for a scalar.
    Rows,
    /// Square root of the number of entries.
    Entries,
    /// This number; for a tensor's graft at most what a gradient of one entry may be.
    Given(f64),
}

impl Length {
    /// The length for a tensor of these sizes.
    pub fn of(self, dims: &[usize]) -> f64 {
        match self {
            Self::Rows => libm::sqrt(dims.first().copied().unwrap_or(1) as f64),
            Self::Entries => libm::sqrt(product(dims) as f64),
            Self::Given(length) => length,
        }
    }
}

/// What a method's step is made from.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a, T> {
    /// The gradient, and what the step is made of.
    pub gradient: Gradient<'a, T>,
    /// The parameter; only LARS reads it.
    pub parameter: &'a [T],
    /// Sizes of the tensor, whose entries are row-major.
    pub dims: &'a [usize],
    /// Gradients of this parameter so far, this one included.
    pub count: u64,
    /// The gradient is divided by its own norm first, and so is the numerator; what is 0 stays 0.
    pub normalized: bool,
}

/// Over what lengths are compared (\[AG\] section 2: layer-wise or global).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope {
    /// One tensor (\[GP\]).
    Tensor,
    /// One block of a tensor, and each of them (\[FB\]).
    ///
    /// Lengths alone are those of blocks: the method's step is still one of the whole tensor. Of methods that work entry
    /// by entry ([`None`](Graft::None), SGD, momentum, AdaGrad, RMSProp, Adam, signs) the blocks are what they would be as
    /// tensors of their own. Others look further: [`FixedNorm`](Graft::FixedNorm) and [`Lars`](Graft::Lars) set the length
    /// of the whole step, of which a block has its part; [`Sm3`](Graft::Sm3)'s sets and
    /// [`FullMatrix`](Graft::FullMatrix)'s products reach across blocks; and where gradients are normalised
    /// ([`Config::normalize_graft`](crate::config::Config::normalize_graft)) the norm is that of the whole one.
    Block,
    /// All tensors with this scope together, in order of registration; a tensor by itself is as with
    /// [`Tensor`](Scope::Tensor).
    Global,
}

/// The lengths that a graft compares.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Norms {
    /// Of the graft's step.
    pub graft: f64,
    /// Of the preconditioned gradient.
    pub direction: f64,
}

impl Norms {
    /// Of these two steps.
    pub fn of<T: Real, K: Kernel<T> + ?Sized>(graft: &[T], direction: &[T], kernel: &K) -> Self {
        Self { graft: norm(graft, kernel).to_f64(), direction: norm(direction, kernel).to_f64() }
    }

    /// Both together, without overflow. Not associative in its last bits: callers keep an order.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self { graft: hypotenuse(self.graft, other.graft), direction: hypotenuse(self.direction, other.direction) }
    }
}

impl Graft {
    /// Numbers of state for a tensor of these sizes; saturates.
    pub const fn state_len(&self, dims: &[usize]) -> usize {
        match self {
            Self::None | Self::Sgd | Self::Lars { .. } | Self::Sign | Self::FixedNorm(_) => 0,
            Self::Momentum { beta1, .. } => product(dims).saturating_mul(Momentum::heavy_ball(*beta1).buffer_count()),
            Self::AdaGrad { .. } | Self::RmsProp { .. } => product(dims),
            Self::Adam { .. } => adam::state_len(dims),
            Self::Sm3 { .. } => sm3::state_len(dims),
            Self::FullMatrix { .. } => full_matrix::state_len(dims),
        }
    }

    /// Whether the state is a sum of squares, which grows without end.
    pub const fn sums_squares(&self) -> bool {
        let sums = matches!(self, Self::AdaGrad { .. } | Self::FullMatrix { .. });
        sums || matches!(self, Self::Sm3 { averaging: Averaging::Sum, .. })
    }

    /// Numbers of scratch for [`step`](Self::step) from gradients that are normalised or not; saturates.
    pub const fn scratch_len(&self, dims: &[usize], normalized: bool) -> usize {
        let own = match self {
            Self::Sm3 { .. } => sm3::scratch_len(dims),
            Self::FullMatrix { .. } => full_matrix::scratch_len(dims),
            _ => 0,
        };
        // Both halves of the gradient.
        if normalized { own.saturating_add(product(dims).saturating_mul(2)) } else { own }
    }

    /// Refuses decay rates outside (0, 1) or equal to 1 in `T`, and figures that are not numbers >= 0.
    ///
    /// **Errors**: [`ConfigError`] with the figure.
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        let figure = check_figure::<T>;
        let (averaging, epsilon) = match *self {
            Self::None | Self::Sgd | Self::Sign | Self::FixedNorm(Length::Rows | Length::Entries) => return Ok(()),
            Self::FixedNorm(Length::Given(length)) => return figure("graft length", length),
            Self::Lars { beta } => return figure("graft beta", beta),
            Self::Momentum { beta1, .. } => return Momentum::heavy_ball(beta1).validate::<T>(),
            Self::FullMatrix { ridge } if ridge.is_usable() => return Ok(()),
            Self::FullMatrix { ridge } => {
                return Err(ConfigError::Figure { field: "graft ridge", value: ridge.figure() });
            }
            Self::AdaGrad { epsilon } => (Averaging::Sum, epsilon),
            Self::RmsProp { beta2, epsilon, .. } => (Averaging::Ema { beta2 }, epsilon),
            Self::Adam { beta1, beta2, epsilon } => {
                Momentum::heavy_ball(beta1).validate::<T>()?;
                (Averaging::Ema { beta2 }, epsilon)
            }
            Self::Sm3 { averaging, epsilon, .. } => (averaging, epsilon),
        };
        averaging.validate::<T>()?;
        figure("graft epsilon", epsilon)
    }

    /// Takes the gradient into `state` and writes the method's step for a learning rate of 1.
    ///
    /// **Shapes**: `out`, gradient, numerator and parameter row-major of sizes `dims`, `state`
    /// [`state_len`](Self::state_len) numbers that start at 0, scratch at least [`scratch_len`](Self::scratch_len).
    ///
    /// ```
    /// use shampoo_core::{diagonal::Gradient, graft::{Graft, Input}, kernel::Portable};
    /// let mut out = [9.0_f64; 3];
    /// let gradient = Gradient::plain(&[-3.0, 0.0, 4.0]);
    /// let input = Input { gradient, parameter: &[], dims: &[3], count: 1, normalized: false };
    /// Graft::Sign.step(&mut out, &input, &mut [], &mut [], &Portable);
    /// assert_eq!(out, [-1.0, 0.0, 1.0]);
    /// ```
    pub fn step<T: Real + Stored<T>, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        input: &Input<'_, T>,
        state: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) {
        if !input.normalized {
            return self.step_of(out, input, state, scratch, kernel);
        }
        let numel = out.len();
        let Some((raw, rest)) = scratch.split_at_mut_checked(numel) else { return };
        let Some((numerator, scratch)) = rest.split_at_mut_checked(numel) else { return };
        for (to, from) in [(&mut *raw, input.gradient.raw), (&mut *numerator, input.gradient.numerator)] {
            copy(to, from);
            rescale(to, 1.0, norm(from, kernel).to_f64());
        }
        let gradient = Gradient { raw, numerator };
        self.step_of(out, &Input { gradient, ..*input }, state, scratch, kernel);
    }

    fn step_of<T: Real + Stored<T>, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        input: &Input<'_, T>,
        state: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) {
        let Input { gradient, parameter, dims, count, .. } = *input;
        let h = gradient.numerator;
        match *self {
            Self::None | Self::Sgd => copy(out, h),
            Self::Momentum { beta1, nesterov } => {
                copy(out, h);
                Momentum { nesterov, ..Momentum::heavy_ball(beta1) }.apply(out, state, kernel);
            }
            Self::AdaGrad { epsilon } => adagrad::step(out, gradient, state, epsilon, kernel),
            Self::RmsProp { beta2, epsilon, bias_correction } => {
                let correction = bias_correction.then_some(count);
                rmsprop::step(out, gradient, state, beta2, epsilon, correction, kernel);
            }
            Self::Adam { beta1, beta2, epsilon } => {
                Adam { beta1, beta2, epsilon }.step(out, gradient, state, count, kernel);
            }
            Self::Sm3 { variant, averaging, epsilon } => {
                let cover = AxisCover::new(dims);
                Sm3 { variant, averaging, epsilon }.step(out, gradient, &cover, state, scratch, kernel);
            }
            Self::FullMatrix { ridge } => full_matrix::step(out, gradient, state, scratch, ridge, kernel),
            Self::Lars { beta } => lars::step(out, h, parameter, beta, kernel),
            Self::Sign => out.iter_mut().zip(h).for_each(|(o, &h)| *o = sign(h)),
            Self::FixedNorm(length) => {
                copy(out, h);
                rescale(out, length.of(dims), norm(h, kernel).to_f64());
            }
        }
    }

    /// The factor that gives the preconditioned gradient its length; `None` where the step g is taken.
    pub fn factor(&self, length: f64, preconditioned_length: f64) -> Option<f64> {
        length_factor(*self != Self::None, length, preconditioned_length)
    }
}

fn sign<T: Real>(x: T) -> T {
    if x > T::zero() {
        T::one()
    } else if x < T::zero() {
        -T::one()
    } else {
        T::zero()
    }
}

/// The factor that gives a preconditioned step a length, or 1 where it is not `grafted`; `None` where the graft's own step
/// is taken.
pub(crate) fn length_factor(grafted: bool, length: f64, preconditioned_length: f64) -> Option<f64> {
    match preconditioned_length {
        // A stale root may carry a legal gradient out of range.
        own if !own.is_finite() => None,
        _ if !grafted => Some(1.0),
        own if own > 0.0 => Some(length / own),
        _ => None,
    }
}
