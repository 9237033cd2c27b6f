//! The portable kernel in little code.

use core::ops::Range;

use super::products::Part;
use super::rows::entries;
use super::{Accum, Kernel, Poles, SymmetricTiles, Terms, TiledTriangle, Tridiagonal};
use super::{back_transform, inverses, thin, tridiagonal};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Rolled};

/// The bits of [`Portable`](super::Portable) from plain loops: flash rather than time.
///
/// Products are made entry by entry, and the passes of the tridiagonal form by functions over eight numbers that are
/// called where the portable kernel has them written out. Batches of small matrices, which lack of flash rules out anyway,
/// are those of the portable kernel. **Cost**: on a Cortex-M4F at opt-level "s" the kernel of a training takes 7 KB of code
/// in place of 24.
///
/// ```
/// use shampoo_core::kernel::{Accum, Compact, Kernel, Portable};
/// use shampoo_core::mat::{MatMut, MatRef};
///
/// let (a, mut c) = ([0.1_f32, 0.2, 0.3, 0.4, 0.5, 0.6], [[0.0; 4]; 2]);
/// let [compact, portable] = &mut c;
/// let a = MatRef::new(&a, 2, 3)?;
/// Compact.gemm(MatMut::new(compact, 2, 2)?, Accum::Replace, 0.7, a, a.transpose());
/// Portable.gemm(MatMut::new(portable, 2, 2)?, Accum::Replace, 0.7, a, a.transpose());
/// assert_eq!(compact, portable);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Compact;

impl<T: Real> Kernel<T> for Compact {
    #[inline(never)]
    fn gemm(&self, mut c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>) {
        entries(&mut c, accum, alpha, a, b.transpose(), Part::Whole);
    }

    fn gram(&self, mut c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>) {
        entries(&mut c, accum, alpha, a, a, Part::Lower);
    }

    fn symm_product(&self, mut c: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
        entries(&mut c, Accum::Replace, T::one(), a, b, Part::Mirrored);
    }

    #[inline(never)]
    fn symmetric_thin(&self, out: &mut [T], a: SymmetricTiles<'_, T>, v: &[T]) {
        thin::symmetric_thin(Rolled, out, a, v);
    }

    #[inline(never)]
    fn tridiagonalize(&self, a: TiledTriangle<'_, T>, t: Tridiagonal<'_, T>, vectors: &mut [T], rows: Range<usize>) {
        tridiagonal::tridiagonalize(Rolled, a, t, vectors, rows);
    }

    #[inline(never)]
    fn tridiagonal_inverses(
        &self,
        t: &Tridiagonal<'_, T>,
        ridge_and_scale: (T, T),
        terms: &Terms<T>,
        ratios: &mut [T],
        gains: &mut [T],
    ) -> bool {
        inverses::tridiagonal_inverses(Rolled, t, ridge_and_scale, terms, ratios, gains)
    }

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
            back_transform::back_transform(Rolled, a, tau, poles, vectors, rows);
        }
    }
}
