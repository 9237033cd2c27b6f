//! Eigendecomposition of a symmetric tridiagonal matrix by implicit QL sweeps with Wilkinson's shift.

use crate::kernel::Kernel;
use crate::linalg::Progress;
use crate::mat::MatMut;
use crate::scalar::Real;

/// Sweeps at most, a row; 1.3 to 1.8 are usual, and a matrix that needs more has no finite answer.
const MAX_SWEEPS: usize = 30;

/// T = U^T diag(lambda) U under way, or how it ended: plain data, so it can be spread over many calls.
///
/// The diagonal becomes lambda, and V is multiplied by U from the left.
/// With V = Q^T for A = Q T Q^T, **row** i of V becomes the eigenvector of A that belongs to entry i of the diagonal.
/// Eigenvalues come in no particular order. Off-diagonal entries that would not change an eigenvalue are skipped, so a
/// diagonal matrix costs no sweep, and zeros, clusters and repeated eigenvalues are ordinary inputs.
///
/// **Shapes**: `diagonal` n numbers, `off_diagonal[i]` couples i - 1 and i (the first one is not read), V n rows,
/// `rotations` n. Of shapes that disagree the part in common is decomposed.
/// **Accuracy**: eigenvalues to a few `u` times the norm, vectors orthogonal to a few `n u`.
/// **Cost**: about 1.5 sweeps a row, each of n^2/2 rotations of two numbers on average: 5 n^3 flops.
/// **Reference**: Parlett, The Symmetric Eigenvalue Problem, 8; Golub and Van Loan, Matrix Computations, 8.3.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::{Progress, ql::Ql};
/// use shampoo_core::mat::MatMut;
/// let (mut diagonal, mut off_diagonal) = ([2.0_f64, 2.0], [0.0, 1.0]);
/// let (mut v, mut rotations) = ([1.0, 0.0, 0.0, 1.0], [[0.0; 2]; 2]);
/// let mut ql = Ql::start(&diagonal, &off_diagonal);
/// loop {
///     let v = MatMut::new(&mut v, 2, 2)?;
///     if ql.step(&mut diagonal, &mut off_diagonal, &mut rotations, v, &Portable) == Progress::Done {
///         break;
///     }
/// }
/// assert!(ql.converged);
/// assert!((diagonal[0] - 1.0).abs() < 1e-15 && (diagonal[1] - 3.0).abs() < 1e-15);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ql<T> {
    /// Sweeps done; 0 for a matrix that is diagonal already.
    pub sweeps: u32,
    /// Largest magnitude of an off-diagonal entry that was taken for 0; `MAX` as long as it has not converged.
    pub off_diagonal: T,
    /// Whether all of them were negligible.
    pub converged: bool,
    /// Rows before this one are done.
    first: usize,
    /// Largest entry that was taken for 0 so far.
    dropped: T,
    /// Largest sum of a diagonal entry's magnitude and the one beside it; infinite or NaN where an entry is.
    norm: T,
}

impl<T: Real> Ql<T> {
    /// Looks at every entry once.
    pub fn start(diagonal: &[T], off_diagonal: &[T]) -> Self {
        // Infinity or NaN where an entry is: a maximum passes NaN over.
        let (mut largest, mut nothing) = (T::zero(), T::zero());
        for (i, (&d, &e)) in diagonal.iter().zip(off_diagonal).enumerate() {
            let e = if i == 0 { T::zero() } else { e };
            let sum = d.abs() + e.abs();
            largest = largest.maximum(sum);
            nothing += sum * T::zero();
        }
        Self {
            sweeps: 0,
            off_diagonal: T::MAX,
            converged: false,
            first: 0,
            dropped: T::zero(),
            norm: largest + nothing,
        }
    }

