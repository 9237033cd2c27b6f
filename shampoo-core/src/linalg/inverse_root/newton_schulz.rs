//! Inverse square and fourth roots by the coupled Newton-Schulz iteration: products only.
//!
//! With Y_0 = sqrt(z) A, Z_0 = sqrt(z) I: M = Z Y, T = (3 I - M) / 2, Y <- Y T, Z <- T Z, so that Y -> A^{1/2} and
//! Z -> A^{-1/2}. Y Z Y and Z Y Z are symmetric whatever the rounding, so Y and Z are made so; M is not: a symmetric M
//! turns the error that does not commute with A, between eigenvalues a and b, by 1 - (2 + r + 1/r) / 4 with
//! r = sqrt(a / b) in every iteration, which grows from a condition number of 34 on. So its product is a whole one.
//!
//! Of the two ways to a fourth root only one is stable. A relative perturbation u of A moves A^{1/2} by
//! u sqrt(kappa) / 2 of its norm, and the inverse root of that, whose condition number is sqrt(kappa), by another
//! sqrt(kappa) / 2 as much: u kappa / 4 in all, which is the condition of A^{-1/4} itself. The square root of A^{-1/2}
//! starts from an error of u kappa / 2 that hits the small eigenvalues of A^{-1/2} as hard as the large ones: the root
//! is off by u kappa^{5/4} / 4, and from kappa = u^{-2/3} on it need not even exist (6e4 in `f32`). So the first stage
//! ends with Y, and the second computes its inverse square root.
//! Source: \[FoM\] chapter 6; \[DASH\], where it is called Newton-DB.

use super::coupled::{
    Entries, Stop, Watch, add_to_diagonal, distance_from_identity, load, multiple_of_identity, squares, view,
};
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::{Accum, Kernel};
use crate::linalg::{Progress, flops};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Scale of the second stage: eigenvalues of z A below 3 / 2 have roots below sqrt(3 / 2).
const SECOND_SCALE: f64 = 1.224_744_871_391_589;

/// Numbers of workspace for an `n x n` matrix.
pub const fn workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(5)
}

/// The orders that it computes.
pub const fn computes(p: u32) -> bool {
    matches!(p, 2 | 4)
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// M = Z Y, and whether to go on.
    Residual,
    /// Y T. The last one of a first stage has nothing to follow.
    Numerator {
        last: bool,
    },
    /// T Z.
    Denominator {
        last: bool,
    },
    Done(Stop),
}

/// An iteration under way: plain data, so it can be spread over many calls or dropped between two of them.
///
/// The iterates are in the workspace, which is passed to every call, untouched between them.
///
/// ```
/// use shampoo_core::linalg::inverse_root::newton_schulz::{NewtonSchulz, workspace_len};
/// use shampoo_core::{kernel::Portable, mat::MatRef};
/// let a = MatRef::new(&[1.0_f64, 0.0, 0.0, 16.0], 2, 2)?;
/// let mut workspace = [0.0; workspace_len(2)];
/// let z = 3.0 / (2.0 * 16.0); // 3 / (2 lambda_max)
/// let mut newton = NewtonSchulz::start(a, 4, z, &mut workspace)?;
/// newton.run(&mut workspace, &Portable)?;
/// assert!((newton.root(&workspace).get(1, 1).unwrap() - 0.5).abs() < 1e-12);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct NewtonSchulz<T> {
    n: usize,
    watch: Watch<T>,
    stage: Stage,
    /// The scale of the stage to come, where there are two.
    next_scale: Option<T>,
    /// Iterations of the stages before.
    before: u32,
    /// Y and Z are in the second of their two squares.
    second: bool,
}

