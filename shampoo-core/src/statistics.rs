//! Kronecker statistics: for each mode i of a tensor G, H_i <- b2 H_i + w2 mat_i(G) mat_i(G)^T, and
//! the product of a tensor with a matrix along a mode.
//!
//! mat_i(G) has d_i rows. In row-major storage G is, for mode i, a sequence of d_i x inner matrices
//! (inner the product of the sizes after i); for the last mode it is one matrix of d_i columns.
//! For a matrix G the statistics are L = G G^T and R = G^T G. Source: \[Sh18\] algorithms 1 and 2.

mod headroom;
mod packed;
mod scale;

pub use headroom::{Headroom, largest_gradient};
pub(crate) use packed::unfolded_product;
pub use packed::{accumulate_packed, mode_product_packed, packed_times, panel_len, times_packed};

pub use scale::{TraceScaling, trace};

use crate::capacity::product;
use crate::error::ConfigError;
use crate::kernel::{Accum, Kernel};
use crate::mat::packed::rows_mut;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Stored, power_less_one};

/// How a new term enters a statistic or a second moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Averaging {
    /// AdaGrad's sum: decay 1, weight 1.
    Sum,
    /// Exponential moving average: decay b2, weight 1 - b2.
    Ema {
        /// The decay b2, in (0, 1).
        #[doc(alias = "b2")]
        beta2: f64,
    },
}

impl Averaging {
    /// Factor of the previous value.
    pub const fn decay(self) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Ema { beta2 } => beta2,
        }
    }

    /// Factor of the new term, 1 - b2 in `f64`: in `f32` it could be off by 98 %.
    pub const fn weight(self) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Ema { beta2 } => 1.0 - beta2,
        }
    }

    /// 1 / (1 - b2^t), what an average that began at 0 lacks after `terms` terms; 1 for a sum.
    pub fn bias_correction(self, terms: u64) -> f64 {
        match self {
            Self::Sum => 1.0,
            Self::Ema { beta2 } => -1.0 / power_less_one(beta2 - 1.0, terms.max(1)),
        }
    }

    /// Refuses a decay outside (0, 1), and one that is 1 in `T`: the average would become a sum.
    ///
    /// **Errors**: [`ConfigError::Beta`], [`ConfigError::BetaRoundsToOne`].
    #[inline(never)]
    pub fn validate<T: Real>(self) -> Result<(), ConfigError> {
        match self {
            Self::Ema { beta2 } if !(beta2 > 0.0 && beta2 < 1.0) => Err(ConfigError::Beta { value: beta2 }),
            Self::Ema { beta2 } if T::from_f64(beta2) == T::one() => Err(ConfigError::BetaRoundsToOne { value: beta2 }),
            _ => Ok(()),
        }
    }
}

/// Sizes before, at and after a mode.
fn split(dims: &[usize], mode: usize) -> (usize, usize, usize) {
    let before = dims.get(..mode).unwrap_or_default();
    let after = dims.get(mode + 1..).unwrap_or_default();
    (product(before), dims.get(mode).copied().unwrap_or(1), product(after))
}

/// The matrices of d_i rows that mat_i(G) consists of, side by side: one view, moved along the tensor.
#[derive(Clone, Debug)]
pub struct Unfolding<'g, T> {
    next: MatRef<'g, T>,
    step: usize,
    count: usize,
    /// Of the last mode: one matrix, transposed.
    across: bool,
}

impl<'g, T: Copy> Unfolding<'g, T> {
    /// Of a matrix, for its rows (mode 0) or its columns.
    pub(crate) fn of_matrix(matrix: MatRef<'g, T>, mode: usize) -> Self {
        let across = mode > 0;
        Self { next: if across { matrix.transpose() } else { matrix }, step: 0, count: 1, across }
    }

    /// Rows and columns of each.
    fn shape(&self) -> (usize, usize) {
        (self.next.nrows(), self.next.ncols())
    }

    /// The tensor as a matrix with the last mode along its columns, where that is the one.
    fn across(&self) -> Option<MatRef<'g, T>> {
        self.across.then(|| self.next.transpose())
    }
}

impl<'g, T: Copy> Iterator for Unfolding<'g, T> {
    type Item = MatRef<'g, T>;

