//! SM3: second moments in memory of the number of sets of a cover.
//!
//! Each set S_r of the cover keeps one number mu(r), each entry i uses nu(i) and steps h / (sqrt(nu) + eps), where h is g
//! unless said otherwise:
//! - SM3-I: mu(r) <- b2 mu(r) + w2 max_{S_r} g^2, nu(i) = min_{r: i in S_r} mu(r);
//! - SM3-II: nu(i) = b2 min_{r: i in S_r} mu(r) + w2 g(i)^2, then mu(r) = max_{S_r} nu.
//!
//! sum g^2 <= nu_II <= nu_I. Source: \[SM3\] algorithms SM3-I and SM3-II; decay 1 and weight 1 are the paper's.

use super::cover::{AxisCover, Cover};
use super::{Gradient, accumulate_squares};
use crate::kernel::Kernel;
use crate::mat::copy;
use crate::scalar::Real;
use crate::statistics::Averaging;

/// Which of the two algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Variant {
    /// The sets take squares in.
    I,
    /// The entries take squares in, a tighter bound.
    II,
}

/// SM3's figures.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sm3 {
    /// Which of the two algorithms.
    pub variant: Variant,
    /// How squares are accumulated; the paper's is the sum.
    pub averaging: Averaging,
    /// Added to the square root.
    pub epsilon: f64,
}

/// Sets of the axis cover, the numbers of state: the sum of the sizes; 1 for a scalar.
pub const fn state_len(dims: &[usize]) -> usize {
    AxisCover::new(dims).set_count()
}

/// Numbers of scratch with an axis cover: the new sets, and second moments along the last axis.
pub const fn scratch_len(dims: &[usize]) -> usize {
    state_len(dims).saturating_add(AxisCover::new(dims).width())
}

/// Numbers of scratch with any cover: the new sets, and the second moments of a run.
pub fn scratch_len_of<C: Cover>(cover: &C) -> usize {
    cover.sets().saturating_add(cover.run_len())
}

impl Sm3 {
    /// SM3-II with sums, as published.
    pub const PAPER: Self = Self { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 };

    /// One step: `mu` takes the gradient in, `out` is the step for a learning rate of 1.
    ///
    /// An entry whose sets have seen nothing but 0 gives 0, also where eps is 0.
    ///
    /// **Shapes**: `out` and the gradient as many numbers as the cover has entries, `mu` one for each set, scratch at
    /// least [`scratch_len_of`] the cover. **Ranges**: an averaging that [`Averaging::validate`] accepts, an epsilon of at
    /// least 0, and squares whose sum is in the range of `T`: nothing is checked here. **Cost**: as many comparisons as an entry has sets, one square root and one
    /// division an entry.
    ///
    /// ```
    /// use shampoo_core::diagonal::{Gradient, cover::AxisCover, sm3::Sm3};
    /// use shampoo_core::kernel::Portable;
    /// let (mut out, mut mu, mut scratch) = ([0.0_f64; 4], [0.0; 4], [0.0; 6]);
    /// for g in [[1.0, 2.0, 3.0, 4.0], [2.0, 0.0, 1.0, 1.0]] {
    ///     let cover = AxisCover::new(&[2, 2]);
    ///     Sm3::PAPER.step(&mut out, Gradient::plain(&g), &cover, &mut mu, &mut scratch, &Portable);
    /// }
    /// assert_eq!(mu, [8.0, 17.0, 10.0, 17.0]); // rows, then columns
    /// assert!((out[2] - 0.31622777).abs() < 1e-8);
    /// ```
    pub fn step<T: Real, C: Cover, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        gradient: Gradient<'_, T>,
        cover: &C,
        mu: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) {
        let run = cover.run_len().max(1);
        let Some((next, nu)) = scratch.split_at_mut_checked(cover.sets()) else { return };
        next.fill(T::zero());
        if self.variant == Variant::I {
            for (index, g) in gradient.raw.chunks(run).enumerate() {
                for (nu, &g) in nu.iter_mut().zip(g) {
                    *nu = g * g;
                }
                cover.raise(next, index.saturating_mul(run), nu.get(..g.len()).unwrap_or_default());
            }
            let (decay, weight) = (T::from_f64(self.averaging.decay()), T::from_f64(self.averaging.weight()));
            mu.iter_mut().zip(next.iter()).for_each(|(mu, &largest)| *mu = decay * *mu + weight * largest);
        }
        let runs = out.chunks_mut(run).zip(gradient.raw.chunks(run)).zip(gradient.numerator.chunks(run));
        for (index, ((out, g), h)) in runs.enumerate() {
            let start = index.saturating_mul(run);
            let Some(nu) = nu.get_mut(..g.len()) else { return };
            cover.least(mu, start, nu);
            if self.variant == Variant::II {
                accumulate_squares(nu, g, self.averaging);
                cover.raise(next, start, nu);
            }
            kernel.scale_by_rsqrt(out, h, nu, T::one(), T::from_f64(self.epsilon));
        }
        if self.variant == Variant::II {
            copy(mu, next);
        }
    }
}
