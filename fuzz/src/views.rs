//! Views of random shapes, and what their entries must be.

use arbitrary::Arbitrary;
use shampoo_core::mat::MatRef;

/// A view to be made over some numbers.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Layout {
    transposed: bool,
    row_gap: u8,
    start: u8,
}

impl Layout {
    /// Numbers from one row to the next.
    fn stride(self, ncols: usize) -> usize {
        ncols + usize::from(self.row_gap % 4)
    }

    /// `entries`, row after row, somewhere among other numbers.
    pub fn place<T: Copy>(self, entries: &[T], (nrows, ncols): (usize, usize), other: T) -> Placed<T> {
        let (long, short) = if self.transposed { (ncols, nrows) } else { (nrows, ncols) };
        let (start, stride) = (usize::from(self.start % 4), self.stride(short));
        let mut data = vec![other; start + long * stride];
        for (k, &x) in entries.iter().enumerate() {
            let (i, j) = (k / ncols, k % ncols);
            let (i, j) = if self.transposed { (j, i) } else { (i, j) };
            data[start + i * stride + j] = x;
        }
        Placed { data, start, stride, shape: (nrows, ncols), transposed: self.transposed }
    }
}

/// A matrix in memory.
pub struct Placed<T> {
    data: Vec<T>,
    start: usize,
    stride: usize,
    shape: (usize, usize),
    transposed: bool,
}

impl<T: Copy> Placed<T> {
    /// The matrix.
    ///
    /// # Panics
    /// Where a view that fits is refused.
    pub fn view(&self) -> MatRef<'_, T> {
        let (nrows, ncols) = self.shape;
        let data = &self.data[self.start..];
        if self.transposed {
            MatRef::with_strides(data, ncols, nrows, self.stride, 1).expect("it fits").transpose()
        } else {
            MatRef::with_strides(data, nrows, ncols, self.stride, 1).expect("it fits")
        }
    }
}
