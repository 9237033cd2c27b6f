//! A kernel that links one method of roots alone.

use core::ops::Range;

use super::delegate::delegate;
use super::{Accum, Evaluation, Kernel, Lanewise, Poles, Residual, SymmetricTiles, Terms, TiledTriangle, Tridiagonal};
use crate::linalg::inverse_root::{Certificate, Method};
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Tile};

/// The wrapped kernel for programs whose roots are all [rational](Method::Rational) with the
/// [full certificate](Certificate::Full), as those of the default settings are: what computes and certifies others is not
/// linked.
///
/// The settings of a request are values, so a program links every method that they could name, unless its kernel says that
/// it does not compute it. Roots have the bits that the wrapped kernel gives them. [`Method::Auto`] has nothing to fall
/// back to: where it would choose or fall back to another method the root is refused, as any other request is, by
/// [`RootError::ByKernel`](crate::error::RootError::ByKernel) or as out of range, and a step keeps the one before.
///
/// ```
/// use shampoo_core::error::RootError;
/// use shampoo_core::kernel::{Portable, RationalOnly};
/// use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request};
/// use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
///
/// let (a, mut root, mut workspace) = ([2.0_f64, 0.0, 16.0], [0.0; 3], [0.0; inverse_root_workspace_len(2)]);
/// let mut run = |request| inverse_root(&a, 2, &mut root, &request, &mut workspace, &RationalOnly(Portable));
/// let request = Request::new(Exponent::Root(4));
/// assert_eq!(run(request)?.outcome, Outcome::Accepted);
/// assert_eq!(run(Request { method: Method::Spectral, ..request }), Err(RootError::ByKernel));
/// # Ok::<(), RootError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RationalOnly<K>(pub K);

impl<T: Real, K: Kernel<T>> Kernel<T> for RationalOnly<K> {
    delegate!(T);

    fn scale_by_rsqrt(&self, out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
        self.0.scale_by_rsqrt(out, g, v, scale, eps);
    }

    #[inline(always)]
    fn computes(&self, method: Method) -> bool {
        method == Method::Rational && self.0.computes(method)
    }

    #[inline(always)]
    fn certifies(&self, certificate: Certificate) -> bool {
        certificate == Certificate::Full && self.0.certifies(certificate)
    }
}
