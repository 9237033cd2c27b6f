//! Q F Q^T for F = c0 I + sum_j c_j (T + s_j I)^-1, from the reflectors of Q and the pivots of T alone.
//!
//! Each inverse G follows from ratios and gains: G_mj = ratio_m G_{m-1,j} for j < m and c_j G_mm = gain_m. Row m of F
//! is a sum over the poles of vectors that all earlier reflectors have transformed already, so F itself is never
//! formed: one vector a pole is carried through the reflectors, O(N n^2), and only the symmetric 4/3 n^3 remains.

use core::ops::Range;

use super::abreast::{Abreast, Lines};
use super::tiled::TiledTriangle;
use super::tiles::{first, unit};
use super::triangle;
use super::tridiagonal::Vectors;
use crate::scalar::{LANES, Lanes, Real, Tile};

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
    /// Whether [`Real::Transform`] suffices.
    pub coarse: bool,
    /// The constant c0.
    pub constant: T,
}

/// Numbers carried for `poles` poles and order n; saturates.
pub const fn carried_len(n: usize, poles: usize) -> usize {
    let width = crate::scalar::padded(poles);
    crate::scalar::padded(n).saturating_mul(width).saturating_add(width.saturating_mul(2))
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
        let done = if m == 0 {
            start(lanes, tiles, stride, &mut poles, vectors)
        } else {
            row(lanes, tiles, (stride, order), m, tau, &mut poles, vectors)
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
    let gains = of_row(poles.gains, poles.count, 0)?;
    *tiles.get_mut(..stride)?.as_flattened_mut().first_mut()? = diagonal(lanes, poles.constant, gains);
    let width = gains.len();
    let (dots, rest) = poles.carried.as_chunks_mut::<LANES>().0.split_at_mut_checked(width)?;
    dots.copy_from_slice(gains);
    let carried = rest.get_mut(width..)?;
    if L::SCALAR {
        carried.get_mut(..width)?.copy_from_slice(gains);
        return Some(());
    }
    carried.as_flattened_mut().fill(T::zero());
    for (z, &gain) in carried.iter_mut().zip(gains.as_flattened()) {
        lanes.store(z, lanes.mul(lanes.splat(gain), unit(lanes, 0)));
    }
    Some(())
}

/// Row m: the symmetric part above it is reflected, and the sum over the carried vectors becomes the row. After the last
/// row there is nothing but the update that is still pending.
#[inline(always)]
fn row<T: Real, L: Lanes<T>>(
    lanes: L,
    tiles: &mut [Tile<T>],
    (stride, order): (usize, usize),
    m: usize,
    tau: &[T],
    poles: &mut Poles<'_, T>,
    mut vectors: Vectors<'_, T>,
) -> Option<()> {
    let active = m.div_ceil(LANES);
    let lane = (m - 1) % LANES;
    let start = m.checked_mul(stride)?;
    let (mut factor, mut kept) = (T::zero(), 0);
    if m == order {
        vectors.x.fill([T::zero(); LANES]);
    } else {
        (factor, kept) = (*tau.get(m)?, lane + 1);
        let (row_last, row) = tiles.get(start..)?.get(..active)?.split_last()?;
        let (x_last, x) = vectors.x.get_mut(..active)?.split_last_mut()?;
        for (x, row) in x.iter_mut().zip(row) {
            *x = *row;
        }
        lanes.store(x_last, lanes.mul(lanes.load(row_last), first(lanes, kept)));
    }
    vectors.reflect(lanes, tiles, stride, (m, kept), factor)?;
    if m == order {
        return if L::SCALAR { triangle::complete(tiles, stride, order) } else { Some(()) };
    }
    let (rows, own) = tiles.split_at_mut_checked(start)?;
    let (row, next) = own.split_at_mut_checked(stride)?;

    let width = poles.count.div_ceil(LANES);
    let (dots, rest) = poles.carried.as_chunks_mut::<LANES>().0.split_at_mut_checked(width)?;
    let (along, carried) = rest.split_at_mut_checked(width)?;
    let ratios = of_row(poles.ratios, poles.count, m)?;
    let gains = of_row(poles.gains, poles.count, m)?;
    let minus_tau = lanes.splat(-factor);
    for ((along, ratio), dot) in along.iter_mut().zip(ratios).zip(dots.iter()) {
        lanes.store(along, lanes.mul(lanes.mul(lanes.load(ratio), minus_tau), lanes.load(dot)));
    }
    // The reflector of the row after, whose products with the carried vectors are taken on the way; after the last
    // row there is none, and what stands in for it is not used.
    let next = if next.is_empty() { &*vectors.x } else { &*next };
    let (x, next) = (vectors.x.get(..active)?, next.get(..active)?);
    let row_sums = row.get_mut(..active)?;
    let mut group = Group { carried, width, tile: 0, lane: m % LANES };
    for ((dot, gain), (ratios, along)) in dots.iter_mut().zip(gains).zip(ratios.iter().zip(along.iter())) {
        let halves = (poles.count - group.tile * LANES).div_ceil(LANES / 2);
        let factors = Factors { ratios, along, gains: gain };
        let products = if L::SCALAR {
            let lines =
                Lines { v: x.as_flattened().get(..m)?, next: next.as_flattened(), sums: row_sums.as_flattened_mut() };
            let tile = Abreast { rows: &mut *group.carried, width, tile: group.tile };
            match halves {
                _ if L::COMPACT => tile.reflect(lanes, LANES.min(halves * (LANES / 2)), factors, lines)?,
                // Lengths that are known are loops without a counter.
                1 => tile.reflect(lanes, LANES / 2, factors, lines)?,
                _ => tile.reflect(lanes, LANES, factors, lines)?,
            }
        } else if L::WIDE && halves > 1 {
            lanes.sums(group.reflect_eight(lanes, factors, x, next, row_sums)?)
        } else {
            lanes.sums(group.reflect_fours(lanes, factors, halves, x, next, row_sums)?)
        };
        // The reflector after has a 1 at column m, where the carried vectors get their gain.
        lanes.store(dot, lanes.add(products, lanes.load(gain)));
        group.tile += 1;
    }
    let corner = lanes.splat(diagonal(lanes, poles.constant, gains));
    let to = row.get_mut(m / LANES)?;
    let beside = if m.is_multiple_of(LANES) { lanes.splat(T::zero()) } else { lanes.load(to) };
    lanes.store(to, lanes.mul_add(corner, unit(lanes, m % LANES), beside));
    // Single numbers need but one triangle; the last step completes the tiles.
    if L::SCALAR { Some(()) } else { complete_diagonal_tile(lanes, rows, row, stride, m) }
}

/// The carried vectors of the poles in one tile.
struct Group<'a, T> {
    carried: &'a mut [Tile<T>],
    /// Tiles of poles.
    width: usize,
    /// The tile.
    tile: usize,
    /// Where in a tile the next entry of the vectors belongs.
    lane: usize,
}

