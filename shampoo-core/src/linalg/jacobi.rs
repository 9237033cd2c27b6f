//! Eigendecomposition of a symmetric matrix by cyclic Jacobi rotations.

use crate::error::ShapeError;
use crate::linalg::Progress;
use crate::mat::MatMut;
use crate::scalar::Real;

/// Sweeps at most; 6 to 10 are usual, and a matrix that needs more has no finite answer.
const MAX_SWEEPS: u32 = 40;

/// A decomposition under way, or how it ended: plain data, so it can be spread over many calls.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jacobi<T> {
    /// Sweeps done; 0 for a matrix that is diagonal already.
    pub sweeps: u32,
    /// Largest off-diagonal magnitude left, as of the last full sweep.
    pub off_diagonal: T,
    /// Whether that is negligible beside the largest entry.
    pub converged: bool,
    /// The row whose entries come next; 0 between two sweeps.
    row: usize,
    /// Entries up to this magnitude are left alone.
    negligible: T,
}

/// A = V^T diag(lambda) V: A becomes diagonal, and **row** i of V the eigenvector of entry (i, i).
///
/// Every rotation works on two rows of A, two columns of A and two rows of V. Eigenvalues come in no particular
/// order. Rotations that would not change the diagonal are skipped, so a diagonal matrix costs no sweep,
/// and zero rows, repeated eigenvalues and rank 1 are ordinary inputs.
///
/// **Shapes**: A and V n x n; A symmetric with both triangles, finite. **Errors**: shapes differ.
/// **Accuracy**: eigenvalues to a few `u` times the norm of A, vectors orthogonal to a few `n u`.
/// **Cost**: 9 n^3 flops a sweep. **Reference**: Golub and Van Loan, Matrix Computations, 8.5.
///
/// ```
/// use shampoo_core::{linalg::jacobi::eigendecompose, mat::MatMut};
/// let (mut a, mut v) = ([2.0_f64, 1.0, 1.0, 2.0], [0.0; 4]);
/// let found = eigendecompose(MatMut::new(&mut a, 2, 2)?, MatMut::new(&mut v, 2, 2)?)?;
/// assert!(found.converged);
/// assert!((a[0] - 1.0).abs() < 1e-15 && (a[3] - 3.0).abs() < 1e-15);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
pub fn eigendecompose<T: Real>(mut a: MatMut<'_, T>, mut v: MatMut<'_, T>) -> Result<Jacobi<T>, ShapeError> {
    let mut jacobi = Jacobi::start(v.reborrow());
    while jacobi.step(a.reborrow(), v.reborrow())? == Progress::Working {}
    Ok(jacobi)
}

impl<T: Real> Jacobi<T> {
    /// Sets V to the identity, see [`eigendecompose`].
    pub fn start(mut v: MatMut<'_, T>) -> Self {
        for (i, row) in v.rows_mut().enumerate() {
            row.fill(T::zero());
            row.iter_mut().skip(i).take(1).for_each(|x| *x = T::one());
        }
        Self { sweeps: 0, off_diagonal: T::MAX, converged: false, row: 0, negligible: T::zero() }
    }

    /// The rotations of one row, at most 18 n^2 flops; both matrices untouched between calls.
    ///
    /// **Errors**: shapes differ.
    pub fn step(&mut self, mut a: MatMut<'_, T>, mut v: MatMut<'_, T>) -> Result<Progress, ShapeError> {
        let n = a.nrows();
        if a.ncols() != n || v.nrows() != n || v.ncols() != n {
            return Err(ShapeError::Length { needed: n, found: a.ncols().min(v.nrows()).min(v.ncols()) });
        }
        if self.row == 0 {
            let (off_diagonal, largest) = magnitudes(&mut a);
            self.off_diagonal = off_diagonal;
            self.converged = off_diagonal <= T::UNIT_ROUNDOFF * T::from_f64(0.125) * largest;
            if self.converged || self.sweeps >= MAX_SWEEPS || !off_diagonal.is_finite() {
                return Ok(Progress::Done);
            }
            self.negligible = T::UNIT_ROUNDOFF * T::from_f64(0.0625) * largest;
            self.row = 1;
        }
        for p in 0..self.row {
            rotate(&mut a, &mut v, p, self.row, self.negligible);
        }
        self.row += 1;
        if self.row >= n {
            (self.row, self.sweeps) = (0, self.sweeps + 1);
        }
        Ok(Progress::Working)
    }
}

/// Largest off-diagonal magnitude and largest magnitude of all.
fn magnitudes<T: Real>(a: &mut MatMut<'_, T>) -> (T, T) {
    let (mut off, mut all) = (T::zero(), T::zero());
    for (i, row) in a.rows_mut().enumerate() {
        for (j, x) in row.iter().enumerate() {
            all = all.maximum(x.abs());
            if i != j {
                off = off.maximum(x.abs());
            }
        }
    }
    (off, all)
}

/// Annihilates entry (p, q), p < q.
fn rotate<T: Real>(a: &mut MatMut<'_, T>, v: &mut MatMut<'_, T>, p: usize, q: usize, negligible: T) {
    let view = a.as_ref();
    let (Some(app), Some(aqq), Some(apq)) = (view.get(p, p), view.get(q, q), view.get(q, p)) else { return };
    if apq.abs() <= negligible {
        return;
    }
    let two = T::from_f64(2.0);
    let theta = (aqq - app) / (two * apq);
    let root = (theta * theta + T::one()).sqrt();
    let magnitude = T::one() / (theta.abs() + root);
    // A theta whose square overflows leaves a tangent of 0: the rotation is the identity.
    let t = if theta < T::zero() { -magnitude } else { magnitude };
    let c = T::one() / (t * t + T::one()).sqrt();
    let s = t * c;
    for rows in [two_rows(a, p, q), two_rows(v, p, q)].into_iter().flatten() {
        for (x, y) in rows.0.iter_mut().zip(rows.1) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    for row in a.rows_mut() {
        let Some((left, right)) = row.split_at_mut_checked(q) else { return };
        if let (Some(x), Some(y)) = (left.get_mut(p), right.first_mut()) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
    for (i, j, value) in [(p, p, app - t * apq), (q, q, aqq + t * apq), (p, q, T::zero()), (q, p, T::zero())] {
        if let Some(x) = a.get_mut(i, j) {
            *x = value;
        }
    }
}

/// Rows p < q.
fn two_rows<'m, T: Copy>(m: &'m mut MatMut<'_, T>, p: usize, q: usize) -> Option<(&'m mut [T], &'m mut [T])> {
    let ncols = m.ncols();
    let (data, stride) = m.parts_mut();
    let (above, below) = data.split_at_mut_checked(q.checked_mul(stride)?)?;
    Some((above.get_mut(p.checked_mul(stride)?..)?.get_mut(..ncols)?, below.get_mut(..ncols)?))
}
