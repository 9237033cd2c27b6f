//! Products whose every entry is a sum over two rows in memory: C <- C + alpha A B^T, in blocks that stay in registers.
//!
//! As in [`products`](super::products) every sum is made in the order of k.

use super::Accum;
use super::products::{BLOCK, Four, Part, add_product};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Four rows.
type Rows<'a, T> = [&'a [T]; BLOCK];

/// Sums of four rows of A and four rows of B.
type Block<T> = [Four<T>; BLOCK];

/// C <- C + alpha A B^T, or alpha A B^T: by blocks where columns lie side by side and alpha is 1.
pub(super) fn product_of_rows<T: Real>(
    mut c: MatMut<'_, T>,
    accum: Accum,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    part: Part,
) {
    let agree = c.nrows() == a.nrows() && c.ncols() == b.nrows() && a.ncols() == b.ncols();
    let fits = agree && (part == Part::Whole || c.nrows() == c.ncols()) && alpha == T::one();
    if !fits || blocks(&mut c, accum, a, b, part).is_none() {
        entries(&mut c, accum, alpha, a, b, part);
    }
}

/// Where a block begins in C, and which of its entries are new.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    new_row: usize,
    new_column: usize,
    /// Columns from here on are those of other blocks.
    end: usize,
}

/// The last blocks are moved back until they are whole; what they have in common with others is not stored again.
fn blocks<T: Real>(c: &mut MatMut<'_, T>, accum: Accum, a: MatRef<'_, T>, b: MatRef<'_, T>, part: Part) -> Option<()> {
    let (nrows, ncols) = (c.nrows(), c.ncols());
    let (last_row, last_column) = (nrows.checked_sub(BLOCK)?, ncols.checked_sub(BLOCK)?);
    a.contiguous_row(0).and(b.contiguous_row(0))?;
    let ((c, stride), mirrored) = (c.parts_mut(), part == Part::Mirrored);
    for new_row in (0..nrows).step_by(BLOCK) {
        let row = new_row.min(last_row);
        let x = rows(a, row)?;
        let end = if part == Part::Whole { ncols } else { row };
        for new_column in (0..end).step_by(BLOCK) {
            let column = new_column.min(end.saturating_sub(BLOCK)).min(last_column);
            let sums = load(c, stride, (row, column), accum)?;
            let sums = add_rows::<T, false>(sums, x, rows(b, column)?);
            if new_row == row && new_column == column && column + BLOCK <= end {
                store(c, stride, (row, column), &sums)?;
                if mirrored {
                    store(c, stride, (column, row), &transposed(&sums))?;
                }
            } else {
                store_new(c, stride, Place { row, column, new_row, new_column, end }, &sums, part)?;
            }
        }
        if part != Part::Whole {
            let sums = load(c, stride, (row, row), accum)?;
            let sums = add_rows::<T, true>(sums, x, rows(b, row)?);
            let place = Place { row, column: row, new_row, new_column: row, end: row + BLOCK };
            if mirrored && new_row == row {
                store(c, stride, (row, row), &symmetric(&sums))?;
            } else {
                store_new(c, stride, place, &sums, part)?;
            }
        }
    }
    Some(())
}

