//! Eigendecomposition of a symmetric tridiagonal matrix by implicit QL sweeps with Wilkinson's shift.

use crate::kernel::Kernel;
use crate::linalg::Progress;
use crate::mat::MatMut;
use crate::scalar::Real;

/// Sweeps at most, a row; 1.2 to 2.2 are usual, and a matrix that needs more has no finite answer.
pub(super) const MAX_SWEEPS: usize = 30;

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
    /// Largest sum of a diagonal entry's magnitude and the one beside it; NaN where an entry is not finite.
    norm: T,
}

impl<T: Real> Ql<T> {
    /// Looks at every entry once.
    pub fn start(diagonal: &[T], off_diagonal: &[T]) -> Self {
        // A maximum passes NaN over; 0 times what is not finite is NaN.
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
        if !self.norm.is_finite() {
            return Progress::Done;
        }
        let Some(length) = self.unreduced(diagonal, off_diagonal, n) else {
            (self.converged, self.off_diagonal) = (true, self.dropped);
            return Progress::Done;
        };
        if self.sweeps as usize >= n.saturating_mul(MAX_SWEEPS) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;
    use crate::scalar::DoubleF32;

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    /// Eigenvalues, ascending, and how it ended; checks that the rows are eigenvectors to `tolerance` times the norm.
    fn decompose<T: Real>(diagonal: &[T], off_diagonal: &[T], tolerance: f64) -> (Vec<f64>, Ql<T>) {
        let n = diagonal.len();
        let (mut d, mut e) = (diagonal.to_vec(), off_diagonal.to_vec());
        let mut v: Vec<T> = (0..n * n).map(|k| T::from_f64(f64::from(u8::from(k / n == k % n)))).collect();
        let mut rotations = vec![[T::zero(); 2]; n];
        let mut ql = Ql::start(&d, &e);
        while ql.step(&mut d, &mut e, &mut rotations, MatMut::new(&mut v, n, n).unwrap(), &Portable)
            == Progress::Working
        {}
        let number = |x: &T| x.to_f64();
        let [t, b, lambda, v] = [diagonal, off_diagonal, &d, &v].map(|x| x.iter().map(number).collect::<Vec<_>>());
        let norm = t.iter().chain(&b).fold(0.0_f64, |m, x| m.max(x.abs()));
        for (lambda, x) in lambda.iter().zip(v.chunks_exact(n.max(1))).filter(|_| ql.converged) {
            for i in 0..n {
                let before = if i == 0 { 0.0 } else { b[i] * x[i - 1] };
                let after = if i + 1 == n { 0.0 } else { b[i + 1] * x[i + 1] };
                let residual = before + t[i] * x[i] + after - lambda * x[i];
                assert!(residual.abs() <= tolerance * norm, "{residual:e} of row {i}, {lambda}");
            }
            for (other, y) in v.chunks_exact(n).enumerate() {
                let product: f64 = x.iter().zip(y).map(|(x, y)| x * y).sum();
                let right = if x == y { 1.0 } else { 0.0 };
                assert!((product - right).abs() <= tolerance, "{product:e} with row {other}");
            }
        }
        let mut values = lambda;
        values.sort_by(f64::total_cmp);
        (values, ql)
    }

    fn assert_close(found: &[f64], right: &[f64], tolerance: f64) {
        assert_eq!(found.len(), right.len());
        assert!(found.iter().zip(right).all(|(x, y)| (x - y).abs() <= tolerance), "{found:?} against {right:?}");
    }

    #[test]
    fn the_smallest_orders_and_what_is_diagonal_already() {
        assert_eq!(decompose::<f64>(&[], &[], 0.0).0, []);
        assert_eq!(decompose(&[-3.0_f32], &[7.0], 0.0).0, [-3.0]);
        let (values, ql) = decompose(&[3.0_f64, 0.0, -1.0, 0.0, 3.0], &[9.0, 0.0, 0.0, 0.0, 0.0], 0.0);
        assert_eq!((values.as_slice(), ql.sweeps, ql.off_diagonal), (&[-1.0, 0.0, 0.0, 3.0, 3.0][..], 0, 0.0));
        assert_close(&decompose(&[2.0_f64, 2.0], &[0.0, 1.0], 1e-15).0, &[1.0, 3.0], 1e-15);
        // Equal entries on the diagonal, which the shift alone tells apart.
        assert_close(&decompose(&[0.0_f32, 0.0], &[0.0, -1e-20], 1e-7).0, &[-1e-20, 1e-20], 1e-27);
    }

    #[test]
    fn the_second_difference_has_known_eigenvalues() {
        fn check<T: Real>(tolerance: f64) {
            let (d, e) = ([T::from_f64(2.0); 50], [T::from_f64(-1.0); 50]);
            let value = |k: usize| 2.0 - 2.0 * libm::cos(core::f64::consts::PI * k as f64 / 51.0);
            let right: Vec<f64> = (1..=50).map(value).collect();
            let (values, ql) = decompose(&d, &e, tolerance);
            assert_close(&values, &right, tolerance);
            assert!(ql.converged && ql.sweeps < 150, "{ql:?}");
        }
        check::<f32>(4e-6);
        check::<f64>(4e-14);
        check::<DoubleF32>(4e-12);
    }

    /// W21+: the two largest eigenvalues agree to 14 digits, and no off-diagonal entry is small.
    #[test]
    fn wilkinsons_matrix() {
        let d: [f64; 21] = core::array::from_fn(|i| (i as f64 - 10.0).abs());
        let (values, ql) = decompose(&d, &[1.0; 21], 1e-14);
        assert!(ql.converged);
        let right = [10.746_194_182_903_322, 10.746_194_182_903_393];
        assert_close(&values[19..], &right, 2e-14);
        assert_close(&values[..1], &[-1.125_441_522_119_985], 1e-14);
    }

    /// Entries from the smallest subnormal number to 1, either way up: squares vanish, and a sweep may meet nothing but 0.
    #[test]
    fn entries_of_all_magnitudes() {
        for scale in [1.0_f32, 1e-30, 1e30] {
            let mut d: [f32; 40] = core::array::from_fn(|i| scale * libm::powf(10.0, -(i as f32)));
            let mut e: [f32; 40] = core::array::from_fn(|i| 0.5 * scale * libm::powf(10.0, -(i as f32)));
            for _ in 0..2 {
                let (values, ql) = decompose(&d, &e, 4e-6);
                assert!(ql.converged && values.iter().all(|x| x.is_finite()), "{ql:?}");
                d.reverse();
                e[1..].reverse();
            }
        }
    }

    #[test]
    fn what_is_not_finite_ends_at_once() {
        for bad in [f64::NAN, f64::INFINITY] {
            for (d, e) in [([1.0, bad, 2.0], [0.0, 1.0, 1.0]), ([1.0, 1.0, 2.0], [0.0, 1.0, bad])] {
                let (_, ql) = decompose(&d, &e, 0.0);
                assert!(!ql.converged && ql.sweeps == 0 && ql.off_diagonal == f64::MAX, "{ql:?}");
            }
        }
    }
}
