//! Matrices as row-major slices.

/// `A B` with `A` `nrows x inner` and `B` `inner x ncols`.
pub fn matmul([nrows, inner, ncols]: [usize; 3], a: &[f64], b: &[f64]) -> Vec<f64> {
    assert_eq!(a.len(), nrows * inner);
    assert_eq!(b.len(), inner * ncols);
    let entry = |i: usize, j: usize| (0..inner).map(|k| a[i * inner + k] * b[k * ncols + j]).sum();
    (0..nrows * ncols).map(|k| entry(k / ncols, k % ncols)).collect()
}

/// `A^T` of a matrix with `ncols` columns.
pub fn transpose(ncols: usize, a: &[f64]) -> Vec<f64> {
    (0..ncols).flat_map(|j| a.iter().skip(j).step_by(ncols).copied()).collect()
}

/// `A A^T` of a matrix with `nrows` rows.
pub fn gram(nrows: usize, a: &[f64]) -> Vec<f64> {
    let ncols = a.len() / nrows.max(1);
    matmul([nrows, ncols, nrows], a, &transpose(ncols, a))
}

/// `A (x) B`; each shape is rows by columns.
pub fn kronecker(shape_a: [usize; 2], a: &[f64], shape_b: [usize; 2], b: &[f64]) -> Vec<f64> {
    let ([m, n], [p, q]) = (shape_a, shape_b);
    let entry = |i: usize, j: usize| a[i / p * n + j / q] * b[i % p * q + j % q];
    (0..m * p).flat_map(|i| (0..n * q).map(move |j| entry(i, j))).collect()
}

/// Euclidean (Frobenius) norm.
pub fn norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// `a` with this norm; 0 stays 0.
pub fn rescaled(a: &[f64], length: f64) -> Vec<f64> {
    let own = norm(a);
    a.iter().map(|x| quotient(x * length, own)).collect()
}

/// `x / y` with `0 / 0 = 0`, the rule of all diagonal methods.
pub fn quotient(x: f64, y: f64) -> f64 {
    if x == 0.0 && y == 0.0 { 0.0 } else { x / y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Random;

    fn assert_close(x: &[f64], y: &[f64]) {
        assert_eq!(x.len(), y.len());
        let close = |(x, y): (&f64, &f64)| (x - y).abs() < 1e-13 * (1.0 + y.abs());
        assert!(x.iter().zip(y).all(close), "{x:?} {y:?}");
    }

    #[test]
    fn kronecker_products_multiply_factor_by_factor() {
        let mut random = Random::new(1);
        let [a, b] = [random.gaussians(6), random.gaussians(8)];
        let [c, d] = [random.gaussians(15), random.gaussians(4)];
        let left = kronecker([2, 3], &a, [4, 2], &b);
        let right = kronecker([3, 5], &c, [2, 2], &d);
        let factors = (matmul([2, 3, 5], &a, &c), matmul([4, 2, 2], &b, &d));
        assert_close(&matmul([8, 6, 10], &left, &right), &kronecker([2, 5], &factors.0, [4, 2], &factors.1));
    }

    #[test]
    fn row_major_vec_of_a_two_sided_product() {
        let mut random = Random::new(2);
        let [a, x, b] = [random.gaussians(6), random.gaussians(12), random.gaussians(20)];
        let ax = matmul([2, 3, 4], &a, &x);
        let two_sided = matmul([2, 4, 5], &ax, &transpose(4, &b));
        let flat = matmul([10, 12, 1], &kronecker([2, 3], &a, [5, 4], &b), &x);
        assert_close(&two_sided, &flat);
    }
}
