//! Residuals of eight roots on probes, or, with all unit vectors for probes, as matrices: the products of the
//! [`certificate`](crate::linalg::inverse_root::certificate).

use super::row_start;
use crate::kernel::tiles::smallest_positive;
use crate::linalg::carve;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// Rows whose products with the probes are summed at once.
const PANEL: usize = 4;

/// Probes that are multiplied at once.
const GROUP: usize = 6;

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
    /// The probes, side by side: so many numbers for every row of the matrices.
    pub probes: &'w [T],
    /// Their number.
    pub columns: usize,
    /// [`residual_len`] tiles.
    pub scratch: &'w mut [Tile<T>],
}

/// Rows in whole panels; saturates.
const fn padded(order: usize) -> usize {
    order.div_ceil(PANEL).saturating_mul(PANEL)
}

/// Tiles of [`Residual::scratch`]; saturates.
pub const fn residual_len(order: usize) -> usize {
    padded(order).saturating_mul(order.saturating_add(GROUP)).saturating_mul(2)
}

/// Squares of the Frobenius norms of S V for the probes V, with S = X^{p/2} B X^{p/2} - I, or Z^T B Z - I with
/// Z = X^{(p-1)/2} C and X = C C^T for odd p; infinite or NaN where X has no factor, or a buffer is too short.
///
/// **Shapes**: as [`Residual`] says. **Cost**: for each entry of a matrix and probe p + 1 multiply-adds of eight numbers
/// (p / 2 + 1 and a square where 4 divides p; p + 2 and a factorisation where p is odd).
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
    let Residual { order: n, root: p, matrices, roots, factors, probes, columns, scratch } = residual;
    let padded = padded(n);
    let mut rest = scratch;
    let square = padded.saturating_mul(n);
    let mut power: Panels<'_, T> = carve(&mut rest, square)?.as_chunks_mut().0;
    let mut other: Panels<'_, T> = carve(&mut rest, square)?.as_chunks_mut().0;
    let thin = padded.saturating_mul(GROUP);
    let mut u: &mut [[Tile<T>; GROUP]] = carve(&mut rest, thin)?.as_chunks_mut().0;
    let mut t: &mut [[Tile<T>; GROUP]] = carve(&mut rest, thin)?.as_chunks_mut().0;
    to_panels(power, roots, n, Sides::Both)?;
    let mut times = p / 2;
    if p.is_multiple_of(4) {
        // At these orders one triangle of X^2 costs less than half of the products with X.
        squared(lanes, power, n, other)?;
        core::mem::swap(&mut power, &mut other);
        times /= 2;
    }
    let odd = p % 2 == 1;
    let mut smallest = lanes.splat(T::one());
    if odd {
        for (factor, root) in factors.iter_mut().zip(roots) {
            *factor = *root;
        }
        smallest = cholesky(lanes, factors, n)?;
    } else {
        to_panels(other, matrices, n, Sides::Both)?;
    }
    let mut total = lanes.splat(T::zero());
    for start in (0..columns).step_by(GROUP) {
        u.as_flattened_mut().fill([T::zero(); LANES]);
        for (u, probes) in u.iter_mut().zip(probes.chunks_exact(columns.max(1))) {
            for (u, &probe) in u.iter_mut().zip(probes.iter().skip(start)) {
                lanes.store(u, lanes.splat(probe));
            }
        }
        if odd {
            to_panels(other, factors, n, Sides::Lower)?;
            product(lanes, other, n, u, t);
            core::mem::swap(&mut u, &mut t);
            to_panels(other, matrices, n, Sides::Both)?;
        }
        for _ in 0..times {
            product(lanes, power, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        product(lanes, other, n, u, t);
        core::mem::swap(&mut u, &mut t);
        for _ in 0..times {
            product(lanes, power, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        if odd {
            to_panels(other, factors, n, Sides::Upper)?;
            product(lanes, other, n, u, t);
            core::mem::swap(&mut u, &mut t);
        }
        for (u, probes) in u.iter().zip(probes.chunks_exact(columns.max(1))) {
            for (u, &probe) in u.iter().zip(probes.iter().skip(start)) {
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
    u: &[[Tile<T>; GROUP]],
    t: &mut [[Tile<T>; GROUP]],
) {
    for (panel, to) in panels.chunks_exact(n.max(1)).zip(t.as_chunks_mut::<PANEL>().0) {
        if L::WIDE {
            block::<T, L, PANEL, GROUP, GROUP>(lanes, panel, u, (0, 0), to);
        } else {
            for rows in [0, 2] {
                block::<T, L, 2, 3, GROUP>(lanes, panel, u, (rows, 0), to);
                block::<T, L, 2, 3, GROUP>(lanes, panel, u, (rows, 3), to);
            }
        }
    }
}

/// Some rows and columns, from `at` on, of the product of a panel with a matrix of few columns.
#[inline(always)]
fn block<T: Real, L: Lanes<T>, const ROWS: usize, const COLUMNS: usize, const ALL: usize>(
    lanes: L,
    panel: &[[Tile<T>; PANEL]],
    u: &[[Tile<T>; ALL]],
    at: (usize, usize),
    to: &mut [[Tile<T>; ALL]],
) -> Option<()> {
    let mut sums = [[lanes.splat(T::zero()); COLUMNS]; ROWS];
    for (rows, u) in panel.iter().zip(u) {
        let rows: &[Tile<T>; ROWS] = rows.get(at.0..)?.first_chunk()?;
        let u: &[Tile<T>; COLUMNS] = u.get(at.1..)?.first_chunk()?;
        for (row, sums) in rows.iter().zip(&mut sums) {
            let entry = lanes.load(row);
            for (sum, u) in sums.iter_mut().zip(u) {
                *sum = lanes.mul_add(entry, lanes.load(u), *sum);
            }
        }
    }
    for (to, sums) in to.get_mut(at.0..)?.iter_mut().zip(sums) {
        for (to, sum) in to.get_mut(at.1..)?.iter_mut().zip(sums) {
            lanes.store(to, sum);
        }
    }
    Some(())
}

/// The square of a symmetric matrix in panels: blocks up to the diagonal, and their transposes.
#[inline(always)]
fn squared<T: Real, L: Lanes<T>>(
    lanes: L,
    panels: &[[Tile<T>; PANEL]],
    n: usize,
    to: &mut [[Tile<T>; PANEL]],
) -> Option<()> {
    for (i, rows) in panels.chunks_exact(n.max(1)).enumerate() {
        for (j, columns) in panels.chunks_exact(n.max(1)).take(i + 1).enumerate() {
            let mut sums = [[[T::zero(); LANES]; PANEL]; PANEL];
            if L::WIDE {
                block::<T, L, PANEL, PANEL, PANEL>(lanes, rows, columns, (0, 0), &mut sums)?;
            } else {
                for half in [0, 2] {
                    block::<T, L, 2, 2, PANEL>(lanes, rows, columns, (half, 0), &mut sums)?;
                    block::<T, L, 2, 2, PANEL>(lanes, rows, columns, (half, 2), &mut sums)?;
                }
            }
            // Columns beyond the order lie in no panel.
            let below = to.get_mut(i.checked_mul(n)?..)?.get_mut(..n)?;
            for (column, to) in below.iter_mut().skip(j * PANEL).take(PANEL).enumerate() {
                for (to, sums) in to.iter_mut().zip(&sums) {
                    *to = *sums.get(column)?;
                }
            }
            let beside = to.get_mut(j.checked_mul(n)?..)?.get_mut(..n)?;
            for (to, sums) in beside.iter_mut().skip(i * PANEL).zip(&sums) {
                *to = *sums;
            }
        }
    }
    Some(())
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
        smallest = smallest_positive(lanes, pivot, smallest);
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
