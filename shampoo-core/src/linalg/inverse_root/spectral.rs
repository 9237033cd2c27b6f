//! Inverse roots through the eigendecomposition: any real exponent, and the pseudo-inverse.

mod bound;

pub use bound::Bound;

use super::coupled::{squares, view};
use super::request::Ridge;
use crate::error::ShapeError;
use crate::kernel::{Accum, Kernel};
use crate::linalg::eigen::{self, Eigen};
use crate::linalg::ql::Ql;
use crate::linalg::{Progress, flops};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// What is known of a spectral root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spectrum<T> {
    /// How the decomposition ended.
    pub ql: Ql<T>,
    /// Largest eigenvalue, without the ridge.
    pub lambda_max: T,
    /// Ridge added to every eigenvalue.
    pub ridge: T,
    /// Smallest ridged eigenvalue that was not mapped to 0.
    pub smallest_kept: T,
    /// Largest magnitude of an eigenvalue that was mapped to 0.
    pub largest_dropped: T,
    /// Number of eigenvalues kept.
    pub rank: usize,
    /// Eigenvalues up to this one were mapped to 0; `-MAX` without a cutoff.
    pub cutoff: T,
}

/// Eigenvalues below this share of the largest are rounding: a finer cut could not be certified.
fn rounding_cutoff<T: Real>(n: usize) -> T {
    T::from_f64(16.0 * n as f64) * T::UNIT_ROUNDOFF
}

/// Numbers of workspace for an `n x n` matrix: 4 n^2, or a little more where n is below 17.
pub const fn workspace_len(n: usize) -> usize {
    let squares = n.saturating_mul(n).saturating_mul(2);
    let (root, decomposition) = (squares, eigen::workspace_len(n));
    squares.saturating_add(if root > decomposition { root } else { decomposition })
}

/// The first two squares, and what the decomposition needs beside them: the place of the other two.
fn split<T>(workspace: &mut [T], n: usize) -> Result<([&mut [T]; 2], &mut [T]), ShapeError> {
    let short = ShapeError::Length { needed: workspace_len(n), found: workspace.len() };
    let both = n.saturating_mul(n).saturating_mul(2);
    let (front, rest) = workspace.get_mut(..workspace_len(n)).ok_or(short)?.split_at_mut_checked(both).ok_or(short)?;
    Ok((squares(front, n)?, rest))
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage<T> {
    Decompose(Eigen<T>),
    /// Powers of the eigenvalues, and the product with the vectors.
    Build,
    Done,
}

/// X = V^T diag((lambda + r)^-alpha) V under way: plain data, so it can be spread over many calls.
///
/// The matrices are in the workspace, which is passed to every call, untouched between them.
///
/// **Accuracy**: relative error `alpha n u kappa`. **Cost**: the decomposition and n^3 flops.
///
/// ```
/// use shampoo_core::linalg::inverse_root::Ridge;
/// use shampoo_core::linalg::inverse_root::spectral::{Spectral, workspace_len};
/// use shampoo_core::{kernel::Portable, mat::MatRef};
/// let a = MatRef::new(&[2.0_f64, 1.0, 1.0, 2.0], 2, 2)?; // eigenvalues 1 and 3
/// let mut workspace = [0.0; workspace_len(2)];
/// let mut spectral = Spectral::start(a, 1.0, Ridge::Absolute(0.0), &mut workspace)?;
/// spectral.run(&mut workspace, &Portable)?;
/// assert!((spectral.root(&workspace).get(1, 0).unwrap() + 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Spectral<T> {
    n: usize,
    alpha: f64,
    ridge: Ridge,
    stage: Stage<T>,
    spectrum: Spectrum<T>,
}

impl<T: Real> Spectral<T> {
    /// Copies A.
    ///
    /// **Shapes**: A n x n, symmetric with both triangles, finite; workspace at least [`workspace_len`].
    /// **Errors**: the workspace is too short.
    pub fn start(a: MatRef<'_, T>, alpha: f64, ridge: Ridge, workspace: &mut [T]) -> Result<Self, ShapeError> {
        let n = a.nrows();
        let (_, space) = split(workspace, n)?;
        let eigen = Eigen::start(a, space)?;
        let zero = T::zero();
        let spectrum = Spectrum {
            ql: eigen.ql(),
            lambda_max: zero,
            ridge: zero,
            smallest_kept: zero,
            largest_dropped: zero,
            rank: 0,
            cutoff: -T::MAX,
        };
        Ok(Self { n, alpha, ridge, stage: Stage::Decompose(eigen), spectrum })
    }