/// What the carried vectors of one tile of poles are multiplied by, and the next entry of each.
#[derive(Clone, Copy)]
pub(super) struct Factors<'a, T> {
    pub(super) ratios: &'a Tile<T>,
    pub(super) along: &'a Tile<T>,
    pub(super) gains: &'a Tile<T>,
}

/// ratio z + along v.
#[inline(always)]
fn reflected<T: Real, L: Lanes<T>>(lanes: L, z: &Tile<T>, (ratio, along): (T, T), v: L::Vector) -> L::Vector {
    lanes.mul_add(lanes.splat(along), v, lanes.mul(lanes.splat(ratio), lanes.load(z)))
}

/// z_p <- ratio_p z_p + along_p v, along_p = -tau ratio_p (z_p . v), for some poles of a group; adds the sum over them to
/// `row_sums` (the first poles replace it) and binds the products with `next`, not yet added up. Then z_p gets its next
/// entry.
///
/// A macro, so that the accumulators are variables and stay in registers.
macro_rules! reflect {
    ($lanes:ident, $group:expr, $from:expr, $v:ident, $next:ident, $row_sums:ident,
     $($z:ident $product:ident $ratio:expr, $along:expr, $gain:expr;)*) => {
        let (from, first) = ($group.tile * LANES + $from, $group.tile == 0 && $from == 0);
        let length = $group.width.checked_mul(LANES)?;
        let (v_last, v) = $v.split_last()?;
        let (next_last, next) = $next.split_last()?;
        let (sum_last, row_sums) = $row_sums.split_last_mut()?;
        let (before, rest) = $group.carried.split_at_mut_checked(length.checked_mul(v.len())?)?;
        let zero = $lanes.splat(T::zero());
        $(let mut $product = zero;)*
        for (((z, v), next), sum) in before.chunks_exact_mut(length.max(1)).zip(v).zip(next).zip(row_sums) {
            let [$($z),*] = z.get_mut(from..)?.first_chunk_mut()?;
            let (v, next) = ($lanes.load(v), $lanes.load(next));
            let mut total = if first { zero } else { $lanes.load(sum) };
            $(
                let z = reflected($lanes, $z, (*$ratio, *$along), v);
                $lanes.store($z, z);
                total = $lanes.add(total, z);
                $product = $lanes.mul_add(z, next, $product);
            )*
            $lanes.store(sum, total);
        }
        let [$($z),*] = rest.get_mut(from..)?.first_chunk_mut()?;
        let (v, next) = ($lanes.load(v_last), $lanes.load(next_last));
        let mut total = if first { zero } else { $lanes.load(sum_last) };
        let here = unit($lanes, $group.lane);
        let same = if $group.lane == 0 { zero } else { here };
        $(
            let z = reflected($lanes, $z, (*$ratio, *$along), v);
            $lanes.store($z, $lanes.mul_add($lanes.splat(*$gain), same, z));
            total = $lanes.add(total, z);
            $product = $lanes.mul_add(z, next, $product);
        )*
        $lanes.store(sum_last, total);
        // After the last row there may be no tile left for what nobody reads.
        if $group.lane == 0 && let Some([$($z),*]) = rest.get_mut(length + from..).and_then(|z| z.first_chunk_mut()) {
            $($lanes.store($z, $lanes.mul($lanes.splat(*$gain), here));)*
        }
    };
}

