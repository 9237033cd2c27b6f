//! Q F Q^T for F = c0 I + sum_j c_j (T + s_j I)^-1, from the reflectors of Q and the pivots of T alone.
//!
//! Each inverse G follows from ratios and gains: G_mj = ratio_m G_{m-1,j} for j < m and c_j G_mm = gain_m. Row m of F
//! is a sum over the poles of vectors that all earlier reflectors have transformed already, so F itself is never
//! formed: one vector a pole is carried through the reflectors, O(N n^2), and only the symmetric 4/3 n^3 remains.

use core::ops::Range;

use super::lanes::{LANES, Lanes, Tile, first, unit};
use super::tiled::TiledTriangle;
use super::tridiagonal::Vectors;
use crate::scalar::Real;

/// The inverses of a tridiagonal matrix at all poles, in the form that the back-transform consumes.
#[derive(Debug)]
pub struct Poles<'w, T> {
    /// n rows of padded(`count`) numbers.
    pub ratios: &'w [T],
    /// n rows of padded(`count`) numbers, weights included; 0 beyond the poles.
    pub gains: &'w [T],
    /// [`carried_len`] numbers: row m of each inverse, transformed so far.
    pub carried: &'w mut [T],
    /// Poles.
    pub count: usize,
    /// The constant c0.
    pub constant: T,
}

/// Numbers carried for `poles` poles and order n; saturates.
pub const fn carried_len(n: usize, poles: usize) -> usize {
    let width = super::padded(poles);
    super::padded(n).saturating_mul(width).saturating_add(width.saturating_mul(2))
}

/// Replaces the reflectors in the lower triangle by Q F Q^T: `rows` of 0..=n, the first one first.
///
/// Step 0 writes entry (0, 0), step m < n row m, and step n makes the last update. All in one call, or adjoining
/// ranges in several, with nothing changed between them.
///
/// **Shapes**: A and the reflectors' factors as [`tridiagonalize`](super::tridiagonal::tridiagonalize) left them,
/// `vectors` likewise. **Cost**: 4/3 n^3 + 4 N n^2 flops for N poles.
#[inline(always)]
pub fn back_transform<T: Real, L: Lanes<T>>(
    lanes: L,
    a: TiledTriangle<'_, T>,
    tau: &[T],
    mut poles: Poles<'_, T>,
    vectors: &mut [T],
    rows: Range<usize>,
) {
    let TiledTriangle { data, stride, order } = a;
    let (tiles, stride) = (data.as_chunks_mut::<LANES>().0, stride / LANES);
    for m in rows {
        let Some(vectors) = Vectors::of_row(m, vectors) else { return };
        let done = match m {
            0 => start(lanes, tiles, stride, &mut poles, vectors),
            m if m == order => finish(lanes, tiles, stride, m, vectors),
            _ => row(lanes, tiles, stride, m, tau, &mut poles, vectors),
        };
        if done.is_none() {
            return;
        }
    }
}

/// The rows of ratios and gains that belong to row m.
#[inline(always)]
fn of_row<T>(rows: &[T], count: usize, m: usize) -> Option<&[Tile<T>]> {
    let width = count.div_ceil(LANES);
    rows.as_chunks::<LANES>().0.get(m.checked_mul(width)?..)?.get(..width)
}

/// c0 and the sum over the poles.
#[inline(always)]
fn diagonal<T: Real, L: Lanes<T>>(lanes: L, constant: T, gains: &[Tile<T>]) -> T {
    let mut sum = lanes.splat(T::zero());
    for gains in gains {
        sum = lanes.add(sum, lanes.load(gains));
    }
    constant + lanes.sum(sum)
}

/// Entry (0, 0), and the first dot products: the reflector of row 1 is (1).
#[inline(always)]
fn start<T: Real, L: Lanes<T>>(
    lanes: L,
    tiles: &mut [Tile<T>],
    stride: usize,
    poles: &mut Poles<'_, T>,
    mut vectors: Vectors<'_, T>,
) -> Option<()> {
    vectors.clear();
    vectors.x.fill([T::zero(); LANES]);
    poles.carried.fill(T::zero());
    let gains = of_row(poles.gains, poles.count, 0)?;
    *tiles.get_mut(..stride)?.as_flattened_mut().first_mut()? = diagonal(lanes, poles.constant, gains);
    let dots = poles.carried.as_chunks_mut::<LANES>().0.get_mut(..gains.len())?;
    for (dot, gain) in dots.iter_mut().zip(gains) {
        *dot = *gain;
    }
    Some(())
}