/// Four rows from i on.
#[inline(always)]
fn rows<T: Real>(m: MatRef<'_, T>, i: usize) -> Option<Rows<'_, T>> {
    let ((data, stride, _), length) = (m.parts(), m.ncols());
    let (p, rest) = data.get(i * stride..)?.split_at_checked(stride)?;
    let (q, rest) = rest.split_at_checked(stride)?;
    let (r, s) = rest.split_at_checked(stride)?;
    Some([p.get(..length)?, q.get(..length)?, r.get(..length)?, s.get(..length)?])
}

/// What the sums of a block begin with.
#[inline(always)]
fn load<T: Real>(c: &[T], stride: usize, (row, column): (usize, usize), accum: Accum) -> Option<Block<T>> {
    let mut block = [[T::zero(); BLOCK]; BLOCK];
    if accum == Accum::Add {
        for (to, from) in block.iter_mut().zip(c.get(row * stride + column..)?.chunks(stride.max(1))) {
            *to = *from.first_chunk()?;
        }
    }
    Some(block)
}

/// A whole block.
#[inline(always)]
fn store<T: Real>(c: &mut [T], stride: usize, (row, column): (usize, usize), block: &Block<T>) -> Option<()> {
    let (p, rest) = c.get_mut(row * stride + column..)?.split_at_mut_checked(stride)?;
    let (q, rest) = rest.split_at_mut_checked(stride)?;
    let (r, s) = rest.split_at_mut_checked(stride)?;
    let &[a, b, c, d] = block;
    *p.first_chunk_mut()? = a;
    *q.first_chunk_mut()? = b;
    *r.first_chunk_mut()? = c;
    *s.first_chunk_mut()? = d;
    Some(())
}

/// The new entries of a block.
fn store_new<T: Real>(c: &mut [T], stride: usize, place: Place, block: &Block<T>, part: Part) -> Option<()> {
    let Place { row, column, new_row, new_column, end } = place;
    for (i, sums) in (row..).zip(block).filter(|(i, _)| *i >= new_row) {
        let end = if part == Part::Whole { end } else { end.min(i + 1) };
        for (j, &sum) in (column..end).zip(sums).filter(|(j, _)| *j >= new_column) {
            *c.get_mut(i * stride + j)? = sum;
            if part == Part::Mirrored {
                *c.get_mut(j * stride + i)? = sum;
            }
        }
    }
    Some(())
}

#[inline(always)]
fn transposed<T: Real>(block: &Block<T>) -> Block<T> {
    let &[[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]] = block;
    [[a, e, i, m], [b, f, j, n], [c, g, k, o], [d, h, l, p]]
}

/// The lower triangle and its mirror image.
#[inline(always)]
fn symmetric<T: Real>(block: &Block<T>) -> Block<T> {
    let &[[a, ..], [e, f, ..], [i, j, k, _], [m, n, o, p]] = block;
    [[a, e, i, m], [e, f, j, n], [i, j, k, o], [m, n, o, p]]
}

/// c_ij + the sum of a_ik b_jk, one k after the other; with `LOWER` up to the diagonal.
#[inline(always)]
fn add_rows<T: Real, const LOWER: bool>(mut c: Block<T>, a: Rows<'_, T>, b: Rows<'_, T>) -> Block<T> {
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.map(fours), b.map(fours));
    for (((((((a0, a1), a2), a3), b0), b1), b2), b3) in
        a0.iter().zip(a1).zip(a2).zip(a3).zip(b0).zip(b1).zip(b2).zip(b3)
    {
        let (x, y) = (transposed(&[*a0, *a1, *a2, *a3]), transposed(&[*b0, *b1, *b2, *b3]));
        for (x, y) in x.iter().zip(&y) {
            add::<T, LOWER>(&mut c, x, y);
        }
    }
    let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.map(rest), b.map(rest));
    for (((((((&a0, &a1), &a2), &a3), &b0), &b1), &b2), &b3) in
        a0.iter().zip(a1).zip(a2).zip(a3).zip(b0).zip(b1).zip(b2).zip(b3)
    {
        add::<T, LOWER>(&mut c, &[a0, a1, a2, a3], &[b0, b1, b2, b3]);
    }
    c
}

/// C <- C + a b^T, or its lower triangle.
#[inline(always)]
fn add<T: Real, const LOWER: bool>(c: &mut Block<T>, a: &Four<T>, b: &Four<T>) {
    if !LOWER {
        return add_product(c, a, b);
    }
    let ([c0, c1, c2, c3], &[a0, a1, a2, a3], &[b0, b1, b2, b3]) = (c, a, b);
    let ([c00, ..], [c10, c11, ..], [c20, c21, c22, _], [c30, c31, c32, c33]) = (c0, c1, c2, c3);
    for (c, a, b) in [(c00, a0, b0), (c10, a1, b0), (c11, a1, b1), (c20, a2, b0), (c21, a2, b1), (c22, a2, b2)] {
        *c += a * b;
    }
    for (c, b) in [(c30, b0), (c31, b1), (c32, b2), (c33, b3)] {
        *c += a3 * b;
    }
}

#[inline(always)]
fn fours<T>(row: &[T]) -> &[Four<T>] {
    row.as_chunks().0
}

#[inline(always)]
fn rest<T>(row: &[T]) -> &[T] {
    row.as_chunks::<BLOCK>().1
}

/// Entry by entry, whatever shapes and strides.
pub(super) fn entries<T: Real>(
    c: &mut MatMut<'_, T>,
    accum: Accum,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    part: Part,
) {
    for (i, row) in c.rows_mut().enumerate() {
        let length = part.of_row(i, row.len());
        for (j, c) in row.iter_mut().enumerate().take(length) {
            let before = if accum == Accum::Add { *c } else { T::zero() };
            let terms = a.row_entries(i).zip(b.row_entries(j)).map(|(x, y)| alpha * x * y);
            *c = terms.fold(before, |sum, term| sum + term);
        }
    }
    if part == Part::Mirrored {
        c.mirror_lower();
    }
}
