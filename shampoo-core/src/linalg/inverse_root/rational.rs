//! Inverse roots by tridiagonal form and a minimax rational function: no eigenvectors.
//!
//! A = Q T Q^T, b a Gershgorin bound of T, x^-a ~ c0 + sum_j c_j / (x + s_j) on [lower, 1]:
//! X = b^-a Q (c0 I + sum_j c_j (T/b + s_j I)^-1) Q^T. Each inverse follows from its backward pivots
//! q_i = d_i + s - e_{i+1}^2 / q_{i+1} alone: G_00 = 1/q_0, G_ij = -(e_i/q_i) G_{i-1,j} for j < i, and
//! G_ii = 1/q_i + (e_i/q_i)^2 G_{i-1,i-1}, sums of positive terms. Row i of the sum over j is a sum
//! of vectors that all earlier reflectors have transformed already, so the matrix itself is never
//! formed: one vector a pole is carried through the reflectors, O(N n^2), and only the symmetric
//! 4/3 n^3 of the back-transform remains.

use super::Progress;
use super::request::Ridge;
use super::tables::Table;
use crate::error::ShapeError;
use crate::kernel::{Kernel, Poles, Terms, TiledTriangle, Tridiagonal, back_transform, tridiagonal};
use crate::linalg::laguerre::{Descent, Largest};
use crate::linalg::sturm::{are_positive_definite, smallest_eigenvalue};
use crate::linalg::{carve, flops};
use crate::scalar::{Real, inverse_radical, padded};

/// Rounding of the eigenvalues in the tridiagonalisation, in units of u times their bound.
const ROUNDING: f64 = 8.0;

/// From this order on the certificate can do with a coarser back-transform: its residual weighs rounding by kappa^(1/p).
const COARSE_ORDER: u32 = 3;

/// What is known of a rational root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spectrum<T> {
    /// Largest eigenvalue, without the ridge.
    pub lambda_max: T,
    /// Gershgorin's bound of the ridged eigenvalues.
    pub bound: T,
    /// Ridge added to every eigenvalue.
    pub ridge: T,
    /// Whether X can be computed.
    pub state: State,
}

/// Whether the rational function can be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All pivots are positive.
    Definite,
    /// A pivot is not: the ridged matrix is not positive definite.
    NotPositiveDefinite,
    /// An eigenvalue lies below the table's interval, more than rounding explains.
    OutOfRange,
}

/// Distance between rows of a matrix of order `n` in this module.
///
/// Rows whose distance is a multiple of 64 numbers would fall into the same few cache sets.
#[inline(never)]
pub const fn row_stride(n: usize) -> usize {
    let stride = padded(n);
    if stride.is_multiple_of(64) { stride.saturating_add(8) } else { stride }
}

/// Numbers in a matrix of order `n` in this module.
pub const fn matrix_len(n: usize) -> usize {
    padded(n).saturating_mul(row_stride(n))
}

/// Numbers of workspace for order n and so many poles; saturates.
pub const fn workspace_len(n: usize, poles: usize) -> usize {
    let vectors = padded(n).saturating_mul(tridiagonal::VECTORS);
    let rows = n.saturating_mul(padded(poles)).saturating_mul(2);
    let carried = back_transform::carried_len(n, poles);
    vectors.saturating_add(rows).saturating_add(carried).saturating_add(padded(n).saturating_mul(3))
}

/// The next thing to do.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage<T> {
    /// So many rows are left to eliminate.
    Reduce(usize),
    /// The largest eigenvalue is looked for from above the spectrum.
    Bound,
    Largest(Descent<T>),
    /// Ridge and pivots.
    Pivots(Largest<T>),
    /// This row of the back-transform.
    Transform(usize),
    Done,
}

/// A rational root under way: it can be spread over many calls or stopped between two of them.
///
/// The state is small; matrix and workspace are passed to every call, untouched between them.
///
/// ```
/// use shampoo_core::kernel::{Portable, TiledTriangle};
/// use shampoo_core::linalg::inverse_root::rational::{Rational, matrix_len, row_stride, workspace_len};
/// use shampoo_core::linalg::inverse_root::{Progress, Ridge, tables::table};
/// let fourth = table(4).unwrap();
/// let (mut a, mut workspace) = ([0.0_f64; matrix_len(2)], [0.0; workspace_len(2, 16)]);
/// (a[0], a[row_stride(2) + 1]) = (16.0, 1.0);
/// let mut root = Rational::start(2, fourth, Ridge::Absolute(0.0));
/// loop {
///     let triangle = TiledTriangle { data: &mut a, stride: row_stride(2), order: 2 };
///     if root.step(triangle, &mut workspace, &Portable)? == Progress::Done {
///         break;
///     }
/// }
/// assert!((a[0] - 0.5).abs() < 1e-7 && (a[row_stride(2) + 1] - 1.0).abs() < 1e-7);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rational<T> {
    n: usize,
    table: &'static Table,
    ridge: Ridge,
    stage: Stage<T>,
    coarse: bool,
    /// b^-alpha for Gershgorin's bound b of the ridged matrix: what the function of T / b is multiplied by.
    scale: T,
    spectrum: Spectrum<T>,
}

