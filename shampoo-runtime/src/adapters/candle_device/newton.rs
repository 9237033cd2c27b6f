//! Inverse roots by the device's own products: the coupled Newton iteration in `f32`.
//!
//! The iteration is that of [`coupled_newton`](shampoo_core::linalg::inverse_root::coupled_newton), with its first scale and
//! its stop rule; the host certifies what comes out. Every iteration brings one number to the host.

use candle_core::{DType, Result, Tensor};
use shampoo_core::linalg::inverse_root::{Exponent, Extent, Request, Ridge, Stop, Watch};
use shampoo_core::linalg::power_iteration::fill_start;

use super::length::largest;

/// Products for the largest eigenvalue. It only gives the ridge, and a scale that bears a factor of 2.
const POWER_ITERATIONS: u32 = 24;

/// (scale A + r I)^(-1/p) of the request and r, or `None` where products do not give it: a real exponent, a pseudo-inverse,
/// statistics of 0.
///
/// **Shapes**: A n x n with both triangles. **Accuracy**: about 1e-3 at a condition number of 1e6, so that a certificate
/// accepts it only within a `max_error` of about 5e-2. **Cost**: 4 products an iteration at p = 4, about 20 iterations at
/// that condition number.
pub(super) fn inverse_root(a: &Tensor, request: &Request) -> Result<Option<(Tensor, f64)>> {
    let Ok(Exponent::Root(p)) = request.exponent.normalized() else { return Ok(None) };
    let n = a.dim(0)?;
    let identity = Tensor::eye(n, DType::F32, a.device())?;
    // In units of the largest entry, so that squares stay within the range.
    let unit = f64::from(largest(a)?.to_scalar::<f32>()?);
    if !(unit >= f64::from(f32::MIN_POSITIVE) && unit.is_finite()) {
        return Ok(None);
    }
    let a = (a / unit)?;
    let lambda_max = largest_eigenvalue(&a)?;
    let whole = unit * request.scale;
    let ridge = match request.ridge {
        Ridge::Absolute(r) => r / whole,
        Ridge::Relative(_) => request.ridge.amount(lambda_max),
        Ridge::PseudoInverse { .. } => return Ok(None),
    };
    let a = (a + (&identity * ridge)?)?;
    let frobenius = f64::from(a.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>()?);
    let known = Extent { frobenius, largest: Some(lambda_max + ridge), smallest: ridge };
    let root = coupled_newton(&a, &identity, p, request.scaling.factor(p, known))?;
    let back = whole.powf(-1.0 / f64::from(p));
    Ok(Some(((root * back)?, ridge * whole)))
}

/// Rayleigh quotient after some products.
fn largest_eigenvalue(a: &Tensor) -> Result<f64> {
    let n = a.dim(0)?;
    let mut start = vec![0.0_f32; n];
    fill_start(&mut start);
    let mut x = Tensor::from_vec(start, (n, 1), a.device())?;
    for _ in 0..POWER_ITERATIONS {
        x = x.broadcast_div(&x.sqr()?.sum_all()?.sqrt()?)?;
        x = a.matmul(&x)?;
    }
    let x = x.broadcast_div(&x.sqr()?.sum_all()?.sqrt()?)?;
    let quotient = (&x * a.matmul(&x)?)?.sum_all()?;
    Ok(f64::from(quotient.to_scalar::<f32>()?))
}

/// M_0 = z A, X_0 = z^(1/p) I; T = ((p + 1) I - M) / p, X <- X T, M <- T^p M.
fn coupled_newton(a: &Tensor, identity: &Tensor, p: u32, z: f64) -> Result<Tensor> {
    let order = f64::from(p);
    let correction = |m: &Tensor| (identity * ((order + 1.0) / order))? - (m / order)?;
    let indicator = |m: &Tensor| largest(&(m - identity)?)?.to_scalar::<f32>();
    let mut m = (a * z)?;
    let mut x = (identity * z.powf(1.0 / order))?;
    let mut watch = Watch::new(a.dim(0)?);
    let mut stop = watch.see(indicator(&m)?);
    while stop.is_none() {
        let t = correction(&m)?;
        let next = symmetric_product(&x, &t)?;
        let before = core::mem::replace(&mut x, next);
        m = power_times(t, m, p)?;
        watch.iterations += 1;
        stop = watch.see(indicator(&m)?);
        if stop == Some(Stop::Growth) {
            x = before;
        }
    }
    // Once more: at the tolerance its error becomes the indicator's square.
    if stop == Some(Stop::Tolerance) { symmetric_product(&x, &correction(&m)?) } else { Ok(x) }
}

/// T^left M, by binary powering.
fn power_times(mut t: Tensor, mut m: Tensor, mut left: u32) -> Result<Tensor> {
    while left > 0 {
        if left.is_multiple_of(2) {
            (t, left) = (symmetric_product(&t, &t)?, left / 2);
        } else {
            (m, left) = (symmetric_product(&m, &t)?, left - 1);
        }
    }
    Ok(m)
}

/// A B of matrices that commute; rounding leaves the product not quite symmetric, and the iteration lives on that it is.
fn symmetric_product(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let product = a.matmul(b)?;
    (&product + product.t()?)? * 0.5
}