impl<T: Real> Group<'_, T> {
    /// All eight poles in one loop, for lanes with many registers.
    #[inline(always)]
    fn reflect_eight<L: Lanes<T>>(
        &mut self,
        lanes: L,
        factors: Factors<'_, T>,
        v: &[Tile<T>],
        next: &[Tile<T>],
        row_sums: &mut [Tile<T>],
    ) -> Option<[L::Vector; LANES]> {
        let Factors { ratios, along, gains } = factors;
        let ([ra, rb, rc, rd, re, rf, rg, rh], [aa, ab, ac, ad, ae, af, ag, ah]) = (ratios, along);
        let [ga, gb, gc, gd, ge, gf, gg, gh] = gains;
        reflect!(lanes, self, 0, v, next, row_sums,
            za pa ra, aa, ga; zb pb rb, ab, gb; zc pc rc, ac, gc; zd pd rd, ad, gd;
            ze pe re, ae, ge; zf pf rf, af, gf; zg pg rg, ag, gg; zh ph rh, ah, gh;);
        Some([pa, pb, pc, pd, pe, pf, pg, ph])
    }

    /// The first four poles in one loop, and, if there are two `halves`, the others in another.
    #[inline(always)]
    fn reflect_fours<L: Lanes<T>>(
        &mut self,
        lanes: L,
        factors: Factors<'_, T>,
        halves: usize,
        v: &[Tile<T>],
        next: &[Tile<T>],
        row_sums: &mut [Tile<T>],
    ) -> Option<[L::Vector; LANES]> {
        let Factors { ratios, along, gains } = factors;
        let ([ra, rb, rc, rd, re, rf, rg, rh], [aa, ab, ac, ad, ae, af, ag, ah]) = (ratios, along);
        let [ga, gb, gc, gd, ge, gf, gg, gh] = gains;
        let nothing = lanes.splat(T::zero());
        reflect!(lanes, self, 0, v, next, row_sums,
            za pa ra, aa, ga; zb pb rb, ab, gb; zc pc rc, ac, gc; zd pd rd, ad, gd;);
        if halves == 1 {
            return Some([pa, pb, pc, pd, nothing, nothing, nothing, nothing]);
        }
        reflect!(lanes, self, LANES / 2, v, next, row_sums,
            za pe re, ae, ge; zb pf rf, af, gf; zc pg rg, ag, gg; zd ph rh, ah, gh;);
        Some([pa, pb, pc, pd, pe, pf, pg, ph])
    }
}

/// Copies row m into column m, above the diagonal inside the tile: whole tiles are stored, since a load of a tile
/// would wait for the store of one number in it.
#[inline(always)]
fn complete_diagonal_tile<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &mut [Tile<T>],
    row: &[Tile<T>],
    stride: usize,
    m: usize,
) -> Option<()> {
    let (tile, lane) = (m / LANES, m % LANES);
    let (here, one) = (unit(lanes, lane), lanes.splat(T::one()));
    let elsewhere = lanes.mul_add(lanes.splat(-T::one()), here, one);
    let mut at = (m - lane).checked_mul(stride)?.checked_add(tile)?;
    for &x in row.get(tile)?.iter().take(lane) {
        let to = rows.get_mut(at)?;
        lanes.store(to, lanes.mul_add(lanes.splat(x), here, lanes.mul(lanes.load(to), elsewhere)));
        at = at.checked_add(stride)?;
    }
    Some(())
}
