//! The order `A <= B` between symmetric matrices: `B - A` has no negative eigenvalue.

use super::narrow;
use super::root::spectral_norm;

/// The smallest eigenvalue; zero for an empty matrix.
pub fn smallest_eigenvalue(order: usize, matrix: &[f64]) -> f64 {
    let values = narrow::decompose(order, matrix).values;
    values.first().copied().unwrap_or(0.0)
}

/// The smallest eigenvalue of `upper - lower`, relative to the larger of both norms: negative
/// beyond rounding exactly if `lower <= upper` does not hold.
pub fn gap(order: usize, lower: &[f64], upper: &[f64]) -> f64 {
    assert_eq!(lower.len(), upper.len());
    let difference: Vec<f64> = upper.iter().zip(lower).map(|(u, l)| u - l).collect();
    let scale = spectral_norm(order, lower).max(spectral_norm(order, upper));
    match smallest_eigenvalue(order, &difference) {
        0.0 => 0.0,
        smallest => smallest / scale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::naive::matmul;

    #[test]
    fn squares_do_not_keep_the_order() {
        let (a, b) = ([1., 1., 1., 1.], [2., 1., 1., 1.]);
        assert!(gap(2, &a, &b).abs() < 1e-15);
        let squared = |m: &[f64]| matmul([2, 2, 2], m, m);
        let difference: Vec<f64> = squared(&b).iter().zip(squared(&a)).map(|(y, x)| y - x).collect();
        assert!((smallest_eigenvalue(2, &difference) + 0.302775637731995).abs() < 1e-14);
        assert!(gap(2, &squared(&a), &squared(&b)) < -0.01);
    }

    #[test]
    fn nothing_is_below_nothing() {
        assert_eq!(gap(2, &[0.0; 4], &[0.0; 4]), 0.0);
        assert_eq!(gap(0, &[], &[]), 0.0);
    }
}
