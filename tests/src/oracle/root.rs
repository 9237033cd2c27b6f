//! Powers of symmetric matrices from their spectrum, and the distance of a candidate from them.

use super::jacobi::Spectrum;
use super::narrow;
use super::number::Number;

/// What is done about small eigenvalues before a negative power is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ridge {
    /// Nothing: every eigenvalue must be positive.
    None,
    /// Add this times the largest eigenvalue.
    Relative(f64),
    /// Add this.
    Absolute(f64),
    /// Map eigenvalues up to this times the largest to zero.
    PseudoInverse(f64),
}

impl<N: Number> Spectrum<N> {
    /// The largest eigenvalue; zero for an empty matrix.
    pub fn largest(&self) -> N {
        self.values.last().copied().unwrap_or(N::widen(0.0))
    }

    /// Condition number of the ridged matrix; for the pseudo-inverse, of what is kept.
    pub fn condition(&self, ridge: Ridge) -> f64 {
        let kept = self.ridged(ridge);
        let smallest = kept.iter().find_map(|x| *x);
        smallest.map_or(1.0, |low| (self.largest() + self.shift(ridge)).divide(low).narrow())
    }

    /// `(A + r I)^(-1/order)`, with the exact rational exponent.
    ///
    /// # Panics
    /// If an eigenvalue that is kept is not positive.
    pub fn inverse_root(&self, order: u32, ridge: Ridge) -> Vec<N> {
        self.rebuild(&self.image(ridge, |x| x.inverse_root(order)))
    }

    /// `(A + r I)^-alpha` for real `alpha`; a negative `alpha` gives a positive power.
    ///
    /// # Panics
    /// If an eigenvalue that is kept is not positive.
    pub fn inverse_power(&self, alpha: f64, ridge: Ridge) -> Vec<N> {
        self.rebuild(&self.image(ridge, |x| x.power(-alpha)))
    }

    /// `sum_i images[i] v_i v_i^T` over the eigenvectors `v_i`.
    pub fn rebuild(&self, images: &[N]) -> Vec<N> {
        let n = self.order;
        let mut result = vec![N::widen(0.0); n * n];
        for (vector, &image) in self.vectors.chunks(n.max(1)).zip(images) {
            for i in 0..n {
                let scaled = image * vector[i];
                for j in 0..=i {
                    result[i * n + j] = result[i * n + j] + scaled * vector[j];
                }
            }
        }
        for i in 0..n {
            for j in 0..i {
                result[j * n + i] = result[i * n + j];
            }
        }
        result
    }

    fn shift(&self, ridge: Ridge) -> N {
        match ridge {
            Ridge::Relative(epsilon) => self.largest() * N::widen(epsilon),
            Ridge::Absolute(epsilon) => N::widen(epsilon),
            Ridge::None | Ridge::PseudoInverse(_) => N::widen(0.0),
        }
    }

    /// Ridged eigenvalues; `None` where the pseudo-inverse cuts.
    fn ridged(&self, ridge: Ridge) -> Vec<Option<N>> {
        let shift = self.shift(ridge);
        let cut = match ridge {
            Ridge::PseudoInverse(cutoff) => Some(self.largest() * N::widen(cutoff)),
            _ => None,
        };
        let keep = |x: N| cut.is_none_or(|cut| x > cut).then_some(x + shift);
        self.values.iter().map(|&x| keep(x)).collect()
    }

    fn image(&self, ridge: Ridge, map: impl Fn(N) -> N) -> Vec<N> {
        let positive = |x: N| {
            assert!(x.narrow() > 0.0, "no root: eigenvalue {:e}", x.narrow());
            map(x)
        };
        let kept = self.ridged(ridge);
        kept.into_iter().map(|x| x.map_or(N::widen(0.0), positive)).collect()
    }
}

/// `||candidate - truth||_2 / ||truth||_2`, both `order x order`.
///
/// Infinite if the candidate is not finite, so that no comparison with a bound can pass it.
///
/// # Panics
/// On lengths other than `order^2`.
pub fn relative_error<S: Copy + Into<f64>, N: Number>(order: usize, candidate: &[S], truth: &[N]) -> f64 {
    assert_eq!(candidate.len(), order * order);
    assert_eq!(truth.len(), order * order);
    let difference: Vec<f64> = candidate.iter().zip(truth).map(|(&x, &y)| (N::widen(x.into()) - y).narrow()).collect();
    let truth: Vec<f64> = truth.iter().map(|x| x.narrow()).collect();
    match spectral_norm(order, &difference) {
        0.0 => 0.0,
        distance => distance / spectral_norm(order, &truth),
    }
}

