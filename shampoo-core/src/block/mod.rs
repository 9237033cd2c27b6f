//! The blocks of one tensor: statistics, roots, and the preconditioned gradient.
//!
//! [`Factors`] and [`Blocks`] borrow a tensor's buffers and can be halved, so that several threads
//! each take a part; the parts are independent, so results do not depend on who does what.

mod blocks;
mod factors;
mod refresh;

pub use blocks::Blocks;
pub use factors::{Factor, Factors};
pub use refresh::{Refresh, Refusals};

use crate::partition::{Cut, Partition};
use crate::schedule::Slot;
use crate::statistics::panel_len;

/// `slice` cut at `length`; all of it and nothing where it is shorter.
fn split_or_whole<T>(slice: &mut [T], length: usize) -> (&mut [T], &mut [T]) {
    let length = length.min(slice.len());
    slice.split_at_mut_checked(length).unwrap_or_default()
}

/// Whether a block has all of its roots.
pub(crate) fn is_ready(slots: &[Slot]) -> bool {
    !slots.is_empty() && slots.iter().all(|slot| slot.stamp().is_some())
}

/// Numbers of workspace that [`Factors::accumulate`] and [`Blocks::precondition`] need; saturates.
pub fn work_len(partition: &Partition, packed_products: bool) -> usize {
    work_len_of(partition.cut(), packed_products)
}

/// The same in constant expressions: 0 where there is no factor.
pub(crate) const fn work_len_of(cut: Cut<'_>, packed_products: bool) -> usize {
    if cut.factor_count() == 0 {
        return 0;
    }
    square_len(cut.largest_order(), packed_products).saturating_add(cut.block_numel())
}

/// Numbers of one factor's matrix as it is worked with: all of it, or some rows.
#[inline(never)]
const fn square_len(order: usize, packed_products: bool) -> usize {
    if packed_products { panel_len(order) } else { order.saturating_mul(order) }
}
