//! The kernel: the few passes over numbers that everything else is made of.
//!
//! A kernel is a value passed in, never chosen by a feature. [`Portable`] gives the same bits on
//! every target; a server brings a library's products and wider vectors. Shapes must agree: they are
//! checked where state is built, so a kernel reports no error, and where they still disagree it
//! computes the part in common, without a panic and without touching anything outside its output.

mod abreast;
pub mod back_transform;
mod compact;
mod delegate;
mod dots;
#[cfg(feature = "micromath")]
mod fast_math;
pub mod inverses;
pub mod lanewise;
pub mod portable;
mod products;
mod rational_only;
mod rows;
mod split_bf16;
pub mod thin;
mod tiled;
mod tiles;
mod triangle;
pub mod tridiagonal;

pub use back_transform::Poles;
pub use compact::Compact;
#[cfg(feature = "micromath")]
pub use fast_math::FastMath;
pub use inverses::Terms;
pub use lanewise::{Evaluation, Lanewise, Residual};
pub use portable::Portable;
pub use rational_only::RationalOnly;
pub use split_bf16::SplitBf16;
pub use tiled::{SymmetricTiles, TiledTriangle};
pub use tridiagonal::Tridiagonal;

use core::ops::Range;

use crate::linalg::inverse_root::{Certificate, Method};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Plain, Real, Tile};

/// What happens to the previous content of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Accum {
    /// It is not even read: NaN in it does no harm.
    Replace,
    /// The result is added to it.
    Add,
}

/// The passes over numbers in `T`.
///
/// Only [`gemm`](Kernel::gemm) is required; the others default to the portable ones and are
/// overridden where a library does better. Object-safe. One call runs on the calling thread: a kernel that enters a
/// thread pool could meet another call that waits for the same scratch. Long passes are not inlined: where stack is short
/// each has a frame of its own, of which there is one at a time.
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

    /// Unit roundoff of the products, of `dot`, `symmetric_thin` and `residuals_of_lanes`: certificates allow for it in
    /// what they compute by them.
    ///
    /// A kernel that does any of these in less than `T` must say so here.
    fn unit_roundoff(&self) -> f64 {
        T::UNIT_ROUNDOFF.to_f64()
    }

    /// Whether roots are computed by a method, where a request or [`Method::Auto`] names it; else they are refused.
    ///
    /// A kernel that always says no leaves the method out of the programs that have no other kernel: see
    /// [`RationalOnly`].
    #[inline(always)]
    fn computes(&self, method: Method) -> bool {
        let _ = method;
        true
    }

    /// The same of certificates; drifts are measured by what the probed one is made of.
    #[inline(always)]
    fn certifies(&self, certificate: Certificate) -> bool {
        let _ = certificate;
        true
    }

    /// Sum of x_i y_i.
    fn dot(&self, x: &[T], y: &[T]) -> T {
        portable::dot(x, y)
    }

    /// y <- alpha x + beta y.
    fn axpby(&self, alpha: T, x: &[T], beta: T, y: &mut [T]) {
        portable::axpby(alpha, x, beta, y);
    }

    /// out <- g / (sqrt(scale v) + eps) entry by entry; 0 where the denominator is 0, or so small that the quotient leaves
    /// the range: the square of a gradient may have vanished.
    fn scale_by_rsqrt(&self, out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
        portable::scale_by_rsqrt(out, g, v, scale, eps);
    }

    /// Rotations of neighbouring rows, the last two first and each next one a row further up:
    /// (x, y) <- (c x - s y, s x + c y) for the upper row x, the lower row y and `rotations[k] = [c, s]`.
    ///
    /// **Shapes**: one rotation less than rows. **Cost**: 6 flops an entry.
    fn rotate_rows(&self, rows: MatMut<'_, T>, rotations: &[[T; 2]]) {
        portable::rotate_rows(rows, rotations);
    }

    /// Every row times a reflection: x <- x - tau (x.v) v.
    ///
    /// **Shapes**: v as long as a row. **Cost**: 4 flops an entry.
    fn reflect_rows(&self, rows: MatMut<'_, T>, tau: T, v: &[T]) {
        portable::reflect_rows(rows, tau, v);
    }

    /// OUT <- A V for symmetric A and eight columns, see [`thin::symmetric_thin`].
    #[inline(never)]
    fn symmetric_thin(&self, out: &mut [T], a: SymmetricTiles<'_, T>, v: &[T]) {
        thin::symmetric_thin(Plain, out, a, v);
    }

    /// Rows of the reduction to tridiagonal form, see [`tridiagonal::tridiagonalize`].
    ///
    /// The whole reduction is one method, not one column of it: a choice of instructions a column would cost
    /// small matrices more than the arithmetic.
    #[inline(never)]
    fn tridiagonalize(&self, a: TiledTriangle<'_, T>, t: Tridiagonal<'_, T>, vectors: &mut [T], rows: Range<usize>) {
        tridiagonal::tridiagonalize(Plain, a, t, vectors, rows);
    }

    /// The inverses of the tridiagonal matrix at all poles, see [`inverses::tridiagonal_inverses`].
    #[inline(never)]
    fn tridiagonal_inverses(
        &self,
        t: &Tridiagonal<'_, T>,
        ridge_and_scale: (T, T),
        terms: &Terms<T>,
        ratios: &mut [T],
        gains: &mut [T],
    ) -> bool {
        inverses::tridiagonal_inverses(Plain, t, ridge_and_scale, terms, ratios, gains)
    }

    /// Rows of the sum of inverses that replaces the reduced matrix, see [`back_transform::back_transform`].
    #[inline(never)]
    fn back_transform(
        &self,
        a: TiledTriangle<'_, T>,
        tau: &[T],
        poles: Poles<'_, T>,
        vectors: &mut [T],
        rows: Range<usize>,
    ) {
        if poles.coarse && !T::TRANSFORM_IS_PLAIN {
            back_transform::back_transform(T::Transform::default(), a, tau, poles, vectors, rows);
        } else {
            back_transform::back_transform(Plain, a, tau, poles, vectors, rows);
        }
    }

    /// Eight small matrices at once: tridiagonal forms and largest eigenvalues, see [`lanewise::reduce`].
    fn reduce_lanes(&self, work: &mut Lanewise<'_, T>) -> [Tile<T>; 2] {
        lanewise::reduce(Plain, work)
    }

    /// Their roots and smallest eigenvalues, see [`lanewise::roots`].
    fn roots_of_lanes(&self, work: &mut Lanewise<'_, T>, evaluation: &Evaluation<'_, T>) -> Tile<T> {
        lanewise::roots(Plain, work, evaluation)
    }

    /// The residuals of eight roots on probes, see [`lanewise::residuals`].
    fn residuals_of_lanes(&self, residual: Residual<'_, T>) -> Tile<T> {
        lanewise::residuals(Plain, residual)
    }
}
