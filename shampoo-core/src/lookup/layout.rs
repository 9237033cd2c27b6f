//! Lengths of the buffers of a table.

use core::ops::Range;

use crate::capacity::Dims;
use crate::config::Config;
use crate::error::ConfigError;
use crate::linalg::inverse_root::inverse_root_workspace_len;
use crate::lookup::RowGraft;
use crate::partition::{Cut, Partition, Sides};

/// Lengths of the buffers of a table and of its steps; only that of the graft may depend on the vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lengths {
    /// Numbers of statistics, and as many of roots: packed triangles, one a piece of the columns.
    pub statistics: usize,
    /// Slots, one a piece.
    pub slots: usize,
    /// Numbers of the graft's state.
    pub graft: usize,
    /// Ids of the largest batch; also keys, and ids of an update.
    pub batch: usize,
    /// Numbers of the rows of a batch, of an update and of directions.
    pub rows: usize,
    /// Numbers of workspace in the working type.
    pub work: usize,
    /// Numbers of workspace in the type of the roots.
    pub root: usize,
}

/// Buffer lengths for a table of `vocabulary` rows of `width` numbers and batches of at most `batch` ids; saturates.
///
/// A program's arrays can be as long as that: `[0.0; lengths(..).root]` in a `const`.
pub const fn lengths(vocabulary: usize, width: usize, batch: usize, config: &Config, graft: RowGraft) -> Lengths {
    let dims = [width];
    let cut = Cut::new(&dims, config.block_size, config.largest_dim(), true, Sides::All);
    let order = cut.largest_order();
    let square = order.saturating_mul(order);
    let rows = width.saturating_mul(2);
    Lengths {
        statistics: cut.statistics_len(),
        slots: cut.factor_count(),
        graft: graft.state_len(vocabulary, width),
        batch,
        rows: batch.saturating_mul(width),
        work: if square > rows { square } else { rows },
        root: if order == 0 { 0 } else { inverse_root_workspace_len(order) },
    }
}

/// A row as a vector that is cut and preconditioned.
pub(super) fn columns(width: usize, config: &Config) -> Result<Partition, ConfigError> {
    Partition::new(Dims::from_slice(&[width])?, config.block_size, config.largest_dim(), true, Sides::All)
}

/// The columns of each statistic, in order.
pub(super) fn pieces(columns: &Partition) -> impl Iterator<Item = Range<usize>> + '_ {
    columns.factors(0..columns.factor_count()).map(|piece| {
        let start = piece.block.start.first().copied().unwrap_or(0);
        start..start.saturating_add(piece.order)
    })
}
