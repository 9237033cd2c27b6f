//! The inverses of a shifted tridiagonal matrix at all poles, from their pivots alone.
//!
//! Backward pivots q_i = d_i + s - e_{i+1}^2 / q_{i+1}; then G_00 = 1/q_0, G_ij = -(e_i/q_i) G_{i-1,j} for j < i, and
//! G_ii = 1/q_i + (e_i/q_i)^2 G_{i-1,i-1}: sums of positive terms, O(n) divisions a pole.

use super::tiles::while_positive;
use super::tridiagonal::Tridiagonal;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// Tiles of poles at most.
pub const POLE_TILES: usize = 4;

/// The poles of a sum c_j / (x + s_j), in whole tiles.
#[derive(Clone, Copy, Debug)]
pub struct Terms<T> {
    /// The shifts s_j; positive also beyond the poles.
    pub shifts: [Tile<T>; POLE_TILES],
    /// The weights c_j; 0 beyond the poles.
    pub weights: [Tile<T>; POLE_TILES],
    /// Tiles in use.
    pub width: usize,
}

impl<T: Real> Terms<T> {
    /// The poles (s_j, c_j) of a table, all weights multiplied; `None` where there are more than 32.
    pub fn new(poles: &[(f64, f64)], factor: T) -> Option<Self> {
        if poles.len() > LANES * POLE_TILES {
            return None;
        }
        let mut terms = Self {
            shifts: [[T::one(); LANES]; POLE_TILES],
            weights: [[T::zero(); LANES]; POLE_TILES],
            width: poles.len().div_ceil(LANES),
        };
        let to = terms.shifts.as_flattened_mut().iter_mut().zip(terms.weights.as_flattened_mut());
        for ((shift, weight), &(s, c)) in to.zip(poles) {
            (*shift, *weight) = (T::from_f64(s), T::from_f64(c) * factor);
        }
        Some(terms)
    }
}

/// 1 / q and -e / q of the pivot q = d + s - e_after^2 / q_after; `positive` becomes 0 if it is not positive.
#[inline(always)]
pub(super) fn pivot<T: Real, L: Lanes<T>>(
    lanes: L,
    shifted_entry: L::Vector,
    minus_square_after: L::Vector,
    minus_e: L::Vector,
    inverse: &mut L::Vector,
    positive: &mut L::Vector,
) -> L::Vector {
    let pivot = lanes.mul_add(minus_square_after, *inverse, shifted_entry);
    *positive = while_positive(lanes, pivot, *positive);
    *inverse = lanes.div(lanes.splat(T::one()), pivot);
    lanes.mul(minus_e, *inverse)
}

/// c G_ii = c/q_i + (e_i/q_i)^2 c G_{i-1,i-1}, in place of c/q_i.
#[inline(always)]
pub(super) fn accumulate_gain<T: Real, L: Lanes<T>>(
    lanes: L,
    ratio: &Tile<T>,
    gain: &mut Tile<T>,
    before: &mut L::Vector,
) {
    let ratio = lanes.load(ratio);
    *before = lanes.mul_add(lanes.mul(ratio, ratio), *before, lanes.load(gain));
    lanes.store(gain, *before);
}

/// For every row i and pole of (scale (T + ridge I) + s I)^-1: -e_i / q_i into `ratios`, c G_ii into `gains`; whether all
/// pivots are positive.
///
/// **Shapes**: `ratios` and `gains` n rows of `width` tiles. **Cost**: one division and 8 flops a row and pole.
#[inline(always)]
pub fn tridiagonal_inverses<T: Real, L: Lanes<T>>(
    lanes: L,
    t: &Tridiagonal<'_, T>,
    (ridge, scale): (T, T),
    terms: &Terms<T>,
    ratios: &mut [T],
    gains: &mut [T],
) -> bool {
    let (ratios, gains) = (ratios.as_chunks_mut::<LANES>().0, gains.as_chunks_mut::<LANES>().0);
    let positive = backward(lanes, t, (ridge, scale), terms, ratios, gains);
    forward(lanes, terms.width.max(1), ratios, gains);
    let mut flags = [T::zero(); LANES];
    lanes.store(&mut flags, positive);
    flags.iter().all(|&flag| flag > T::zero())
}

/// From the last row up: -e_i / q_i and c / q_i; 0 in a lane where a pivot was not positive.
#[inline(always)]
fn backward<T: Real, L: Lanes<T>>(
    lanes: L,
    t: &Tridiagonal<'_, T>,
    (ridge, scale): (T, T),
    terms: &Terms<T>,
    ratios: &mut [Tile<T>],
    gains: &mut [Tile<T>],
) -> L::Vector {
    let one = lanes.splat(T::one());
    let mut positive = one;
    let width = terms.width.max(1);
    // All poles of a row side by side: a division of one tile waits for none of another.
    let mut inverses = [one; POLE_TILES];
    let mut e_after = T::zero();
    let rows = ratios.chunks_exact_mut(width).zip(gains.chunks_exact_mut(width));
    for ((ratios, gains), (&d, &e)) in rows.zip(t.diagonal.iter().zip(t.off_diagonal.iter())).rev() {
        let (entry, coupling) = (lanes.splat((d + ridge) * scale), lanes.splat(-(e_after * e_after)));
        e_after = e * scale;
        let minus_e = lanes.splat(-e_after);
        let poles = terms.shifts.iter().zip(&terms.weights).zip(&mut inverses);
        for ((ratio, gain), ((shifts, weights), inverse)) in ratios.iter_mut().zip(gains).zip(poles) {
            let shifted = lanes.add(entry, lanes.load(shifts));
            lanes.store(ratio, pivot(lanes, shifted, coupling, minus_e, inverse, &mut positive));
            lanes.store(gain, lanes.mul(lanes.load(weights), *inverse));
        }
    }
    positive
}

/// From the first row down: c G_ii in place of c / q_i.
#[inline(always)]
fn forward<T: Real, L: Lanes<T>>(lanes: L, width: usize, ratios: &[Tile<T>], gains: &mut [Tile<T>]) {
    let mut before = [lanes.splat(T::zero()); POLE_TILES];
    for (ratios, gains) in ratios.chunks_exact(width).zip(gains.chunks_exact_mut(width)) {
        for ((ratio, gain), before) in ratios.iter().zip(gains).zip(&mut before) {
            accumulate_gain(lanes, ratio, gain, before);
        }
    }
}
