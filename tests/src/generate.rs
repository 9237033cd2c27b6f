//! Seeded inputs: the same seed gives the same numbers on every machine with the same `libm`.

mod matrices;
mod packed;
mod random;

pub use matrices::{
    from_spectrum, graded, log_spaced, low_rank, moving_average, nearly_diagonal, orthogonal, with_condition,
};
pub use packed::{packed_index, packed_len, packed_to_full, to_packed};
pub use random::Random;
