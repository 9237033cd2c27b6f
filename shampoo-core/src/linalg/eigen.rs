//! Eigendecomposition of a symmetric matrix: tridiagonal form, then implicit QL.

use super::carve;
use super::inverse_root::rational::{matrix_len, row_stride};
use super::norm::max_abs;
use super::ql::Ql;
use crate::error::ShapeError;
use crate::kernel::{Kernel, TiledTriangle, Tridiagonal, tridiagonal};
use crate::linalg::{Progress, flops};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, padded};

/// Numbers of workspace for order n; saturates.
pub const fn workspace_len(n: usize) -> usize {
    matrix_len(n).saturating_add(padded(n).saturating_mul(tridiagonal::VECTORS + 3))
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// So many rows are left to eliminate.
    Reduce(usize),
    /// The reflector of this row comes next.
    Accumulate(usize),
    /// Sweeps.
    Diagonalise,
}

/// A = V^T diag(lambda) V under way: plain data, so it can be spread over many calls.
///
/// **Row** i of V is the eigenvector of the eigenvalue i; they come in no particular order. A = Q T Q^T, and V is
/// Q^T, in which the [sweeps](Ql) then turn rows. A diagonal matrix passes through as it is.
///
/// The matrix is scaled by a power of two first, so the largest magnitude does not matter.
///
/// **Accuracy**: eigenvalues to a few `u` times the norm of A, vectors orthogonal to a few `n u`.
/// **Cost**: 8/3 n^3 flops for T and Q, about 5 n^3 for the sweeps. **Reference**: Golub and Van Loan, Matrix
/// Computations, 8.3.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::eigen::{Eigen, workspace_len};
/// use shampoo_core::mat::{MatMut, MatRef};
/// let a = MatRef::new(&[2.0_f64, 1.0, 1.0, 2.0], 2, 2)?;
/// let (mut v, mut workspace) = ([0.0; 4], [0.0; workspace_len(2)]);
/// let mut eigen = Eigen::start(a, &mut workspace)?;
/// eigen.run(MatMut::new(&mut v, 2, 2)?, &mut workspace, &Portable)?;
/// let values = eigen.values(&workspace);
/// assert!((values[0] - 1.0).abs() < 1e-15 && (values[1] - 3.0).abs() < 1e-15);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eigen<T> {
    n: usize,
    /// What was worked on is 2^-shift A.
    shift: i32,
    stage: Stage,
    ql: Ql<T>,
}

impl<T: Real> Eigen<T> {
    /// Copies A.
    ///
    /// **Shapes**: A n x n, symmetric with both triangles, finite; workspace at least [`workspace_len`].
    /// **Errors**: the workspace is too short.
    pub fn start(a: MatRef<'_, T>, workspace: &mut [T]) -> Result<Self, ShapeError> {
        let n = a.nrows();
        let Parts { triangle, .. } = parts(n, workspace)?;
        triangle.fill(T::zero());
        let stride = row_stride(n).max(1);
        for (i, row) in triangle.chunks_exact_mut(stride).take(n).enumerate() {
            // The tiles on the diagonal are complete.
            let length = padded(i + 1).min(n);
            row.iter_mut().zip(a.row_entries(i)).take(length).for_each(|(to, from)| *to = from);
        }
        let largest = max_abs(triangle);
        let scalable = largest > T::zero() && largest.is_finite();
        let shift = if scalable { largest.exponent() } else { 0 };
        if shift != 0 {
            triangle.iter_mut().for_each(|x| *x = x.ldexp(-shift));
        }
        Ok(Self { n, shift, stage: Stage::Reduce(n), ql: Ql::start(&[], &[]) })
    }

