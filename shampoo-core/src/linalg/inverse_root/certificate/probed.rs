//! The probed certificate: the residual on a few fixed vectors.
//!
//! For vectors v of independent numbers of mean 0 and variance 1, E ||S v||^2 = ||S||_F^2. With k of them the mean square
//! is below ||S||_F^2 / f^2 with probability at most (e pi / (3 f^2))^(k/2) if the numbers are uniform: by Chernoff's
//! bound and Jensen's inequality a rank-one S is the worst, S v is then a multiple of u.v for a unit vector u, and the
//! density of u.v is at most 1/sqrt(6), that of the largest section of a cube (Ball 1986, Proc. AMS 97).

use super::{Sign, allowance, copy, promise};
use crate::kernel::{Accum, Kernel, SymmetricTiles};
use crate::linalg::carve;
use crate::linalg::cholesky::cholesky_in_place;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{LANES, Real, padded};

/// Factors on the root mean square of 8 probes and of 16: wrong with probability below 2.4e-9 and 2.0e-9.
const FACTORS: [f64; 2] = [20.2, PROBE_FACTOR];

/// By how much the promise exceeds that of the whole residual where all probes are needed.
pub(in super::super) const PROBE_FACTOR: f64 = 5.9;

/// Probes of a root among many: two halves of six fit in the registers beside the matrix.
pub(in super::super) const BATCH_PROBES: usize = 12;

/// The factor on their root mean square: (e pi / (3 f^2))^6, so wrong with probability below 4.4e-9.
pub(in super::super) const BATCH_FACTOR: f64 = 8.4;

/// Numbers of workspace of [`probed`] for order n: a square (odd p or an unknown sign alone) and three thin matrices.
pub const fn probed_workspace_len(n: usize) -> usize {
    let thin = padded(n).saturating_mul(3 * LANES);
    thin.saturating_add(n.saturating_mul(n))
}

/// What is certified: X against B^(-1/p).
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a, T> {
    /// The ridged matrix B.
    pub b: SymmetricTiles<'a, T>,
    /// The root X.
    pub x: SymmetricTiles<'a, T>,
    /// The order.
    pub p: u32,
    /// Condition number of B, for the allowance.
    pub kappa: f64,
    /// What is known of the sign of X.
    pub sign: Sign,
}

/// The promise by eight fixed vectors, or by sixteen where that of eight is above `enough`; infinite where X is found not
/// positive definite. The norm of the residual is bounded with probability 1 - 5e-9.
///
/// **Shapes**: B and X n x n with complete diagonal tiles and 0 beyond row n in them; workspace at least
/// [`probed_workspace_len`] (a shorter one gives infinity). **Cost**: 8 (p + 1) n^2 multiply-adds, or twice that, with
/// p + 2 for odd p; that and an unknown sign a factorisation besides.
pub fn probed<T: Real, K: Kernel<T> + ?Sized>(
    candidate: Candidate<'_, T>,
    enough: f64,
    workspace: &mut [T],
    kernel: &K,
) -> f64 {
    let Candidate { x, p, kappa, sign, .. } = candidate;
    let n = x.order;
    let mut rest = workspace;
    let mut thin = || carve(&mut rest, padded(n).saturating_mul(LANES));
    let (Some(v), Some(u), Some(t)) = (thin(), thin(), thin()) else { return f64::INFINITY };
    let Some(Ok(mut factor)) = rest.get_mut(..n.saturating_mul(n)).map(|data| MatMut::new(data, n, n)) else {
        return f64::INFINITY;
    };
    if p % 2 == 1 || sign == Sign::Unknown {
        let Ok(lower) = MatRef::with_strides(x.data, n, n, x.stride, 1) else { return f64::INFINITY };
        copy(&mut factor, lower);
        if cholesky_in_place(factor.reborrow(), kernel).is_err() {
            return f64::INFINITY;
        }
    }
    let allowance = allowance(n, p, kappa, kernel);
    let (mut uniform, mut squares, mut promised) = (Uniform::new(), 0.0, f64::INFINITY);
    for (round, factor_of_mean) in FACTORS.into_iter().enumerate() {
        let (numbers, padding) = v.split_at_mut_checked(n.saturating_mul(LANES)).unwrap_or_default();
        uniform.fill(numbers);
        padding.fill(T::zero());
        squares += residual(candidate, factor.as_ref(), v, [&mut *u, &mut *t], kernel);
        let mean = libm::sqrt(squares / ((round + 1) * LANES) as f64);
        promised = promise(factor_of_mean * mean + allowance, p).min(promised);
        if promised <= enough {
            break;
        }
    }
    promised
}

/// ||S v||^2 over eight vectors.
fn residual<T: Real, K: Kernel<T> + ?Sized>(
    candidate: Candidate<'_, T>,
    factor: MatRef<'_, T>,
    v: &[T],
    [mut u, mut t]: [&mut [T]; 2],
    kernel: &K,
) -> f64 {
    let Candidate { b, x, p, .. } = candidate;
    u.iter_mut().zip(v).for_each(|(u, &v)| *u = v);
    let half = p / 2;
    let outer = if p % 2 == 1 { Some(factor) } else { None };
    if let Some(factor) = outer {
        general_thin(t, factor, u, kernel);
        core::mem::swap(&mut t, &mut u);
    }
    for matrix in (0..half).map(|_| x).chain([b]).chain((0..half).map(|_| x)) {
        kernel.symmetric_thin(t, matrix, u);
        core::mem::swap(&mut t, &mut u);
    }
    if let Some(factor) = outer {
        general_thin(t, factor.transpose(), u, kernel);
        core::mem::swap(&mut t, &mut u);
    }
    u.iter_mut().zip(v).for_each(|(u, &v)| *u -= v);
    let length = crate::linalg::norm::norm(u, kernel).to_f64();
    length * length
}

/// OUT <- A V for any square A.
fn general_thin<T: Real, K: Kernel<T> + ?Sized>(out: &mut [T], a: MatRef<'_, T>, v: &[T], kernel: &K) {
    let n = a.nrows();
    out.iter_mut().skip(n.saturating_mul(LANES)).for_each(|x| *x = T::zero());
    if let (Ok(out), Ok(v)) = (MatMut::new(out, n, LANES), MatRef::new(v, n, LANES)) {
        kernel.gemm(out, Accum::Replace, T::one(), a, v);
    }
}

/// Independent uniform numbers of mean 0 and variance 1 from a fixed seed: a 64-bit xorshift sequence with a final
/// multiplication (xorshift64*).
pub(in super::super) struct Uniform(u64);

impl Uniform {
    pub(in super::super) const fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// As many numbers as there are, the next of the sequence.
    pub(in super::super) fn fill<T: Real>(&mut self, numbers: &mut [T]) {
        const SPAN: f64 = 3.464_101_615_137_754_4; // 2 sqrt(3)
        for x in numbers {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
            *x = T::from_f64((bits as f64 * (1.0 / (1_u64 << 53) as f64) - 0.5) * SPAN);
        }
    }
}
