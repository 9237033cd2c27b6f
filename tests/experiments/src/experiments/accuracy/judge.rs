//! The true roots of one matrix, decomposed once.

use shampoo_tests::oracle::Spectrum;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::oracle::root::{Ridge, spectral_norm};

/// A matrix that is known to more digits than the roots that are judged.
pub(super) struct Judge<N> {
    spectrum: Spectrum<N>,
}

/// A true root.
pub(super) struct Truth<N> {
    n: usize,
    root: Vec<N>,
    norm: f64,
}

impl<N: Number> Judge<N> {
    /// Of a decomposed matrix.
    pub(super) fn new(spectrum: Spectrum<N>) -> Self {
        Self { spectrum }
    }

    fn smallest(&self) -> Option<N> {
        self.spectrum.values.first().copied().filter(|smallest| smallest.narrow() > 0.0)
    }

    /// Its condition number; infinite unless it is positive definite.
    pub(super) fn kappa(&self) -> f64 {
        self.smallest().map_or(f64::INFINITY, |_| self.spectrum.condition(Ridge::None))
    }

    /// Its root of order `p`; `None` unless it is positive definite.
    pub(super) fn truth(&self, p: u32) -> Option<Truth<N>> {
        let norm = self.smallest()?.inverse_root(p).narrow();
        Some(Truth { n: self.spectrum.order, root: self.spectrum.inverse_root(p, Ridge::None), norm })
    }
}

impl<N: Number> Truth<N> {
    /// ||candidate - truth|| / ||truth|| in the spectral norm; infinite if the candidate is not finite.
    pub(super) fn error(&self, candidate: &[f64]) -> f64 {
        let pairs = candidate.iter().zip(&self.root);
        let difference: Vec<f64> = pairs.map(|(&x, &y)| (N::widen(x) - y).narrow()).collect();
        spectral_norm(self.n, &difference) / self.norm
    }
}

#[cfg(test)]
mod tests {
    use shampoo_tests::generate::{Random, with_condition};
    use shampoo_tests::oracle::root::{Ridge, relative_error};
    use shampoo_tests::oracle::wide;

    use super::Judge;

    #[test]
    fn agrees_with_the_plain_oracle() {
        let a = with_condition(&mut Random::new(3), 6, 1e4);
        let judge = Judge::new(wide::decompose(6, &a));
        assert!((judge.kappa() / 1e4 - 1.0).abs() < 1e-9);
        let truth = judge.truth(3).expect("positive definite");
        let right = wide::decompose(6, &a).inverse_root(3, Ridge::None);
        let plain = relative_error(6, &a, &right);
        assert!((truth.error(&a) / plain - 1.0).abs() < 1e-12);
        assert_eq!(truth.error(&[f64::NAN; 36]), f64::INFINITY);
    }

    #[test]
    fn an_indefinite_matrix_has_no_root() {
        let judge = Judge::new(wide::decompose(2, &[1.0, 2.0, 2.0, 1.0]));
        assert_eq!(judge.kappa(), f64::INFINITY);
        assert!(judge.truth(2).is_none());
    }
}