    /// One row, one reflector or one sweep: at most 6 n^2 flops.
    ///
    /// **Shapes**: V n x n, not read before it is written. **Errors**: a buffer is too short.
    pub fn step<K: Kernel<T> + ?Sized>(
        &mut self,
        mut v: MatMut<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<Progress, ShapeError> {
        let n = self.n;
        if v.nrows() != n || v.ncols() != n {
            return Err(ShapeError::Length { needed: n, found: v.nrows().min(v.ncols()) });
        }
        let Parts { triangle, vectors, t } = parts(n, workspace)?;
        let stride = row_stride(n);
        match self.stage {
            Stage::Reduce(0) => self.stage = Stage::Accumulate(0),
            Stage::Reduce(left) => {
                let a = TiledTriangle { data: triangle, stride, order: n };
                kernel.tridiagonalize(a, t, vectors, left - 1..left);
                self.stage = Stage::Reduce(left - 1);
            }
            Stage::Accumulate(row) if row < n => {
                let reflector = triangle.get(row.saturating_mul(stride)..).and_then(|rows| rows.get(..row));
                accumulate(&mut v, row, t.tau, reflector.unwrap_or_default(), kernel);
                self.stage = Stage::Accumulate(row + 1);
            }
            Stage::Accumulate(_) => {
                self.ql = Ql::start(t.diagonal, t.off_diagonal);
                self.stage = Stage::Diagonalise;
            }
            Stage::Diagonalise => {
                let rotations = vectors.as_chunks_mut::<2>().0;
                let progress = self.ql.step(t.diagonal, t.off_diagonal, rotations, v, kernel);
                if progress == Progress::Done && self.shift != 0 {
                    t.diagonal.iter_mut().for_each(|x| *x = x.ldexp(self.shift));
                    // Further steps change nothing.
                    self.shift = 0;
                }
                return Ok(progress);
            }
        }
        Ok(Progress::Working)
    }

    /// Flops of the next step at most, see [`Job::next_flops`](super::inverse_root::Job::next_flops).
    pub(super) fn next_flops(&self) -> u64 {
        match self.stage {
            Stage::Reduce(left) => flops::reduce(left.saturating_sub(1)),
            Stage::Accumulate(row) if row < self.n => flops::reflect(row),
            Stage::Accumulate(_) => flops::linear(self.n, 8),
            Stage::Diagonalise => flops::sweep(self.n),
        }
    }

    /// All that is left.
    ///
    /// **Errors**: a buffer is too short.
    pub fn run<K: Kernel<T> + ?Sized>(
        &mut self,
        mut v: MatMut<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<(), ShapeError> {
        while self.step(v.reborrow(), workspace, kernel)? == Progress::Working {}
        Ok(())
    }

    /// How the sweeps ended.
    pub fn ql(&self) -> Ql<T> {
        self.ql
    }

    /// The eigenvalues, once they are there.
    pub fn values<'w>(&self, workspace: &'w [T]) -> &'w [T] {
        let start = workspace_len(self.n).saturating_sub(padded(self.n).saturating_mul(3));
        workspace.get(start..).and_then(|rest| rest.get(..self.n)).unwrap_or_default()
    }
}

/// Row and column m of the product of the first m + 1 reflections, and the reflection of row m in the block before.
fn accumulate<T: Real, K: Kernel<T> + ?Sized>(v: &mut MatMut<'_, T>, m: usize, tau: &[T], reflector: &[T], kernel: &K) {
    if let Some(mut row) = v.some_rows(m, 1) {
        row.rows_mut().for_each(|row| row.fill(T::zero()));
    }
    if let Some(x) = v.get_mut(m, m) {
        *x = T::one();
    }
    let tau = tau.get(m).copied().unwrap_or(T::zero());
    let (data, stride) = v.parts_mut();
    if let (true, Ok(block)) = (tau != T::zero(), MatMut::with_row_stride(data, m, m, stride)) {
        kernel.reflect_rows(block, tau, reflector);
    }
}

/// The workspace of a decomposition.
struct Parts<'w, T> {
    triangle: &'w mut [T],
    vectors: &'w mut [T],
    t: Tridiagonal<'w, T>,
}

/// Cuts the workspace; every part begins at a whole tile.
fn parts<T>(n: usize, workspace: &mut [T]) -> Result<Parts<'_, T>, ShapeError> {
    let short = ShapeError::Length { needed: workspace_len(n), found: workspace.len() };
    let mut rest = workspace;
    let mut take = |len: usize| carve(&mut rest, len).ok_or(short);
    let triangle = take(matrix_len(n))?;
    let vectors = take(padded(n).saturating_mul(tridiagonal::VECTORS))?;
    let mut t = || take(padded(n))?.get_mut(..n).ok_or(short);
    let t = Tridiagonal { diagonal: t()?, off_diagonal: t()?, tau: t()? };
    Ok(Parts { triangle, vectors, t })
}