/// The squares: of each pair first the current one.
struct Squares<'w, T> {
    y: [&'w mut [T]; 2],
    z: [&'w mut [T]; 2],
    t: &'w mut [T],
}

impl<T: Real> NewtonSchulz<T> {
    /// Sets Y and Z up. `z` as from [`Scaling::factor`](super::Scaling::factor) for the order 2.
    ///
    /// **Shapes**: A n x n, symmetric positive definite with both triangles; workspace at least
    /// [`workspace_len`]. **Errors**: an order other than 2 and 4, or the workspace is too short.
    pub fn start(a: MatRef<'_, T>, p: u32, z: f64, workspace: &mut [T]) -> Result<Self, RootError> {
        if !computes(p) {
            return Err(UnsupportedExponent::ByMethod.into());
        }
        let root = T::from_f64(z).sqrt();
        let next_scale = (p == 4).then(|| T::from_f64(SECOND_SCALE) * root);
        let n = a.nrows();
        let newton = Self { n, watch: Watch::new(n), stage: Stage::Residual, next_scale, before: 0, second: false };
        let Squares { y: [y, _], z: [z, _], .. } = newton.squares(workspace)?;
        load(y, a, root);
        multiple_of_identity(z, n, root);
        Ok(newton)
    }

    /// Ends a stage at max |M - I| <= `tolerance` and not at [`default_tolerance`](super::default_tolerance).
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: T) -> Self {
        self.watch.tolerance = tolerance;
        self
    }

    /// One product, 2 n^3 flops; an iteration has 3 of them.
    ///
    /// **Errors**: the workspace is too short.
    #[inline(never)]
    pub fn step<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<Progress, ShapeError> {
        let n = self.n;
        let Squares { y: [y, y_next], z: [z, z_next], t } = self.squares(workspace)?;
        match self.stage {
            Stage::Residual => {
                whole_product(n, t, z, y, kernel);
                let seen = self.watch.see(distance_from_identity(t, n, Entries::All));
                let half = T::from_f64(0.5);
                t.iter_mut().for_each(|t| *t = -*t * half);
                add_to_diagonal(t, n, T::from_f64(1.5));
                match seen {
                    // A first stage is done with Y, a second one with Z.
                    Some(Stop::Tolerance) if self.next_scale.is_some() => self.stage = Stage::Numerator { last: true },
                    Some(Stop::Tolerance) => self.stage = Stage::Denominator { last: true },
                    None => self.stage = Stage::Numerator { last: false },
                    Some(stop) => {
                        // Before the first iteration there is no iterate before.
                        if stop == Stop::Growth && self.watch.iterations > 0 {
                            self.second = !self.second;
                        }
                        self.end_stage(stop, workspace)?;
                    }
                }
            }
            Stage::Numerator { last } => {
                symmetric_product(n, y_next, y, t, kernel);
                self.stage = Stage::Denominator { last };
                if last {
                    self.second = !self.second;
                    self.end_stage(Stop::Tolerance, workspace)?;
                }
            }
            Stage::Denominator { last } => {
                symmetric_product(n, z_next, t, z, kernel);
                self.second = !self.second;
                self.watch.iterations += u32::from(!last);
                self.stage = if last { Stage::Done(Stop::Tolerance) } else { Stage::Residual };
            }
            Stage::Done(_) => {}
        }
        Ok(if self.stop().is_some() { Progress::Done } else { Progress::Working })
    }

    /// Flops of the next step at most, see [`Job::next_flops`](super::Job::next_flops).
    pub(super) fn next_flops(&self) -> u64 {
        match self.stage {
            Stage::Residual | Stage::Numerator { .. } | Stage::Denominator { .. } => flops::product(self.n),
            Stage::Done(_) => 0,
        }
    }

    /// Steps until max |M - I| reaches the tolerance (the root is then corrected once more), until it grows by a factor
    /// of 1.2 (the iterate before is then *selected*), or to 60 iterations; twice for a fourth root.
    ///
    /// **Accuracy**: the indicator is not the error; certify the root. **Errors**: the workspace is too short.
    pub fn run<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<(), ShapeError> {
        while self.step(workspace, kernel)? == Progress::Working {}
        Ok(())
    }

    /// Ends, or goes on with the inverse square root of Y.
    fn end_stage(&mut self, stop: Stop, workspace: &mut [T]) -> Result<(), ShapeError> {
        self.stage = Stage::Done(stop);
        let Some(factor) = self.next_scale.take() else { return Ok(()) };
        let Squares { y: [y, _], z: [z, _], .. } = self.squares(workspace)?;
        let root = factor.sqrt();
        y.iter_mut().for_each(|y| *y *= root);
        multiple_of_identity(z, self.n, root);
        self.before = self.watch.iterations;
        self.watch = Watch { tolerance: self.watch.tolerance, ..Watch::new(self.n) };
        self.stage = Stage::Residual;
        Ok(())
    }

    fn squares<'w>(&self, workspace: &'w mut [T]) -> Result<Squares<'w, T>, ShapeError> {
        let [y, y_other, z, z_other, t] = squares(workspace, self.n)?;
        let ordered = |a, b| if self.second { [b, a] } else { [a, b] };
        Ok(Squares { y: ordered(y, y_other), z: ordered(z, z_other), t })
    }

    /// The root as it stands, both triangles; of a fourth root's first stage A^{-1/2}.
    pub fn root<'w>(&self, workspace: &'w [T]) -> MatRef<'w, T> {
        let square = if self.second { 3 } else { 2 };
        let start = self.n.saturating_mul(self.n).saturating_mul(square);
        view(workspace.get(start..).unwrap_or_default(), self.n)
    }

    /// max |M - I|.
    pub fn indicator(&self) -> T {
        self.watch.indicator
    }

    /// Iterations done, of both stages.
    pub fn iterations(&self) -> u32 {
        self.before + self.watch.iterations
    }

    /// Why it ended, once it has.
    pub fn stop(&self) -> Option<Stop> {
        match self.stage {
            Stage::Done(stop) => Some(stop),
            _ => None,
        }
    }
}

/// C <- A B.
fn whole_product<T: Real, K: Kernel<T> + ?Sized>(n: usize, c: &mut [T], a: &[T], b: &[T], kernel: &K) {
    if let Ok(c) = MatMut::new(c, n, n) {
        kernel.gemm(c, Accum::Replace, T::one(), view(a, n), view(b, n));
    }
}

/// C <- A B where that is symmetric.
fn symmetric_product<T: Real, K: Kernel<T> + ?Sized>(n: usize, c: &mut [T], a: &[T], b: &[T], kernel: &K) {
    if let Ok(mut c) = MatMut::new(c, n, n) {
        kernel.gemm(c.reborrow(), Accum::Replace, T::one(), view(a, n), view(b, n));
        c.mirror_lower();
    }
}
