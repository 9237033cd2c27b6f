//! Inverse p-th roots by the coupled Newton iteration: products only.
//!
//! With M_0 = z A, X_0 = z^{1/p} I: T = ((p + 1) I - M) / p, X <- X T, M <- T^p M. All iterates are polynomials in
//! A, so they are symmetric and commute, and one triangle of every product is computed. With a scale s of M before a step,
//! see [`CoupledNewton::rescaled`], T = s^{1/p} ((p + 1) I - s M) / p.
//! Source: \[GH\] Guo and Higham 2006; \[FoM\] 7.18.

use super::coupled::{
    Entries, Stop, Watch, add_to_diagonal, distance_from_identity, load, multiple_of_identity, product, scale, squares,
    view,
};
use super::rescale::rescale;
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::Kernel;
use crate::linalg::{Progress, flops};
use crate::mat::MatRef;
use crate::scalar::Real;

/// Numbers of workspace for an `n x n` matrix.
pub const fn workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(6)
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// T from M, and X T.
    Correct,
    /// T^left M is left to be computed: T and M hold what is done.
    Power(u32),
    /// X T once more: at the tolerance its error becomes the indicator's square.
    Last,
    Done(Stop),
}

/// An iteration under way: plain data, so it can be spread over many calls or dropped between two of them.
///
/// The iterates are in the workspace, which is passed to every call, untouched between them.
///
/// ```
/// use shampoo_core::linalg::inverse_root::coupled_newton::{CoupledNewton, workspace_len};
/// use shampoo_core::{kernel::Portable, mat::MatRef};
/// let a = MatRef::new(&[1.0_f64, 0.0, 0.0, 4.0], 2, 2)?;
/// let mut workspace = [0.0; workspace_len(2)];
/// let z = 3.0 / (2.0 * 4.0); // (p + 1) / (2 lambda_max)
/// let mut newton = CoupledNewton::start(a, 2, z, &mut workspace)?;
/// newton.run(&mut workspace, &Portable)?;
/// assert!((newton.root(&workspace).get(1, 1).unwrap() - 0.5).abs() < 1e-12);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CoupledNewton<T> {
    n: usize,
    p: u32,
    watch: Watch<T>,
    stage: Stage,
    /// Whether steps after the first have a scale too, and whether the one under way has.
    rescales: bool,
    rescaled: bool,
    /// Which of two squares holds X, M and T.
    x_second: bool,
    m_second: bool,
    t_second: bool,
}

