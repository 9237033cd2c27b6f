//! Rational roots of eight small matrices at once, entry (i, j) of all of them in one tile.
//!
//! Every operation is one on eight matrices, so nothing is summed across a tile and no row is too short for one; what
//! fails in one lane stays there. The functions of a matrix are those of [`tridiagonal`](super::tridiagonal) and
//! [`inverses`](super::inverses). At these orders the sum of the inverses is cheaper to form, two operations an entry
//! and pole, than to carry through the reflectors as [`back_transform`](super::back_transform) does.

mod back_transform;
mod fused;
mod reduction;
mod residual;
mod spectrum;
mod sum;

pub use back_transform::roots;
pub use reduction::reduce;
pub use residual::{Residual, residual_len, residuals};

use super::Terms;
use crate::scalar::{LANES, Tile};

/// Tiles in a vector of each [`Lanewise`], of the pending update and of what is applied next.
const VECTORS: usize = 4;

/// Poles whose inverses are added in one pass.
const GROUP: usize = LANES;

/// Eight matrices of one order on their way to their roots.
///
/// All triangles are lower ones, row after row: entry (i, j) in tile i (i + 1)/2 + j.
#[derive(Debug)]
pub struct Lanewise<'w, T> {
    /// Rows of each.
    pub order: usize,
    /// The matrices, then the reflectors: row m holds v_m in its first m tiles.
    pub matrices: &'w mut [Tile<T>],
    /// The roots.
    pub roots: &'w mut [Tile<T>],
    /// [`scratch_len`] tiles: diagonal, off-diagonal and reflectors' factors, then what passes by.
    pub scratch: &'w mut [Tile<T>],
}

/// Tiles of [`Lanewise::scratch`]; saturates.
pub const fn scratch_len(order: usize) -> usize {
    order.saturating_mul(3 + VECTORS + 1 + 2 * GROUP)
}

/// What the rational functions of eight matrices are evaluated with.
#[derive(Clone, Copy, Debug)]
pub struct Evaluation<'a, T> {
    /// Added to the eigenvalues of each.
    pub ridges: Tile<T>,
    /// Bound b of the ridged eigenvalues of each.
    pub bounds: Tile<T>,
    /// What the function of T / b is multiplied by.
    pub factors: Tile<T>,
    /// Constant of the function.
    pub constant: T,
    /// Its poles.
    pub terms: &'a Terms<T>,
    /// The smallest ridged eigenvalue that is admitted, in units of the bound.
    pub lowest: T,
    /// (1 / lowest)^(1/4096): how close the smallest eigenvalue is looked for.
    pub fine: T,
}

/// The scratch of eight matrices, cut.
struct Parts<'w, T> {
    diagonal: &'w mut [Tile<T>],
    off_diagonal: &'w mut [Tile<T>],
    tau: &'w mut [Tile<T>],
    v: &'w mut [Tile<T>],
    w: &'w mut [Tile<T>],
    x: &'w mut [Tile<T>],
    y: &'w mut [Tile<T>],
    dots: &'w mut [Tile<T>],
    ratios: &'w mut [[Tile<T>; GROUP]],
    gains: &'w mut [[Tile<T>; GROUP]],
}

#[inline(always)]
fn parts<T>(scratch: &mut [Tile<T>], order: usize) -> Option<Parts<'_, T>> {
    let (diagonal, rest) = scratch.split_at_mut_checked(order)?;
    let (off_diagonal, rest) = rest.split_at_mut_checked(order)?;
    let (tau, rest) = rest.split_at_mut_checked(order)?;
    let (v, rest) = rest.split_at_mut_checked(order)?;
    let (w, rest) = rest.split_at_mut_checked(order)?;
    let (x, rest) = rest.split_at_mut_checked(order)?;
    let (y, rest) = rest.split_at_mut_checked(order)?;
    let (dots, rest) = rest.split_at_mut_checked(order)?;
    let (ratios, gains) = rest.as_chunks_mut().0.split_at_mut_checked(order)?;
    Some(Parts { diagonal, off_diagonal, tau, v, w, x, y, dots, ratios, gains: gains.get_mut(..order)? })
}

/// Tiles before row i of a triangle; saturates.
#[inline(always)]
pub(super) const fn row_start(i: usize) -> usize {
    crate::mat::packed::packed_len(i)
}
