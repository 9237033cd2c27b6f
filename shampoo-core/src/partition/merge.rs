//! Small dimensions merged into larger ones.

use crate::capacity::{Dims, MAX_RANK, Sizes};
use crate::error::ShapeError;

/// How small dimensions are merged.
///
/// Ones are dropped first, except by [`Keep`](Merge::Keep). The policies without a guard are the published ones; with
/// it rank 2 or more never becomes rank 1, which would lose the Kronecker structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Merge {
    /// The shape is taken as it is; a side of 1 has a 1 x 1 factor.
    Keep,
    /// From left to right sizes are multiplied while the product stays within the limit, with the guard.
    Forward,
    /// As [`Forward`](Merge::Forward) without the guard (\[GP\]): `[64, 64]` with 4096 is `[4096]`.
    ForwardUnguarded,
    /// From right to left, as long as the rank is above `target_rank`, with the guard; a scalar is `[1]`.
    Reverse {
        /// The rank that merging stops at; 0 counts as 1.
        #[doc(alias = "target_tensor_dimensionality")]
        target_rank: usize,
    },
    /// As [`Reverse`](Merge::Reverse) without the guard (\[FB\]): with a target of 1 `[2, 3, 4]` may become `[24]`.
    ReverseUnguarded {
        /// The rank that merging stops at; 0 counts as 1.
        target_rank: usize,
    },
}

impl Merge {
    /// The least rank that a merge may leave, and whether it goes from right to left.
    const fn rule(self) -> (usize, bool) {
        match self {
            Self::Keep => (usize::MAX, false),
            Self::Forward => (2, false),
            Self::ForwardUnguarded => (1, false),
            Self::Reverse { target_rank } => (if target_rank > 2 { target_rank } else { 2 }, true),
            Self::ReverseUnguarded { target_rank } => (target_rank, true),
        }
    }
}

/// Merges small dimensions of a shape.
///
/// ```
/// use shampoo_core::partition::{Merge, merge_small_dims};
/// assert_eq!(&*merge_small_dims(&[3, 3, 128, 128], 128, Merge::Forward)?, &[9, 128, 128]);
/// assert_eq!(&*merge_small_dims(&[64, 64], 4096, Merge::Forward)?, &[64, 64]);
/// assert_eq!(&*merge_small_dims(&[32, 3, 64, 64], 8192, Merge::Reverse { target_rank: 3 })?, &[32, 3, 4096]);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
///
/// **Errors**: more than [`MAX_RANK`] dimensions, those of size 1 not counted unless they are kept. **Source**: \[GP\] and \[FB\] `merge_small_dims`.
#[doc(alias = "merge_small_dims_block_size")]
pub fn merge_small_dims(shape: &[usize], limit: usize, merge: Merge) -> Result<Dims, ShapeError> {
    match merged(shape, limit, merge) {
        Some(sizes) => Dims::from_slice(sizes.as_slice()),
        None => {
            let rank = shape.iter().filter(|&&d| merge == Merge::Keep || d != 1).count();
            Err(ShapeError::Rank { rank, capacity: MAX_RANK })
        }
    }
}

/// As [`merge_small_dims`], in constant expressions; `None` where more than [`MAX_RANK`] sizes would be held.
pub(crate) const fn merged(shape: &[usize], limit: usize, merge: Merge) -> Option<Sizes> {
    let keep = matches!(merge, Merge::Keep);
    let (mut kept, mut rest, mut rank) = (Sizes::EMPTY, shape, 0_usize);
    while let [d, more @ ..] = rest {
        if keep || *d != 1 {
            match kept.with(*d) {
                Some(more) => kept = more,
                None => return None,
            }
            rank += 1;
        }
        rest = more;
    }
    let (least, reverse) = merge.rule();
    if keep || rank == 0 {
        let scalar = shape.is_empty() && !reverse;
        return if keep || scalar { Some(kept) } else { kept.with(1) };
    }
    if reverse {
        kept = kept.reversed();
    }
    let [mut product, ref rest @ ..] = *kept.as_slice() else { return Some(kept) };
    let (mut merged, mut rest) = (Sizes::EMPTY, rest);
    while let [d, more @ ..] = rest {
        match product.checked_mul(*d) {
            Some(larger) if larger <= limit && rank > least => {
                product = larger;
                rank -= 1;
            }
            _ => {
                match merged.with(product) {
                    Some(more) => merged = more,
                    None => return None,
                }
                product = *d;
            }
        }
        rest = more;
    }
    match merged.with(product) {
        Some(sizes) if reverse => Some(sizes.reversed()),
        sizes => sizes,
    }
}
