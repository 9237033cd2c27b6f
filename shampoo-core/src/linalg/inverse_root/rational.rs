//! Inverse roots by tridiagonal form and a minimax rational function: no eigenvectors.
//!
//! A = Q T Q^T, b a Gershgorin bound of T, x^-a ~ c0 + sum_j c_j / (x + s_j) on [lower, 1]:
//! X = b^-a Q (c0 I + sum_j c_j (T/b + s_j I)^-1) Q^T. Each inverse follows from its backward pivots
//! q_i = d_i + s - e_{i+1}^2 / q_{i+1} alone: G_00 = 1/q_0, G_ij = -(e_i/q_i) G_{i-1,j} for j < i, and
//! G_ii = 1/q_i + (e_i/q_i)^2 G_{i-1,i-1}, sums of positive terms. Row i of the sum over j is a sum
//! of vectors that all earlier reflectors have transformed already, so the matrix itself is never
//! formed: one vector a pole is carried through the reflectors, O(N n^2), and only the symmetric
//! 4/3 n^3 of the back-transform remains.

use super::request::Ridge;
use super::tables::{MAX_POLES, Table};
use crate::error::ShapeError;
use crate::kernel::{Kernel, LANES, TiledTriangle, padded};
use crate::linalg::carve;
use crate::linalg::laguerre::largest_eigenvalue;
use crate::linalg::sturm::{is_positive_definite, smallest_eigenvalue};
use crate::linalg::tridiagonal::{Tridiagonal, Vectors, tridiagonalize};
use crate::scalar::Real;

/// Rounding of the eigenvalues in the tridiagonalisation, in units of u times their bound.
const ROUNDING: f64 = 8.0;

/// What is known of a rational root.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rational<T> {
    /// Largest eigenvalue, without the ridge.
    pub lambda_max: T,
    /// Smallest ridged eigenvalue, from below within a factor of 1.01; `None` below the table's interval.
    pub smallest: Option<T>,
    /// Ridge added to every eigenvalue.
    pub ridge: T,
    /// Whether X was computed.
    pub state: State,
}

/// Whether the rational function could be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All pivots were positive: X is there.
    Computed,
    /// A pivot was not: the ridged matrix is not positive definite.
    NotPositiveDefinite,
    /// An eigenvalue lies below the table's interval, more than rounding explains.
    OutOfRange,
}

/// Distance between rows of a matrix of order `n` in this module.
///
/// Rows whose distance is a multiple of 64 numbers would fall into the same few cache sets.
pub const fn row_stride(n: usize) -> usize {
    let stride = padded(n);
    if stride.is_multiple_of(64) { stride.saturating_add(8) } else { stride }
}

/// Numbers in a matrix of order `n` in this module.
pub const fn matrix_len(n: usize) -> usize {
    padded(n).saturating_mul(row_stride(n))
}

/// Numbers of workspace for order n.
pub const fn workspace_len(n: usize) -> usize {
    let vectors = padded(n).saturating_mul(4 + MAX_POLES);
    vectors.saturating_add(n.saturating_mul(3 + 2 * MAX_POLES))
}

