//! Certificates: a bound on the error of a root, whatever computed it, rigorous but for an allowance for
//! rounding in the residual, whose constant is measured.
//!
//! With B the ridged input and X > 0, even p: S = X^{p/2} B X^{p/2} - I; odd p: X = C C^T, Z = X^{(p-1)/2} C,
//! S = Z^T B Z - I. If s = ||S|| < 1 then (1 - s) X^{-p} <= B <= (1 + s) X^{-p}, and by Loewner and Heinz
//! X (1 + s)^{-1/p} <= B^{-1/p} <= X (1 - s)^{-1/p}, commuting or not. So (1 - s)^{-1/p} - 1 bounds
//! ||B^{-1/p} - X|| / ||X||.

use crate::kernel::{Accum, Kernel};
use crate::linalg::cholesky::cholesky_in_place;
use crate::linalg::{carve, norm};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Probes of [`probed`].
pub const PROBES: usize = 12;

/// The root mean square over 12 Gaussian probes is below a seventh of ||S||_F with probability under 5e-9.
pub(super) const PROBE_FACTOR: f64 = 7.0;

/// Rounding in S as computed, in units of u kappa: measured at 0.06 to 0.6 on log-spaced spectra.
const ROUNDING: f64 = 1.0;

/// Largest s that a promise is given for; beyond, the first-order meaning of s is lost anyway.
const LARGEST_RESIDUAL: f64 = 0.99;

/// Numbers of workspace of [`full`] for order n: three squares.
pub const fn full_workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(3)
}

/// Numbers of workspace of [`probed`] for order n: a square (odd p alone) and three thin matrices.
pub const fn probed_workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_add(n.saturating_mul(3 * PROBES))
}

/// (1 - s)^{-1/p} - 1 for a residual of norm s; infinite from 0.99 on.
pub fn promise(s: f64, p: u32) -> f64 {
    if s.is_nan() || s >= LARGEST_RESIDUAL {
        return f64::INFINITY;
    }
    libm::expm1(-libm::log1p(-s) / f64::from(p))
}

/// The allowance for rounding in S: u (kappa + sqrt(n) p).
pub fn allowance<T: Real>(n: usize, p: u32, kappa: f64) -> f64 {
    ROUNDING * T::UNIT_ROUNDOFF.to_f64() * (kappa + libm::sqrt(n as f64) * f64::from(p))
}

/// What is known of the sign of a root: S alone does not tell X from -X where p is even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Positive definite by construction: a sum of inverses of matrices with positive pivots.
    ByConstruction,
    /// To be shown by a factorisation.
    Unknown,
}

/// The promise by the whole residual, in the Frobenius norm; infinite where X is not positive definite.
///
/// **Shapes**: B and X n x n with both triangles; workspace at least [`full_workspace_len`] (a shorter one
/// gives infinity). **Cost**: p/2 + 1 products and a factorisation.
pub fn full<T: Real, K: Kernel<T> + ?Sized>(
    b: MatRef<'_, T>,
    x: MatRef<'_, T>,
    p: u32,
    kappa: f64,
    workspace: &mut [T],
    kernel: &K,
) -> f64 {
    let n = x.nrows();
    let mut rest = workspace;
    let mut square = || MatMut::new(carve(&mut rest, n.saturating_mul(n))?, n, n).ok();
    let (Some(mut factor), Some(mut z), Some(mut other)) = (square(), square(), square()) else {
        return f64::INFINITY;
    };
    copy(&mut factor, x);
    if cholesky_in_place(factor.reborrow(), kernel).is_err() {
        return f64::INFINITY;
    }
    copy(&mut z, if p.is_multiple_of(2) { x } else { factor.as_ref() });
    for _ in 1..p.div_ceil(2) {
        kernel.gemm(other.reborrow(), Accum::Replace, T::one(), x, z.as_ref());
        core::mem::swap(&mut z, &mut other);
    }
    // S = Z^T B Z - I; for even p Z is X^{p/2}, symmetric up to rounding.
    kernel.gemm(other.reborrow(), Accum::Replace, T::one(), b, z.as_ref());
    let mut s = factor;
    kernel.gemm(s.reborrow(), Accum::Replace, T::one(), z.as_ref().transpose(), other.as_ref());
    for i in 0..n {
        if let Some(x) = s.get_mut(i, i) {
            *x -= T::one();
        }
    }
    promise(frobenius(&mut s, kernel) + allowance::<T>(n, p, kappa), p)
}

