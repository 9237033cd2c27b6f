//! Products in blocks of C that stay in registers.
//!
//! Every sum is made in the order of plain loops over k, so the bits do not depend on the blocks. A block has sixteen sums
//! and takes eight loads for sixteen products: with them 24 of the 32 registers of a single-precision unit.

use super::Accum;
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Rows and columns of a block.
pub(super) const BLOCK: usize = 4;

/// Products at a time in every sum: so long is the panel of A, which lies on the stack.
const DEPTH: usize = 32;

/// One number of each of four neighbouring rows or columns.
pub(super) type Four<T> = [T; BLOCK];

/// Which entries of C are computed; the others are not touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// Those up to the diagonal.
    Lower,
    /// Those up to the diagonal, and their mirror images: by [`product_of_rows`](super::rows::product_of_rows).
    Mirrored,
}

impl Part {
    /// Entries of row i among the first `ncols`.
    #[inline(always)]
    pub(super) fn of_row(self, i: usize, ncols: usize) -> usize {
        match self {
            Self::Whole => ncols,
            Self::Lower | Self::Mirrored => ncols.min(i + 1),
        }
    }

    /// Sets its entries to 0.
    #[inline(always)]
    pub(super) fn clear<T: Real>(self, c: &mut MatMut<'_, T>) {
        for (i, row) in c.rows_mut().enumerate() {
            let length = self.of_row(i, row.len());
            row.iter_mut().take(length).for_each(|c| *c = T::zero());
        }
    }
}

/// C <- C + alpha A B, or alpha A B, for B of contiguous rows: every sum in order of k.
pub(super) fn product<T: Real>(
    mut c: MatMut<'_, T>,
    mut accum: Accum,
    alpha: T,
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    part: Part,
) {
    let (nrows, ncols, depth) = (c.nrows().min(a.nrows()), c.ncols().min(b.ncols()), a.ncols().min(b.nrows()));
    let whole = nrows == c.nrows() && ncols == c.ncols() && depth > 0;
    if accum == Accum::Replace && !whole {
        part.clear(&mut c);
        accum = Accum::Add;
    }
    let mut panel = [[T::zero(); BLOCK]; DEPTH];
    let mut first = 0;
    while first + BLOCK <= nrows {
        let mut accum = accum;
        for start in (0..depth).step_by(DEPTH) {
            let length = DEPTH.min(depth - start);
            let (Some(panel), Some(a), Some(b), Some(rows)) = (
                panel.get_mut(..length),
                a.block(first, start, BLOCK, length),
                b.block(start, 0, length, ncols),
                c.some_rows(first, BLOCK),
            ) else {
                return;
            };
            pack(panel, alpha, a);
            row_of_blocks(rows, accum, panel, b, part.of_row(first, ncols + 1) - 1, part);
            accum = Accum::Add;
        }
        first += BLOCK;
    }
    for i in first..nrows {
        let Some(mut row) = c.some_rows(i, 1) else { return };
        let Some(row) = row.rows_mut().next().and_then(|row| row.get_mut(..part.of_row(i, ncols))) else { return };
        if accum == Accum::Replace {
            row.fill(T::zero());
        }
        for (x, b) in a.row_entries(i).zip(b.contiguous_rows().into_iter().flatten()) {
            add_scaled(row, alpha * x, b);
        }
    }
}

/// alpha A for four rows, column after column.
fn pack<T: Real>(panel: &mut [Four<T>], alpha: T, a: MatRef<'_, T>) {
    if let Some(columns) = a.transpose().contiguous_rows() {
        for (to, column) in panel.iter_mut().zip(columns) {
            if let Some(column) = column.first_chunk() {
                *to = column.map(|x| alpha * x);
            }
        }
    } else if let [Some(p), Some(q), Some(r), Some(s)] = [0, 1, 2, 3].map(|row| a.contiguous_row(row)) {
        for ((((to, &p), &q), &r), &s) in panel.iter_mut().zip(p).zip(q).zip(r).zip(s) {
            *to = [alpha * p, alpha * q, alpha * r, alpha * s];
        }
    } else {
        for row in 0..BLOCK {
            let to = panel.iter_mut().filter_map(|to| to.get_mut(row));
            to.zip(a.row_entries(row)).for_each(|(to, x)| *to = alpha * x);
        }
    }
}

