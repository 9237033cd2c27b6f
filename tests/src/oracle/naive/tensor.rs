//! Tensors of any rank: a shape and a row-major slice.

use super::linear::{gram, matmul};

/// The mode-`mode` unfolding: `shape[mode]` rows, the other axes in their order as columns.
pub fn unfold(shape: &[usize], tensor: &[f64], mode: usize) -> Vec<f64> {
    places(shape, mode).map(|place| tensor[place]).collect()
}

/// `mat_i(G) mat_i(G)^T`, the statistics of one mode.
pub fn mode_statistics(shape: &[usize], gradient: &[f64], mode: usize) -> Vec<f64> {
    gram(shape[mode], &unfold(shape, gradient, mode))
}

/// Multiplies every mode-`mode` fibre by a square `matrix`.
pub fn mode_product(shape: &[usize], tensor: &[f64], mode: usize, matrix: &[f64]) -> Vec<f64> {
    let (nrows, ncols) = (shape[mode], tensor.len() / shape[mode].max(1));
    let product = matmul([nrows, nrows, ncols], matrix, &unfold(shape, tensor, mode));
    let mut result = vec![0.0; tensor.len()];
    for (place, x) in places(shape, mode).zip(product) {
        result[place] = x;
    }
    result
}

/// Positions in the tensor of the entries of its unfolding, row by row.
fn places(shape: &[usize], mode: usize) -> impl Iterator<Item = usize> {
    let outer: usize = shape[..mode].iter().product();
    let side = shape[mode];
    let inner: usize = shape[mode + 1..].iter().product();
    (0..side).flat_map(move |i| (0..outer).flat_map(move |o| (0..inner).map(move |k| (o * side + i) * inner + k)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Random;
    use crate::oracle::naive::{kronecker, transpose};

    #[test]
    fn unfoldings_of_a_counted_tensor() {
        let counted: Vec<f64> = (0..12).map(f64::from).collect();
        let shape = [2, 3, 2];
        assert_eq!(unfold(&shape, &counted, 0), counted);
        let middle = [0., 1., 6., 7., 2., 3., 8., 9., 4., 5., 10., 11.];
        assert_eq!(unfold(&shape, &counted, 1), middle);
        assert_eq!(unfold(&shape, &counted, 2), transpose(2, &counted));
    }

    #[test]
    fn mode_products_are_one_kronecker_product() {
        let mut random = Random::new(3);
        let shape = [2, 3, 2];
        let tensor = random.gaussians(12);
        let factors = shape.map(|d| random.gaussians(d * d));
        let stepwise = (0..3).fold(tensor.clone(), |t, mode| mode_product(&shape, &t, mode, &factors[mode]));
        let two = kronecker([2, 2], &factors[0], [3, 3], &factors[1]);
        let all = kronecker([6, 6], &two, [2, 2], &factors[2]);
        let at_once = matmul([12, 12, 1], &all, &tensor);
        assert!(stepwise.iter().zip(at_once).all(|(x, y)| (x - y).abs() < 1e-13));
    }
}
