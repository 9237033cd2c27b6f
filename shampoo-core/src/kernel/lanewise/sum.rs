//! The sum of inverses of eight tridiagonal matrices, F = c0 I + sum_j c_j (T/b + s_j I)^-1, in triangles.
//!
//! Column j of an inverse G starts at its diagonal entry and goes on by G_ij = ratio_i G_{i-1,j}: a product an entry
//! and pole, held in registers down the column.

use super::{Evaluation, GROUP, row_start};
use crate::kernel::inverses::{accumulate_gain, pivot};
use crate::scalar::{LANES, Lanes, Real, Tile};

/// Ratios and gains of one group of poles, as [`inverses`](crate::kernel::inverses) has them; 0 where a pivot is not
/// positive.
#[inline(always)]
fn pivots<T: Real, L: Lanes<T>>(
    lanes: L,
    (diagonal, off_diagonal): (&[Tile<T>], &[Tile<T>]),
    evaluation: &Evaluation<'_, T>,
    group: usize,
    ratios: &mut [[Tile<T>; GROUP]],
    gains: &mut [[Tile<T>; GROUP]],
) -> Option<L::Vector> {
    let (zero, one) = (lanes.splat(T::zero()), lanes.splat(T::one()));
    let (shifts, weights) = (evaluation.terms.shifts.get(group)?, evaluation.terms.weights.get(group)?);
    let (ridge, factor) = (lanes.load(&evaluation.ridges), lanes.load(&evaluation.factors));
    let scale = lanes.div(one, lanes.load(&evaluation.bounds));
    let mut scaled = [[T::zero(); LANES]; GROUP];
    for (to, &weight) in scaled.iter_mut().zip(weights) {
        lanes.store(to, lanes.mul(lanes.splat(weight), factor));
    }
    let mut positive = one;
    let mut inverses = [one; GROUP];
    let mut e_after = zero;
    let rows = ratios.iter_mut().zip(gains.iter_mut());
    for ((ratios, gains), (d, e)) in rows.zip(diagonal.iter().zip(off_diagonal)).rev() {
        let entry = lanes.mul(lanes.add(lanes.load(d), ridge), scale);
        let coupling = lanes.sub(zero, lanes.mul(e_after, e_after));
        e_after = lanes.mul(lanes.load(e), scale);
        let minus_e = lanes.sub(zero, e_after);
        let poles = inverses.iter_mut().zip(shifts).zip(&scaled);
        for ((ratio, gain), ((inverse, &shift), weight)) in ratios.iter_mut().zip(gains.iter_mut()).zip(poles) {
            let shifted = lanes.add(entry, lanes.splat(shift));
            lanes.store(ratio, pivot(lanes, shifted, coupling, minus_e, inverse, &mut positive));
            lanes.store(gain, lanes.mul(lanes.load(weight), *inverse));
        }
    }
    let mut before = [zero; GROUP];
    for (ratios, gains) in ratios.iter().zip(gains) {
        for ((ratio, gain), before) in ratios.iter().zip(gains).zip(&mut before) {
            accumulate_gain(lanes, ratio, gain, before);
        }
    }
    Some(positive)
}

/// Column after column of some poles; the first ones replace what is there.
///
/// A macro, so that the entries of the columns are variables and stay in registers.
macro_rules! columns {
    ($lanes:ident, $constant:ident, $first:expr, $triangle:ident, $ratios:ident, $gains:ident, $chunk:ident;
     $($g:ident $r:ident)*) => {
        for (j, gains) in $gains.iter().enumerate() {
            let mut at = row_start(j).saturating_add(j);
            let to = $triangle.get_mut(at)?;
            let [$($g),*] = gains.$chunk()?;
            $(let mut $g = $lanes.load($g);)*
            let mut entry = if $first { $constant } else { $lanes.load(to) };
            $(entry = $lanes.add(entry, $g);)*
            $lanes.store(to, entry);
            let mut distance = j + 1;
            for ratios in $ratios.get(j + 1..)? {
                at = at.saturating_add(distance);
                distance += 1;
                let to = $triangle.get_mut(at)?;
                let [$($r),*] = ratios.$chunk()?;
                let mut entry = if $first { $lanes.splat(T::zero()) } else { $lanes.load(to) };
                $(
                    $g = $lanes.mul($g, $lanes.load($r));
                    entry = $lanes.add(entry, $g);
                )*
                $lanes.store(to, entry);
            }
        }
    };
}

/// F into the triangle; 0 where a pivot is not positive.
#[inline(always)]
pub(super) fn sum_of_inverses<T: Real, L: Lanes<T>>(
    lanes: L,
    (diagonal, off_diagonal): (&[Tile<T>], &[Tile<T>]),
    evaluation: &Evaluation<'_, T>,
    ratios: &mut [[Tile<T>; GROUP]],
    gains: &mut [[Tile<T>; GROUP]],
    triangle: &mut [Tile<T>],
) -> Option<L::Vector> {
    let mut positive = lanes.splat(T::one());
    let constant = lanes.mul(lanes.splat(evaluation.constant), lanes.load(&evaluation.factors));
    for group in 0..evaluation.terms.width {
        let group_positive = pivots(lanes, (diagonal, off_diagonal), evaluation, group, ratios, gains)?;
        positive = lanes.min(group_positive, positive);
        if L::WIDE {
            columns!(lanes, constant, group == 0, triangle, ratios, gains, first_chunk;
                a ra b rb c rc d rd e re f rf g rg h rh);
        } else {
            columns!(lanes, constant, group == 0, triangle, ratios, gains, first_chunk; a ra b rb c rc d rd);
            columns!(lanes, constant, false, triangle, ratios, gains, last_chunk; a ra b rb c rc d rd);
        }
    }
    Some(positive)
}
