//! SM3-II with axis covers: second moments in memory of the size of the sides.
//!
//! The sets are the slices of the tensor: one a row, one a column, one for each index of each axis.
//! nu(i) = b2 min_{r: i in S_r} mu(r) + w2 g(i)^2, then mu(r) = max_{S_r} nu; the step is g / (sqrt(nu) + eps).
//! Source: \[SM3\] algorithm SM3-II; decay 1 and weight 1 are the paper's.

use crate::capacity::Dims;
use crate::kernel::Kernel;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// Sets of the axis cover, the numbers of state: the sum of the sizes; 1 for a scalar.
pub const fn state_len(dims: &[usize]) -> usize {
    let (mut sum, mut rest) = (if dims.is_empty() { 1_usize } else { 0 }, dims);
    while let [d, more @ ..] = rest {
        (sum, rest) = (sum.saturating_add(*d), more);
    }
    sum
}

/// Numbers of scratch: the new sets, and second moments along the last axis.
pub const fn scratch_len(dims: &[usize]) -> usize {
    state_len(dims).saturating_add(if let [.., last] = dims { *last } else { 1 })
}

/// One step: `mu` takes the gradient in, `out` is the step for a learning rate of 1.
///
/// An entry whose gradient is 0 gives 0, also where nu and eps are 0.
///
/// **Shapes**: `out` and `g` row-major of sizes `dims`, `mu` [`state_len`] numbers, axis after axis,
/// scratch at least [`scratch_len`]. **Cost**: rank comparisons, one square root and one division an entry.
///
/// ```
/// use shampoo_core::{capacity::Dims, diagonal::sm3, kernel::Portable, statistics::Averaging};
/// let dims = Dims::from_slice(&[2, 2])?;
/// let (mut out, mut mu, mut scratch) = ([0.0_f64; 4], [0.0; 4], [0.0; 6]);
/// for g in [[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 1.0, 1.0]] {
///     sm3::step(&mut out, &g, &mut mu, &mut scratch, &dims, Averaging::Sum, 0.0, &Portable);
/// }
/// assert_eq!(mu, [8.0, 17.0, 10.0, 17.0]); // rows, then columns
/// assert!((out[2] - 0.31622777).abs() < 1e-8);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[expect(clippy::too_many_arguments, reason = "state, scratch and the rule's three figures")]
pub fn step<T: Real, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    g: &[T],
    mu: &mut [T],
    scratch: &mut [T],
    dims: &Dims,
    averaging: Averaging,
    epsilon: f64,
    kernel: &K,
) {
    let (decay, weight) = (T::from_f64(averaging.decay()), T::from_f64(averaging.weight()));
    let last = dims.last().copied().unwrap_or(1);
    let outer = state_len(dims) - last;
    let Some((next, nu)) = scratch.split_at_mut_checked(state_len(dims)) else { return };
    next.fill(T::zero());
    let (Some((mu_outer, mu_last)), Some((next_outer, next_last))) =
        (mu.split_at_checked(outer), next.split_at_mut_checked(outer))
    else {
        return;
    };
    let rows = out.chunks_exact_mut(last.max(1)).zip(g.chunks_exact(last.max(1)));
    for (row, (out, g)) in rows.enumerate() {
        let least = outer_sets(dims, row).filter_map(|set| mu_outer.get(set)).fold(T::MAX, |m, &x| m.minimum(x));
        let mut largest = T::zero();
        for (((nu, &g), &mu), next) in nu.iter_mut().zip(g).zip(mu_last).zip(next_last.iter_mut()) {
            *nu = decay * least.minimum(mu) + weight * (g * g);
            *next = next.maximum(*nu);
            largest = largest.maximum(*nu);
        }
        for set in outer_sets(dims, row) {
            if let Some(next) = next_outer.get_mut(set) {
                *next = next.maximum(largest);
            }
        }
        kernel.scale_by_rsqrt(out, g, nu, T::one(), T::from_f64(epsilon));
    }
    mu.iter_mut().zip(next.iter()).for_each(|(mu, &n)| *mu = n);
}

/// The sets of all axes but the last that the entries of this run along the last axis belong to.
fn outer_sets(dims: &Dims, row: usize) -> impl Iterator<Item = usize> + '_ {
    let axes = dims.len().saturating_sub(1);
    let mut offset = 0;
    (0..axes).map(move |axis| {
        let inner = dims.get(axis + 1..axes).unwrap_or_default().iter().fold(1_usize, |n, &d| n.saturating_mul(d));
        let size = dims.get(axis).copied().unwrap_or(1).max(1);
        let set = offset + row / inner.max(1) % size;
        offset += size;
        set
    })
}
