//! Double-double oracle: wider than the `f64` results that it judges.

use super::jacobi::{Spectrum, diagonalise};
use super::narrow;
use super::number::Number;
use twofloat::TwoFloat;

/// Eigendecomposition to about 30 digits (relative to the largest eigenvalue) of the symmetric
/// `order x order` `matrix`, of which the mean of both triangles is used.
///
/// Jacobi in `f64` first; in its basis, made orthonormal again, the double-double sweeps find
/// nearly nothing left to rotate.
///
/// # Panics
/// On a length other than `order^2`, and on non-finite entries.
pub fn decompose<S: Copy + Into<TwoFloat>>(order: usize, matrix: &[S]) -> Spectrum<TwoFloat> {
    assert_eq!(matrix.len(), order * order);
    let entry = |i: usize, j: usize| matrix[i * order + j].into();
    let matrix: Vec<TwoFloat> =
        (0..order * order).map(|k| (entry(k / order, k % order) + entry(k % order, k / order)) * 0.5).collect();
    let rounded: Vec<f64> = matrix.iter().map(|x| x.narrow()).collect();
    let basis = orthonormal(order, &narrow::decompose(order, &rounded).vectors);
    // The matrix is symmetric, so its rows are its columns.
    let half = rows_times_rows(order, &basis, &matrix);
    let mut inside = rows_times_rows(order, &half, &basis);
    for i in 0..order {
        for j in 0..i {
            inside[i * order + j] = inside[j * order + i];
        }
    }
    diagonalise(inside, basis)
}

/// `Q <- Q + (I - Q Q^T) Q / 2`, Newton-Schulz: each step squares the loss of orthogonality, and
/// at `n = 128` one step from `f64` leaves 1e-27.
fn orthonormal(order: usize, rows: &[f64]) -> Vec<TwoFloat> {
    let mut rows: Vec<TwoFloat> = rows.iter().map(|&x| x.into()).collect();
    for _ in 0..2 {
        let gram = rows_times_rows(order, &rows, &rows);
        let rounded: Vec<f64> = rows.iter().map(|x| x.hi()).collect();
        for (i, row) in rows.chunks_mut(order.max(1)).enumerate() {
            for (k, other) in rounded.chunks(order).enumerate() {
                let target = TwoFloat::from(f64::from(u8::from(i == k)));
                // The defect is small: its `f64` part has all the digits that count.
                let half = 0.5 * (target - gram[i * order + k]).hi();
                let pairs = row.iter_mut().zip(other);
                pairs.for_each(|(x, y)| *x += half * y);
            }
        }
    }
    rows
}

/// `A B^T`.
fn rows_times_rows(order: usize, a: &[TwoFloat], b: &[TwoFloat]) -> Vec<TwoFloat> {
    let zero = TwoFloat::from(0.0);
    let dot = |x: &[TwoFloat], y: &[TwoFloat]| x.iter().zip(y).fold(zero, |sum, (x, y)| sum + x * y);
    a.chunks(order.max(1)).flat_map(|x| b.chunks(order).map(move |y| dot(x, y))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Random, graded, low_rank, with_condition};

    #[test]
    fn thirty_digits() {
        let random = &mut Random::new(4);
        let n = 24;
        for a in [
            with_condition(random, n, 1.0),
            with_condition(random, n, 1e10),
            low_rank(random, n, 5),
            graded(random, n, 1e12),
        ] {
            let spectrum = decompose(n, &a);
            let size = spectrum.largest().narrow();
            for (x, y) in spectrum.rebuild(&spectrum.values).iter().zip(&a) {
                assert!((*x - *y).narrow().abs() < 3e-30 * size);
            }
            let gram = rows_times_rows(n, &spectrum.vectors, &spectrum.vectors);
            for (k, x) in gram.iter().enumerate() {
                let right = f64::from(u8::from(k / n == k % n));
                assert!((*x - right).narrow().abs() < 3e-30);
            }
        }
    }

    #[test]
    fn takes_f32_and_nothing() {
        let found = decompose(2, &[2.0_f32, 1.0, 1.0, 2.0]).values;
        assert!((found[0] - 1.0).narrow().abs() < 1e-30);
        assert!((found[1] - 3.0).narrow().abs() < 1e-30);
        assert!(decompose::<f64>(0, &[]).values.is_empty());
    }
}
