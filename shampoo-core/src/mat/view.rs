//! Views of matrices in borrowed memory: lengths are checked once, when a view is made.

use crate::error::ShapeError;

/// A read-only matrix with any strides.
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    nrows: usize,
    ncols: usize,
    row_stride: usize,
    col_stride: usize,
}

/// A matrix to write, whose rows are contiguous.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    nrows: usize,
    ncols: usize,
    row_stride: usize,
}

/// Numbers from the first entry of a view to its last; saturates.
#[inline(never)]
fn extent(nrows: usize, ncols: usize, row_stride: usize, col_stride: usize) -> usize {
    if nrows == 0 || ncols == 0 {
        return 0;
    }
    let last_row = (nrows - 1).saturating_mul(row_stride);
    let last_col = (ncols - 1).saturating_mul(col_stride);
    last_row.saturating_add(last_col).saturating_add(1)
}

fn check(needed: usize, found: usize) -> Result<(), ShapeError> {
    if needed <= found {
        return Ok(());
    }
    // No slice is that long.
    Err(if needed == usize::MAX { ShapeError::TooLarge } else { ShapeError::Length { needed, found } })
}

impl<'a, T: Copy> MatRef<'a, T> {
    /// The 0 x 0 matrix.
    pub const fn empty() -> Self {
        Self { data: &[], nrows: 0, ncols: 0, row_stride: 0, col_stride: 1 }
    }

    /// `nrows x ncols` numbers, row after row.
    ///
    /// **Errors**: [`ShapeError`] where `data` is shorter than the matrix.
    pub fn new(data: &'a [T], nrows: usize, ncols: usize) -> Result<Self, ShapeError> {
        Self::with_strides(data, nrows, ncols, ncols, 1)
    }

    /// Entry (i, j) is `data[i * row_stride + j * col_stride]`.
    ///
    /// **Errors**: [`ShapeError`] where the last entry lies outside `data`.
    pub fn with_strides(
        data: &'a [T],
        nrows: usize,
        ncols: usize,
        row_stride: usize,
        col_stride: usize,
    ) -> Result<Self, ShapeError> {
        check(extent(nrows, ncols, row_stride, col_stride), data.len())?;
        Ok(Self { data, nrows, ncols, row_stride, col_stride })
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// The numbers from the first entry on, and the strides of rows and columns.
    pub fn parts(self) -> (&'a [T], usize, usize) {
        (self.data, self.row_stride, self.col_stride)
    }

    /// The transpose, a view of the same numbers.
    pub fn transpose(self) -> Self {
        Self {
            data: self.data,
            nrows: self.ncols,
            ncols: self.nrows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// The part of `nrows x ncols` entries whose first is (i, j); `None` outside the matrix.
    pub fn block(self, i: usize, j: usize, nrows: usize, ncols: usize) -> Option<Self> {
        if i.checked_add(nrows)? > self.nrows || j.checked_add(ncols)? > self.ncols {
            return None;
        }
        let start = if nrows == 0 || ncols == 0 { 0 } else { i * self.row_stride + j * self.col_stride };
        Some(Self { data: self.data.get(start..)?, nrows, ncols, ..self })
    }

    /// A matrix of the same sizes and strides that many numbers further on; `None` where it does not fit.
    pub(crate) fn moved(self, step: usize) -> Option<Self> {
        let (nrows, ncols) = (self.nrows, self.ncols);
        Self::with_strides(self.data.get(step..)?, nrows, ncols, self.row_stride, self.col_stride).ok()
    }

    /// Entry (i, j); `None` outside the matrix.
    pub fn get(self, i: usize, j: usize) -> Option<T> {
        if i >= self.nrows || j >= self.ncols {
            return None;
        }
        self.data.get(i * self.row_stride + j * self.col_stride).copied()
    }

    /// The entries of row i, whatever the strides; none outside the matrix.
    #[inline(always)]
    pub fn row_entries(self, i: usize) -> impl Iterator<Item = T> + 'a {
        let count = if i < self.nrows { self.ncols } else { 0 };
        let row = self.data.get(i.saturating_mul(self.row_stride)..).unwrap_or_default();
        (0..count).map_while(move |j| row.get(j * self.col_stride).copied())
    }

    /// Row i as a slice, where columns lie side by side in memory.
    #[inline(always)]
    pub fn contiguous_row(self, i: usize) -> Option<&'a [T]> {
        let row = self.data.get(i.checked_mul(self.row_stride)?..)?.get(..self.ncols)?;
        (self.col_stride == 1 && i < self.nrows).then_some(row)
    }

    /// The rows as slices, where columns lie side by side in memory.
    #[inline(always)]
    pub fn contiguous_rows(self) -> Option<impl Iterator<Item = &'a [T]> + Clone> {
        let ncols = self.ncols;
        let rows = self.data.chunks(self.row_stride.max(1)).take(self.nrows);
        (self.col_stride == 1 && self.row_stride >= ncols)
            .then(|| rows.map(move |row| row.get(..ncols).unwrap_or_default()))
    }
}

