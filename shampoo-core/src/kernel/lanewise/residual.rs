//! Residuals of eight roots on probes: the products of [`probed`](crate::linalg::inverse_root::certificate::probed).

use super::row_start;
use crate::linalg::carve;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// Rows whose products with the probes are summed at once.
const PANEL: usize = 4;

/// Probes in half of all.
const HALF: usize = 6;

/// A matrix in panels: column after column of four rows, then the next four.
type Panels<'w, T> = &'w mut [[Tile<T>; PANEL]];

/// Eight roots X of eight matrices B, in lower triangles row after row.
#[derive(Debug)]
pub struct Residual<'w, T> {
    /// Rows of each.
    pub order: usize,
    /// p of the root B^(-1/p).
    pub root: u32,
    /// The ridged matrices.
    pub matrices: &'w [Tile<T>],
    /// Their roots.
    pub roots: &'w [Tile<T>],
    /// Room for as many tiles: the Cholesky factors of the roots where p is odd.
    pub factors: &'w mut [Tile<T>],
    /// The probes, 12 numbers a row of the matrices.
    pub probes: &'w [T],
    /// [`residual_len`] tiles.
    pub scratch: &'w mut [Tile<T>],
}

/// Tiles of [`Residual::scratch`]; saturates.
pub const fn residual_len(order: usize) -> usize {
    let padded = order.next_multiple_of(PANEL);
    padded.saturating_mul(order.saturating_add(HALF)).saturating_mul(2)
}

/// Squares of the Frobenius norms of S V for the probes V, with S = X^{p/2} B X^{p/2} - I, or Z^T B Z - I with
/// Z = X^{(p-1)/2} C and X = C C^T for odd p; infinite or NaN where X has no factor, or a buffer is too short.
///
/// **Cost**: 12 (p + 1) n^2 multiply-adds of eight numbers.
#[inline(always)]
pub fn residuals<T: Real, L: Lanes<T>>(lanes: L, residual: Residual<'_, T>) -> Tile<T> {
    let mut squares = [T::zero() / T::zero(); LANES];
    if let Some(sum) = try_residuals(lanes, residual) {
        lanes.store(&mut squares, sum);
    }
    squares
}

