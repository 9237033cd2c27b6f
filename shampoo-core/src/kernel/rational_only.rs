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

#[cfg(test)]
mod tests {
    use super::RationalOnly;
    use crate::error::RootError;
    use crate::kernel::{Kernel, Portable};
    use crate::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};
    use crate::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};

    const N: usize = 9;
    const TRIANGLE: usize = N * (N + 1) / 2;

    /// The root of a matrix with this smallest eigenvalue.
    fn root<K: Kernel<f64>>(
        smallest: f64,
        request: &Request,
        kernel: &K,
    ) -> (Result<Report, RootError>, [f64; TRIANGLE]) {
        let (mut triangle, mut root) = ([0.0; TRIANGLE], [0.0; TRIANGLE]);
        for i in 0..N {
            triangle[i * (i + 1) / 2 + i] = if i == 3 { smallest } else { 2.0 + i as f64 };
            triangle[i * (i + 1) / 2] += if i == 0 || i == 3 { 0.0 } else { 0.25 };
        }
        let mut workspace = [0.0; inverse_root_workspace_len(N)];
        (inverse_root(&triangle, N, &mut root, request, &mut workspace, kernel), root)
    }

    #[test]
    fn roots_have_the_bits_of_the_wrapped_kernel() {
        for p in [1, 2, 3, 4, 6, 8] {
            let request = Request::new(Exponent::Root(p));
            let (found, right) = (root(0.5, &request, &RationalOnly(Portable)), root(0.5, &request, &Portable));
            assert_eq!(
                right.0.map(|report| (report.method, report.outcome)),
                Ok((Method::Rational, Outcome::Accepted))
            );
            assert_eq!(found, right, "p {p}");
        }
    }

    #[test]
    fn what_it_does_not_compute_is_refused() {
        let request = Request::new(Exponent::Root(4));
        let refused = [
            Request { method: Method::Spectral, ..request },
            Request { method: Method::CoupledNewton, ..request },
            Request { method: Method::NewtonSchulz, ..request },
            Request { certificate: Certificate::Probed, ..request },
            Request { ridge: Ridge::PseudoInverse { cutoff: 1e-6 }, ..request },
            Request::new(Exponent::Power(0.3)),
        ];
        for request in refused {
            assert_eq!(root(0.5, &request, &RationalOnly(Portable)), (Err(RootError::ByKernel), [0.0; TRIANGLE]));
            assert!(root(0.5, &request, &Portable).0.is_ok());
        }
    }

    #[test]
    fn there_is_nothing_to_fall_back_to() {
        // Below the interval of the table: the spectral method takes over, if it is there.
        let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(4)) };
        let method = |(report, _): (Result<Report, RootError>, _)| report.map(|report| (report.method, report.outcome));
        assert_eq!(method(root(1e-12, &request, &Portable)).map(|found| found.0), Ok(Method::Spectral));
        let alone = method(root(1e-12, &request, &RationalOnly(Portable)));
        assert_eq!(alone, Ok((Method::Rational, Outcome::OutOfRange)));
    }
}
