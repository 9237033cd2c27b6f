//! The kernel: the few passes over numbers that everything else is made of.
//!
//! A kernel is a value passed in, never chosen by a feature. [`Portable`] gives the same bits on
//! every target; a server brings a library's products and wider vectors. Shapes must agree: they are
//! checked where state is built, so a kernel reports no error, and where they still disagree it
//! computes the part in common, without a panic and without touching anything outside its output.

#[cfg(feature = "micromath")]
mod fast_math;
pub mod portable;
mod split_bf16;

#[cfg(feature = "micromath")]
pub use fast_math::FastMath;
pub use portable::Portable;
pub use split_bf16::SplitBf16;

use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// What happens to the previous content of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Accum {
    /// It is not even read: NaN in it does no harm.
    Replace,
    /// The result is added to it.
    Add,
}

/// A symmetric matrix for the passes of the tridiagonalisation: the lower triangle, row-major, in
/// rows and columns padded to whole tiles. The tiles on the diagonal hold both triangles, so that no
/// pass needs a mask; what lies right of them is never touched.
#[derive(Debug)]
pub struct TiledTriangle<'a, T> {
    /// At least `padded(order) * stride` numbers, all finite.
    pub data: &'a mut [T],
    /// Distance between rows, a multiple of [`LANES`].
    pub stride: usize,
    /// Active leading rows and columns.
    pub order: usize,
}

/// Numbers in one tile of a padded row.
pub const LANES: usize = 8;

/// `n` rounded up to whole tiles; saturates.
pub const fn padded(n: usize) -> usize {
    n.div_ceil(LANES).saturating_mul(LANES)
}

/// The passes over numbers in `T`.
///
/// Only [`gemm`](Kernel::gemm) is required; the others default to the portable ones and are
/// overridden where a library does better. Object-safe. One call runs on the calling thread: a kernel that enters a
/// thread pool could meet another call that waits for the same scratch.
pub trait Kernel<T: Real>: Sync {
    /// C <- C + alpha A B, or alpha A B.
    ///
    /// **Shapes**: C m x n, A m x k, B k x n. **Cost**: 2 m n k flops.
    fn gemm(&self, c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>);

    /// Lower triangle of C <- C + alpha A A^T, or alpha A A^T; the rest of C is not touched.
    ///
    /// **Shapes**: C m x m, A m x k. **Cost**: m (m + 1) k flops.
    fn gram(&self, c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>) {
        portable::gram(c, accum, alpha, a);
    }

    /// C <- A B for symmetric A and B that commute: one triangle is computed, then mirrored.
    ///
    /// **Shapes**: all n x n, A and B with both triangles. **Cost**: n^2 (n + 1) flops.
    fn symm_product(&self, c: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
        portable::symm_product(c, a, b);
    }

    /// Sum of x_i y_i.
    fn dot(&self, x: &[T], y: &[T]) -> T {
        portable::dot(x, y)
    }

    /// y <- alpha x + beta y.
    fn axpby(&self, alpha: T, x: &[T], beta: T, y: &mut [T]) {
        portable::axpby(alpha, x, beta, y);
    }

    /// out <- g / (sqrt(scale v) + eps) entry by entry; 0 where the denominator is 0: the square of a
    /// gradient may have vanished.
    fn scale_by_rsqrt(&self, out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
        portable::scale_by_rsqrt(out, g, v, scale, eps);
    }

    /// A <- A + v w^T + w v^T, then y <- A x, in one pass over the lower triangle of A.
    ///
    /// **Shapes**: v, w, x, y at least `padded(order)` numbers, v, w and x 0 from `order` on.
    /// **Cost**: 4 order^2 flops, one read and one write of the triangle.
    fn rank_two_symv(&self, a: TiledTriangle<'_, T>, v: &[T], w: &[T], x: &[T], y: &mut [T]) {
        portable::rank_two_symv(a, v, w, x, y);
    }

    /// z_p <- gain_p (z_p - tau (z_p . v) v) for every row z_p, and sum <- the sum of the rows.
    ///
    /// **Shapes**: rows of `stride` numbers, one a gain; v and sum at most `stride` numbers.
    /// **Cost**: 6 flops for each number.
    fn reflect_rows(&self, rows: &mut [T], stride: usize, gains: &[T], tau: T, v: &[T], sum: &mut [T]) {
        portable::reflect_rows(rows, stride, gains, tau, v, sum);
    }
}
