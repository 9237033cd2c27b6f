//! How long the buffers of one parameter are: in constant expressions, and checked at run time.

use crate::block::work_len_of;
use crate::capacity::product;
use crate::config::Config;
use crate::error::{ConfigError, ShapeError};
use crate::linalg::inverse_root::drift::is_measured;
use crate::linalg::inverse_root::{Request, inverse_root_workspace_len};
use crate::mat::packed::packed_len;
use crate::momentum::Buffers;
use crate::partition::{Cut, Partition, merge_small_dims, merged};
use crate::scalar::Precision;
use crate::schedule::Mode;

/// Lengths of the buffers of one parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Lengths {
    /// Entries of the parameter; also of a direction and of an update.
    pub numel: usize,
    /// Numbers of statistics, and as many of roots: packed triangles, block after block.
    pub statistics: usize,
    /// Slots, one a factor.
    pub slots: usize,
    /// Numbers of the graft's state.
    pub graft: usize,
    /// Numbers of momentum: as many as entries for every buffer of [`Config::buffer_count`].
    pub momentum: usize,
    /// Numbers of workspace in the working type.
    pub work: usize,
    /// Numbers of workspace in the type of the roots.
    pub root: usize,
}

/// How a parameter of this shape is cut under these settings, which [`lengths`] checks.
///
/// **Errors**: [`ConfigError`] for a shape that is too large, and for a root that its factors cannot have.
///
/// ```
/// use shampoo_core::{config::Config, tensor::partition};
/// let partition = partition(&[3, 3, 200, 128], &Config::DEFAULT)?;
/// assert_eq!((&**partition.dims(), partition.block_count()), (&[9, 200, 128][..], 2));
/// # Ok::<(), shampoo_core::error::ConfigError>(())
/// ```
pub fn partition(shape: &[usize], config: &Config) -> Result<Partition, ConfigError> {
    if shape.iter().all(|&d| d > 0) && product(shape) == usize::MAX {
        return Err(ShapeError::TooLarge.into());
    }
    let dims = merge_small_dims(shape, config.merge_limit, config.merge)?;
    let largest = config.largest_dim();
    let (vectors, sides) = (config.precondition_vectors, config.sides);
    let partition = Partition::new(dims, config.block_size, largest, vectors, sides)?;
    if partition.factor_count() > 0 {
        let request = config.request(partition.factors_per_block());
        request.validate()?;
        let adaptive = matches!(config.schedule.mode, Mode::Adaptive(_));
        if adaptive && !is_measured(request.exponent, request.ridge) {
            return Err(ConfigError::Unsupported { field: "mode" });
        }
    }
    Ok(partition)
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The merged shape, cut; of too many dimensions there is none.
macro_rules! with_cut {
    ($shape:expr, $config:expr, $default:expr, |$cut:ident| $value:expr) => {{
        let config: &Config = $config;
        match merged($shape, config.merge_limit, config.merge) {
            None => $default,
            Some(dims) => {
                let (vectors, sides) = (config.precondition_vectors, config.sides);
                let $cut = Cut::new(dims.as_slice(), config.block_size, config.largest_dim(), vectors, sides);
                $value
            }
        }
    }};
}

impl Lengths {
    /// Where a shape has too many dimensions.
    const SATURATED: Self = Self {
        numel: usize::MAX,
        statistics: usize::MAX,
        slots: usize::MAX,
        graft: usize::MAX,
        momentum: usize::MAX,
        work: usize::MAX,
        root: usize::MAX,
    };

    /// As [`lengths`] in constant expressions: nothing is refused, and what overflows is `usize::MAX`.
    ///
    /// ```
    /// use shampoo_core::{config::Config, tensor::Lengths};
    /// const NEED: Lengths = Lengths::of(&[64, 32], &Config::DEFAULT);
    /// static ROOTS: [f32; NEED.statistics] = [0.0; NEED.statistics];
    /// assert_eq!(ROOTS.len(), 64 * 65 / 2 + 32 * 33 / 2);
    /// ```
    pub const fn of(shape: &[usize], config: &Config) -> Self {
        with_cut!(shape, config, Self::SATURATED, |cut| Self::of_cut(cut, config))
    }

    pub(super) const fn of_cut(cut: Cut<'_>, config: &Config) -> Self {
        let numel = product(cut.dims);
        if numel == 0 {
            return Self { numel, statistics: 0, slots: 0, graft: 0, momentum: 0, work: 0, root: 0 };
        }
        let row = match (config.momentum.buffers, cut.dims) {
            (Buffers::Two, [.., last]) => *last,
            (Buffers::Two, []) => 1,
            (Buffers::One, _) => 0,
        };
        let order = cut.largest_order();
        let scratch = larger(config.graft.scratch_len(cut.dims, config.normalize_graft), row);
        Self {
            numel,
            statistics: cut.statistics_len(),
            slots: cut.factor_count(),
            graft: config.graft.state_len(cut.dims),
            momentum: numel.saturating_mul(config.buffer_count()),
            work: larger(work_len_of(cut, config.packed_products), scratch),
            root: if order == 0 { 0 } else { inverse_root_workspace_len(order) },
        }
    }

    /// Numbers of state in all, whatever their type: statistics, roots, the graft's and momentum; saturates.
    pub const fn state(&self) -> usize {
        let statistics = self.statistics.saturating_mul(2);
        statistics.saturating_add(self.graft).saturating_add(self.momentum)
    }

    /// Bytes of that state; saturates.
    pub const fn state_bytes<P: Precision>(&self) -> usize {
        let stored = self.statistics.saturating_mul(2).saturating_mul(size_of::<P::Store>());
        stored.saturating_add(self.graft.saturating_add(self.momentum).saturating_mul(size_of::<P::Work>()))
    }
}

/// Numbers of state of a parameter of this shape: statistics, roots, the graft's and momentum; saturates.
///
/// ```
/// use shampoo_core::{config::Config, tensor::state_len};
/// const CONFIG: Config = Config::DEFAULT;
/// const LEN: usize = state_len(&[64, 32], CONFIG);
/// assert_eq!(LEN, 2 * (2080 + 528) + 2 * 64 * 32);
/// // Sizes that wrap to 0 on a target of 32 bits: never a small number.
/// const _: () = assert!(state_len(&[65536, 65536], CONFIG) > 65536 * 65535);
/// ```
pub const fn state_len(shape: &[usize], config: Config) -> usize {
    Lengths::of(shape, &config).state()
}

/// Bytes of that state in a precision; saturates.
///
/// ```
/// use shampoo_core::{config::Config, scalar::{Bf16x2Store, F32}, tensor::state_bytes};
/// const BYTES: usize = state_bytes::<F32>(&[64, 32], Config::DEFAULT);
/// assert_eq!(BYTES, 4 * (2 * (2080 + 528) + 2 * 64 * 32));
/// assert_eq!(state_bytes::<Bf16x2Store>(&[64, 32], Config::DEFAULT), BYTES);
/// ```
pub const fn state_bytes<P: Precision>(shape: &[usize], config: Config) -> usize {
    Lengths::of(shape, &config).state_bytes::<P>()
}

/// Sizes whose square wraps to 0 on a target of 32 bits: what needs that much is never a small number.
const _: () = {
    assert!(packed_len(65536) == 32768 * 65537);
    assert!(inverse_root_workspace_len(65536) >= 65536 * 65535);
    assert!(state_len(&[65536, 65536], Config::DEFAULT) >= 65536 * 65535);
};

/// Order of the largest factor of a parameter of this shape; 0 without any, `usize::MAX` for too many dimensions.
///
/// ```
/// use shampoo_core::{config::Config, tensor::largest_order};
/// const CONFIG: Config = Config { block_size: 32, ..Config::DEFAULT };
/// const ORDER: usize = largest_order(&[64, 16], &CONFIG);
/// assert_eq!(ORDER, 32);
/// ```
pub const fn largest_order(shape: &[usize], config: &Config) -> usize {
    with_cut!(shape, config, usize::MAX, |cut| if product(cut.dims) == 0 { 0 } else { cut.largest_order() })
}

/// The root that its factors ask for, where they are not scaled.
pub(crate) const fn request(shape: &[usize], config: &Config) -> Request {
    config.request(with_cut!(shape, config, 0, |cut| cut.factors_per_block()))
}

/// Refuses lengths that have saturated.
pub(super) fn addressable(need: Lengths) -> Result<Lengths, ConfigError> {
    let lengths = [need.numel, need.statistics, need.slots, need.graft, need.momentum, need.work, need.root];
    if lengths.contains(&usize::MAX) { Err(ShapeError::TooLarge.into()) } else { Ok(need) }
}

/// Buffer lengths of a parameter of this shape.
///
/// **Errors**: [`ConfigError`] for settings or shapes that cannot work.
pub fn lengths<P: Precision>(shape: &[usize], config: &Config) -> Result<Lengths, ConfigError> {
    config.validate::<P>()?;
    addressable(Lengths::of_cut(partition(shape, config)?.cut(), config))
}
