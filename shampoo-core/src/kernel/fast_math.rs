//! The step of a graft without a square root, for processors that have none.

use core::ops::Range;
use core::slice::{from_mut, from_ref};

use super::delegate::delegate;
use super::{Accum, Evaluation, Kernel, Lanewise, Poles, Residual, SymmetricTiles, Terms, TiledTriangle, Tridiagonal};
use crate::linalg::inverse_root::{Certificate, Method};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{DoubleF32, Tile};

/// A kernel whose `scale_by_rsqrt` in `f32` is approximate: the reciprocal root comes from halving the number's bits.
///
/// All else is the wrapped kernel's, the whole of every inverse root among it: grafts and diagonal methods alone see the
/// difference, as a relative error of the single entries of their steps. Numbers that have no normal root (0, subnormal,
/// negative, infinite, NaN) go to the wrapped kernel. With `NEWTON` one step of Newton's iteration follows.
///
/// **Accuracy**: 3.6e-2; with `NEWTON` 2e-3 (the rows `FastRsqrt` and `FastRsqrtNewton`). **Cost**: 3
/// multiplications and an addition an entry, 4 multiplications and a subtraction more with `NEWTON`, and a division
/// where epsilon counts beside the root. **Source**: `F32::invsqrt` of the crate `micromath`.
///
/// ```
/// use shampoo_core::kernel::{FastMath, Kernel, Portable};
/// let (kernel, mut out) = (FastMath::<_, true>(Portable), [0.0_f32; 2]);
/// kernel.scale_by_rsqrt(&mut out, &[3.0, 1.0], &[9.0, 0.0], 1.0, 0.0);
/// assert!((out[0] - 1.0).abs() < 2e-3 && out[1] == 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FastMath<K, const NEWTON: bool = false>(pub K);

/// 1 / sqrt(x), about, for a positive normal number.
#[inline(always)]
fn inverse_square_root<const NEWTON: bool>(x: f32) -> f32 {
    let root = micromath::F32(x).invsqrt().0;
    // In this order no intermediate leaves the range.
    if NEWTON { root * (1.5 - x * root * root * 0.5) } else { root }
}

impl<K: Kernel<f32>, const NEWTON: bool> Kernel<f32> for FastMath<K, NEWTON> {
    delegate!(f32);

    fn computes(&self, method: Method) -> bool {
        self.0.computes(method)
    }

    fn certifies(&self, certificate: Certificate) -> bool {
        self.0.certifies(certificate)
    }

    fn scale_by_rsqrt(&self, out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
        for ((out, g), v) in out.iter_mut().zip(g).zip(v) {
            let moment = scale * v;
            if moment > 0.0 && moment.is_normal() {
                let root = inverse_square_root::<NEWTON>(moment);
                // moment root = sqrt(moment): in range where the denominator is.
                let quotient = if 1.0 + eps * root == 1.0 { g * root } else { g / (moment * root + eps) };
                // As in every kernel; NaN stays.
                *out = if quotient.abs() > f32::MAX { 0.0 } else { quotient };
            } else {
                self.0.scale_by_rsqrt(from_mut(out), from_ref(g), from_ref(v), scale, eps);
            }
        }
    }
}

/// The same for the other types, where nothing is approximate.
macro_rules! exact {
    ($($t:ty),*) => {$(
        impl<K: Kernel<$t>, const NEWTON: bool> Kernel<$t> for FastMath<K, NEWTON> {
            delegate!($t);

            fn scale_by_rsqrt(&self, out: &mut [$t], g: &[$t], v: &[$t], scale: $t, eps: $t) {
                self.0.scale_by_rsqrt(out, g, v, scale, eps);
            }

            #[inline(always)]
            fn computes(&self, method: Method) -> bool {
                self.0.computes(method)
            }

            #[inline(always)]
            fn certifies(&self, certificate: Certificate) -> bool {
                self.0.certifies(certificate)
            }
        }
    )*};
}

exact!(f64, DoubleF32);
