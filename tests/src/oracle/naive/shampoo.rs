//! The textbook step of one tensor: statistics, roots by the oracle, mode products.

use super::linear::norm;
use super::tensor::{mode_product, mode_statistics};
use crate::oracle::{narrow, root::Ridge};

/// Kronecker statistics of one tensor, one symmetric matrix a mode.
///
/// With a shape of one axis this is full-matrix AdaGrad.
#[derive(Clone, Debug)]
pub struct Shampoo {
    /// Shape of the tensor.
    pub shape: Vec<usize>,
    /// `statistics[i]` belongs to mode `i`.
    pub statistics: Vec<Vec<f64>>,
    /// Decay; 1 means a sum.
    pub beta2: f64,
}

impl Shampoo {
    /// Statistics that start at `epsilon I`.
    pub fn new(shape: &[usize], beta2: f64, epsilon: f64) -> Self {
        let scaled_identity =
            |&d: &usize| -> Vec<f64> { (0..d * d).map(|k| if k / d == k % d { epsilon } else { 0.0 }).collect() };
        Self { shape: shape.to_vec(), statistics: shape.iter().map(scaled_identity).collect(), beta2 }
    }

    /// `H_i <- b2 H_i + w2 mat_i(G) mat_i(G)^T`.
    pub fn accumulate(&mut self, gradient: &[f64]) {
        let weight = if self.beta2 == 1.0 { 1.0 } else { 1.0 - self.beta2 };
        for (mode, statistics) in self.statistics.iter_mut().enumerate() {
            let new = mode_statistics(&self.shape, gradient, mode);
            for (h, x) in statistics.iter_mut().zip(new) {
                *h = self.beta2 * *h + weight * x;
            }
        }
    }

    /// `G` times `(H_i + r I)^-alpha` in every mode.
    pub fn precondition(&self, gradient: &[f64], alpha: f64, ridge: Ridge) -> Vec<f64> {
        let modes = self.statistics.iter().enumerate();
        modes.fold(gradient.to_vec(), |product, (mode, statistics)| {
            let spectrum = narrow::decompose(self.shape[mode], statistics);
            let root = spectrum.inverse_power(alpha, ridge);
            mode_product(&self.shape, &product, mode, &root)
        })
    }

    /// `1 / (2 rank)`, the exponent of the paper.
    pub fn exponent(&self) -> f64 {
        0.5 / self.shape.len() as f64
    }
}

/// `direction` with the norm of `magnitude`; `magnitude` itself where `direction` is zero.
pub fn grafted(direction: &[f64], magnitude: &[f64]) -> Vec<f64> {
    if norm(direction) == 0.0 {
        return magnitude.to_vec();
    }
    let scale = norm(magnitude) / norm(direction);
    direction.iter().map(|x| x * scale).collect()
}

/// Heavy-ball momentum: `m <- b1 m + w x`, with `w = 1` where it is not an average.
#[derive(Clone, Debug)]
pub struct Momentum {
    /// The buffer `m`.
    pub buffer: Vec<f64>,
    /// The factor `b1`.
    pub beta1: f64,
    /// The factor `w`.
    pub weight: f64,
}

impl Momentum {
    /// A sum over this many numbers.
    pub fn new(beta1: f64, len: usize) -> Self {
        Self { buffer: vec![0.0; len], beta1, weight: 1.0 }
    }