    /// One sweep, at most 6 n^2 flops; everything untouched between calls.
    pub fn step<K: Kernel<T> + ?Sized>(
        &mut self,
        diagonal: &mut [T],
        off_diagonal: &mut [T],
        rotations: &mut [[T; 2]],
        mut v: MatMut<'_, T>,
        kernel: &K,
    ) -> Progress {
        let n = diagonal.len().min(off_diagonal.len()).min(rotations.len()).min(v.nrows());
        let limit = n.saturating_mul(MAX_SWEEPS);
        let Some(length) = self.unreduced(diagonal, off_diagonal, n) else {
            (self.converged, self.off_diagonal) = (self.norm.is_finite(), self.dropped);
            return Progress::Done;
        };
        if self.sweeps as usize >= limit || !self.norm.is_finite() {
            return Progress::Done;
        }
        self.sweeps += 1;
        let first = self.first;
        let block = (
            diagonal.get_mut(first..).and_then(|d| d.get_mut(..length)),
            off_diagonal.get_mut(first..).and_then(|e| e.get_mut(..length)),
            v.some_rows(first, length),
        );
        if let (Some(d), Some(e), Some(rows)) = block {
            let count = sweep(d, e, rotations).unwrap_or(0);
            kernel.rotate_rows(rows, rotations.get(..count).unwrap_or_default());
        }
        Progress::Working
    }

    /// Passes over the rows that are done; the length of the block that begins with the next one, none of whose
    /// off-diagonal entries is negligible, or `None` at the end.
    fn unreduced(&mut self, diagonal: &[T], off_diagonal: &mut [T], n: usize) -> Option<usize> {
        // Below a share of the norm an entry is less than the rounding of any method; beside its own neighbours it may
        // be a little more.
        let share = T::UNIT_ROUNDOFF * T::from_f64(0.0625) * self.norm;
        while self.first < n {
            let first = self.first;
            let neighbours = diagonal.iter().take(n).skip(first);
            let entries = off_diagonal.iter_mut().take(n).skip(first + 1);
            let mut length = 1;
            for ((before, after), entry) in neighbours.clone().zip(neighbours.skip(1)).zip(entries) {
                let size = entry.abs();
                if size <= share || size <= T::UNIT_ROUNDOFF * (before.abs() + after.abs()) {
                    self.dropped = self.dropped.maximum(size);
                    *entry = T::zero();
                    break;
                }
                length += 1;
            }
            if length > 1 {
                return Some(length);
            }
            self.first += 1;
        }
        None
    }
}

/// One implicit sweep over an unreduced block, from the last row up, which drives the first off-diagonal entry (of rows 0
/// and 1) to 0; returns the number of rotations (c, s), the k-th of which turned the rows k + 2 and k + 1 from the end.
fn sweep<T: Real>(d: &mut [T], e: &mut [T], rotations: &mut [[T; 2]]) -> Option<usize> {
    let (&d_0, &d_1, &e_0) = (d.first()?, d.get(1)?, e.get(1)?);
    let (last, rest) = d.split_last_mut()?;
    let couplings = e.get_mut(1..)?;
    let (two, one) = (T::from_f64(2.0), T::one());
    let half = (d_1 - d_0) / (two * e_0);
    let root = (half * half + one).sqrt();
    let mut g = *last - d_0 + e_0 / (half + if half < T::zero() { -root } else { root });
    let (mut c, mut s, mut p) = (one, one, T::zero());
    let (mut below, mut coupling): (&mut T, Option<&mut T>) = (last, None);
    let mut count = 0;
    for ((d, e), rotation) in rest.iter_mut().zip(couplings).rev().zip(rotations) {
        let (f, b) = (s * *e, c * *e);
        let (length, vanished);
        (c, s, length, vanished) = rotation_of(g, f);
        if let Some(e) = coupling {
            *e = length;
        }
        if vanished {
            // What is left above is a matrix of its own.
            *below -= p;
            return Some(count);
        }
        g = *below - p;
        let r = (*d - g) * s + two * c * b;
        p = s * r;
        *below = g + p;
        g = c * r - b;
        *rotation = [c, s];
        count += 1;
        (below, coupling) = (d, Some(e));
    }
    *below -= p;
    *coupling? = g;
    Some(count)
}

/// c, s and r with c r = g and s r = f, and whether both are 0, or too small to tell: r is then 0.
fn rotation_of<T: Real>(g: T, f: T) -> (T, T, T, bool) {
    let (one, zero) = (T::one(), T::zero());
    if g.abs().maximum(f.abs()) < T::MIN_POSITIVE {
        return (one, zero, zero, true);
    }
    // The larger one is divided by: no square leaves the range.
    if f.abs() >= g.abs() {
        let t = g / f;
        let h = (t * t + one).sqrt();
        let s = one / h;
        (t * s, s, f * h, false)
    } else {
        let t = f / g;
        let h = (t * t + one).sqrt();
        let c = one / h;
        (c, t * c, g * h, false)
    }
}
