//! Products as units compute them that multiply bfloat16 and add up in `f32`.

use super::{Accum, Kernel};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Bf16, Bf16x3, Real, Stored, power_of_two};

/// Emulates bfloat16 units with `f32` accumulation: every factor is split into three bfloat16 words, and of the nine
/// partial products the `TERMS` largest kinds are taken, 1, 3, 6 or 9 of them.
///
/// With ij the product of word i of one factor and word j of the other: 00 alone; 10, 01, 00; 11, 20, 02, 10, 01, 00; or
/// all nine. Each product is exact in `f32`, each kind has its own sum, and the sums are added smallest first. Products of
/// matrices and `dot` work so; the elementwise passes and those of the tridiagonalisation are plain `f32`.
///
/// **Ranges**: magnitudes from 2^-110 to (2 - 2^-8) 2^127, products from 2^-101 to (2 - 2^-6) 2^127; beyond, a first
/// word, or the product of two that were rounded up, is infinite. **Accuracy**: relative to the factors' product 2^-7,
/// 2^-15, 2^-24 and 0, then that of sums in `f32`. Three terms are enough for statistics, not for roots, which amplify
/// by kappa/p: full certificates, computed in these products too, allow for
/// [`unit_roundoff`](Kernel::unit_roundoff) and refuse most of them; six serve as `f32` does. Rational roots and probed
/// certificates are plain `f32`, and the same allowance refuses more of them than it need. **Source**: Henry, Tang,
/// Heinecke 2019, arXiv 1904.06376.
///
/// ```
/// use shampoo_core::kernel::{Kernel, SplitBf16};
/// let third = [1.0_f32 / 3.0];
/// assert_eq!(SplitBf16::<9>.dot(&third, &[3.0]), 1.0);
/// assert_eq!(SplitBf16::<1>.dot(&third, &[3.0]), 1.001_953_1);
/// ```
///
/// Other numbers of terms do not compile:
///
/// ```compile_fail,E0080
/// use shampoo_core::kernel::{Kernel, SplitBf16};
/// SplitBf16::<2>.dot(&[1.0_f32], &[1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SplitBf16<const TERMS: usize>;

impl<const TERMS: usize> SplitBf16<TERMS> {
    /// The partial products left out, relative to the product, at most.
    const PRODUCT_ERROR: f64 = match TERMS {
        1 => power_of_two(-7),
        3 => power_of_two(-15),
        6 => power_of_two(-24),
        _ => 0.0,
    };

    /// The partial products of x y, each exact, smallest kind first.
    #[inline]
    pub fn partial_products(x: f32, y: f32) -> [f32; TERMS] {
        const { assert!(matches!(TERMS, 1 | 3 | 6 | 9), "1, 3, 6 or 9 terms") };
        let [[x0, x1, x2], [y0, y1, y2]] = [x, y].map(|x| Bf16x3::store(x).0.map(Bf16::to_f32));
        let all = [x2 * y2, x1 * y2, x2 * y1, x1 * y1, x2 * y0, x0 * y2, x1 * y0, x0 * y1, x0 * y0];
        all.last_chunk().copied().unwrap_or([0.0; TERMS])
    }

    /// Sum of x_i y_i.
    #[inline]
    fn sum(x: impl Iterator<Item = f32>, y: impl Iterator<Item = f32>) -> f32 {
        let mut sums = [0.0; TERMS];
        for (x, y) in x.zip(y) {
            sums.iter_mut().zip(Self::partial_products(x, y)).for_each(|(sum, product)| *sum += product);
        }
        sums.iter().fold(0.0, |total, sum| total + sum)
    }

    /// alpha A B^T into the first entries of every row of C, as many as `width` says for it.
    fn product(
        mut c: MatMut<'_, f32>,
        accum: Accum,
        alpha: f32,
        (a, b): (MatRef<'_, f32>, MatRef<'_, f32>),
        width: impl Fn(usize) -> usize,
    ) {
        for (i, row) in c.rows_mut().enumerate() {
            for (j, c) in row.iter_mut().enumerate().take(width(i)) {
                let product = alpha * Self::sum(a.row_entries(i), b.row_entries(j));
                *c = if accum == Accum::Add { *c + product } else { product };
            }
        }
    }
}

impl<const TERMS: usize> Kernel<f32> for SplitBf16<TERMS> {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        Self::product(c, accum, alpha, (a, b.transpose()), |_| usize::MAX);
    }

    fn gram(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) {
        Self::product(c, accum, alpha, (a, a), |i| i + 1);
    }

    fn symm_product(&self, mut c: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        // Column j of B is its row j.
        Self::product(c.reborrow(), Accum::Replace, 1.0, (a, b), |i| i + 1);
        c.mirror_lower();
    }

    fn unit_roundoff(&self) -> f64 {
        Self::PRODUCT_ERROR + f32::UNIT_ROUNDOFF.to_f64()
    }

    fn dot(&self, x: &[f32], y: &[f32]) -> f32 {
        Self::sum(x.iter().copied(), y.iter().copied())
    }
}
