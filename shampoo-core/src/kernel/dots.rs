//! Products whose every entry is a dot product of two rows in memory.
//!
//! A dot product has [`DOT_LANES`] partial sums. Four of them (two rows by two rows) are made four lanes at a time: those
//! sixteen sums stay in registers, and every number loaded serves two of them. The order of the operations, and so the
//! bits, are those of [`dot`].

use super::Accum;
use super::products::Part;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{LANES, Lanes, Plain, Real, Tile};

/// Partial sums side by side in a dot product: two tiles hide the latency of an addition.
pub(super) const DOT_LANES: usize = 2 * LANES;

/// Two tiles of a row.
type Pair<T> = [Tile<T>; 2];

/// Sum of x_i y_i, the rest of whole pairs of tiles last.
#[inline(always)]
pub(super) fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let length = x.len().min(y.len());
    let (x, y) = (x.get(..length).unwrap_or_default(), y.get(..length).unwrap_or_default());
    let ((x_lanes, x_rest), (y_lanes, y_rest)) = (x.as_chunks::<DOT_LANES>(), y.as_chunks::<DOT_LANES>());
    let mut sums = [T::zero(); DOT_LANES];
    for (x, y) in x_lanes.iter().zip(y_lanes) {
        for ((s, &x), &y) in sums.iter_mut().zip(x).zip(y) {
            *s += x * y;
        }
    }
    let halves = sums.as_chunks::<LANES>().0;
    halves.iter().fold(T::zero(), |s, &half| s + Plain.sum(half)) + dot_of_rest(x_rest, y_rest)
}

#[inline(always)]
fn dot_of_rest<T: Real>(x: &[T], y: &[T]) -> T {
    x.iter().zip(y).fold(T::zero(), |s, (&x, &y)| s + x * y)
}

/// C <- C + alpha A B^T, or alpha A B^T, for A and B of contiguous rows.
pub(super) fn product_of_rows<T: Real>(
    mut c: MatMut<'_, T>,
    accum: Accum,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    part: Part,
) {
    if accum == Accum::Replace {
        part.clear(&mut c);
    }
    let (nrows, ncols) = (c.nrows().min(a.nrows()), c.ncols().min(b.nrows()));
    let depth = a.ncols().min(b.ncols());
    let mut i = 0;
    while i < nrows {
        let Some(mut rows) = c.some_rows(i, 2.min(nrows - i)) else { return };
        let mut rows = rows.rows_mut().filter_map(|row| row.get_mut(..ncols));
        let Some(x) = row_of(a, i, depth) else { return };
        let (to, length) = (rows.next().unwrap_or_default(), part.of_row(i, ncols));
        let (Some(next_to), Some(next)) = (rows.next(), row_of(a, i + 1, depth)) else {
            for (j, to) in to.iter_mut().enumerate().take(length) {
                let Some(y) = row_of(b, j, depth) else { return };
                *to += alpha * dot(x, y);
            }
            return;
        };
        let next_length = part.of_row(i + 1, ncols);
        let (pairs, last) = to.as_chunks_mut::<2>();
        let (next_pairs, next_last) = next_to.as_chunks_mut::<2>();
        let mut j = 0;
        for ([p, q], [r, s]) in pairs.iter_mut().zip(next_pairs) {
            let (Some(y), Some(z)) = (row_of(b, j, depth), row_of(b, j + 1, depth)) else { break };
            if j >= next_length {
                break;
            }
            let [xy, xz, next_y, next_z] = four_dots([x, next], [y, z]);
            *p += alpha * xy;
            if j + 1 < length {
                *q += alpha * xz;
            }
            *r += alpha * next_y;
            *s += alpha * next_z;
            j += 2;
        }
        // An odd number of columns; of a lower part the last row ends with it.
        if let (Some(y), true) = (row_of(b, j, depth), j + 1 == ncols) {
            for (to, x, length) in [(last, x, length), (next_last, next, next_length)] {
                to.iter_mut().take(length.saturating_sub(j)).for_each(|to| *to += alpha * dot(x, y));
            }
        }
        i += 2;
    }
}

/// The first `depth` numbers of a row.
#[inline(always)]
fn row_of<T: Real>(m: MatRef<'_, T>, i: usize, depth: usize) -> Option<&[T]> {
    m.contiguous_row(i)?.get(..depth)
}

