//! LARS: the step (g + beta w) ||w|| / (||g|| + beta ||w||).

use crate::kernel::Kernel;
use crate::linalg::norm::{norm, rescale};
use crate::scalar::Real;

/// One step: `out` is the step for a learning rate of 1, as long as the parameter w where beta is 0.
///
/// The factor is 1 where either norm is 0, so a parameter that starts at 0 moves, and a gradient of 0 decays w as
/// plain weight decay does. LARS has no state; its published form has momentum after it.
///
/// **Shapes**: all of one length. **Ranges**: `beta`, the weight decay, at least 0. **Cost**: two norms.
/// **Source**: You, Gitman, Ginsburg 2017, arXiv 1708.03888, algorithm 1; its trust coefficient belongs to the rate.
///
/// ```
/// use shampoo_core::{diagonal::lars, kernel::Portable};
/// let mut out = [0.0_f64; 2];
/// lars::step(&mut out, &[0.0, 4.0], &[3.0, 0.0], 0.0, &Portable);
/// assert_eq!(out, [0.0, 3.0]);
/// ```
pub fn step<T: Real, K: Kernel<T> + ?Sized>(out: &mut [T], g: &[T], w: &[T], beta: f64, kernel: &K) {
    let rate = T::from_f64(beta);
    for ((out, &g), &w) in out.iter_mut().zip(g).zip(w) {
        *out = if beta == 0.0 { g } else { g + rate * w };
    }
    let (g, w) = (norm(g, kernel).to_f64(), norm(w, kernel).to_f64());
    if g > 0.0 && w > 0.0 {
        rescale(out, w, g + beta * w);
    }
}