/// Row m: the symmetric part above it is reflected, and the sum over the carried vectors becomes the row.
#[inline(always)]
fn row<T: Real, L: Lanes<T>>(
    lanes: L,
    tiles: &mut [Tile<T>],
    stride: usize,
    m: usize,
    tau: &[T],
    poles: &mut Poles<'_, T>,
    mut vectors: Vectors<'_, T>,
) -> Option<()> {
    let tau = *tau.get(m)?;
    let active = m.div_ceil(LANES);
    let (last, lane) = (active.checked_sub(1)?, (m - 1) % LANES);
    let start = m.checked_mul(stride)?;
    for (x, row) in vectors.x.iter_mut().zip(tiles.get(start..)?).take(active) {
        lanes.store(x, lanes.load(row));
    }
    let x_last = vectors.x.get_mut(last)?;
    lanes.store(x_last, lanes.mul(lanes.load(x_last), first(lanes, lane + 1)));
    vectors.reflect(lanes, tiles, stride, m, tau)?;
    let (rows, own) = tiles.split_at_mut_checked(start)?;
    let (row, next) = own.split_at_mut_checked(stride)?;

    let width = poles.count.div_ceil(LANES);
    let (dots, rest) = poles.carried.as_chunks_mut::<LANES>().0.split_at_mut_checked(width)?;
    let (along, carried) = rest.split_at_mut_checked(width)?;
    let ratios = of_row(poles.ratios, poles.count, m)?;
    let (before, gains) = (of_row(poles.gains, poles.count, m - 1)?, of_row(poles.gains, poles.count, m)?);
    let minus_tau = lanes.splat(-tau);
    for ((along, ratio), dot) in along.iter_mut().zip(ratios).zip(dots.iter()) {
        lanes.store(along, lanes.mul(lanes.mul(lanes.load(ratio), minus_tau), lanes.load(dot)));
    }
    // The reflector of the row after, whose products with the carried vectors are taken on the way; after the last
    // row there is none, and what stands in for it is not used.
    let next = if next.is_empty() { &*vectors.x } else { &*next };
    let (x, next) = (vectors.x.get(..active)?, next.get(..active)?);
    let row_sums = row.get_mut(..active)?;
    // The gain of the row before is the newest entry of every carried vector.
    let newest = carried.get_mut(last.checked_mul(width)?.checked_mul(LANES)?..)?;
    let here = unit(lanes, lane);
    for (z, &gain) in newest.iter_mut().zip(before.as_flattened()).take(poles.count) {
        lanes.store(z, lanes.mul_add(lanes.splat(gain), here, lanes.load(z)));
    }
    let passes = dots.iter_mut().zip(gains).zip(ratios.iter().zip(along.iter()));
    for (tile, ((dot, gain), (ratios, along))) in passes.enumerate() {
        let halves = (poles.count - tile * LANES).div_ceil(LANES / 2);
        let products = if L::WIDE && halves > 1 {
            reflect_eight(lanes, carried, (width, tile), (ratios, along), x, next, row_sums)?
        } else {
            reflect_fours(lanes, carried, (width, tile), halves, (ratios, along), x, next, row_sums)?
        };
        // The reflector after has a 1 at column m, where the carried vectors get their gain.
        lanes.store(dot, lanes.add(lanes.sums(products), lanes.load(gain)));
    }
    let corner = lanes.splat(diagonal(lanes, poles.constant, gains));
    let to = row.get_mut(m / LANES)?;
    let beside = if m.is_multiple_of(LANES) { lanes.splat(T::zero()) } else { lanes.load(to) };
    lanes.store(to, lanes.mul_add(corner, unit(lanes, m % LANES), beside));
    complete_diagonal_tile(rows, row, stride, m)
}

