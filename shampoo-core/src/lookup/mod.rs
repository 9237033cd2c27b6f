//! A table of which a batch reads rows: an embedding, one-sided Shampoo, cost and traffic by the batch alone.
//!
//! A batch brings ids and, for each, the gradient row at what was looked up. Rows of equal id are summed first, so that
//! with U the sums R <- b2 R + w2 U^T U is what the table's whole gradient would give; touched rows step along
//! dW_i = g_i R^{-1/2}. The others are not touched, nor is their state, if the graft keeps any.
//!
//! Momentum is not kept: it would move rows that no batch touches, or be stale where one does at last. Weight decay pulls
//! touched rows only, and so a rare row less than a frequent one.

mod graft;
mod layout;
mod rows;
mod step;

pub use graft::RowGraft;
pub use layout::{Lengths, lengths};
pub use rows::sum_rows;

use core::marker::PhantomData;

use crate::block::Refresh;
use crate::config::{Config, WeightDecay};
use crate::error::{ConfigError, RowsError, ShapeError};
use crate::linalg::norm::{first_non_finite, max_abs};
use crate::mat::packed::fill_diagonals;
use crate::momentum::{Filter, Momentum};
use crate::partition::Partition;
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::{Mode, Slot};
use crate::statistics::{Averaging, Headroom};

/// Scratch of a step; contents do not matter between calls.
#[derive(Debug)]
pub struct Workspace<'w, P: Precision> {
    /// [`Lengths::batch`] words.
    pub keys: &'w mut [u64],
    /// The summed rows, [`Lengths::rows`] numbers.
    pub sums: &'w mut [P::Work],
    /// The preconditioned rows, [`Lengths::rows`] numbers.
    pub direction: &'w mut [P::Work],
    /// [`Lengths::work`] numbers.
    pub work: &'w mut [P::Work],
    /// [`Lengths::root`] numbers.
    pub root: &'w mut [P::Root],
}

/// What is to be added to the table.
#[derive(Debug)]
pub struct Update<'u, T> {
    /// Begins with the ids of the touched rows, ascending; [`Lengths::batch`] numbers.
    pub ids: &'u mut [u32],
    /// Begins with what is to be added to each of them; [`Lengths::rows`] numbers.
    pub rows: &'u mut [T],
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Touched {
    /// Different ids in the batch: rows of the update.
    pub rows: usize,
    /// Roots.
    pub refresh: Refresh,
}

/// The state of a table over buffers of any kind: arrays, `&'static mut [T]`, `Vec`, `Box<[T]>`.
///
/// Of the settings these are not read: the merging and its limit, sides, whether vectors are preconditioned (rows are),
/// packed products, the graft, whether it is normalised and its scope (lengths are those of all touched rows), momentum and
/// filter (they are set to none). Decay in the gradient is refused. Columns are cut at `block_size`, each
/// piece with an R of its own; a table wider than `max_preconditioned_dim` is not preconditioned. The root is of order 2
/// unless the exponent is overridden.
///
/// ```
/// use shampoo_core::config::Config;
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::lookup::{Lookup, RowGraft, Update, Workspace, lengths};
/// use shampoo_core::scalar::F32;
/// use shampoo_core::schedule::Slot;
///
/// const CONFIG: Config = Config::DEFAULT;
/// let need = const { lengths(4_000_000_000, 2, 3, &CONFIG, RowGraft::Sgd) };
/// assert_eq!((need.statistics, need.slots, need.graft, need.rows), (3, 1, 0, 6));
/// let mut table =
///     Lookup::<F32, _, _, _>::new(4_000_000_000, 2, CONFIG, RowGraft::Sgd, [0.0; 3], [0.0; 3], [], [Slot::EMPTY; 1])?;
/// let mut root = [0.0; const { lengths(4_000_000_000, 2, 3, &CONFIG, RowGraft::Sgd).root }];
/// let (mut keys, mut sums, mut direction, mut work) = ([0; 3], [0.0; 6], [0.0; 6], [0.0; 4]);
/// let mut workspace = Workspace {
///     keys: &mut keys, sums: &mut sums, direction: &mut direction, work: &mut work, root: &mut root
/// };
/// let (mut ids, mut rows) = ([0; 3], [0.0; 6]);
/// let mut update = Update { ids: &mut ids, rows: &mut rows };
/// let gradient = [1.0, 0.0, 0.0, 2.0, 1.0, 0.0];
/// let done = table.step(&[7, 3_999_999_999, 7], &gradient, &[], 0.1, &mut update, &mut workspace, &Portable)?;
/// assert_eq!((done.rows, &ids[..2]), (2, &[7, 3_999_999_999][..]));
/// assert!(rows[0] < 0.0 && rows[1] == 0.0 && rows[3] < 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lookup<P: Precision, S, W, B> {
    vocabulary: usize,
    width: usize,
    /// The pieces of a row, a vector that is preconditioned.
    columns: Partition,
    config: Config,
    graft: RowGraft,
    statistics: S,
    roots: S,
    state: W,
    slots: B,
    count: u64,
    /// Of every sum of squares.
    headroom: Headroom,
    precision: PhantomData<P>,
}

