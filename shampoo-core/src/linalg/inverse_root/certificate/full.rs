//! The certificate by the whole residual, one product at a time.

use super::{allowance, copy, frobenius, promise};
use crate::error::ShapeError;
use crate::kernel::{Accum, Kernel};
use crate::linalg::cholesky::cholesky_in_place;
use crate::linalg::{Progress, carve, flops};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Numbers of workspace of [`full`] for order n: three squares.
pub const fn full_workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(3)
}

/// The promise by the whole residual, in the Frobenius norm; infinite where X is not positive definite.
///
/// **Shapes**: B and X n x n with both triangles; workspace at least [`full_workspace_len`] (a shorter one
/// gives infinity). **Cost**: (p + 1)/2 + 1 products, rounded down, and a factorisation.
pub fn full<T: Real, K: Kernel<T> + ?Sized>(
    b: MatRef<'_, T>,
    x: MatRef<'_, T>,
    p: u32,
    kappa: f64,
    workspace: &mut [T],
    kernel: &K,
) -> f64 {
    let mut full = Full::start(p, kappa);
    while matches!(full.step(b, x, workspace, kernel), Ok(Progress::Working)) {}
    full.promised()
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// X = C C^T shows the sign; C is a factor of Z for odd p.
    Factor,
    /// So many products by X are left in Z.
    Power(u32),
    /// B Z.
    Apply,
    /// Z^T (B Z) - I.
    Residual,
    Done,
}

/// A full certificate under way: plain data, so it can be spread over many calls.
///
/// B, X and the workspace are passed to every call, untouched between them; see [`full`].
#[derive(Clone, Copy, Debug)]
pub struct Full {
    p: u32,
    kappa: f64,
    stage: Stage,
    /// Z is in the third square and not in the second.
    swapped: bool,
    promised: f64,
}

impl Full {
    /// A certificate for the order p of a matrix with this condition number.
    pub fn start(p: u32, kappa: f64) -> Self {
        Self { p, kappa, stage: Stage::Factor, swapped: false, promised: f64::INFINITY }
    }

    /// The factorisation or one product, at most 2 n^3 flops.
    ///
    /// **Errors**: the workspace is too short.
    pub fn step<T: Real, K: Kernel<T> + ?Sized>(
        &mut self,
        b: MatRef<'_, T>,
        x: MatRef<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<Progress, ShapeError> {
        let n = x.nrows();
        let short = ShapeError::Length { needed: full_workspace_len(n), found: workspace.len() };
        let mut rest = workspace;
        let mut square = || MatMut::new(carve(&mut rest, n.saturating_mul(n)).ok_or(short)?, n, n);
        let (mut factor, mut z, mut other) = (square()?, square()?, square()?);
        if self.swapped {
            core::mem::swap(&mut z, &mut other);
        }
        self.stage = match self.stage {
            Stage::Factor => {
                copy(&mut factor, x);
                let definite = cholesky_in_place(factor.reborrow(), kernel).is_ok();
                copy(&mut z, if self.p.is_multiple_of(2) { x } else { factor.as_ref() });
                if definite { Self::power_or_apply(self.p.div_ceil(2).saturating_sub(1)) } else { Stage::Done }
            }
            Stage::Power(left) => {
                kernel.gemm(other, Accum::Replace, T::one(), x, z.as_ref());
                self.swapped = !self.swapped;
                Self::power_or_apply(left - 1)
            }
            Stage::Apply => {
                kernel.gemm(other, Accum::Replace, T::one(), b, z.as_ref());
                Stage::Residual
            }
            Stage::Residual => {
                // For even p Z is X^{p/2}, symmetric up to rounding.
                kernel.gemm(factor.reborrow(), Accum::Replace, T::one(), z.as_ref().transpose(), other.as_ref());
                subtract_identity(&mut factor);
                let s = frobenius(&mut factor, kernel) + allowance(n, self.p, self.kappa, kernel);
                self.promised = promise(s, self.p);
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        Ok(if self.stage == Stage::Done { Progress::Done } else { Progress::Working })
    }

    /// Flops of the next step at most, for order n.
    pub(in super::super) fn next_flops(&self, n: usize) -> u64 {
        match self.stage {
            Stage::Factor => flops::factorisation(n),
            Stage::Power(_) | Stage::Apply | Stage::Residual => flops::product(n),
            Stage::Done => 0,
        }
    }

    fn power_or_apply(left: u32) -> Stage {
        if left == 0 { Stage::Apply } else { Stage::Power(left) }
    }

    /// Bound on ||B^(-1/p) - X|| / ||X||; infinite where there is none, or none yet.
    pub fn promised(&self) -> f64 {
        self.promised
    }
}

/// A <- A - I.
pub(in super::super) fn subtract_identity<T: Real>(a: &mut MatMut<'_, T>) {
    for i in 0..a.nrows() {
        if let Some(x) = a.get_mut(i, i) {
            *x -= T::one();
        }
    }
}
