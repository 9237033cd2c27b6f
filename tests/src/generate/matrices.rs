//! Symmetric matrices of the kinds that statistics take.

use super::Random;
use crate::oracle::naive::gram;

/// Random orthogonal matrix: a product of Householder reflectors of Gaussian vectors.
pub fn orthogonal(random: &mut Random, order: usize) -> Vec<f64> {
    let mut q: Vec<f64> = (0..order * order).map(|k| f64::from(u8::from(k / order == k % order))).collect();
    // Reflectors of growing length; without the random signs the rows would favour one side.
    for start in (0..order).rev() {
        let mut v = random.gaussians(order - start);
        let length = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        v[0] += length.copysign(v[0]);
        let square: f64 = v.iter().map(|x| x * x).sum();
        let sign = if random.bits() & 1 == 0 { 1.0 } else { -1.0 };
        for row in q.chunks_mut(order) {
            let tail = &mut row[start..];
            let dot: f64 = tail.iter().zip(&v).map(|(x, v)| x * v).sum();
            let factor = 2.0 * dot / square;
            tail.iter_mut().zip(&v).for_each(|(x, v)| *x -= factor * v);
            tail[0] *= sign;
        }
    }
    q
}

/// `order` numbers from `1 / kappa` to 1, evenly spaced in the logarithm.
pub fn log_spaced(order: usize, kappa: f64) -> Vec<f64> {
    let last = order.saturating_sub(1).max(1) as f64;
    let value = |i: usize| kappa.powf(i as f64 / last - 1.0);
    match order {
        1 => vec![1.0],
        _ => (0..order).map(value).collect(),
    }
}

/// `Q diag(values) Q^T` with a random orthogonal `Q`, exactly symmetric.
pub fn from_spectrum(random: &mut Random, values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let q = orthogonal(random, n);
    let mut result = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let terms = (0..n).map(|k| q[i * n + k] * values[k] * q[j * n + k]);
            let sum = terms.sum();
            (result[i * n + j], result[j * n + i]) = (sum, sum);
        }
    }
    result
}

/// Positive definite with condition number `kappa`, log-spaced spectrum, largest eigenvalue 1.
pub fn with_condition(random: &mut Random, order: usize, kappa: f64) -> Vec<f64> {
    from_spectrum(random, &log_spaced(order, kappa))
}

/// Rank-deficient: `rank` Gaussian outer products. Rounding leaves tiny
/// eigenvalues of either sign in place of zeros.
pub fn low_rank(random: &mut Random, order: usize, rank: usize) -> Vec<f64> {
    match rank {
        0 => vec![0.0; order * order],
        _ => gram(order, &random.gaussians(order * rank)),
    }
}

/// Exponential moving average with decay `beta2` of the `G G^T` of `steps` gradients of
/// `order x ncols`: a fixed subspace of dimension `rank` plus `noise` times a Gaussian.
pub fn moving_average(
    random: &mut Random,
    [order, ncols, rank]: [usize; 3],
    steps: usize,
    beta2: f64,
    noise: f64,
) -> Vec<f64> {
    let subspace = random.gaussians(order * rank);
    let mut average = vec![0.0; order * order];
    for _ in 0..steps {
        let inside = random.gaussians(rank * ncols);
        let mut gradient = crate::oracle::naive::matmul([order, rank, ncols], &subspace, &inside);
        gradient.iter_mut().for_each(|g| *g += noise * random.gaussian());
        for (h, x) in average.iter_mut().zip(gram(order, &gradient)) {
            *h = beta2 * *h + (1.0 - beta2) * x;
        }
    }
    average
}

/// A log-spaced diagonal with symmetric off-diagonal entries of size `off` relative to
/// `sqrt(a_ii a_jj)`; positive definite for `off` below about `1 / (3 sqrt order)`.
pub fn nearly_diagonal(random: &mut Random, order: usize, kappa: f64, off: f64) -> Vec<f64> {
    let scale: Vec<f64> = log_spaced(order, kappa).iter().map(|x| x.sqrt()).collect();
    scaled_both_sides(order, &scale, |i, j| if i == j { 1.0 } else { off * random.gaussian() })
}

/// Graded: `D B D` with `B` well conditioned and the squares of the diagonal `D` falling from 1
/// to `1 / kappa` down the diagonal.
pub fn graded(random: &mut Random, order: usize, kappa: f64) -> Vec<f64> {
    let inner = with_condition(random, order, 10.0);
    let scale: Vec<f64> = log_spaced(order, kappa).iter().rev().map(|x| x.sqrt()).collect();
    scaled_both_sides(order, &scale, |i, j| inner[i * order + j])
}

fn scaled_both_sides(order: usize, scale: &[f64], mut entry: impl FnMut(usize, usize) -> f64) -> Vec<f64> {
    let mut result = vec![0.0; order * order];
    for i in 0..order {
        for j in 0..=i {
            let x = entry(i, j) * (scale[i] * scale[j]);
            (result[i * order + j], result[j * order + i]) = (x, x);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{loewner::smallest_eigenvalue, narrow, root::Ridge};

    #[test]
    fn orthogonal_rows() {
        for n in [1, 2, 7, 40] {
            let q = orthogonal(&mut Random::new(11), n);
            for (k, x) in gram(n, &q).iter().enumerate() {
                let right = f64::from(u8::from(k / n == k % n));
                assert!((x - right).abs() < 1e-14, "n {n}");
            }
        }
    }

    #[test]
    fn condition_is_what_was_asked() {
        for n in [2, 5, 32] {
            for kappa in [1.0, 1e3, 1e8] {
                let a = with_condition(&mut Random::new(12), n, kappa);
                let found = narrow::decompose(n, &a).condition(Ridge::None);
                assert!((found / kappa - 1.0).abs() < 1e-6, "n {n}: {found:e}");
                assert_eq!(a, crate::oracle::naive::transpose(n, &a));
            }
        }
    }

    #[test]
    fn kinds_of_statistics() {
        let random = &mut Random::new(13);
        let values = narrow::decompose(20, &low_rank(random, 20, 3)).values;
        assert!(values[16].abs() < 1e-13 && values[17] > 1.0);
        let average = moving_average(random, [16, 24, 4], 30, 0.9, 1e-2);
        assert!(smallest_eigenvalue(16, &average) > 0.0);
        assert!(smallest_eigenvalue(12, &graded(random, 12, 1e12)) > 0.0);
        assert!(smallest_eigenvalue(12, &nearly_diagonal(random, 12, 1e6, 1e-3)) > 0.0);
        assert_eq!(low_rank(random, 2, 0), [0.0; 4]);
    }
}
