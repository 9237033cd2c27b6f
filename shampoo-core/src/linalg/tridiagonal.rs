//! Householder reduction of a symmetric matrix to tridiagonal form, one fused pass a column.
//!
//! The last row is eliminated first, so every active block starts at column 0 and stays aligned.
//! The rank-2 update of one column waits until the next one's product with the matrix, and one pass
//! over the triangle does both ([`Kernel::rank_two_symv`]).

use crate::error::ShapeError;
use crate::kernel::{Kernel, TiledTriangle, padded};
use crate::scalar::Real;

/// The result of [`tridiagonalize`]: T and the reflectors' factors; the vectors stay in the matrix.
#[derive(Debug)]
pub struct Tridiagonal<'w, T> {
    /// Diagonal of T, n numbers.
    pub diagonal: &'w mut [T],
    /// `off_diagonal[i]` couples i - 1 and i; the first number is 0.
    pub off_diagonal: &'w mut [T],
    /// `tau[m]` of the reflector H_m = I - tau v v^T that eliminated row m.
    pub tau: &'w mut [T],
}

/// Four vectors of `padded(n)` numbers.
#[derive(Debug)]
pub struct Vectors<'w, T> {
    /// Reflector of the pending update.
    pub v: &'w mut [T],
    /// Its partner.
    pub w: &'w mut [T],
    /// Reflector of the current column.
    pub x: &'w mut [T],
    /// Its product with the matrix.
    pub y: &'w mut [T],
}

impl<T: Real> Vectors<'_, T> {
    /// Sets the pending update to nothing.
    pub fn clear(&mut self) {
        for vector in [&mut *self.v, &mut *self.w, &mut *self.x, &mut *self.y] {
            vector.fill(T::zero());
        }
    }

    /// Makes the reflection by I - tau x x^T the pending update: w = (tau^2/2) (x.y) x - tau y.
    pub fn queue_reflection<K: Kernel<T> + ?Sized>(&mut self, tau: T, kernel: &K) {
        let half = T::from_f64(0.5) * tau * tau * kernel.dot(self.x, self.y);
        for ((w, &x), &y) in self.w.iter_mut().zip(self.x.iter()).zip(self.y.iter()) {
            *w = half * x - tau * y;
        }
        core::mem::swap(&mut self.v, &mut self.x);
    }
}

/// A = Q T Q^T with Q = H_{n-1} ... H_1, H_m = I - tau_m v_m v_m^T.
///
/// On return row m of the matrix holds v_m (its last entry, at m - 1, is 1) in its first m numbers.
///
/// **Shapes**: A n x n in [`TiledTriangle`] form with `order` n, lower triangle read, magnitudes at most about
/// 2^60 in `f32`; the vectors as [`Vectors`] and [`Tridiagonal`] say.
/// **Errors**: a buffer is too short. **Accuracy**: backward stable, a few `u` relative to the norm of A.
/// **Cost**: 4/3 n^3 flops. **Reference**: Golub and Van Loan, Matrix Computations, 8.3.1.
pub fn tridiagonalize<T: Real, K: Kernel<T> + ?Sized>(
    a: TiledTriangle<'_, T>,
    out: &mut Tridiagonal<'_, T>,
    vectors: &mut Vectors<'_, T>,
    kernel: &K,
) -> Result<(), ShapeError> {
    let TiledTriangle { data, stride, order: n } = a;
    let needed = padded(n).saturating_mul(stride);
    let short = ShapeError::Length { needed, found: data.len() };
    if data.len() < needed || stride < padded(n) {
        return Err(short);
    }
    vectors.clear();
    for m in (1..n).rev() {
        let row = data.get_mut(m * stride..).and_then(|rest| rest.get_mut(..=m)).ok_or(short)?;
        let reflector = eliminate(row, vectors).ok_or(short)?;
        for (to, value) in [
            (&mut *out.diagonal, reflector.diagonal),
            (&mut *out.off_diagonal, reflector.off_diagonal),
            (&mut *out.tau, reflector.tau),
        ] {
            *to.get_mut(m).ok_or(short)? = value;
        }
        let active = TiledTriangle { data: &mut *data, stride, order: m };
        kernel.rank_two_symv(active, vectors.v, vectors.w, vectors.x, vectors.y);
        vectors.queue_reflection(reflector.tau, kernel);
    }
    // What is pending after row 1 touches entry (0, 0) alone.
    let last = match (data.first(), vectors.v.first(), vectors.w.first()) {
        (Some(&a), Some(&v), Some(&w)) => a + T::from_f64(2.0) * v * w,
        _ => return Err(short),
    };
    *out.diagonal.first_mut().ok_or(short)? = last;
    *out.off_diagonal.first_mut().ok_or(short)? = T::zero();
    *out.tau.first_mut().ok_or(short)? = T::zero();
    Ok(())
}

struct Reflector<T> {
    diagonal: T,
    off_diagonal: T,
    tau: T,
}

/// Applies the pending update to row m alone (`row` is its first m + 1 numbers), and replaces it by
/// the reflector that eliminates it up to column m - 1; a copy goes to `vectors.x`.
fn eliminate<T: Real>(row: &mut [T], vectors: &mut Vectors<'_, T>) -> Option<Reflector<T>> {
    let (diagonal, row) = row.split_last_mut()?;
    let m = row.len();
    let (v, w) = (vectors.v.get_mut(m)?, vectors.w.get_mut(m)?);
    let (v_m, w_m) = (core::mem::take(v), core::mem::take(w));
    let diagonal = *diagonal + T::from_f64(2.0) * v_m * w_m;
    for ((a, &v), &w) in row.iter_mut().zip(vectors.v.iter()).zip(vectors.w.iter()) {
        *a += v_m * w + w_m * v;
    }
    let (&mut alpha, others) = row.split_last_mut()?;
    let squares = others.iter().fold(T::zero(), |s, &x| s + x * x);
    // Squares near the end of the range have lost their digits; such a row is 0 to working accuracy.
    let negligible = T::SAFE_SQUARE;
    let (tau, off_diagonal, scale) = if squares > negligible {
        let length = (alpha * alpha + squares).sqrt();
        let beta = if alpha > T::zero() { -length } else { length };
        ((beta - alpha) / beta, beta, T::one() / (alpha - beta))
    } else {
        (T::zero(), alpha, T::zero())
    };
    others.iter_mut().for_each(|x| *x *= scale);
    *row.last_mut()? = T::one();
    let (x, beyond) = vectors.x.split_at_mut_checked(m)?;
    x.iter_mut().zip(row.iter()).for_each(|(x, &r)| *x = r);
    beyond.fill(T::zero());
    Some(Reflector { diagonal, off_diagonal, tau })
}