    /// Adds `update`; returns `m`, or `w update + b1 m` with Nesterov's look-ahead.
    pub fn apply(&mut self, update: &[f64], nesterov: bool) -> Vec<f64> {
        let (beta1, weight) = (self.beta1, self.weight);
        let pairs = self.buffer.iter_mut().zip(update);
        pairs.for_each(|(m, x)| *m = beta1 * *m + weight * x);
        let ahead = |(m, x): (&f64, &f64)| if nesterov { weight * x + beta1 * m } else { *m };
        self.buffer.iter().zip(update).map(ahead).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::naive::rmsprop;
    use crate::tolerance::Check;

    const GRADIENTS: [[f64; 4]; 2] = [[1., 2., 3., -1.], [0.5, -1., 0.25, 2.]];

    /// Runs seven steps of the golden sequence and compares the printed ones.
    fn assert_golden(
        beta: (f64, f64),
        start: usize,
        mut graft: impl FnMut(&[f64]) -> Option<Vec<f64>>,
        printed: &[(usize, [f64; 4])],
    ) {
        let (beta1, beta2) = beta;
        let mut shampoo = Shampoo::new(&[2, 2], beta2, 1e-6);
        let [mut direct, mut preconditioned] = [0, 1].map(|_| Momentum::new(beta1, 4));
        for t in 0..7 {
            let gradient = GRADIENTS[t % 2];
            shampoo.accumulate(&gradient);
            let p = shampoo.precondition(&gradient, 0.25, Ridge::Relative(1e-6));
            let plain = graft(&gradient);
            let p = plain.as_ref().map_or(p.clone(), |g| grafted(&p, g));
            let nesterov = beta1 != 0.0;
            let m = preconditioned.apply(&p, nesterov);
            let md = direct.apply(plain.as_deref().unwrap_or(&p), nesterov);
            let update = if t >= start { m } else { md };
            if let Some((_, right)) = printed.iter().find(|(step, _)| *step == t) {
                for (x, y) in update.iter().zip(right) {
                    let error = (-0.1 * x - y).abs();
                    assert!(error < Check::GoldenSequence.bound(f64::EPSILON / 2.0), "{t}: {update:?}");
                }
            }
        }
    }

    #[test]
    fn golden_with_sgd_graft_and_nesterov() {
        assert_golden(
            (0.9, 0.999),
            5,
            |g| Some(g.to_vec()),
            &[
                (0, [-0.19, -0.38, -0.57, 0.19]),
                (4, [-0.395254, -0.497288, -1.0024995, 0.028729]),
                (5, [-0.40747995, -0.12179125, -0.62619353, -0.43237311]),
                (6, [-0.54458387, -0.65261335, -1.05388876, -0.05556015]),
            ],
        );
    }

    #[test]
    fn golden_sum_without_graft() {
        assert_golden(
            (0.0, 1.0),
            0,
            |_| None,
            &[
                (0, [-0.03713904, -0.09284756, -0.09284762, 0.03713904]),
                (5, [-0.0098397, 0.01949408, -0.00519719, -0.0333036]),
                (6, [-0.01946001, -0.03763909, -0.04400779, 0.01374793]),
            ],
        );
    }

    #[test]
    fn golden_with_rmsprop_graft() {
        let mut second = vec![0.0; 4];
        let graft = |g: &[f64]| Some(rmsprop(&mut second, g, 0.999, 1e-10));
        assert_golden(
            (0.9, 0.999),
            2,
            graft,
            &[
                (0, [-6.00832754, -6.00832754, -6.00832754, 6.00832754]),
                (4, [-4.71853592, -5.78615224, -9.18530842, -0.55574322]),
                (6, [-5.03754884, -5.44301589, -9.48180735, -1.23946501]),
            ],
        );
    }

    #[test]
    fn one_entry_of_a_cube() {
        let mut shampoo = Shampoo::new(&[2, 2, 2], 1.0, 0.0);
        let gradient = [8., 0., 0., 0., 0., 0., 0., 0.];
        shampoo.accumulate(&gradient);
        let alpha = shampoo.exponent();
        let cut = shampoo.precondition(&gradient, alpha, Ridge::PseudoInverse(1e-12));
        assert!((cut[0] - 1.0).abs() < 1e-15);
        let ridged = shampoo.precondition(&gradient, alpha, Ridge::Relative(1e-6));
        assert!((ridged[0] - 0.9999995).abs() < 1e-12);
        assert!(ridged[1..].iter().all(|&x| x == 0.0));
    }
}
