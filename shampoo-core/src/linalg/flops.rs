//! What the pieces of a root cost at most: each formula once, in constant expressions.
//!
//! Sums, products and scalings by a power of two count as one flop, quotients and roots as [`QUOTIENT`], powers as
//! [`POWER`]; comparisons, loads and stores are not counted. Whole tiles are counted where whole tiles are computed.

use crate::kernel::{inverses::POLE_TILES, tridiagonal::VECTORS};
use crate::mat::packed::packed_len;
use crate::scalar::{LANES, padded};

/// A quotient or a square root: fourteen cycles on a Cortex-M4F, where a sum or a product takes one, and nearly one more for
/// what it loads and stores, which is not counted by itself.
pub(crate) const QUOTIENT: u64 = 8;

/// A power, an exponential or a logarithm.
pub(crate) const POWER: u64 = 64;

/// Scalar work around a piece: whole powers, scales, what is noted.
pub(crate) const OVERHEAD: u64 = 8 * POWER;

/// Partial sums of a dot product that are added up at its end.
const DOT_END: u64 = 2 * LANES as u64 + 8;

const POLES: u64 = (POLE_TILES * LANES) as u64;

#[inline(never)]
const fn sum(parts: &[u64]) -> u64 {
    let (mut sum, mut rest) = (0_u64, parts);
    while let [part, more @ ..] = rest {
        (sum, rest) = (sum.saturating_add(*part), more);
    }
    sum
}

pub(crate) const fn times(a: u64, b: u64) -> u64 {
    a.saturating_mul(b)
}

pub(crate) const fn plus(a: u64, b: u64) -> u64 {
    a.saturating_add(b)
}