/// Replaces the lower triangle of A by that of (A + r I)^(-1/p).
///
/// **Shapes**: A n x n as [`TiledTriangle`] of order n with stride [`row_stride`], finite, magnitudes about 1;
/// workspace at least [`workspace_len`]. **Errors**: a buffer is too short.
/// **Accuracy**: the table's error and the rounding that kappa amplifies: on log-spaced spectra up to kappa 1e6 at
/// most 5.5e-8 with `f64` inside; with `f32` 2e-3 to 2e-2 at kappa 1e6. **Cost**: 8/3 n^3 flops and 5 N n^2 for N poles.
pub fn inverse_root<T: Real, K: Kernel<T> + ?Sized>(
    a: TiledTriangle<'_, T>,
    table: &Table,
    ridge: Ridge,
    workspace: &mut [T],
    kernel: &K,
) -> Result<Rational<T>, ShapeError> {
    let TiledTriangle { data, stride, order: n } = a;
    let short = ShapeError::Length { needed: workspace_len(n), found: workspace.len() };
    let mut rest = workspace;
    let mut take = |len: usize| carve(&mut rest, len).ok_or(short);
    let wide = padded(n);
    let poles = table.shifts.len();
    let mut vectors = Vectors { v: take(wide)?, w: take(wide)?, x: take(wide)?, y: take(wide)? };
    let carried = take(wide.saturating_mul(poles))?;
    let (ratios, gains) = (take(n.saturating_mul(poles))?, take(n.saturating_mul(poles))?);
    let mut t = Tridiagonal { diagonal: take(n)?, off_diagonal: take(n)?, tau: take(n)? };
    if n == 0 {
        let zero = T::zero();
        return Ok(Rational { lambda_max: zero, smallest: None, ridge: zero, state: State::Computed });
    }

    tridiagonalize(TiledTriangle { data: &mut *data, stride, order: n }, &mut t, &mut vectors, kernel)?;
    let largest = largest_eigenvalue(t.diagonal, t.off_diagonal);
    let amount = T::from_f64(ridge.amount(largest.value.to_f64()));
    let bound = largest.bound + amount;
    let low = T::from_f64(table.lower).maximum(T::UNIT_ROUNDOFF) * bound;
    let mut found =
        Rational { lambda_max: largest.value, smallest: None, ridge: amount, state: State::NotPositiveDefinite };
    if !bound.is_finite() || bound <= T::zero() {
        return Ok(found);
    }
    let noise = T::from_f64(ROUNDING) * T::UNIT_ROUNDOFF * bound;
    if !is_positive_definite(t.diagonal, t.off_diagonal, amount - T::from_f64(table.lower) * bound + noise) {
        if is_positive_definite(t.diagonal, t.off_diagonal, amount) {
            found.state = State::OutOfRange;
        }
        return Ok(found);
    }
    if is_positive_definite(t.diagonal, t.off_diagonal, amount - low) {
        found.smallest = Some(smallest_eigenvalue(t.diagonal, t.off_diagonal, amount, low, bound));
    }
    if pivots(&t, table, amount, T::one() / bound, ratios, gains).is_none() {
        return Ok(found);
    }
    carried.fill(T::zero());
    let poles = Poles { ratios, gains, carried, count: poles, constant: T::from_f64(table.constant) };
    back_transform(TiledTriangle { data: &mut *data, stride, order: n }, t.tau, poles, &mut vectors, kernel)
        .ok_or(short)?;
    let alpha = T::from_f64(1.0 / f64::from(table.order));
    let scale = bound.powf(-alpha);
    for (i, row) in data.chunks_mut(stride.max(1)).take(n).enumerate() {
        row.iter_mut().take(i + 1).for_each(|x| *x *= scale);
    }
    found.state = State::Computed;
    Ok(found)
}

/// For every row i and pole: -e_i / q_i into `ratios`, c G_ii into `gains`. `None` where a pivot is
/// not positive.
fn pivots<T: Real>(
    t: &Tridiagonal<'_, T>,
    table: &Table,
    ridge: T,
    scale: T,
    ratios: &mut [T],
    gains: &mut [T],
) -> Option<()> {
    let poles = table.shifts.len().max(1);
    let mut inverses = [T::zero(); MAX_POLES];
    let inverses = inverses.get_mut(..poles)?;
    let mut positive = true;
    let mut e_after = T::zero();
    let rows = ratios.chunks_exact_mut(poles).zip(gains.chunks_exact_mut(poles));
    for ((ratios, gains), (&d, &e)) in rows.zip(t.diagonal.iter().zip(t.off_diagonal.iter())).rev() {
        let (d, e) = ((d + ridge) * scale, e * scale);
        let coupling = e_after * e_after;
        let outputs = ratios.iter_mut().zip(gains.iter_mut()).zip(inverses.iter_mut());
        for ((((ratio, gain), inverse), &shift), &weight) in outputs.zip(table.shifts).zip(table.weights) {
            let pivot = d + T::from_f64(shift) - coupling * *inverse;
            positive &= pivot > T::zero();
            *inverse = T::one() / pivot;
            *ratio = -e * *inverse;
            *gain = T::from_f64(weight) * *inverse;
        }
        e_after = e;
    }
    inverses.fill(T::zero());
    for (ratios, gains) in ratios.chunks_exact(poles).zip(gains.chunks_exact_mut(poles)) {
        for ((&ratio, gain), before) in ratios.iter().zip(gains).zip(inverses.iter_mut()) {
            *gain += ratio * ratio * *before;
            *before = *gain;
        }
    }
    positive.then_some(())
}