#[inline(always)]
fn try_residuals<T: Real, L: Lanes<T>>(lanes: L, residual: Residual<'_, T>) -> Option<L::Vector> {
    let Residual { order: n, root: p, matrices, roots, factors, probes, scratch } = residual;
    let padded = n.next_multiple_of(PANEL);
    let mut rest = scratch;
    let square = padded.saturating_mul(n);
    let first: Panels<'_, T> = carve(&mut rest, square)?.as_chunks_mut().0;
    let second: Panels<'_, T> = carve(&mut rest, square)?.as_chunks_mut().0;
    let thin = padded.saturating_mul(HALF);
    let mut u: &mut [[Tile<T>; HALF]] = carve(&mut rest, thin)?.as_chunks_mut().0;
    let mut t: &mut [[Tile<T>; HALF]] = carve(&mut rest, thin)?.as_chunks_mut().0;
    let zero = lanes.splat(T::zero());
    let mut total = zero;
    to_panels(first, roots, n, Sides::Both)?;
    let odd = p % 2 == 1;
    let mut smallest = lanes.splat(T::one());
    if odd {
        for (factor, root) in factors.iter_mut().zip(roots) {
            *factor = *root;
        }
        smallest = cholesky(lanes, factors, n)?;
    } else {
        to_panels(second, matrices, n, Sides::Both)?;
    }
    for half in 0..2 {
        u.as_flattened_mut().fill([T::zero(); LANES]);
        for (u, probes) in u.iter_mut().zip(probes.chunks_exact(2 * HALF)) {
            for (u, &probe) in u.iter_mut().zip(probes.iter().skip(half * HALF)) {
                lanes.store(u, lanes.splat(probe));
            }
        }
        if odd {
            to_panels(second, factors, n, Sides::Lower)?;
            product(lanes, second, n, u, t);
            core::mem::swap(&mut u, &mut t);
            to_panels(second, matrices, n, Sides::Both)?;
        }
        for _ in 0..p / 2 {
            product(lanes, first, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        product(lanes, second, n, u, t);
        core::mem::swap(&mut u, &mut t);
        for _ in 0..p / 2 {
            product(lanes, first, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        if odd {
            to_panels(second, factors, n, Sides::Upper)?;
            product(lanes, second, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        for (u, probes) in u.iter().zip(probes.chunks_exact(2 * HALF)) {
            for (u, &probe) in u.iter().zip(probes.iter().skip(half * HALF)) {
                let difference = lanes.sub(lanes.load(u), lanes.splat(probe));
                total = lanes.mul_add(difference, difference, total);
            }
        }
    }
    Some(lanes.choose(smallest, total, lanes.splat(T::one() / T::zero())))
}

/// Which parts of a square a triangle stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sides {
    /// A symmetric matrix.
    Both,
    /// A lower triangular one.
    Lower,
    /// Its transpose.
    Upper,
}

/// Writes what a triangle stands for in panels, 0 elsewhere.
#[inline(always)]
fn to_panels<T: Real>(panels: Panels<'_, T>, triangle: &[Tile<T>], n: usize, sides: Sides) -> Option<()> {
    let tiles = panels.as_flattened_mut();
    if sides != Sides::Both || !n.is_multiple_of(PANEL) {
        tiles.fill([T::zero(); LANES]);
    }
    let mut rest = triangle;
    let height = n.checked_mul(PANEL)?;
    for i in 0..n {
        let (row, after) = rest.split_at_checked(i + 1)?;
        rest = after;
        if sides != Sides::Upper {
            let own = tiles.get_mut((i / PANEL).checked_mul(height)?.checked_add(i % PANEL)?..)?;
            for (to, entry) in own.iter_mut().step_by(PANEL).zip(row) {
                *to = *entry;
            }
        }
        if sides != Sides::Lower {
            let column = tiles.get_mut(i.checked_mul(PANEL)?..)?;
            for (panel, entries) in column.chunks_mut(height.max(1)).zip(row.chunks(PANEL)) {
                for (to, entry) in panel.iter_mut().zip(entries) {
                    *to = *entry;
                }
            }
        }
    }
    Some(())
}

/// t = A u for A in panels.
#[inline(always)]
fn product<T: Real, L: Lanes<T>>(
    lanes: L,
    panels: &[[Tile<T>; PANEL]],
    n: usize,
    u: &[[Tile<T>; HALF]],
    t: &mut [[Tile<T>; HALF]],
) {
    for (panel, to) in panels.chunks_exact(n.max(1)).zip(t.as_chunks_mut::<PANEL>().0) {
        let mut sums = [[lanes.splat(T::zero()); HALF]; PANEL];
        for (rows, u) in panel.iter().zip(u) {
            for (row, sums) in rows.iter().zip(&mut sums) {
                let entry = lanes.load(row);
                for (sum, u) in sums.iter_mut().zip(u) {
                    *sum = lanes.mul_add(entry, lanes.load(u), *sum);
                }
            }
        }
        for (to, sums) in to.iter_mut().zip(sums) {
            for (to, sum) in to.iter_mut().zip(sums) {
                lanes.store(to, sum);
            }
        }
    }
}

/// X = C C^T in the triangle; the smallest pivot.
#[inline(always)]
fn cholesky<T: Real, L: Lanes<T>>(lanes: L, triangle: &mut [Tile<T>], n: usize) -> Option<L::Vector> {
    let one = lanes.splat(T::one());
    let mut smallest = lanes.splat(T::MAX);
    for i in 0..n {
        let (above, rest) = triangle.split_at_mut_checked(row_start(i))?;
        let row = rest.get_mut(..=i)?;
        let mut factors = &*above;
        for j in 0..i {
            let (factor, after) = factors.split_at_checked(j + 1)?;
            factors = after;
            let (before, own) = row.split_at_mut_checked(j)?;
            let sum = minus_products(lanes, own.first()?, before, factor);
            // The diagonal holds inverses until the end.
            lanes.store(own.first_mut()?, lanes.mul(sum, lanes.load(factor.last()?)));
        }
        let (own, before) = row.split_last_mut()?;
        let pivot = minus_products(lanes, own, before, before);
        smallest = lanes.min(pivot, smallest);
        lanes.store(own, lanes.div(one, lanes.sqrt(pivot)));
    }
    for i in 0..n {
        let own = triangle.get_mut(row_start(i).checked_add(i)?)?;
        lanes.store(own, lanes.div(one, lanes.load(own)));
    }
    Some(smallest)
}

/// own - sum of x_k y_k.
#[inline(always)]
fn minus_products<T: Real, L: Lanes<T>>(lanes: L, own: &Tile<T>, x: &[Tile<T>], y: &[Tile<T>]) -> L::Vector {
    let mut sum = lanes.splat(T::zero());
    for (x, y) in x.iter().zip(y) {
        sum = lanes.mul_add(lanes.load(x), lanes.load(y), sum);
    }
    lanes.sub(lanes.load(own), sum)
}