/// The squares: of each pair first the current one.
struct Squares<'w, T> {
    x: [&'w mut [T]; 2],
    m: [&'w mut [T]; 2],
    t: [&'w mut [T]; 2],
}

impl<T: Real> CoupledNewton<T> {
    /// Sets M and X up. `z` as from [`Scaling::factor`](super::Scaling::factor).
    ///
    /// **Shapes**: A n x n, symmetric positive definite with both triangles; workspace at least
    /// [`workspace_len`]. **Errors**: order 0, or the workspace is too short.
    pub fn start(a: MatRef<'_, T>, p: u32, z: f64, workspace: &mut [T]) -> Result<Self, RootError> {
        if p == 0 {
            return Err(UnsupportedExponent::OrderZero.into());
        }
        let (n, z) = (a.nrows(), T::from_f64(z));
        let mut newton = Self {
            n,
            p,
            watch: Watch::new(n),
            stage: Stage::Correct,
            rescales: false,
            rescaled: false,
            x_second: false,
            m_second: false,
            t_second: false,
        };
        let Squares { x: [x, _], m: [m, _], .. } = newton.squares(workspace)?;
        load(m, a, z);
        multiple_of_identity(x, n, z.powf(T::one() / T::from_count(p as usize)));
        let indicator = distance_from_identity(m, n, Entries::Lower);
        newton.see(indicator);
        Ok(newton)
    }

    /// Scales M before every step and not before the first alone, by what a Rayleigh quotient tells of its smallest
    /// eigenvalue: at p = 4 up to two fifths of the iterations fewer.
    #[must_use]
    pub fn rescaled(mut self) -> Self {
        self.rescales = true;
        self
    }

    /// Ends at max |M - I| <= `tolerance` and not at [`default_tolerance`](super::default_tolerance).
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: T) -> Self {
        self.watch.tolerance = tolerance;
        self
    }

    /// One product, n^2 (n + 1) flops. An iteration has 2 to 2 log2 p + 2 of them (p = 2: 3, p = 4: 4).
    ///
    /// **Errors**: the workspace is too short.
    #[inline(never)]
    pub fn step<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<Progress, ShapeError> {
        let n = self.n;
        let Squares { x: [x, x_next], m: [m, m_next], t: [t, t_next] } = self.squares(workspace)?;
        match self.stage {
            Stage::Correct | Stage::Last => {
                let order = T::from_count(self.p as usize);
                let inverse = T::one() / order;
                let anew = self.rescales && self.stage == Stage::Correct && self.watch.iterations > 0;
                let s = if anew { rescale(m, n, self.p, [&mut *t, t_next], kernel) } else { T::one() };
                self.rescaled = s != T::one();
                let c = if self.rescaled { s.powf(inverse) } else { s };
                scale(t, m, -(c * s * inverse));
                add_to_diagonal(t, n, c * (order + T::one()) * inverse);
                match x.first() {
                    // X is still a multiple of I.
                    Some(&x) if self.watch.iterations == 0 => scale(x_next, t, x),
                    _ => product(n, x_next, x, t, kernel),
                }
                self.x_second = !self.x_second;
                self.stage =
                    if self.stage == Stage::Last { Stage::Done(Stop::Tolerance) } else { Stage::Power(self.p) };
            }
            // Binary powering, exact for every p.
            Stage::Power(left) if left.is_multiple_of(2) => {
                product(n, t_next, t, t, kernel);
                self.t_second = !self.t_second;
                self.stage = Stage::Power(left / 2);
            }
            Stage::Power(left) => {
                product(n, m_next, m, t, kernel);
                self.m_second = !self.m_second;
                self.stage = Stage::Power(left - 1);
                if left == 1 {
                    self.watch.iterations += 1;
                    let indicator = distance_from_identity(m_next, n, Entries::Lower);
                    self.see(indicator);
                }
            }
            Stage::Done(_) => {}
        }
        Ok(if self.stop().is_some() { Progress::Done } else { Progress::Working })
    }

    /// Flops of the next step at most, see [`Job::next_flops`](super::Job::next_flops).
    pub(super) fn next_flops(&self) -> u64 {
        match self.stage {
            Stage::Correct if self.rescales => flops::coupled_newton(self.n),
            Stage::Correct | Stage::Power(_) | Stage::Last => flops::symmetric_product(self.n),
            Stage::Done(_) => 0,
        }
    }

    /// Steps until max |M - I| reaches the tolerance (X is then corrected once more), until it grows by a factor of 1.2
    /// (the iterate before is then *selected*: blending would let NaN poison it), or to 60 iterations.
    ///
    /// **Accuracy**: the indicator is not the error; certify the root. **Errors**: the workspace is too short.
    pub fn run<K: Kernel<T> + ?Sized>(&mut self, workspace: &mut [T], kernel: &K) -> Result<(), ShapeError> {
        while self.step(workspace, kernel)? == Progress::Working {}
        Ok(())
    }

    /// Goes on or ends by the newest indicator.
    fn see(&mut self, indicator: T) {
        let seen = if self.rescaled { self.watch.see_rescaled(indicator) } else { self.watch.see(indicator) };
        self.stage = match seen {
            None => Stage::Correct,
            Some(Stop::Tolerance) => Stage::Last,
            Some(stop) => {
                // Before the first iteration there is no iterate before.
                if stop == Stop::Growth && self.watch.iterations > 0 {
                    self.x_second = !self.x_second;
                }
                Stage::Done(stop)
            }
        };
    }

    fn squares<'w>(&self, workspace: &'w mut [T]) -> Result<Squares<'w, T>, ShapeError> {
        let [x, x_other, m, m_other, t, t_other] = squares(workspace, self.n)?;
        let ordered = |second, a, b| if second { [b, a] } else { [a, b] };
        Ok(Squares {
            x: ordered(self.x_second, x, x_other),
            m: ordered(self.m_second, m, m_other),
            t: ordered(self.t_second, t, t_other),
        })
    }

    /// The root as it stands, both triangles.
    pub fn root<'w>(&self, workspace: &'w [T]) -> MatRef<'w, T> {
        let length = self.n.saturating_mul(self.n);
        let start = if self.x_second { length } else { 0 };
        view(workspace.get(start..).unwrap_or_default(), self.n)
    }

    /// max |M - I|.
    pub fn indicator(&self) -> T {
        self.watch.indicator
    }

    /// Iterations done.
    pub fn iterations(&self) -> u32 {
        self.watch.iterations
    }

    /// Why it ended, once it has.
    pub fn stop(&self) -> Option<Stop> {
        match self.stage {
            Stage::Done(stop) => Some(stop),
            _ => None,
        }
    }
}
