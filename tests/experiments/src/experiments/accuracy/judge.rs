//! The true roots of one matrix, decomposed once.

use shampoo_tests::oracle::number::Number;
use shampoo_tests::oracle::root::{Ridge, spectral_norm};
use shampoo_tests::oracle::{Spectrum, narrow, wide};

/// A multiple of every root order that is measured: the root of 2^24 is a power of two.
const UNIT: i32 = 24;

/// A matrix that is known to more digits than the roots that are judged.
pub(super) trait Judge {
    /// Condition number of the matrix with this ridge; infinite unless it is positive definite.
    fn kappa(&self, ridge: f64) -> f64;

    /// ||candidate - root|| / ||root|| in the spectral norm, with the root of order `p` of the matrix with this ridge:
    /// infinite if the candidate is not finite, `None` unless the matrix is positive definite.
    fn error(&self, candidate: &[f64], p: u32, ridge: f64) -> Option<f64>;
}

/// The judge of what was computed in `f32`, or with more digits.
pub(super) fn judge(n: usize, matrix: &[f64], is_single: bool) -> Box<dyn Judge> {
    let largest = matrix.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    // Products of double-double numbers must neither vanish nor overflow.
    let shift = if largest > 0.0 { libm::ilogb(largest).div_euclid(UNIT) * UNIT } else { 0 };
    let scaled: Vec<f64> = matrix.iter().map(|&x| libm::scalbn(x, -shift)).collect();
    if is_single {
        Box::new(Scaled { spectrum: narrow::decompose(n, &scaled), shift })
    } else {
        Box::new(Scaled { spectrum: wide::decompose(n, &scaled), shift })
    }
}

/// 2^-shift times a matrix.
struct Scaled<N> {
    spectrum: Spectrum<N>,
    shift: i32,
}

impl<N: Number> Scaled<N> {
    fn ridge(&self, ridge: f64) -> Ridge {
        Ridge::Absolute(libm::scalbn(ridge, -self.shift))
    }

    /// The smallest ridged eigenvalue, if it is positive.
    fn smallest(&self, ridge: f64) -> Option<N> {
        let smallest = *self.spectrum.values.first()? + N::widen(libm::scalbn(ridge, -self.shift));
        Some(smallest).filter(|smallest| smallest.narrow() > 0.0)
    }
}

impl<N: Number> Judge for Scaled<N> {
    fn kappa(&self, ridge: f64) -> f64 {
        self.smallest(ridge).map_or(f64::INFINITY, |_| self.spectrum.condition(self.ridge(ridge)))
    }

    fn error(&self, candidate: &[f64], p: u32, ridge: f64) -> Option<f64> {
        let norm = self.smallest(ridge)?.inverse_root(p).narrow();
        let root = self.spectrum.inverse_root(p, self.ridge(ridge));
        let back = self.shift / p.cast_signed();
        let pairs = candidate.iter().zip(&root);
        let difference: Vec<f64> = pairs.map(|(&x, &y)| (N::widen(libm::scalbn(x, back)) - y).narrow()).collect();
        Some(spectral_norm(self.spectrum.order, &difference) / norm)
    }
}

#[cfg(test)]
mod tests {
    use shampoo_tests::generate::{Random, with_condition};
    use shampoo_tests::oracle::root::{Ridge, relative_error};
    use shampoo_tests::oracle::wide;

    use super::judge;

    #[test]
    fn agrees_with_the_plain_oracle() {
        let a = with_condition(&mut Random::new(3), 6, 1e4);
        let right = wide::decompose(6, &a).inverse_root(3, Ridge::Absolute(0.5));
        let plain = relative_error(6, &a, &right);
        for is_single in [false, true] {
            let judge = judge(6, &a, is_single);
            assert!((judge.kappa(0.0) / 1e4 - 1.0).abs() < 1e-9);
            let error = |candidate: &[f64]| judge.error(candidate, 3, 0.5).expect("positive definite");
            assert!((error(&a) / plain - 1.0).abs() < 1e-12);
            assert_eq!(error(&[f64::NAN; 36]), f64::INFINITY);
        }
    }

    #[test]
    fn magnitudes_do_not_matter() {
        let tiny = f64::MIN_POSITIVE / 16.0;
        // diag(1, 4) times a power of 4, and its inverse square root times that of the power.
        for (unit, root) in [(tiny, 2.0_f64.powi(513)), (2.0_f64.powi(1000), 2.0_f64.powi(-500))] {
            let judge = judge(2, &[unit, 0.0, 0.0, 4.0 * unit], false);
            let error = judge.error(&[root, 0.0, 0.0, root], 2, 0.0).expect("positive definite");
            assert!((error - 0.5).abs() < 1e-15, "{unit:e}: {error:e}");
            let ridged = judge.error(&[root / 2.0, 0.0, 0.0, 0.0], 2, 3.0 * unit).expect("positive definite");
            assert!((ridged - 2.0 / 7.0_f64.sqrt()).abs() < 1e-15, "{unit:e}: {ridged:e}");
        }
    }

    #[test]
    fn an_indefinite_matrix_has_no_root() {
        for is_single in [false, true] {
            let judge = judge(2, &[1.0, 2.0, 2.0, 1.0], is_single);
            assert_eq!(judge.kappa(0.0), f64::INFINITY);
            assert_eq!(judge.error(&[1.0, 0.0, 0.0, 1.0], 2, 0.0), None);
            assert!(judge.error(&[1.0, 0.0, 0.0, 1.0], 2, 1.5).is_some());
        }
    }
}