/// Adds panel times B to four rows: to the first `left` columns of all, and, of a lower part, to the block on the diagonal
/// that follows.
fn row_of_blocks<T: Real>(
    mut c: MatMut<'_, T>,
    accum: Accum,
    panel: &[Four<T>],
    b: MatRef<'_, T>,
    left: usize,
    part: Part,
) {
    let (data, stride, _) = b.parts();
    let mut rows = c.rows_mut();
    let (Some(p), Some(q), Some(r), Some(s)) = (rows.next(), rows.next(), rows.next(), rows.next()) else { return };
    let (p, p_rest) = split(p, left);
    let (q, q_rest) = split(q, left);
    let (r, r_rest) = split(r, left);
    let (s, s_rest) = split(s, left);
    let mut columns = data;
    for (((p, q), r), s) in p.iter_mut().zip(q).zip(r).zip(s) {
        let before = if accum == Accum::Add { [*p, *q, *r, *s] } else { [[T::zero(); BLOCK]; BLOCK] };
        [*p, *q, *r, *s] = add_products(before, panel, columns, stride);
        columns = columns.get(BLOCK..).unwrap_or_default();
    }
    let rest = [p_rest, q_rest, r_rest, s_rest];
    if part == Part::Lower {
        let mut sums = [[T::zero(); BLOCK]; BLOCK];
        if accum == Accum::Add {
            for (length, (sums, row)) in (1..).zip(sums.iter_mut().zip(&rest)) {
                sums.iter_mut().zip(row.iter()).take(length).for_each(|(sum, &c)| *sum = c);
            }
        }
        let sums = add_products(sums, panel, columns, stride);
        for (length, (sums, row)) in (1..).zip(sums.iter().zip(rest)) {
            row.iter_mut().zip(sums).take(length).for_each(|(c, &sum)| *c = sum);
        }
        return;
    }
    for (i, row) in rest.into_iter().enumerate().filter(|(_, row)| !row.is_empty()) {
        if accum == Accum::Replace {
            row.fill(T::zero());
        }
        for (a, b) in panel.iter().zip(columns.chunks(stride.max(1))) {
            if let Some(&a) = a.get(i) {
                add_scaled(row, a, b);
            }
        }
    }
}

/// The first `length` numbers of a row in fours, and the others.
#[inline(always)]
fn split<T>(row: &mut [T], length: usize) -> (&mut [Four<T>], &mut [T]) {
    let (left, right) = row.split_at_mut_checked(length / BLOCK * BLOCK).unwrap_or_default();
    (left.as_chunks_mut().0, right)
}

/// y <- y + alpha x.
#[inline(always)]
pub(super) fn add_scaled<T: Real>(y: &mut [T], alpha: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += alpha * x;
    }
}

/// Four numbers of a row.
#[inline(always)]
fn block_of<T>(row: &[T], start: usize) -> Option<&Four<T>> {
    row.get(start..)?.first_chunk()
}

/// c_ij + the sum of a_ik b_kj, one k after the other; row k of B begins at `k * stride`.
#[inline(always)]
fn add_products<T: Real>(mut c: [Four<T>; BLOCK], panel: &[Four<T>], b: &[T], stride: usize) -> [Four<T>; BLOCK] {
    if stride < BLOCK {
        return c;
    }
    // Two rows at a time, as long as both are whole.
    let (pairs, _) = panel.as_chunks::<2>();
    let mut done = 0;
    for ([p, q], b) in pairs.iter().zip(b.chunks_exact(stride.saturating_add(stride))) {
        let (Some(first), Some(second)) = (b.first_chunk(), block_of(b, stride)) else { return c };
        add_product(&mut c, p, first);
        add_product(&mut c, q, second);
        done += 2;
    }
    // The last row may be shorter than the stride.
    for (k, a) in panel.iter().enumerate().skip(done) {
        let Some(b) = block_of(b, k * stride) else { return c };
        add_product(&mut c, a, b);
    }
    c
}

/// C <- C + a b^T.
#[inline(always)]
pub(super) fn add_product<T: Real>(c: &mut [Four<T>; BLOCK], a: &Four<T>, b: &Four<T>) {
    for (c, &a) in c.iter_mut().zip(a) {
        for (c, &b) in c.iter_mut().zip(b) {
            *c += a * b;
        }
    }
}