/// The dot products of two rows with two, all of one length: x y, x z, next y, next z.
#[inline(always)]
fn four_dots<T: Real>([x, next]: [&[T]; 2], [y, z]: [&[T]; 2]) -> [T; 4] {
    // The order of small blocks: all of it in one piece.
    if let (Some(x), Some(next), Some(y), Some(z)) = (exactly(x), exactly(next), exactly(y), exactly(z)) {
        let rows = [x, next, y, z];
        let mut sums = [T::zero(); 4];
        add(&mut sums, &both(only::<T, false, false>(rows), only::<T, false, true>(rows)));
        add(&mut sums, &both(only::<T, true, false>(rows), only::<T, true, true>(rows)));
        return sums;
    }
    let rows = [x, next, y, z];
    let pairs = rows.map(|row| row.as_chunks::<LANES>().0.as_chunks::<2>().0);
    let rest = rows.map(|row| row.as_chunks::<DOT_LANES>().1);
    let mut sums = [T::zero(); 4];
    add(&mut sums, &both(quarter::<T, false, false>(pairs), quarter::<T, false, true>(pairs)));
    add(&mut sums, &both(quarter::<T, true, false>(pairs), quarter::<T, true, true>(pairs)));
    let [x, next, y, z] = rest;
    if x.is_empty() {
        return sums;
    }
    add(&mut sums, &[dot_of_rest(x, y), dot_of_rest(x, z), dot_of_rest(next, y), dot_of_rest(next, z)]);
    sums
}

#[inline(always)]
fn add<T: Real>(sums: &mut [T; 4], terms: &[T; 4]) {
    sums.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term);
}

#[inline(always)]
fn both<T: Real>(mut x: [T; 4], y: [T; 4]) -> [T; 4] {
    add(&mut x, &y);
    x
}

/// Four lanes of each of the four dot products, added up as [`Plain`] does it: the even or the odd ones of the first or
/// the second tiles.
#[inline(always)]
fn quarter<T: Real, const SECOND: bool, const ODD: bool>([x, next, y, z]: [&[Pair<T>]; 4]) -> [T; 4] {
    let mut sums = [[T::zero(); 4]; 4];
    for (((x, next), y), z) in x.iter().zip(next).zip(y).zip(z) {
        let [x, next, y, z] = lanes::<T, SECOND, ODD>([x, next, y, z]);
        for (sums, (x, y)) in sums.iter_mut().zip([(x, y), (x, z), (next, y), (next, z)]) {
            for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                *sum += x * y;
            }
        }
    }
    sums.map(|[a, e, c, g]| (a + e) + (c + g))
}

/// A row that is one pair of tiles.
#[inline(always)]
fn exactly<T: Real>(row: &[T]) -> Option<&Pair<T>> {
    match row.as_chunks::<LANES>().0.as_chunks::<2>() {
        ([pair], _) if row.len() == DOT_LANES => Some(pair),
        _ => None,
    }
}

/// The same of a single pair of tiles, whose products are not added to 0: a sum that is 0 loses its sign where the halves
/// are added.
#[inline(always)]
fn only<T: Real, const SECOND: bool, const ODD: bool>(rows: [&Pair<T>; 4]) -> [T; 4] {
    products(lanes::<T, SECOND, ODD>(rows)).map(|[a, e, c, g]| (a + e) + (c + g))
}

/// The lanes of a quarter, in the order in which they are added up.
#[inline(always)]
fn lanes<T: Real, const SECOND: bool, const ODD: bool>(rows: [&Pair<T>; 4]) -> [[T; 4]; 4] {
    rows.map(|[first, second]| {
        let &[a, b, c, d, e, f, g, h] = if SECOND { second } else { first };
        if ODD { [b, f, d, h] } else { [a, e, c, g] }
    })
}

/// x y, x z, next y, next z, lane by lane.
#[inline(always)]
fn products<T: Real>([x, next, y, z]: [[T; 4]; 4]) -> [[T; 4]; 4] {
    [(x, y), (x, z), (next, y), (next, z)].map(|(mut x, y)| {
        x.iter_mut().zip(y).for_each(|(x, y)| *x *= y);
        x
    })
}