pub(crate) const fn larger(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

/// So many flops for each number of a square.
pub(crate) const fn square(n: usize, each: u64) -> u64 {
    times(times(n as u64, n as u64), each)
}

/// So many flops for each of n numbers.
pub(crate) const fn linear(n: usize, each: u64) -> u64 {
    times(n as u64, each)
}

/// A look at every number of a packed triangle, a copy of it, its trace, and what a root begins with.
pub(crate) const fn begin(n: usize) -> u64 {
    sum(&[linear(packed_len(n), 4), linear(n, 2), OVERHEAD])
}

/// Scaling a packed triangle back, its largest magnitude, and its place.
pub(crate) const fn finish(n: usize) -> u64 {
    sum(&[linear(packed_len(n), 6), OVERHEAD])
}

/// Loading a packed triangle, with a ridge.
pub(crate) const fn load(n: usize) -> u64 {
    sum(&[linear(packed_len(n), 3), linear(n, 4), OVERHEAD])
}

/// The input of a decomposition, in whole tiles: its largest magnitude, and scaled.
pub(crate) const fn load_scaled(n: usize) -> u64 {
    // Rows are padded a little further where their distance would be a power of two.
    sum(&[load(n), times(times(padded(n) as u64, plus(padded(n) as u64, 8)), 2)])
}

/// A pending update of two vectors and the next symmetric product, for so many leading rows.
const fn rank_two(rows: usize) -> u64 {
    let rows = padded(rows) as u64;
    sum(&[times(times(rows, plus(rows, LANES as u64)), 4), times(rows, 3 * VECTORS as u64), 8 * DOT_END])
}

/// Row m of a reduction to tridiagonal form.
pub(crate) const fn reduce(m: usize) -> u64 {
    sum(&[rank_two(m), linear(padded(m.saturating_add(1)), 8), 4 * QUOTIENT, 4 * DOT_END])
}

/// One iteration towards the largest eigenvalue of a tridiagonal matrix, with the one before the first.
pub(crate) const fn laguerre(n: usize) -> u64 {
    sum(&[linear(n, 2 * (17 + QUOTIENT) + 8), 8 * QUOTIENT, OVERHEAD])
}

/// Whether a tridiagonal matrix is definite, at eight shifts.
const fn definite(n: usize) -> u64 {
    linear(n, LANES as u64 * (3 + QUOTIENT))
}

/// The pivots at all poles.
pub(crate) const fn pivots(n: usize) -> u64 {
    sum(&[definite(n), linear(n, POLES * (8 + QUOTIENT) + 8), POLES * 4, OVERHEAD])
}

/// Row m of a back-transform with so many poles.
pub(crate) const fn transform(m: usize, poles: usize) -> u64 {
    let poles = padded(poles) as u64;
    let carried = times(times(plus(padded(m) as u64, 2 * LANES as u64), poles), 6);
    sum(&[rank_two(m), carried, times(poles, 4 * DOT_END), OVERHEAD])
}

/// The smallest eigenvalue of a tridiagonal matrix, and where a condition number starts from.
pub(crate) const fn smallest(n: usize) -> u64 {
    sum(&[times(definite(n), 4), linear(n, 4), 8 * LANES as u64, OVERHEAD])
}

/// An iteration of a power method.
pub(crate) const fn power(n: usize) -> u64 {
    sum(&[square(n, 2), linear(n, 8 + DOT_END), 4 * QUOTIENT, 4 * DOT_END])
}

/// Where a coupled iteration starts from: a loaded matrix, its norm, its scale.
pub(crate) const fn start_coupled(n: usize) -> u64 {
    sum(&[load(n), square(n, 8), linear(n, QUOTIENT + DOT_END + 4), 8 * POWER])
}

/// The symmetric product of matrices that commute, and the passes around it.
pub(crate) const fn symmetric_product(n: usize) -> u64 {
    let dots = times(packed_len(n) as u64, plus(linear(n, 2), DOT_END));
    sum(&[dots, square(n, 4), linear(n, 4), 2 * QUOTIENT])
}

/// A scale for a step of a coupled iteration: two products with a vector and two powers.
const fn rescale(n: usize) -> u64 {
    sum(&[square(n, 4), linear(n, 6 + 2 * DOT_END), 2 * DOT_END, 2 * POWER, 4 * QUOTIENT])
}

/// The largest piece of coupled Newton: a symmetric product after a scale.
pub(crate) const fn coupled_newton(n: usize) -> u64 {
    plus(symmetric_product(n), rescale(n))
}

/// A whole product by rows, with passes around it.
pub(crate) const fn product(n: usize) -> u64 {
    sum(&[times(square(n, 2), n as u64), square(n, 8), linear(n, 8 + DOT_END), OVERHEAD])
}

/// A whole product by dot products.
pub(crate) const fn product_of_rows(n: usize) -> u64 {
    sum(&[product(n), square(n, DOT_END)])
}

/// A Cholesky factorisation.
pub(crate) const fn factorisation(n: usize) -> u64 {
    let entries = times(packed_len(n) as u64, plus(linear(n, 2).div_ceil(3), DOT_END + 2 + QUOTIENT));
    sum(&[entries, linear(n, QUOTIENT)])
}

/// Reflection m of the eigenvectors.
pub(crate) const fn reflect(m: usize) -> u64 {
    sum(&[square(m, 4), linear(m, DOT_END + 4)])
}

/// A sweep over the eigenvectors, with its rotations.
pub(crate) const fn sweep(n: usize) -> u64 {
    sum(&[square(n, 6), linear(n, 24 + 4 * QUOTIENT), OVERHEAD])
}

/// The root from its eigenvectors, and a load of the input.
pub(crate) const fn build(n: usize) -> u64 {
    let gram = times(packed_len(n) as u64, times(n as u64, 3));
    sum(&[gram, square(n, 2), linear(n, POWER + 4), load(n)])
}

/// A probed certificate for the order p: twice eight vectors, a factorisation where p is odd or the sign unknown.
pub(crate) const fn probed(n: usize, p: u32, factored: bool) -> u64 {
    let (tile, thin) = (LANES as u64, times(padded(n) as u64, LANES as u64));
    let symmetric = sum(&[times(thin, times(2, padded(n) as u64)), times(thin, 2 * tile)]);
    let general = if p.is_multiple_of(2) { 0 } else { times(2, times(times(2, plus(n as u64, 1)), thin)) };
    let factor = if factored { factorisation(n) } else { 0 };
    let round = sum(&[times(symmetric, plus(p as u64, 1)), general, times(thin, 12), OVERHEAD]);
    sum(&[times(round, 2), factor, load(n)])
}

/// So many pieces of a root, with what a job does around each.
pub(crate) const fn pieces(count: u64, each: u64) -> u64 {
    times(count, plus(each, OVERHEAD))
}

/// Pieces for rows 0 to n whose cost grows with the row: each at that of the last one of its eighth.
macro_rules! rows {
    ($n:expr, |$row:ident| $each:expr) => {{
        let n: usize = $n;
        let (mut start, mut total) = (
            0_usize,
            flops::pieces(1, {
                let $row = n;
                $each
            }),
        );
        while start < n {
            let end = start.saturating_add(n.div_ceil(8));
            let $row = if end < n { end } else { n };
            total = flops::plus(total, flops::pieces(($row - start) as u64, $each));
            start = $row;
        }
        total
    }};
}
pub(crate) use rows;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_overflows_is_the_largest_number() {
        let n = usize::MAX;
        let square = [square(n, 1), load_scaled(n), reduce(n), transform(n, n), power(n), start_coupled(n), rescale(n)];
        let cube =
            [symmetric_product(n), product(n), product_of_rows(n), factorisation(n), build(n), probed(n, 4, true)];
        assert!(square.into_iter().chain(cube).chain([sweep(n), reflect(n)]).all(|flops| flops == u64::MAX));
        let line = [begin(n), finish(n), load(n), laguerre(n), pivots(n), smallest(n)];
        assert!(line.into_iter().all(|flops| flops == u64::MAX));
        assert!(probed(8, u32::MAX, true) > u64::from(u32::MAX));
    }
}