/// z_p <- ratio_p z_p + along_p v, along_p = -tau ratio_p (z_p . v), for some poles of a group; adds the sum over them to
/// `row_sums` (the first poles replace it) and binds the products with `next`, not yet added up.
///
/// A macro, so that the accumulators are variables and stay in registers.
macro_rules! reflect {
    ($lanes:ident, $groups:expr, $v:ident, $next:ident, $row_sums:ident, $first:expr, $range:expr,
     $($z:ident $product:ident $ratio:expr, $along:expr;)*) => {
        $(let mut $product = $lanes.splat(T::zero());)*
        for (((group, v), next), sum) in $groups.zip($v).zip($next).zip($row_sums.iter_mut()) {
            let [$($z),*] = group.get_mut($range..)?.first_chunk_mut()?;
            let (v, next) = ($lanes.load(v), $lanes.load(next));
            let mut total = if $first { $lanes.splat(T::zero()) } else { $lanes.load(sum) };
            $(
                let z = $lanes.mul_add($lanes.splat(*$along), v, $lanes.mul($lanes.splat(*$ratio), $lanes.load($z)));
                $lanes.store($z, z);
                total = $lanes.add(total, z);
                $product = $lanes.mul_add(z, next, $product);
            )*
            $lanes.store(sum, total);
        }
    };
}

/// All eight poles of a tile in one loop, for lanes with many registers.
#[inline(always)]
fn reflect_eight<T: Real, L: Lanes<T>>(
    lanes: L,
    carried: &mut [Tile<T>],
    (width, tile): (usize, usize),
    (ratios, along): (&Tile<T>, &Tile<T>),
    v: &[Tile<T>],
    next: &[Tile<T>],
    row_sums: &mut [Tile<T>],
) -> Option<[L::Vector; LANES]> {
    let groups = carried.chunks_exact_mut(width.saturating_mul(LANES).max(1));
    let ([ra, rb, rc, rd, re, rf, rg, rh], [aa, ab, ac, ad, ae, af, ag, ah]) = (ratios, along);
    reflect!(lanes, groups, v, next, row_sums, tile == 0, tile * LANES,
        za pa ra, aa; zb pb rb, ab; zc pc rc, ac; zd pd rd, ad;
        ze pe re, ae; zf pf rf, af; zg pg rg, ag; zh ph rh, ah;);
    Some([pa, pb, pc, pd, pe, pf, pg, ph])
}

/// The first four poles of a tile in one loop, and, if there are two `halves`, the others in another.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "one of two forms of a loop")]
fn reflect_fours<T: Real, L: Lanes<T>>(
    lanes: L,
    carried: &mut [Tile<T>],
    (width, tile): (usize, usize),
    halves: usize,
    (ratios, along): (&Tile<T>, &Tile<T>),
    v: &[Tile<T>],
    next: &[Tile<T>],
    row_sums: &mut [Tile<T>],
) -> Option<[L::Vector; LANES]> {
    let zero = lanes.splat(T::zero());
    let ([ra, rb, rc, rd, re, rf, rg, rh], [aa, ab, ac, ad, ae, af, ag, ah]) = (ratios, along);
    let groups = carried.chunks_exact_mut(width.saturating_mul(LANES).max(1));
    reflect!(lanes, groups, v, next, row_sums, tile == 0, tile * LANES,
        za pa ra, aa; zb pb rb, ab; zc pc rc, ac; zd pd rd, ad;);
    if halves == 1 {
        return Some([pa, pb, pc, pd, zero, zero, zero, zero]);
    }
    let groups = carried.chunks_exact_mut(width.saturating_mul(LANES).max(1));
    reflect!(lanes, groups, v, next, row_sums, false, tile * LANES + LANES / 2,
        za pe re, ae; zb pf rf, af; zc pg rg, ag; zd ph rh, ah;);
    Some([pa, pb, pc, pd, pe, pf, pg, ph])
}

/// Copies row m into column m, above the diagonal inside the tile.
#[inline(always)]
fn complete_diagonal_tile<T: Real>(rows: &mut [Tile<T>], row: &[Tile<T>], stride: usize, m: usize) -> Option<()> {
    let (tile, lane) = (m / LANES, m % LANES);
    let entries = row.get(tile)?;
    let above = rows.get_mut(tile.checked_mul(stride)?.checked_mul(LANES)?..)?.chunks_mut(stride.max(1));
    for (row, &x) in above.zip(entries) {
        *row.get_mut(tile)?.get_mut(lane)? = x;
    }
    Some(())
}

/// The update that is still pending after the last row.
#[inline(always)]
fn finish<T: Real, L: Lanes<T>>(
    lanes: L,
    tiles: &mut [Tile<T>],
    stride: usize,
    n: usize,
    mut vectors: Vectors<'_, T>,
) -> Option<()> {
    vectors.x.fill([T::zero(); LANES]);
    vectors.reflect(lanes, tiles, stride, n, T::zero())
}
