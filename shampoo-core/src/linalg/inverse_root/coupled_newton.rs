//! Inverse p-th roots by the coupled Newton iteration: products only.
//!
//! With M_0 = z A, X_0 = z^{1/p} I: T = ((p + 1) I - M) / p, X <- X T, M <- T^p M. All iterates are polynomials in
//! A, so they are symmetric and commute, and one triangle of every product is computed.
//! Source: \[GH\] Guo and Higham 2006; \[FoM\] 7.18.

use crate::error::{ShapeError, UnsupportedExponent};
use crate::kernel::Kernel;
use crate::linalg::{carve, norm};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// Iterations at most; kappa 1e10 takes 29.
pub const MAX_ITERATIONS: u32 = 60;

/// Growth of max |M - I| that ends the iteration.
const GROWTH: f64 = 1.2;

/// How the first matrix is scaled; its spectrum must come to lie in (0, p + 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    /// z = (p + 1) / (2 ||A||_F): always works.
    Frobenius,
    /// z = (p + 1) / (2 lambda_max).
    LambdaMax(f64),
    /// The z that is best for a spectrum from `min` to `max`, both positive.
    Optimal {
        /// Smallest eigenvalue.
        min: f64,
        /// Largest eigenvalue.
        max: f64,
    },
}

impl Scaling {
    /// The factor z for a matrix with this Frobenius norm.
    pub fn factor(self, p: u32, frobenius: f64) -> f64 {
        let p = f64::from(p);
        match self {
            Self::Frobenius => (p + 1.0) / (2.0 * frobenius),
            Self::LambdaMax(lambda_max) => (p + 1.0) / (2.0 * lambda_max),
            Self::Optimal { min, max } if max <= min => 1.0 / min,
            Self::Optimal { min, max } => {
                let power = |x: f64, y: f64| libm::pow(x, y);
                let difference = power(max, 1.0 + 1.0 / p) - power(min, 1.0 + 1.0 / p);
                let c_to_p = difference / ((p + 1.0) * (power(max, 1.0 / p) - power(min, 1.0 / p)));
                1.0 / c_to_p
            }
        }
    }
}

/// Why the iteration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// max |M - I| reached the tolerance.
    Tolerance,
    /// max |M - I| grew or became NaN: the iterate before is the result.
    Growth,
    /// The iteration limit.
    Limit,
}

/// Numbers of workspace for an `n x n` matrix.
pub const fn workspace_len(n: usize) -> usize {
    n.saturating_mul(n).saturating_mul(6)
}

/// An iteration under way: it can be spread over many ticks or stopped between two steps.
///
/// ```
/// use shampoo_core::linalg::inverse_root::coupled_newton::{CoupledNewton, Scaling, workspace_len};
/// use shampoo_core::{kernel::Portable, mat::MatRef};
/// let a = [1.0_f64, 0.0, 0.0, 4.0];
/// let mut workspace = [0.0; workspace_len(2)];
/// let a = MatRef::new(&a, 2, 2).unwrap();
/// let mut newton = CoupledNewton::start(a, 2, Scaling::Frobenius, &mut workspace, &Portable).unwrap();
/// newton.run(1e-12, &Portable);
/// assert!((newton.root().get(1, 1).unwrap() - 0.5).abs() < 1e-12);
/// ```
#[derive(Debug)]
pub struct CoupledNewton<'w, T> {
    n: usize,
    p: u32,
    x: &'w mut [T],
    x_other: &'w mut [T],
    m: &'w mut [T],
    m_other: &'w mut [T],
    t: &'w mut [T],
    t_other: &'w mut [T],
    indicator: T,
    iterations: u32,
}

impl<'w, T: Real> CoupledNewton<'w, T> {
    /// Sets M and X up.
    ///
    /// **Shapes**: A n x n, symmetric positive definite with both triangles; workspace at least
    /// [`workspace_len`]. **Errors**: order 0, or the workspace is too short.
    pub fn start<K: Kernel<T> + ?Sized>(
        a: MatRef<'_, T>,
        p: u32,
        scaling: Scaling,
        workspace: &'w mut [T],
        kernel: &K,
    ) -> Result<Self, crate::error::RootError> {
        if p == 0 {
            return Err(UnsupportedExponent::OrderZero.into());
        }
        let n = a.nrows();
        let short = ShapeError::Length { needed: workspace_len(n), found: workspace.len() };
        let mut rest = workspace;
        let mut square = || carve(&mut rest, n.saturating_mul(n)).ok_or(short);
        let (x, x_other, m) = (square()?, square()?, square()?);
        let (m_other, t, t_other) = (square()?, square()?, square()?);
        for (i, row) in m.chunks_exact_mut(n.max(1)).enumerate() {
            row.iter_mut().zip(a.row_entries(i)).for_each(|(m, a)| *m = a);
        }
        let z = T::from_f64(scaling.factor(p, norm::norm(m, kernel).to_f64()));
        m.iter_mut().for_each(|m| *m *= z);
        x.fill(T::zero());
        add_to_diagonal(x, n, z.powf(T::one() / T::from_f64(f64::from(p))));
        let indicator = distance_from_identity(m, n);
        Ok(Self { n, p, x, x_other, m, m_other, t, t_other, indicator, iterations: 0 })
    }

