//! One triangle of a symmetric matrix: row i holds the entries (i, 0) to (i, i), row after row.

use super::MatMut;
use crate::scalar::{Real, Stored};

/// Numbers in the packed triangle of an `n x n` matrix, `n (n + 1) / 2`; `usize::MAX` on overflow.
#[inline(never)]
pub const fn packed_len(n: usize) -> usize {
    if n.is_multiple_of(2) { (n / 2).saturating_mul(n.saturating_add(1)) } else { n.saturating_mul(n / 2 + 1) }
}

/// The rows of a packed triangle, of lengths 1, 2, 3, ...
pub fn rows<T>(triangle: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = triangle;
    (1..).map_while(move |length| {
        let (row, tail) = rest.split_at_checked(length)?;
        rest = tail;
        Some(row)
    })
}

/// The rows of a packed triangle to write, of lengths 1, 2, 3, ...
pub fn rows_mut<T>(triangle: &mut [T]) -> impl Iterator<Item = &mut [T]> {
    let mut rest = triangle;
    (1..).map_while(move |length| {
        let (row, tail) = core::mem::take(&mut rest).split_at_mut_checked(length)?;
        rest = tail;
        Some(row)
    })
}

/// Loads a packed triangle into a square matrix, both of its triangles; of a matrix with fewer rows or columns, what it has
/// room for. What the triangle lacks stays as it is.
pub fn unpack<R: Real, S: Stored<R>>(triangle: &[S], square: MatMut<'_, R>) {
    unpack_rows(triangle, 0, square);
}

/// Loads rows of the symmetric matrix from row `first` on, each of them whole or as far as there are columns.
pub fn unpack_rows<R: Real, S: Stored<R>>(triangle: &[S], first: usize, mut panel: MatMut<'_, R>) {
    let height = panel.nrows();
    for (i, row) in rows(triangle).enumerate().skip(first) {
        match panel.row_mut(i - first) {
            Some(to) => to.iter_mut().zip(row).for_each(|(x, s)| *x = s.load()),
            // Right of the diagonal, row j holds column j.
            None => {
                for (j, s) in row.iter().skip(first).take(height).enumerate() {
                    if let Some(x) = panel.get_mut(j, i) {
                        *x = s.load();
                    }
                }
            }
        }
    }
    panel.mirror_lower_from(first);
}

/// Sets a packed triangle to `value` on the diagonal and 0 elsewhere.
pub fn fill_diagonal<R: Real, S: Stored<R>>(triangle: &mut [S], value: R) {
    for row in rows_mut(triangle) {
        row.fill(S::store(R::zero()));
        if let Some(last) = row.last_mut() {
            *last = S::store(value);
        }
    }
}

/// The same of several triangles of these orders, one after the other.
pub(crate) fn fill_diagonals<R: Real, S: Stored<R>>(
    mut triangles: &mut [S],
    orders: impl Iterator<Item = usize>,
    value: R,
) {
    for order in orders {
        let Some((triangle, rest)) = triangles.split_at_mut_checked(packed_len(order)) else { return };
        fill_diagonal(triangle, value);
        triangles = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::{packed_len, rows, unpack};
    use crate::mat::MatMut;

    #[test]
    fn lengths_saturate() {
        assert_eq!([0, 1, 2, 3, 64, 128].map(packed_len), [0, 1, 3, 6, 2080, 8256]);
        assert_eq!(packed_len(usize::MAX), usize::MAX);
    }

    #[test]
    fn unpacking_fills_both_triangles() {
        assert!(rows(&[1, 2, 3, 4, 5, 6]).eq([&[1][..], &[2, 3], &[4, 5, 6]]));
        let mut square = [0.0_f64; 9];
        unpack(&[1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0], MatMut::new(&mut square, 3, 3).unwrap());
        assert_eq!(square, [1.0, 2.0, 4.0, 2.0, 3.0, 5.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn unpacking_takes_what_there_is_room_for() {
        let unpacked = |count: usize, nrows, ncols| {
            let mut m = [0.0; 6];
            unpack(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..count], MatMut::new(&mut m, nrows, ncols).unwrap());
            m
        };
        assert_eq!(unpacked(6, 2, 3), [1.0, 2.0, 4.0, 2.0, 3.0, 5.0]);
        assert_eq!(unpacked(6, 3, 2), [1.0, 2.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(unpacked(3, 2, 3), [1.0, 2.0, 0.0, 2.0, 3.0, 0.0]);
    }
}
