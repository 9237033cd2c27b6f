//! The length of a step of rows.

use crate::diagonal::cover::{least_along, raise_along};
use crate::diagonal::{Gradient, accumulate_squares, adagrad};
use crate::error::ConfigError;
use crate::graft::length_factor;
use crate::kernel::Kernel;
use crate::scalar::{Real, check_figure};
use crate::statistics::Averaging;

/// The method whose step length rows take, with state for each row of the table or with none.
///
/// Averages would have to fade in rows that no batch touches, so squares are summed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RowGraft {
    /// No grafting: the preconditioned rows as they are. Where there is no root, the rows themselves.
    None,
    /// The rows. No state.
    Sgd,
    /// v <- v + g^2, g / (sqrt(v) + epsilon): a number for each entry of the table.
    AdaGrad {
        /// Added to the square root.
        epsilon: f64,
    },
    /// SM3-II over the rows and the columns of the table: a number for each of them. Rows that a batch does not touch
    /// would not move either in a dense step, so this is SM3 exactly.
    Sm3 {
        /// Added to the square root.
        epsilon: f64,
    },
}

impl RowGraft {
    /// Numbers of state for a table; saturates.
    pub const fn state_len(&self, vocabulary: usize, width: usize) -> usize {
        match self {
            Self::None | Self::Sgd => 0,
            Self::AdaGrad { .. } => vocabulary.saturating_mul(width),
            Self::Sm3 { .. } => vocabulary.saturating_add(width),
        }
    }

    /// Whether the state is a sum of squares, which grows without end.
    pub const fn sums_squares(&self) -> bool {
        matches!(self, Self::AdaGrad { .. } | Self::Sm3 { .. })
    }

    /// The factor that gives preconditioned rows their length; `None` where the method's own step is taken.
    pub fn factor(&self, length: f64, preconditioned_length: f64) -> Option<f64> {
        length_factor(*self != Self::None, length, preconditioned_length)
    }

    /// Refuses an epsilon that is not a number >= 0.
    ///
    /// **Errors**: [`ConfigError::Figure`].
    pub fn validate<T: Real>(&self) -> Result<(), ConfigError> {
        match *self {
            Self::None | Self::Sgd => Ok(()),
            Self::AdaGrad { epsilon } | Self::Sm3 { epsilon } => check_figure::<T>("graft epsilon", epsilon),
        }
    }

    /// Takes touched rows into `state` and writes the method's steps for a learning rate of 1.
    ///
    /// **Shapes**: `out` and `g` a row of `width` numbers for each of the `ids`, which differ from one another; `state`
    /// [`state_len`](Self::state_len) numbers, scratch 2 `width`. **Cost**: one square root and one division an entry.
    #[expect(clippy::too_many_arguments, reason = "rows and their ids, state, scratch and a kernel")]
    pub fn step<T: Real, K: Kernel<T> + ?Sized>(
        &self,
        out: &mut [T],
        g: &[T],
        ids: &[u32],
        width: usize,
        state: &mut [T],
        scratch: &mut [T],
        kernel: &K,
    ) {
        let rows = out.chunks_exact_mut(width.max(1)).zip(g.chunks_exact(width.max(1))).zip(ids);
        let rows = rows.map(|((out, g), &id)| (out, g, usize::try_from(id).unwrap_or(usize::MAX)));
        match *self {
            Self::None | Self::Sgd => out.iter_mut().zip(g).for_each(|(o, &g)| *o = g),
            Self::AdaGrad { epsilon } => {
                for (out, g, id) in rows {
                    let own = state.get_mut(id.saturating_mul(width)..).and_then(|state| state.get_mut(..width));
                    let Some(v) = own else { return };
                    adagrad::step(out, Gradient::plain(g), v, epsilon, kernel);
                }
            }
            Self::Sm3 { epsilon } => {
                let Some(of_rows) = state.len().checked_sub(width) else { return };
                let (Some((of_rows, columns)), Some((nu, next))) =
                    (state.split_at_mut_checked(of_rows), scratch.split_at_mut_checked(width))
                else {
                    return;
                };
                next.iter_mut().zip(columns.iter()).for_each(|(n, &c)| *n = c);
                for (out, g, id) in rows {
                    let Some(row) = of_rows.get_mut(id) else { return };
                    least_along(*row, columns, nu);
                    accumulate_squares(nu, g, Averaging::Sum);
                    *row = raise_along(next, nu);
                    kernel.scale_by_rsqrt(out, g, nu, T::one(), T::from_f64(epsilon));
                }
                columns.iter_mut().zip(next).for_each(|(c, &mut n)| *c = n);
            }
        }
    }
}
