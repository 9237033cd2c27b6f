//! Full-matrix AdaGrad: H <- H + g g^T, step (H + r I)^{-1/2} h, where h is g unless said otherwise.
//!
//! What Shampoo approximates, for few entries: memory d^2, time d^3 a step.

use core::slice::{from_mut, from_ref};

use super::Gradient;
use crate::capacity::product;
use crate::kernel::Kernel;
use crate::linalg::inverse_root::{Exponent, Request, Ridge, inverse_root, inverse_root_workspace_len};
use crate::linalg::norm::first_non_finite;
use crate::mat::MatRef;
use crate::mat::packed::{packed_len, rows, rows_mut};
use crate::scalar::{Real, Stored};
use crate::statistics::{Unfolding, panel_len, unfolded_product};

/// Numbers of state for a tensor of these sizes: one triangle of H, then one of its root; saturates.
pub const fn state_len(dims: &[usize]) -> usize {
    packed_len(product(dims)).saturating_mul(2)
}

/// Numbers of scratch; saturates.
pub const fn scratch_len(dims: &[usize]) -> usize {
    let d = product(dims);
    let (root, panel) = (inverse_root_workspace_len(d), panel_len(d));
    if root > panel { root } else { panel }
}

/// One step: `state` takes the gradient in, `out` is the step for a learning rate of 1.
///
/// The root is taken at every step and certified. One that is refused is not installed: the previous one stays, and
/// before there is one, or where its product leaves the range, the step is the diagonal method's, h / sqrt(H_ii).
///
/// **Shapes**: `out` and the gradient d numbers, [`state_len`] numbers of state, which starts at 0, scratch at least
/// [`scratch_len`]. **Ranges**: a ridge as in [`Ridge`]; relative 1e-6 is usual. **Accuracy**: the root's
/// certificate, default [`Request::max_error`]. **Cost**: a root of order d, 2 d^2 flops. **Source**: Duchi, Hazan,
/// Singer 2011.
///
/// ```
/// use shampoo_core::diagonal::{Gradient, full_matrix};
/// use shampoo_core::{kernel::Portable, linalg::inverse_root::Ridge};
/// let (mut out, mut state) = ([0.0_f64; 2], [0.0; full_matrix::state_len(&[2])]);
/// let mut scratch = [0.0; full_matrix::scratch_len(&[2])];
/// let ridge = Ridge::PseudoInverse { cutoff: 1e-10 };
/// full_matrix::step(&mut out, Gradient::plain(&[3.0, 4.0]), &mut state, &mut scratch, ridge, &Portable);
/// assert!((out[0] - 0.6).abs() < 1e-9 && (out[1] - 0.8).abs() < 1e-9); // g / |g|
/// ```
pub fn step<T: Real + Stored<T>, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    gradient: Gradient<'_, T>,
    state: &mut [T],
    scratch: &mut [T],
    ridge: Ridge,
    kernel: &K,
) {
    let d = out.len();
    let Some((h, root)) = state.split_at_mut_checked(packed_len(d)) else { return };
    for (row, &x) in rows_mut(h).zip(gradient.raw) {
        row.iter_mut().zip(gradient.raw).for_each(|(h, &y)| *h += x * y);
    }
    let request = Request { ridge, ..Request::new(Exponent::Root(2)) };
    // A root that was not accepted leaves the previous one, whatever the reason.
    let _ = inverse_root::<T, T, K>(h, d, root, &request, scratch, kernel);
    if root.iter().any(|&x| x != T::zero()) {
        if let Ok(column) = MatRef::new(gradient.numerator, d, 1) {
            unfolded_product(out, root, Unfolding::of_matrix(column, 0), scratch, kernel);
        }
        // A stale root may carry a legal gradient out of range.
        if first_non_finite(out).is_none() {
            return;
        }
    }
    for ((out, h), row) in out.iter_mut().zip(gradient.numerator).zip(rows(h)) {
        let v = row.last().copied().unwrap_or_default();
        kernel.scale_by_rsqrt(from_mut(out), from_ref(h), from_ref(&v), T::one(), T::zero());
    }
}
