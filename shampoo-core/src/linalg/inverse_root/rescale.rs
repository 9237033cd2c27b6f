//! A scale for every step of the coupled Newton iteration, and not for the first alone.
//!
//! After a step the spectrum of M lies in (0, 1], and the next one multiplies what is small by ((p + 1) / p)^p alone:
//! 2.44 for p = 4. Before the step M may be multiplied by any s below p + 1, and X by s^{1/p}: then it is by s as much.
//! Best for a spectrum from a to 1 is s = (p + 1) (1 - a^{1/p}) / (1 - a^{1 + 1/p}), which takes both ends to the same
//! place; see [`Scaling::Optimal`](super::Scaling::Optimal). The scale of the first step is kept as a limit, (p + 1) / 2:
//! beyond it little is gained, and what is 1 would come to lie near 0, where its digits are lost.
//!
//! For a two steps of power iteration with I - M from a unit vector give a Rayleigh quotient of M. It is never below the
//! smallest eigenvalue, so that an s from it is never too large for the spectrum; where it is far above, the iteration takes
//! as many steps as one without scales.

use super::coupled::rows;
use crate::kernel::Kernel;
use crate::scalar::Real;

/// From here on a scale saves nothing: the error is squared in every step.
const NEAR: f64 = 0.75;

/// What a diagonal entry of I - M exceeds where its column is no noise.
const NOISE: f64 = 1e-3;

/// s for the matrix M after a step; 1 where M is near I, or where an eigenvalue is not positive.
///
/// Of two squares of workspace the first n numbers are written.
pub(super) fn rescale<T: Real, K: Kernel<T> + ?Sized>(
    m: &[T],
    n: usize,
    p: u32,
    [w, product]: [&mut [T]; 2],
    kernel: &K,
) -> T {
    let one = T::one();
    let a = small_eigenvalue(m, n, w, product, kernel).unwrap_or(one);
    if !(a > T::zero() && a < T::from_f64(NEAR)) {
        return one;
    }
    let next = T::from_count(p as usize) + one;
    let root = a.powf(one / T::from_count(p as usize));
    (next * (one - root) / (one - a * root)).minimum(next * T::from_f64(0.5))
}

/// The Rayleigh quotient of M for (I - M)^2 e_j, where e_j is the unit vector for which that of I - M is the largest.
fn small_eigenvalue<T: Real, K: Kernel<T> + ?Sized>(
    m: &[T],
    n: usize,
    w: &mut [T],
    product: &mut [T],
    kernel: &K,
) -> Option<T> {
    let diagonal = m.iter().step_by(n.saturating_add(1)).enumerate();
    let (j, &smallest) = diagonal.reduce(|least, next| if next.1 < least.1 { next } else { least })?;
    if T::one() - smallest <= T::from_f64(NOISE) {
        return None;
    }
    let (w, product) = (w.get_mut(..n)?, product.get_mut(..n)?);
    // A sign matters to no quotient, and M is symmetric.
    w.iter_mut().zip(rows(m, n).nth(j)?).for_each(|(w, &m)| *w = m);
    *w.get_mut(j)? -= T::one();
    let multiply = |w: &[T], product: &mut [T]| rows(m, n).zip(product).for_each(|(row, y)| *y = kernel.dot(row, w));
    multiply(w, product);
    w.iter_mut().zip(product.iter()).for_each(|(w, &y)| *w -= y);
    multiply(w, product);
    Some(kernel.dot(w, product) / kernel.dot(w, w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;

    fn scale_of(m: [f64; 4], p: u32) -> f64 {
        rescale(&m, 2, p, [&mut [f64::NAN; 4], &mut [f64::NAN; 4]], &Portable)
    }

    #[test]
    fn both_ends_go_to_the_same_place() {
        for (p, a) in [(2, 0.5_f64), (4, 0.2), (4, 0.5), (7, 0.1)] {
            let s = scale_of([1.0, 0.0, 0.0, a], p);
            let order = f64::from(p);
            let step = |m: f64| m * libm::pow((order + 1.0 - m) / order, order);
            assert!((step(s) - step(s * a)).abs() < 1e-14 && s > 1.0, "p {p}, {a}: {s}");
        }
    }

    #[test]
    fn what_is_1_stays_away_from_0() {
        for (p, limit) in [(1, 1.0), (2, 1.5), (4, 2.5)] {
            assert_eq!(scale_of([1e-4, 0.0, 0.0, 1.0], p), limit);
        }
    }

    #[test]
    fn a_basis_takes_nothing_beyond_what_is_best() {
        // Eigenvalues 1 and a, rotated: no estimate is below a.
        for a in [0.2, 0.4, 0.6] {
            let best = scale_of([a, 0.0, 0.0, 1.0], 4);
            for (c, s) in [(0.8, 0.6), (0.6, 0.8), (0.96, 0.28)] {
                let (m, off) = ([c * c + a * s * s, s * s + a * c * c], c * s * (1.0 - a));
                let found = scale_of([m[0], off, off, m[1]], 4);
                assert!(found <= best + 1e-14 && found > 0.9 * best, "{a}: {found} against {best}");
            }
        }
    }

    #[test]
    fn there_is_none_near_the_identity_and_none_for_a_negative_eigenvalue() {
        for m in [[1.0, 0.0, 0.0, 0.8], [1.0, 0.0, 0.0, 0.9995], [0.5, 0.6, 0.6, 0.5], [1.0, 0.0, 0.0, -1e-3]] {
            assert_eq!(scale_of(m, 4), 1.0, "{m:?}");
        }
        assert_eq!(scale_of([f64::NAN; 4], 4), 1.0);
    }
}