    /// One iteration. **Cost**: 2 to 2 log2 p + 2 one-triangle products (p = 2: 3, p = 4: 4).
    pub fn step<K: Kernel<T> + ?Sized>(&mut self, kernel: &K) {
        self.correct(kernel);
        // T^p M by binary powering, exact for every p.
        let mut power = self.p;
        loop {
            if power & 1 == 1 {
                product(self.n, self.m_other, self.m, self.t, kernel);
                core::mem::swap(&mut self.m, &mut self.m_other);
            }
            power >>= 1;
            if power == 0 {
                break;
            }
            product(self.n, self.t_other, self.t, self.t, kernel);
            core::mem::swap(&mut self.t, &mut self.t_other);
        }
        self.indicator = distance_from_identity(self.m, self.n);
        self.iterations += 1;
    }

    /// T = ((p + 1) I - M) / p and X <- X T.
    fn correct<K: Kernel<T> + ?Sized>(&mut self, kernel: &K) {
        let order = T::from_f64(f64::from(self.p));
        let inverse = T::one() / order;
        for (t, &m) in self.t.iter_mut().zip(self.m.iter()) {
            *t = -m * inverse;
        }
        add_to_diagonal(self.t, self.n, (order + T::one()) * inverse);
        product(self.n, self.x_other, self.x, self.t, kernel);
        core::mem::swap(&mut self.x, &mut self.x_other);
    }

    /// Iterates until max |M - I| <= `tolerance`, until it grows by a factor of 1.2 (the iterate before is then
    /// *selected*: blending would let NaN poison it), or to [`MAX_ITERATIONS`].
    ///
    /// At the tolerance X is corrected once more, by one product: its error becomes the indicator's square.
    ///
    /// **Accuracy**: the indicator is not the error; certify the root.
    pub fn run<K: Kernel<T> + ?Sized>(&mut self, tolerance: T, kernel: &K) -> Stop {
        while self.iterations < MAX_ITERATIONS {
            if self.indicator <= tolerance {
                self.correct(kernel);
                return Stop::Tolerance;
            }
            let before = self.indicator;
            self.step(kernel);
            // The first step may leave the neighbourhood of 1 for (0, 1], whatever the indicator says.
            let grew = self.iterations > 1 && self.indicator > T::from_f64(GROWTH) * before;
            if grew || !self.indicator.is_finite() {
                core::mem::swap(&mut self.x, &mut self.x_other);
                self.indicator = before;
                return Stop::Growth;
            }
        }
        Stop::Limit
    }

    /// The root as it stands, both triangles.
    pub fn root(&self) -> MatRef<'_, T> {
        view(self.x, self.n)
    }

    /// max |M - I|.
    pub fn indicator(&self) -> T {
        self.indicator
    }

    /// Iterations done.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }
}

/// The usual stop: 16 u, but not below 1e-10, whose square is rounding in `f64`.
pub fn default_tolerance<T: Real>() -> T {
    T::from_f64((16.0 * T::UNIT_ROUNDOFF.to_f64()).max(1e-10))
}

fn view<T: Real>(square: &[T], n: usize) -> MatRef<'_, T> {
    MatRef::new(square, n, n).unwrap_or_else(|_| MatRef::empty())
}

fn product<T: Real, K: Kernel<T> + ?Sized>(n: usize, c: &mut [T], a: &[T], b: &[T], kernel: &K) {
    if let Ok(c) = MatMut::new(c, n, n) {
        kernel.symm_product(c, view(a, n), view(b, n));
    }
}

fn add_to_diagonal<T: Real>(square: &mut [T], n: usize, value: T) {
    square.iter_mut().step_by(n.saturating_add(1)).for_each(|x| *x += value);
}

/// max |M - I|; NaN where an entry is NaN.
fn distance_from_identity<T: Real>(m: &[T], n: usize) -> T {
    let mut largest = T::zero();
    for (i, row) in m.chunks_exact(n.max(1)).enumerate() {
        for (j, &x) in row.iter().enumerate() {
            let distance = if i == j { (x - T::one()).abs() } else { x.abs() };
            largest = if distance <= largest { largest } else { distance };
            if !largest.is_finite() {
                return largest;
            }
        }
    }
    largest
}