/// The tridiagonal inverses of all poles, in the form that the back-transform consumes.
struct Poles<'w, T> {
    /// n rows of `count` numbers.
    ratios: &'w [T],
    /// n rows of `count` numbers.
    gains: &'w [T],
    /// `count` rows of `padded(n)` numbers: row m of each inverse, transformed so far.
    carried: &'w mut [T],
    count: usize,
    constant: T,
}

/// Copies row m into column m, above the diagonal inside the tile.
fn complete_diagonal_tile<T: Real>(data: &mut [T], stride: usize, m: usize) -> Option<()> {
    let start = m - m % LANES;
    let (above, row) = data.split_at_mut_checked(m.checked_mul(stride)?)?;
    let column = above.get_mut(start.checked_mul(stride)?..)?.chunks_mut(stride.max(1)).filter_map(|r| r.get_mut(m));
    for (to, &x) in column.zip(row.get(start..m)?) {
        *to = x;
    }
    Some(())
}

/// Builds the rows of the sum one by one under the reflectors H_1, H_2, ... (see the top of the file).
fn back_transform<T: Real, K: Kernel<T> + ?Sized>(
    a: TiledTriangle<'_, T>,
    tau: &[T],
    poles: Poles<'_, T>,
    vectors: &mut Vectors<'_, T>,
    kernel: &K,
) -> Option<()> {
    let TiledTriangle { data, stride, order: n } = a;
    let Poles { ratios, gains, carried, count, constant } = poles;
    let (wide, count) = (padded(n).max(1), count.max(1));
    let diagonal = |gains: &[T]| gains.iter().fold(constant, |s, &g| s + g);
    vectors.clear();
    let mut rows = ratios.chunks_exact(count).zip(gains.chunks_exact(count));
    let (_, mut gains_before) = rows.next()?;
    *data.first_mut()? = diagonal(gains_before);
    for ((m, (ratios, gains)), &tau) in (1_usize..).zip(rows).zip(tau.iter().skip(1)) {
        let row = data.get_mut(m.checked_mul(stride)?..)?.get_mut(..stride)?;
        let (reflector, beyond) = vectors.x.split_at_mut_checked(m)?;
        reflector.iter_mut().zip(row.iter()).for_each(|(x, &r)| *x = r);
        beyond.fill(T::zero());
        let active = TiledTriangle { data: &mut *data, stride, order: m };
        kernel.rank_two_symv(active, vectors.v, vectors.w, vectors.x, vectors.y);

        for (z, &gain) in carried.chunks_exact_mut(wide).zip(gains_before) {
            *z.get_mut(m - 1)? = gain;
        }
        let row = data.get_mut(m.checked_mul(stride)?..)?;
        let (x, sum) = (vectors.x.get(..padded(m))?, row.get_mut(..padded(m))?);
        kernel.reflect_rows(carried, wide, ratios, tau, x, sum);
        *row.get_mut(m)? = diagonal(gains);
        complete_diagonal_tile(data, stride, m)?;
        gains_before = gains;
        vectors.queue_reflection(tau, kernel);
    }
    vectors.x.fill(T::zero());
    kernel.rank_two_symv(TiledTriangle { data, stride, order: n }, vectors.v, vectors.w, vectors.x, vectors.y);
    Some(())
}