impl<P: Precision, S, W, B> Lookup<P, S, W, B>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// The state of a table before its first gradient; the buffers are overwritten.
    ///
    /// **Shapes**: buffers of exactly the lengths that [`lengths`] returns.
    /// **Errors**: [`ConfigError`], also for a buffer of another length.
    #[expect(clippy::too_many_arguments, reason = "a shape, settings, and a buffer for each part of the state")]
    pub fn new(
        vocabulary: usize,
        width: usize,
        config: Config,
        graft: RowGraft,
        mut statistics: S,
        mut roots: S,
        mut state: W,
        mut slots: B,
    ) -> Result<Self, ConfigError> {
        config.validate::<P>()?;
        graft.validate::<P::Work>()?;
        if let WeightDecay::Gradient(_) = config.weight_decay {
            return Err(ConfigError::Unsupported { field: "decay in the gradient" });
        }
        if config.schedule.mode != Mode::Sync {
            return Err(ConfigError::Unsupported { field: "mode" });
        }
        let config = Config { momentum: Momentum::NONE, filter: Filter::NONE, ..config };
        let columns = layout::columns(width, &config)?;
        if columns.factor_count() > 0 {
            config.request(1).validate()?;
        }
        let need = lengths(vocabulary, width, 1, &config, graft);
        for (needed, found) in [
            (need.statistics, statistics.as_ref().len()),
            (need.statistics, roots.as_ref().len()),
            (need.graft, state.as_ref().len()),
            (need.slots, slots.as_ref().len()),
        ] {
            if needed == usize::MAX {
                return Err(ShapeError::TooLarge.into());
            }
            if needed != found {
                return Err(ShapeError::Length { needed, found }.into());
            }
        }
        let zero = <P::Work as num_traits::Zero>::zero();
        roots.as_mut().fill(P::Store::store(zero));
        state.as_mut().fill(zero);
        slots.as_mut().fill(Slot::EMPTY);
        let initial = P::Work::from_f64(config.initial_statistics);
        fill_diagonals(statistics.as_mut(), layout::pieces(&columns).map(|piece| piece.len()), initial);
        let headroom = Headroom::within::<P>(config.initial_statistics);
        let (count, precision) = (0, PhantomData);
        Ok(Self {
            vocabulary,
            width,
            columns,
            config,
            graft,
            statistics,
            roots,
            state,
            slots,
            count,
            headroom,
            precision,
        })
    }

    /// Buffer lengths, for batches of at most so many ids.
    pub fn lengths(&self, batch: usize) -> Lengths {
        lengths(self.vocabulary, self.width, batch, &self.config, self.graft)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Batches taken so far, empty ones not counted: the number of the next step.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Packed statistics, one triangle for each piece of the columns.
    pub fn statistics(&self) -> &[P::Store] {
        self.statistics.as_ref()
    }

    /// Packed roots; those without a stamp in their slot are not meaningful.
    pub fn roots(&self) -> &[P::Store] {
        self.roots.as_ref()
    }

    /// State of the graft.
    pub fn graft_state(&self) -> &[P::Work] {
        self.state.as_ref()
    }

    /// Slots, one for each piece of the columns.
    pub fn slots(&self) -> &[Slot] {
        self.slots.as_ref()
    }

    /// Looks at every id and number of a batch before anything is written.
    ///
    /// **Errors**: another length, an id outside the table, NaN or infinity, or a magnitude above sqrt(MAX / 4) / b of
    /// the stored type: b rows of one id could carry a sum of squares out of range. Where squares are summed, the same
    /// against what is left of the range.
    pub fn check(&self, ids: &[u32], rows: &[P::Work]) -> Result<(), RowsError> {
        rows::check_lengths(ids, rows, self.width)?;
        let inside = |id: u32| usize::try_from(id).is_ok_and(|id| id < self.vocabulary);
        if let Some((index, &id)) = ids.iter().enumerate().find(|&(_, &id)| !inside(id)) {
            return Err(RowsError::Id { index, id });
        }
        if let Some(at) = first_non_finite(rows) {
            let (row, column) = (at.checked_div(self.width), at.checked_rem(self.width));
            return Err(RowsError::NonFinite { row: row.unwrap_or(0), column: column.unwrap_or(0) });
        }
        let value = max_abs(rows).to_f64();
        let limit = self.headroom.magnitude(squares_of(ids));
        if value > limit { Err(RowsError::TooLarge { value, limit }) } else { Ok(()) }
    }

    /// Whether squares are summed without end, in the statistics or in the graft.
    fn sums(&self) -> bool {
        let in_statistics = self.config.averaging == Averaging::Sum && self.columns.factors_per_block() > 0;
        in_statistics || self.graft.sums_squares()
    }
}

/// Squares of a batch's largest number that a sum may take in: those of b rows of one id, (b g)^2.
fn squares_of(ids: &[u32]) -> f64 {
    let b = ids.len().max(1) as f64;
    b * b
}
