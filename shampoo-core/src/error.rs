//! One small `Copy` error for each operation, with the index and the figure that failed.
//!
//! Names of parameters are unknown here; the runtime adds them.

use core::fmt;

/// A buffer, view or shape does not fit.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ShapeError {
    /// A buffer holds fewer (or, for state, other than) the numbers that it must hold.
    Length {
        /// Numbers needed.
        needed: usize,
        /// Numbers found.
        found: usize,
    },
    /// A shape has more dimensions than [`MAX_RANK`](crate::capacity::MAX_RANK).
    Rank {
        /// Dimensions of the shape.
        rank: usize,
        /// Dimensions at most.
        capacity: usize,
    },
    /// The number of entries exceeds `usize`.
    TooLarge,
}

/// A configuration is refused when a tensor is built, before anything is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// `block_size` is 0 (`usize::MAX` is legal: one block).
    BlockSizeZero,
    /// A period in steps is 0.
    PeriodZero,
    /// Settings other than those of the type, see [`Fixed`](crate::fixed::Fixed).
    NotFixed,
    /// A decay rate lies outside its range.
    Beta {
        /// The rate.
        value: f64,
    },
    /// A decay rate below 1 is 1 in the type that the state is computed in: the average would
    /// silently become a sum.
    BetaRoundsToOne {
        /// The rate.
        value: f64,
    },
    /// Only `-1/p` with `p >= 1` and `-alpha` with finite `alpha > 0` are roots; nothing is
    /// approximated by a neighbour.
    Exponent(UnsupportedExponent),
    /// A number that must be finite and not negative is not.
    Figure {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        value: f64,
    },
    /// A setting that does not work with the others, or that a table of rows cannot have.
    Unsupported {
        /// The field of the configuration.
        field: &'static str,
    },
    /// The shape does not fit.
    Shape(ShapeError),
}

/// An exponent that is no inverse root.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UnsupportedExponent {
    /// The root order 0.
    OrderZero,
    /// `-alpha` with an `alpha` that is not finite and positive.
    Power(f64),
    /// The method chosen does not know this exponent, for example coupled Newton a real one.
    ByMethod,
}

/// An inverse root was refused at once; the output was not written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RootError {
    /// The input holds NaN or an infinity: no ridge can mend that.
    NonFinite {
        /// Row of the first such entry, of the lower triangle.
        row: usize,
        /// Column of it.
        column: usize,
    },
    /// The exponent is no inverse root.
    Exponent(UnsupportedExponent),
    /// The ridge is negative or not finite, or the cutoff is not below 1.
    Ridge {
        /// Its figure.
        value: f64,
    },
    /// What the matrix is multiplied by is not positive or not finite.
    Scale {
        /// The factor.
        value: f64,
    },
    /// The kernel does not compute or certify roots in the way asked for, see
    /// [`Kernel::computes`](crate::kernel::Kernel::computes).
    ByKernel,
    /// A buffer is too short.
    Shape(ShapeError),
}

/// Lists do not cover the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CoverError {
    /// An offset is missing, does not start at 0, decreases or does not end at the number of ids.
    Offset {
        /// Its place in the list of offsets.
        index: usize,
    },
    /// An entry is in no set.
    Uncovered {
        /// The entry.
        entry: usize,
    },
    /// A set is not below the number of sets.
    Set {
        /// Its place in the list of ids.
        index: usize,
        /// The set.
        set: usize,
        /// Number of sets.
        sets: usize,
    },
}

/// A step was refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StepError {
    /// The gradient has another number of entries than the parameter.
    GradientLength {
        /// Entries of the parameter.
        expected: usize,
        /// Entries of the gradient.
        found: usize,
    },
    /// The parameter has another number of entries than the tensor was built for.
    ParameterLength {
        /// Entries at construction.
        expected: usize,
        /// Entries now.
        found: usize,
    },
    /// The gradient holds NaN or an infinity.
    NonFiniteGradient {
        /// Row-major index of the first such entry.
        index: usize,
    },
    /// The parameter, which enters the step by its decay or by LARS, holds NaN or an infinity.
    NonFiniteParameter {
        /// Row-major index of the first such entry.
        index: usize,
    },
    /// Sums of products of the gradient would overflow the type that keeps the statistics.
    GradientTooLarge {
        /// Largest magnitude in the gradient; where decay is added to it, plus the rate times the parameter's largest.
        value: f64,
        /// Largest legal magnitude: `sqrt(MAX / (4 numel))`, or less where sums of earlier squares have filled more than
        /// a quarter of the range.
        limit: f64,
    },
    /// The learning rate is not finite.
    LearningRate {
        /// The rate.
        value: f64,
    },
    /// The workspace is too short.
    Workspace(ShapeError),
}