/// The largest singular value of a matrix with `ncols` columns; infinite if an entry is not finite.
///
/// By all eigenvalues of `A^T A`: an iteration could stop early and flatter the candidate.
pub fn spectral_norm(ncols: usize, matrix: &[f64]) -> f64 {
    let scale = matrix.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
    if !matrix.iter().all(|x| x.is_finite()) {
        return f64::INFINITY;
    }
    if scale == 0.0 {
        return 0.0;
    }
    let mut gram = vec![0.0; ncols * ncols];
    for row in matrix.chunks(ncols) {
        for (x, target) in row.iter().zip(gram.chunks_mut(ncols)) {
            let x = x / scale;
            target.iter_mut().zip(row).for_each(|(t, y)| *t += x * (y / scale));
        }
    }
    scale * narrow::decompose(ncols, &gram).largest().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Random, with_condition};
    use crate::oracle::{naive::matmul, wide};
    use twofloat::TwoFloat;

    fn assert_close(found: &[f64], right: &[f64], relative: f64) {
        for (x, y) in found.iter().zip(right) {
            assert!((x - y).abs() <= relative * y.abs(), "{found:?} {right:?}");
        }
    }

    #[test]
    fn golden_with_lost_bits() {
        let a = [1195., -944., -224., -944., 746., 177., -224., 177., 42.];
        let right = [1., 1., 1., 1., 2., -3., 1., -3., 18.];
        let root = wide::decompose(3, &a).inverse_root(2, Ridge::None);
        let error = relative_error(3, &right, &root);
        assert!(error < 1e-24, "wide: {error:e}");
        let narrow = narrow::decompose(3, &a).inverse_root(2, Ridge::None);
        assert!(relative_error(3, &narrow, &root) < 1e-9);
    }

    #[test]
    fn rank_one_of_order_64() {
        let v: Vec<f64> = (1..=64).map(f64::from).collect();
        let a: Vec<f64> = (0..4096).map(|k| v[k / 64] * v[k % 64]).collect();
        let spectrum = wide::decompose(64, &a);
        assert_eq!(spectrum.largest().narrow(), 89440.0);
        for (ridge, right) in [
            (Ridge::PseudoInverse(1e-10), [6.46524909e-7, 2.64816603e-3]),
            (Ridge::Relative(1e-6), [1.8285732, 1.7474988]),
        ] {
            let x = spectrum.inverse_root(4, ridge);
            assert_close(&[x[0].narrow(), x[4095].narrow()], &right, 3e-8);
        }
    }

    #[test]
    fn rounded_hilbert() {
        let a: Vec<f32> = (0..64u16).map(|k| 1.0 / f32::from(k / 8 + k % 8 + 1)).collect();
        let x = wide::decompose(8, &a).inverse_root(4, Ridge::Relative(1e-6));
        let found = [x[0].narrow(), x[63].narrow(), x[7].narrow()];
        assert_close(&found, &[1.22582393, 11.1120136, -6.51781688e-3], 1e-8);
    }

    #[test]
    fn powers_multiply_back_to_the_inverse() {
        let mut random = Random::new(7);
        for (n, kappa) in [(1, 1.0), (5, 1e10), (24, 1e6)] {
            let a = with_condition(&mut random, n, kappa);
            let spectrum = wide::decompose(n, &a);
            let inverse = spectrum.inverse_root(1, Ridge::None);
            for alpha in [0.25, 1.0 / 3.0, 0.7] {
                let root = spectrum.inverse_power(alpha, Ridge::None);
                let rest = spectrum.inverse_power(1.0 - alpha, Ridge::None);
                let rounded = |m: &[_]| m.iter().map(|x: &TwoFloat| x.narrow()).collect::<Vec<f64>>();
                let product = matmul([n, n, n], &rounded(&root), &rounded(&rest));
                assert!(relative_error(n, &product, &inverse) < 1e-14);
            }
        }
    }

    #[test]
    fn the_error_counts_asymmetry_and_refuses_nan() {
        let truth = [1.0, 0.0, 0.0, 1.0];
        let error = |candidate: [f64; 4]| relative_error(2, &candidate, &truth);
        assert!((error([1.0, 0.5, -0.5, 1.0]) - 0.5).abs() < 1e-15);
        assert_eq!(error(truth), 0.0);
        assert_eq!(error([f64::NAN, 0.0, 0.0, 1.0]), f64::INFINITY);
        assert_eq!(relative_error(1, &[1.0], &[0.0]), f64::INFINITY);
    }
}