impl<'a, T: Copy> MatMut<'a, T> {
    /// `nrows x ncols` numbers, row after row.
    ///
    /// **Errors**: [`ShapeError`] where `data` is shorter than the matrix.
    pub fn new(data: &'a mut [T], nrows: usize, ncols: usize) -> Result<Self, ShapeError> {
        Self::with_row_stride(data, nrows, ncols, ncols)
    }

    /// Entry (i, j) is `data[i * row_stride + j]`; rows must not overlap.
    ///
    /// **Errors**: [`ShapeError`] where the last entry lies outside `data`, or `row_stride < ncols`.
    pub fn with_row_stride(
        data: &'a mut [T],
        nrows: usize,
        ncols: usize,
        row_stride: usize,
    ) -> Result<Self, ShapeError> {
        check(extent(nrows, ncols, row_stride, 1), data.len())?;
        if row_stride < ncols && nrows > 1 {
            return Err(ShapeError::Length { needed: ncols, found: row_stride });
        }
        // A single row may carry any stride.
        let row_stride = row_stride.max(ncols);
        Ok(Self { data, nrows, ncols, row_stride })
    }

    /// Number of rows.
    pub fn nrows(&self) -> usize {
        self.nrows
    }

    /// Number of columns.
    pub fn ncols(&self) -> usize {
        self.ncols
    }

    /// The numbers from the first entry on, and the stride of rows.
    pub fn parts_mut(&mut self) -> (&mut [T], usize) {
        (self.data, self.row_stride)
    }

    /// The same matrix for a shorter time.
    pub fn reborrow(&mut self) -> MatMut<'_, T> {
        MatMut { data: self.data, nrows: self.nrows, ncols: self.ncols, row_stride: self.row_stride }
    }

    /// The same matrix to read.
    pub fn as_ref(&self) -> MatRef<'_, T> {
        MatRef { data: self.data, nrows: self.nrows, ncols: self.ncols, row_stride: self.row_stride, col_stride: 1 }
    }

    /// The rows, each a slice.
    #[inline(always)]
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [T]> {
        let ncols = self.ncols;
        self.data.chunks_mut(self.row_stride.max(1)).take(self.nrows).filter_map(move |row| row.get_mut(..ncols))
    }

    /// Row i; `None` outside the matrix.
    pub(crate) fn row_mut(&mut self, i: usize) -> Option<&mut [T]> {
        let within = i < self.nrows;
        within.then(|| self.data.get_mut(i * self.row_stride..)?.get_mut(..self.ncols)).flatten()
    }

    /// Rows from `first` on; `None` outside the matrix.
    pub fn some_rows(&mut self, first: usize, nrows: usize) -> Option<MatMut<'_, T>> {
        if first.checked_add(nrows)? > self.nrows {
            return None;
        }
        let start = if nrows == 0 { 0 } else { first * self.row_stride };
        Some(MatMut { data: self.data.get_mut(start..)?, nrows, ncols: self.ncols, row_stride: self.row_stride })
    }

    /// Entry (i, j) to write; `None` outside the matrix.
    pub fn get_mut(&mut self, i: usize, j: usize) -> Option<&mut T> {
        if i >= self.nrows || j >= self.ncols {
            return None;
        }
        self.data.get_mut(i * self.row_stride + j)
    }

    /// Copies the lower triangle of a square matrix onto the upper one.
    pub fn mirror_lower(&mut self) {
        self.mirror_lower_from(0);
    }

    /// The same of the square whose first column is this.
    pub(crate) fn mirror_lower_from(&mut self, first: usize) {
        let stride = self.row_stride.max(1);
        let n = self.nrows.min(self.ncols.saturating_sub(first));
        for i in 1..n {
            let Some((above, row)) = self.data.split_at_mut_checked(i * stride) else { return };
            let mut at = first + i;
            for &lower in row.iter().skip(first).take(i) {
                if let Some(upper) = above.get_mut(at) {
                    *upper = lower;
                }
                at += stride;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MatMut, MatRef};
    use crate::error::ShapeError;

    #[test]
    fn views_check_their_extent_once() {
        let data = [1, 2, 3, 4, 5, 6];
        assert_eq!(MatRef::new(&data, 2, 4).unwrap_err(), ShapeError::Length { needed: 8, found: 6 });
        assert_eq!(MatRef::new(&data, usize::MAX, usize::MAX).unwrap_err(), ShapeError::TooLarge);
        let m = MatRef::new(&data, 2, 3).unwrap();
        assert_eq!(m.get(1, 2), Some(6));
        assert_eq!(m.get(2, 0), None);
        assert_eq!(m.transpose().get(2, 1), Some(6));
        assert!(m.transpose().row_entries(1).eq([2, 5]));
        assert!(m.transpose().contiguous_rows().is_none());
        assert!(m.block(0, 1, 2, 2).unwrap().row_entries(1).eq([5, 6]));
        assert!(m.block(1, 1, 2, 1).is_none());
        assert!(m.block(usize::MAX / 2, 0, 1, 1).is_none());
    }

    #[test]
    fn mirror_copies_the_lower_triangle() {
        let mut data = [1, 9, 9, 2, 3, 9, 4, 5, 6];
        MatMut::new(&mut data, 3, 3).unwrap().mirror_lower();
        assert_eq!(data, [1, 2, 4, 2, 3, 5, 4, 5, 6]);
    }
}