/// The promise by [`PROBES`] fixed Gaussian vectors; infinite where X is found not positive definite.
///
/// E ||S v||^2 = ||S||_F^2, so the root mean square estimates ||S||_F; 7 times that bounds it with
/// probability 1 - 5e-9.
///
/// **Shapes**: as [`full`], workspace at least [`probed_workspace_len`].
/// **Cost**: 12 (p + 1) n^2 multiply-adds as thin products; odd p and an unknown sign a factorisation besides.
pub fn probed<T: Real, K: Kernel<T> + ?Sized>(
    b: MatRef<'_, T>,
    x: MatRef<'_, T>,
    p: u32,
    kappa: f64,
    sign: Sign,
    workspace: &mut [T],
    kernel: &K,
) -> f64 {
    let n = x.nrows();
    let mut rest = workspace;
    let square = carve(&mut rest, n.saturating_mul(n)).and_then(|data| MatMut::new(data, n, n).ok());
    let mut thin = || MatMut::new(carve(&mut rest, n.saturating_mul(PROBES))?, n, PROBES).ok();
    let (Some(mut factor), Some(mut v), Some(mut u), Some(mut t)) = (square, thin(), thin(), thin()) else {
        return f64::INFINITY;
    };
    if p % 2 == 1 || sign == Sign::Unknown {
        copy(&mut factor, x);
        if cholesky_in_place(factor.reborrow(), kernel).is_err() {
            return f64::INFINITY;
        }
    }
    fill_gaussian(&mut v);
    copy(&mut u, v.as_ref());
    let mut apply = |a: MatRef<'_, T>| {
        kernel.gemm(t.reborrow(), Accum::Replace, T::one(), a, u.as_ref());
        core::mem::swap(&mut t, &mut u);
    };
    let half = p / 2;
    if p % 2 == 1 {
        apply(factor.as_ref());
    }
    (0..half).for_each(|_| apply(x));
    apply(b);
    (0..half).for_each(|_| apply(x));
    if p % 2 == 1 {
        apply(factor.as_ref().transpose());
    }
    for (u, v) in u.rows_mut().zip(v.rows_mut()) {
        u.iter_mut().zip(v).for_each(|(u, &mut v)| *u -= v);
    }
    let mean = frobenius(&mut u, kernel) / libm::sqrt(PROBES as f64);
    promise(PROBE_FACTOR * mean + allowance::<T>(n, p, kappa), p)
}

/// Frobenius norm.
pub(super) fn frobenius<T: Real, K: Kernel<T> + ?Sized>(m: &mut MatMut<'_, T>, kernel: &K) -> f64 {
    let squares = m.rows_mut().fold(0.0, |s, row| {
        let length = norm::norm(row, kernel).to_f64();
        s + length * length
    });
    libm::sqrt(squares)
}

fn copy<T: Real>(to: &mut MatMut<'_, T>, from: MatRef<'_, T>) {
    for (i, row) in to.rows_mut().enumerate() {
        row.iter_mut().zip(from.row_entries(i)).for_each(|(t, f)| *t = f);
    }
}

/// Independent standard normal numbers from a fixed seed: Marsaglia's polar method over a 64-bit
/// xorshift sequence with a final multiplication (xorshift64*).
pub(super) fn fill_gaussian<T: Real>(m: &mut MatMut<'_, T>) {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut uniform = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        bits as f64 * (1.0 / (1_u64 << 52) as f64) - 1.0
    };
    let mut pair = move || {
        loop {
            let (x, y) = (uniform(), uniform());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = libm::sqrt(-2.0 * libm::log(square) / square);
                return (x * factor, y * factor);
            }
        }
    };
    for row in m.rows_mut() {
        for two in row.chunks_mut(2) {
            let (x, y) = pair();
            two.iter_mut().zip([x, y]).for_each(|(to, x)| *to = T::from_f64(x));
        }
    }
}