    fn next(&mut self) -> Option<MatRef<'g, T>> {
        self.count = self.count.checked_sub(1)?;
        let matrix = self.next;
        if self.count > 0 {
            self.next = matrix.moved(self.step)?;
        }
        Some(matrix)
    }
}

/// The matrices of d_i rows that mat_i(G) consists of, side by side; none where `g` is too short for the first.
///
/// **Shapes**: `g` row-major of sizes `dims`.
pub fn unfolding<'g, T: Copy>(g: &'g [T], dims: &[usize], mode: usize) -> Unfolding<'g, T> {
    let (before, size, after) = split(dims, mode);
    let (nrows, ncols) = if after == 1 { (before, size) } else { (size, after) };
    match MatRef::new(g, nrows, ncols) {
        Ok(matrix) if after == 1 => Unfolding::of_matrix(matrix, 1),
        Ok(next) => Unfolding { next, step: nrows.saturating_mul(ncols), count: before, across: false },
        Err(_) => Unfolding { next: MatRef::empty(), step: 0, count: 0, across: false },
    }
}

/// Lower triangle of mat_i(G) mat_i(G)^T.
///
/// **Shapes**: `g` row-major of sizes `dims`; `square` d_i x d_i, only its lower triangle is written.
/// **Cost**: numel (d_i + 1) flops.
pub fn mode_gram<T: Real, K: Kernel<T> + ?Sized>(
    square: MatMut<'_, T>,
    g: &[T],
    dims: &[usize],
    mode: usize,
    kernel: &K,
) {
    gram_of_all(square, unfolding(g, dims, mode), kernel);
}

/// Lower triangle of the sum of A A^T over matrices A of as many rows.
fn gram_of_all<'g, T: Real, K: Kernel<T> + ?Sized>(
    mut square: MatMut<'_, T>,
    matrices: impl Iterator<Item = MatRef<'g, T>>,
    kernel: &K,
) {
    let mut accum = Accum::Replace;
    for matrix in matrices {
        kernel.gram(square.reborrow(), accum, T::one(), matrix);
        accum = Accum::Add;
    }
}

/// out <- the tensor whose mode-i unfolding is X mat_i(G), for symmetric X.
///
/// **Shapes**: `g` and `out` row-major of sizes `dims`; X d_i x d_i with both triangles.
/// **Cost**: 2 numel d_i flops.
pub fn mode_product<T: Real, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    x: MatRef<'_, T>,
    g: &[T],
    dims: &[usize],
    mode: usize,
    kernel: &K,
) {
    let (before, size, after) = split(dims, mode);
    if after == 1 {
        if let (Ok(out), Ok(g)) = (MatMut::new(out, before, size), MatRef::new(g, before, size)) {
            kernel.gemm(out, Accum::Replace, T::one(), g, x);
        }
        return;
    }
    let length = size.saturating_mul(after).max(1);
    for (out, g) in out.chunks_exact_mut(length).zip(unfolding(g, dims, mode)) {
        if let Ok(out) = MatMut::new(out, size, after) {
            kernel.gemm(out, Accum::Replace, T::one(), x, g);
        }
    }
}

/// H <- decay H + weight T, one packed triangle from the lower triangle of a square.
///
/// **Ranges**: an averaging that [`Averaging::validate`] accepts, a result in the range of `S`: nothing is checked here.
/// **Cost**: 3 flops for each of n (n + 1) / 2 numbers.
pub fn accumulate<R: Real, S: Stored<R>>(triangle: &mut [S], term: MatRef<'_, R>, averaging: Averaging) {
    for (i, row) in rows_mut(triangle).take(term.nrows()).enumerate() {
        match term.contiguous_row(i) {
            Some(terms) => take_in(row, terms.iter().copied(), averaging),
            None => take_in(row, term.row_entries(i), averaging),
        }
    }
}

/// h <- decay h + weight t, number by number.
fn take_in<R: Real, S: Stored<R>>(kept: &mut [S], terms: impl Iterator<Item = R>, averaging: Averaging) {
    let (decay, weight) = (R::from_f64(averaging.decay()), R::from_f64(averaging.weight()));
    for (h, t) in kept.iter_mut().zip(terms) {
        *h = S::store(decay * h.load() + weight * t);
    }
}
