//! The steps of one method with the lengths of another's.

use super::{Graft, Input, copy};
use crate::capacity::product;
use crate::error::ConfigError;
use crate::kernel::Kernel;
use crate::linalg::norm::{norm, rescale};
use crate::scalar::{Real, Stored};

/// M#D: D's step, scaled to the length of M's. A#A is A, bit for bit.
///
/// Both methods see the same gradients and know nothing of each other.
///
/// ```
/// use shampoo_core::diagonal::Gradient;
/// use shampoo_core::graft::{AdaGraft, Graft, Input};
/// use shampoo_core::kernel::Portable;
/// const SIGNS: AdaGraft = AdaGraft { magnitude: Graft::Sgd, direction: Graft::Sign };
/// let (mut out, mut scratch) = ([0.0_f64; 2], [0.0; SIGNS.scratch_len(&[2], false)]);
/// let gradient = Gradient::plain(&[3.0, -4.0]);
/// let input = Input { gradient, parameter: &[], dims: &[2], count: 1, normalized: false };
/// SIGNS.step(&mut out, &input, &mut [], &mut scratch, &Portable);
/// assert!((out[0] - 5.0 / 2.0_f64.sqrt()).abs() < 1e-15 && out[1] == -out[0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AdaGraft {
    /// The method M that gives the length.
    pub magnitude: Graft,
    /// The method D that gives the direction.
    pub direction: Graft,
}

impl AdaGraft {
    /// Numbers of state for a tensor of these sizes: M's, then D's; saturates.
    pub const fn state_len(&self, dims: &[usize]) -> usize {
        self.magnitude.state_len(dims).saturating_add(self.direction.state_len(dims))
    }

    /// Numbers of scratch: D's step, and what the methods need; saturates.
    pub const fn scratch_len(&self, dims: &[usize], normalized: bool) -> usize {
        let (a, b) = (self.magnitude.scratch_len(dims, normalized), self.direction.scratch_len(dims, normalized));
        product(dims).saturating_add(if a > b { a } else { b })
    }

    /// Refuses what [`Graft::validate`] refuses.
    ///
    /// **Errors**: [`ConfigError`] with the figure.
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        self.magnitude.validate::<T>()?;
        self.direction.validate::<T>()
    }

    /// Takes the gradient into `state` and writes the step for a learning rate of 1.
    ///
    /// A step of D that is 0 gives M's own; [`Graft::None`] as M leaves D's length.
    ///
    /// **Shapes**: as [`Graft::step`], with [`state_len`](Self::state_len) numbers of state and at least
    /// [`scratch_len`](Self::scratch_len) of scratch. **Cost**: both steps and two norms. **Source**: \[AG\].
    pub fn step<T: Real + Stored<T>, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        input: &Input<'_, T>,
        state: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) {
        let Some((direction, scratch)) = scratch.split_at_mut_checked(out.len()) else { return };
        let Some((of_m, of_d)) = state.split_at_mut_checked(self.magnitude.state_len(input.dims)) else { return };
        self.magnitude.step(out, input, of_m, scratch, kernel);
        self.direction.step(direction, input, of_d, scratch, kernel);
        let (length, own) = (norm(out, kernel).to_f64(), norm(direction, kernel).to_f64());
        // A length out of range cannot be given to anything.
        if !length.is_finite() || self.magnitude.factor(length, own).is_none() {
            return;
        }
        copy(out, direction);
        if self.magnitude != Graft::None {
            rescale(out, length, own);
        }
    }
}