impl<T: Real> Rational<T> {
    /// A root to be computed: (A + r I)^(-1/p) for the table's p.
    pub fn start(n: usize, table: &'static Table, ridge: Ridge) -> Self {
        let zero = T::zero();
        let spectrum = Spectrum { lambda_max: zero, bound: zero, ridge: zero, state: State::Definite };
        let stage = if n == 0 { Stage::Done } else { Stage::Reduce(n) };
        Self { n, table, ridge, stage, coarse: table.order() >= COARSE_ORDER, scale: T::one(), spectrum }
    }

    /// With the back-transform in the arithmetic of all the rest, where a coarser one would do by default.
    #[must_use]
    pub fn precise(self) -> Self {
        Self { coarse: false, ..self }
    }

    /// One row, an iteration towards the largest eigenvalue, or the pivots: at most about 4 n^2 flops and 6 n flops a
    /// pole, or n divisions a pole.
    ///
    /// **Errors**: a buffer is too short.
    pub fn step<K: Kernel<T> + ?Sized>(
        &mut self,
        a: TiledTriangle<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<Progress, ShapeError> {
        self.advance(a, workspace, kernel, 1)
    }

    /// All that is left: replaces the lower triangle of A by that of (A + r I)^(-1/p).
    ///
    /// Where [`Spectrum::state`] is not [`State::Definite`] nothing useful is in A.
    ///
    /// **Shapes**: A n x n as [`TiledTriangle`] of order n with stride [`row_stride`], its diagonal tiles complete,
    /// finite, magnitudes about 1; workspace at least [`workspace_len`]. **Errors**: a buffer is too short.
    /// **Accuracy**: the table's error and the rounding that kappa amplifies: on log-spaced spectra up to kappa 1e6 at
    /// most 9e-8 with `f64` inside; with `f32` 2e-3 to 2e-2 at kappa 1e6. **Cost**: 8/3 n^3 flops and 5 N n^2 for
    /// N poles.
    pub fn run<K: Kernel<T> + ?Sized>(
        &mut self,
        a: TiledTriangle<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<(), ShapeError> {
        let all = self.n.saturating_add(1);
        loop {
            let triangle = TiledTriangle { data: &mut *a.data, ..a };
            if self.advance(triangle, workspace, kernel, all)? == Progress::Done {
                return Ok(());
            }
        }
    }

    /// What is known once the pivots are computed.
    pub fn spectrum(&self) -> Spectrum<T> {
        self.spectrum
    }

    /// Smallest ridged eigenvalue of the computed tridiagonal form, from below within a factor of 1.01 (that of the
    /// matrix is within a few unit roundoffs of the bound); `None` below the table's interval or, in narrow
    /// types, below a unit roundoff of the largest. The workspace is that of the root, which must be computed.
    ///
    /// **Errors**: the workspace is too short.
    pub fn smallest_eigenvalue(&self, workspace: &mut [T]) -> Result<Option<T>, ShapeError> {
        let t = parts(self.n, self.table.poles().len(), workspace)?.t;
        let Spectrum { bound, ridge, .. } = self.spectrum;
        let low = T::from_f64(self.table.lower()).maximum(T::UNIT_ROUNDOFF) * bound;
        Ok(smallest_eigenvalue(t.diagonal, t.off_diagonal, ridge, low, bound))
    }

    /// Flops of the next step at most, see [`Job::next_flops`](super::Job::next_flops).
    pub(super) fn next_flops(&self) -> u64 {
        match self.stage {
            Stage::Reduce(left) => flops::reduce(left.saturating_sub(1)),
            Stage::Bound | Stage::Largest(_) => flops::laguerre(self.n),
            Stage::Pivots(_) => flops::pivots(self.n),
            Stage::Transform(row) => {
                let last = if row >= self.n { flops::smallest(self.n) } else { 0 };
                flops::transform(row, self.table.poles().len()).saturating_add(last)
            }
            Stage::Done => 0,
        }
    }

    /// Up to `rows` rows of the stage.
    fn advance<K: Kernel<T> + ?Sized>(
        &mut self,
        a: TiledTriangle<'_, T>,
        workspace: &mut [T],
        kernel: &K,
        rows: usize,
    ) -> Result<Progress, ShapeError> {
        let (n, poles) = (self.n, self.table.poles().len());
        let matrix = ShapeError::Length { needed: matrix_len(n), found: a.data.len() };
        if a.data.len() < matrix_len(n) || a.stride != row_stride(n) || a.order != n {
            return Err(matrix);
        }
        let Parts { vectors, carried, ratios, gains, t } = parts(n, poles, workspace)?;
        self.stage = match self.stage {
            Stage::Reduce(left) => {
                let remaining = left.saturating_sub(rows);
                kernel.tridiagonalize(a, t, vectors, remaining..left);
                if remaining == 0 { Stage::Bound } else { Stage::Reduce(remaining) }
            }
            Stage::Bound => Stage::Largest(Descent::start(t.diagonal, t.off_diagonal)),
            Stage::Largest(mut descent) => {
                let mut steps = 0..rows;
                let mut progress = Progress::Working;
                while progress == Progress::Working && steps.next().is_some() {
                    progress = descent.step(t.diagonal, t.off_diagonal);
                }
                if progress == Progress::Done { Stage::Pivots(descent.largest()) } else { Stage::Largest(descent) }
            }
            Stage::Pivots(largest) => {
                self.pivots(largest, &t, ratios, gains, kernel);
                if self.spectrum.state == State::Definite { Stage::Transform(0) } else { Stage::Done }
            }
            Stage::Transform(row) => {
                let end = row.saturating_add(rows).min(n + 1);
                let constant = T::from_f64(self.table.constant()) * self.scale;
                let poles = Poles { ratios, gains, carried, count: poles, coarse: self.coarse, constant };
                kernel.back_transform(a, t.tau, poles, vectors, row..end);
                if end > n { Stage::Done } else { Stage::Transform(end) }
            }
            Stage::Done => Stage::Done,
        };
        Ok(if self.stage == Stage::Done { Progress::Done } else { Progress::Working })
    }

    /// The ridge, and what the back-transform needs of the inverses. Not part of its caller, whose stack is still there
    /// under the other passes.
    #[inline(never)]
    fn pivots<K: Kernel<T> + ?Sized>(
        &mut self,
        largest: Largest<T>,
        t: &Tridiagonal<'_, T>,
        ratios: &mut [T],
        gains: &mut [T],
        kernel: &K,
    ) {
        let amount = T::from_f64(self.ridge.amount(largest.value.to_f64()));
        let bound = largest.bound + amount;
        let found = &mut self.spectrum;
        (found.lambda_max, found.ridge, found.state) = (largest.value, amount, State::NotPositiveDefinite);
        if !bound.is_finite() || bound <= T::zero() {
            return;
        }
        found.bound = bound;
        self.scale = inverse_radical(bound, self.table.order());
        let lower = T::from_f64(self.table.lower());
        let noise = T::from_f64(ROUNDING) * T::UNIT_ROUNDOFF * bound;
        let (within, definite) = (amount - lower * bound + noise, amount);
        let shifts = [within, within, within, within, definite, definite, definite, definite];
        let [within, .., definite] = are_positive_definite(t.diagonal, t.off_diagonal, shifts);
        if !within {
            if definite {
                found.state = State::OutOfRange;
            }
            return;
        }
        let Some(terms) = Terms::new(self.table.poles(), self.scale) else { return };
        if kernel.tridiagonal_inverses(t, (amount, T::one() / bound), &terms, ratios, gains) {
            self.spectrum.state = State::Definite;
        }
    }
}

/// The workspace of a rational root.
struct Parts<'w, T> {
    vectors: &'w mut [T],
    carried: &'w mut [T],
    ratios: &'w mut [T],
    gains: &'w mut [T],
    t: Tridiagonal<'w, T>,
}

/// Cuts the workspace; every part begins at a whole tile.
fn parts<T>(n: usize, poles: usize, workspace: &mut [T]) -> Result<Parts<'_, T>, ShapeError> {
    let short = ShapeError::Length { needed: workspace_len(n, poles), found: workspace.len() };
    let mut rest = workspace;
    let mut take = |len: usize| carve(&mut rest, len).ok_or(short);
    let vectors = take(padded(n).saturating_mul(tridiagonal::VECTORS))?;
    let carried = take(back_transform::carried_len(n, poles))?;
    let row = n.saturating_mul(padded(poles));
    let (ratios, gains) = (take(row)?, take(row)?);
    let mut t = || take(padded(n))?.get_mut(..n).ok_or(short);
    let t = Tridiagonal { diagonal: t()?, off_diagonal: t()?, tau: t()? };
    Ok(Parts { vectors, carried, ratios, gains, t })
}