/// An image could not be saved, or was refused; nothing was changed by a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError {
    /// It does not fit into the buffer.
    Space {
        /// Bytes needed.
        needed: usize,
        /// Bytes found.
        found: usize,
    },
    /// More bytes than lengths of an image can say, or than there are addresses.
    TooLarge,
    /// The sink did not take all of it.
    Refused,
    /// There are fewer bytes than the image says that it has.
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes found.
        found: usize,
    },
    /// It does not begin like an image.
    Magic,
    /// Its layout is another one.
    Version {
        /// The layout.
        found: u16,
    },
    /// The checksum is not that of its bytes.
    Checksum,
    /// Its parts do not fill it.
    Malformed,
    /// It has another number of parts.
    Parts {
        /// Parts to be loaded.
        needed: usize,
        /// Parts in the image.
        found: usize,
    },
    /// A part is of another kind, or of other number types.
    Numbers {
        /// Index of the part.
        part: usize,
    },
    /// A part was saved under another shape, and the same settings.
    Shape {
        /// Index of the part.
        part: usize,
    },
    /// A part was saved under other settings.
    Settings {
        /// Index of the part.
        part: usize,
    },
    /// A part has another length, or counts that no training leaves behind.
    State {
        /// Index of the part.
        part: usize,
    },
}

/// Rows of a batch were refused; nothing was written.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RowsError {
    /// The rows hold another number of entries than their count and their width say.
    Length {
        /// Entries that belong to so many rows.
        expected: usize,
        /// Entries found.
        found: usize,
    },
    /// An id lies outside the table.
    Id {
        /// Index of the first such id.
        index: usize,
        /// The id.
        id: u32,
    },
    /// A row holds NaN or an infinity.
    NonFinite {
        /// Row of the first such entry.
        row: usize,
        /// Column of it.
        column: usize,
    },
    /// A row of the table, which enters the step by its decay, holds NaN or an infinity.
    NonFiniteTable {
        /// Index of the first such entry of what was looked up.
        index: usize,
    },
    /// Sums of products of the rows would overflow the type that keeps the statistics.
    TooLarge {
        /// Largest magnitude in the rows.
        value: f64,
        /// Largest legal magnitude, for as many rows, and for what is left of the range where squares are summed.
        limit: f64,
    },
    /// The learning rate is not finite.
    LearningRate {
        /// The rate.
        value: f64,
    },
    /// A setting is refused.
    Config(ConfigError),
    /// A buffer does not fit.
    Shape(ShapeError),
}

impl From<ConfigError> for RowsError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<ShapeError> for ConfigError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<UnsupportedExponent> for ConfigError {
    fn from(error: UnsupportedExponent) -> Self {
        Self::Exponent(error)
    }
}

impl From<ShapeError> for RowsError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<ShapeError> for RootError {
    fn from(error: ShapeError) -> Self {
        Self::Shape(error)
    }
}

