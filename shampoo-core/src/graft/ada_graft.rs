//! The steps of one method with the lengths of another's.

use super::{Graft, Input, Norms, copy};
use crate::capacity::product;
use crate::error::ConfigError;
use crate::kernel::Kernel;
use crate::linalg::norm::rescale;
use crate::scalar::{Real, Stored};

/// M#D: D's step, scaled to the length of M's. A#A is A, bit for bit.
///
/// Both methods see the same gradients and know nothing of each other. [`step`](AdaGraft::step) compares the lengths of
/// one tensor's steps. To compare those of its blocks, or of several tensors together, a caller takes
/// [`steps`](AdaGraft::steps), adds up [`Norms`] over what belongs together, and hands them to
/// [`finish`](AdaGraft::finish):
///
/// ```
/// use shampoo_core::diagonal::Gradient;
/// use shampoo_core::graft::{AdaGraft, Graft, Input, Norms};
/// use shampoo_core::kernel::Portable;
/// const SIGNS: AdaGraft = AdaGraft { magnitude: Graft::Sgd, direction: Graft::Sign };
/// let gradients = [[3.0_f64], [-4.0]];
/// let (mut steps, mut directions, mut norms) = ([[0.0]; 2], [[0.0]; 2], Norms::default());
/// for ((g, out), direction) in gradients.iter().zip(&mut steps).zip(&mut directions) {
///     let input = Input { gradient: Gradient::plain(g), parameter: &[], dims: &[1], count: 1, normalized: false };
///     norms = norms.merge(SIGNS.steps(out, direction, &input, &mut [], &mut [], &Portable));
/// }
/// for (out, direction) in steps.iter_mut().zip(&directions) {
///     SIGNS.finish(out, direction, norms);
/// }
/// assert!((steps[0][0] - 5.0 / 2.0_f64.sqrt()).abs() < 1e-15 && steps[1][0] == -steps[0][0]);
/// ```
///
/// All of it for one tensor:
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

    /// Numbers of scratch for [`steps`](Self::steps): what the methods need, one after the other; saturates.
    pub const fn steps_scratch_len(&self, dims: &[usize], normalized: bool) -> usize {
        let (a, b) = (self.magnitude.scratch_len(dims, normalized), self.direction.scratch_len(dims, normalized));
        if a > b { a } else { b }
    }

    /// Numbers of scratch for [`step`](Self::step): D's step, and what the methods need; saturates.
    pub const fn scratch_len(&self, dims: &[usize], normalized: bool) -> usize {
        product(dims).saturating_add(self.steps_scratch_len(dims, normalized))
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
        let norms = self.steps(out, direction, input, state, scratch, kernel);
        self.finish(out, direction, norms);
    }

    /// The first part: takes the gradient into `state`, writes M's step into `out` and D's into `direction`, and returns
    /// their lengths.
    ///
    /// **Shapes**: as [`step`](Self::step), `direction` as long as `out`, at least
    /// [`steps_scratch_len`](Self::steps_scratch_len) numbers of scratch.
    pub fn steps<T: Real + Stored<T>, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        direction: &mut [T],
        input: &Input<'_, T>,
        state: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) -> Norms {
        let lengths = self.magnitude.state_len(input.dims);
        let Some((of_m, of_d)) = state.split_at_mut_checked(lengths) else { return Norms::default() };
        self.magnitude.step(out, input, of_m, scratch, kernel);
        self.direction.step(direction, input, of_d, scratch, kernel);
        Norms::of(out, direction, kernel)
    }

    /// The last part: `out`, which holds M's step, becomes D's with the length that `norms` say, or stays where they give
    /// none.
    ///
    /// `norms` are those of the whole that is grafted together: what [`steps`](Self::steps) returned, its sum over
    /// tensors, or [`Norms::of`] a block. Entry by entry, so a block may be handed over in any runs.
    ///
    /// **Shapes**: both of one length.
    pub fn finish<T: Real>(&self, out: &mut [T], direction: &[T], norms: Norms) {
        // A length out of range cannot be given to anything.
        if !norms.graft.is_finite() || self.magnitude.factor(norms.graft, norms.direction).is_none() {
            return;
        }
        copy(out, direction);
        if self.magnitude != Graft::None {
            rescale(out, norms.graft, norms.direction);
        }
    }
}