    /// A row, a reflector or a sweep of the decomposition, at most 6 n^2 flops, or the root itself, n^3 flops.
    ///
    /// **Errors**: the workspace is too short.
    #[inline(never)]
    pub fn step<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<Progress, ShapeError> {
        let n = self.n;
        match &mut self.stage {
            Stage::Decompose(eigen) => {
                let ([values, v], space) = split(workspace, n)?;
                if eigen.step(MatMut::new(v, n, n)?, space, kernel)? == Progress::Done {
                    let diagonal = values.iter_mut().step_by(n.saturating_add(1));
                    diagonal.zip(eigen.values(space)).for_each(|(to, &from)| *to = from);
                    self.spectrum.ql = eigen.ql();
                    self.stage = Stage::Build;
                }
                Ok(Progress::Working)
            }
            Stage::Build => {
                let [values, v, scaled, x] = squares(workspace, n)?;
                self.scale_vectors(values, v, scaled);
                if self.spectrum.smallest_kept > T::zero() {
                    let mut x = MatMut::new(x, n, n)?;
                    kernel.gram(x.reborrow(), Accum::Replace, T::one(), view(scaled, n).transpose());
                    x.mirror_lower();
                }
                self.stage = Stage::Done;
                Ok(Progress::Done)
            }
            Stage::Done => Ok(Progress::Done),
        }
    }

    /// Flops of the next step at most, see [`Job::next_flops`](super::Job::next_flops).
    pub(super) fn next_flops(&self) -> u64 {
        match &self.stage {
            Stage::Decompose(eigen) => eigen.next_flops(),
            Stage::Build => flops::build(self.n),
            Stage::Done => 0,
        }
    }

    /// All that is left.
    ///
    /// An eigenvalue that is not positive after the ridge is an answer, `smallest_kept <= 0`; X is then not written.
    ///
    /// **Errors**: the workspace is too short.
    pub fn run<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<(), ShapeError> {
        while self.step(workspace, kernel)? == Progress::Working {}
        Ok(())
    }

    /// Rows of V times (lambda + r)^(-alpha/2).
    fn scale_vectors(&mut self, a: &[T], v: &[T], scaled: &mut [T]) {
        let n = self.n;
        let eigenvalues = || a.iter().step_by(n.saturating_add(1)).copied();
        let lambda_max = eigenvalues().fold(T::zero(), |m, x| m.maximum(x));
        let amount = T::from_f64(self.ridge.amount(lambda_max.to_f64()));
        let cutoff = match self.ridge {
            Ridge::PseudoInverse { cutoff } => T::from_f64(cutoff).maximum(rounding_cutoff::<T>(n)) * lambda_max,
            _ => -T::MAX,
        };
        let found = &mut self.spectrum;
        (found.lambda_max, found.ridge, found.cutoff) = (lambda_max, amount, cutoff);
        (found.smallest_kept, found.largest_dropped, found.rank) = (T::MAX, T::zero(), 0);
        let half = -T::from_f64(0.5) * T::from_f64(self.alpha);
        let rows = eigenvalues().zip(scaled.chunks_exact_mut(n.max(1)));
        for ((lambda, row), v_row) in rows.zip(v.chunks_exact(n.max(1))) {
            let kept = lambda > cutoff;
            let factor = if kept {
                found.rank += 1;
                found.smallest_kept = found.smallest_kept.minimum(lambda + amount);
                (lambda + amount).powf(half)
            } else {
                found.largest_dropped = found.largest_dropped.maximum(lambda.abs());
                T::zero()
            };
            row.iter_mut().zip(v_row).for_each(|(s, &v)| *s = factor * v);
        }
    }

    /// What is known, once the decomposition is there.
    pub fn spectrum(&self) -> Spectrum<T> {
        self.spectrum
    }

    /// The root, both triangles; the workspace's first two squares hold eigenvalues (on the diagonal) and vectors
    /// (rows).
    pub fn root<'w>(&self, workspace: &'w [T]) -> MatRef<'w, T> {
        let start = self.n.saturating_mul(self.n).saturating_mul(3);
        view(workspace.get(start..).unwrap_or_default(), self.n)
    }
}