impl From<UnsupportedExponent> for RootError {
    fn from(error: UnsupportedExponent) -> Self {
        Self::Exponent(error)
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { needed, found } => write!(f, "{found} numbers where {needed} are needed"),
            Self::Rank { rank, capacity } => write!(f, "{rank} dimensions, at most {capacity} are held"),
            Self::TooLarge => write!(f, "the number of entries exceeds the address range"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BlockSizeZero => write!(f, "block_size is 0"),
            Self::PeriodZero => write!(f, "a period of 0 steps"),
            Self::NotFixed => f.write_str("settings other than those of the type"),
            Self::Beta { value } => write!(f, "a decay rate of {value} is out of its range below 1"),
            Self::BetaRoundsToOne { value } => {
                write!(f, "a decay rate of {value} rounds to 1: the average would become a sum")
            }
            Self::Exponent(error) => error.fmt(f),
            Self::Figure { field, value } => write!(f, "{field} is {value}"),
            Self::Unsupported { field } => write!(f, "{field} is not known for rows of a table"),
            Self::Shape(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for UnsupportedExponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OrderZero => write!(f, "the root order is 0"),
            Self::Power(alpha) => write!(f, "the exponent -{alpha} is no inverse root"),
            Self::ByMethod => write!(f, "the chosen method does not compute this exponent"),
        }
    }
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonFinite { row, column } => write!(f, "entry ({row}, {column}) is not finite"),
            Self::Exponent(error) => error.fmt(f),
            Self::Ridge { value } => write!(f, "the ridge is {value}"),
            Self::Scale { value } => write!(f, "the matrix is to be multiplied by {value}"),
            Self::ByKernel => write!(f, "the kernel does not compute or certify such roots"),
            Self::Shape(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for CoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offset { index } => write!(f, "offset {index} does not fit the list of ids"),
            Self::Uncovered { entry } => write!(f, "entry {entry} is in no set"),
            Self::Set { index, set, sets } => write!(f, "id {index} is set {set} of {sets}"),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GradientLength { expected, found } => {
                write!(f, "the gradient has {found} entries, the parameter {expected}")
            }
            Self::ParameterLength { expected, found } => {
                write!(f, "the parameter has {found} entries, it was registered with {expected}")
            }
            Self::NonFiniteGradient { index } => write!(f, "entry {index} of the gradient is not finite"),
            Self::NonFiniteParameter { index } => write!(f, "entry {index} of the parameter is not finite"),
            Self::GradientTooLarge { value, limit } => {
                write!(f, "the gradient reaches {value:e}, above {limit:e} the statistics overflow")
            }
            Self::LearningRate { value } => write!(f, "the learning rate is {value}"),
            Self::Workspace(error) => write!(f, "workspace: {error}"),
        }
    }
}

impl fmt::Display for RowsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "the rows have {found} entries in place of {expected}"),
            Self::Id { index, id } => write!(f, "id {index} is {id}, outside the table"),
            Self::NonFinite { row, column } => write!(f, "entry ({row}, {column}) is not finite"),
            Self::NonFiniteTable { index } => write!(f, "entry {index} of what was looked up is not finite"),
            Self::TooLarge { value, limit } => {
                write!(f, "the rows reach {value:e}, above {limit:e} the statistics overflow")
            }
            Self::LearningRate { value } => write!(f, "the learning rate is {value}"),
            Self::Config(error) => error.fmt(f),
            Self::Shape(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Space { needed, found } => write!(f, "an image of {needed} bytes for a buffer of {found}"),
            Self::TooLarge => write!(f, "the image has too many bytes"),
            Self::Refused => write!(f, "the image was not taken as a whole"),
            Self::Truncated { needed, found } => write!(f, "{found} bytes of an image of {needed}"),
            Self::Magic => write!(f, "this is no image"),
            Self::Version { found } => write!(f, "the image has the layout {found}"),
            Self::Checksum => write!(f, "the checksum does not agree with the image"),
            Self::Malformed => write!(f, "the parts do not fill the image"),
            Self::Parts { needed, found } => write!(f, "the image has {found} parts, {needed} are to be loaded"),
            Self::Numbers { part } => write!(f, "part {part} is of another kind, or of other number types"),
            Self::Shape { part } => write!(f, "part {part} was saved under another shape"),
            Self::Settings { part } => write!(f, "part {part} was saved under other settings"),
            Self::State { part } => write!(f, "part {part} has another length, or counts that make no sense"),
        }
    }
}

impl core::error::Error for ShapeError {}
impl core::error::Error for ConfigError {}
impl core::error::Error for UnsupportedExponent {}
impl core::error::Error for RootError {}
impl core::error::Error for CoverError {}
impl core::error::Error for StepError {}
impl core::error::Error for RowsError {}
impl core::error::Error for ImageError {}
