//! `f64` oracle: cheap, and wide enough for what was computed in `f32`.

use super::jacobi::{Spectrum, diagonalise};

/// Eigendecomposition of the symmetric `order x order` `matrix`, of which the mean of both
/// triangles is used.
///
/// # Panics
/// On a length other than `order^2`, and on non-finite entries.
pub fn decompose<S: Copy + Into<f64>>(order: usize, matrix: &[S]) -> Spectrum<f64> {
    assert_eq!(matrix.len(), order * order);
    let entry = |i: usize, j: usize| matrix[i * order + j].into();
    let cells = || (0..order).flat_map(|i| (0..order).map(move |j| (i, j)));
    let symmetric: Vec<f64> = cells().map(|(i, j)| 0.5 * (entry(i, j) + entry(j, i))).collect();
    assert!(symmetric.iter().all(|x| x.is_finite()), "non-finite input");
    let identity = cells().map(|(i, j)| f64::from(u8::from(i == j))).collect();
    diagonalise(symmetric, identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_values(order: usize, matrix: &[f64], right: &[f64]) {
        let found = decompose(order, matrix).values;
        for (x, y) in found.iter().zip(right) {
            assert!((x - y).abs() < 1e-14, "{found:?}");
        }
    }

    #[test]
    fn inputs_that_broke_eigensolvers() {
        let path = [1., -1., 0., -1., 2., -1., 0., -1., 1.];
        assert_values(3, &path, &[0., 1., 3.]);
        let zero_row = [0.8, 0., -2., 0., 0., 0., -2., 0., 5.];
        assert_values(3, &zero_row, &[0., 0., 5.8]);
        let mut zero_one = [0.0; 144];
        for group in [&[1, 4, 7][..], &[2, 9]] {
            for i in group {
                group.iter().for_each(|j| zero_one[i * 12 + j] = 1.0);
            }
        }
        let mut right = [0.0; 12];
        (right[10], right[11]) = (2.0, 3.0);
        assert_values(12, &zero_one, &right);
        assert_values(1, &[4.0], &[4.0]);
        assert_values(2, &[0.0; 4], &[0.0; 2]);
    }

    #[test]
    fn order_zero_is_empty() {
        assert!(decompose::<f64>(0, &[]).values.is_empty());
    }
}
