//! The blocks of a tensor: the preconditioned gradient.

use core::ops::Range;

use super::{is_ready, split_or_whole, square_len};
use crate::capacity::Dims;
use crate::kernel::Kernel;
use crate::mat::packed::packed_len;
use crate::partition::{Block, Partition};
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::Slot;
use crate::statistics::{Unfolding, unfolded_product, unfolding};

/// Some of a tensor's blocks, with the part of the direction that is computed from them.
#[derive(Debug)]
pub struct Blocks<'a, P: Precision> {
    partition: &'a Partition,
    range: Range<usize>,
    filtered: Option<&'a [P::Work]>,
    roots: &'a [P::Store],
    slots: &'a [Slot],
    direction: &'a mut [P::Work],
    packed: bool,
}

impl<'a, P: Precision> Blocks<'a, P> {
    pub(crate) fn new(
        partition: &'a Partition,
        filtered: Option<&'a [P::Work]>,
        roots: &'a [P::Store],
        slots: &'a [Slot],
        direction: &'a mut [P::Work],
        packed: bool,
    ) -> Self {
        Self { partition, range: 0..partition.block_count(), filtered, roots, slots, direction, packed }
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// No block.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The first half of the blocks and the rest.
    pub fn halve(self) -> (Self, Self) {
        let middle = self.range.start + self.range.len() / 2;
        let (first, second) = (self.range.start..middle, middle..self.range.end);
        let lengths = |(sum, numel): (usize, usize), b: Block| (sum + b.statistics_len(), numel + b.numel());
        let (length, numel) = self.partition.blocks(first.clone()).fold((0, 0), lengths);
        let factors = first.len() * self.partition.factors_per_block();
        let (roots, more_roots) = self.roots.split_at_checked(length).unwrap_or((self.roots, &[]));
        let (slots, more_slots) = self.slots.split_at_checked(factors).unwrap_or((self.slots, &[]));
        let (direction, more_direction) = split_or_whole(self.direction, numel);
        let Self { partition, filtered, packed, .. } = self;
        (
            Self { partition, range: first, filtered, roots, slots, direction, packed },
            Self {
                partition,
                range: second,
                filtered,
                roots: more_roots,
                slots: more_slots,
                direction: more_direction,
                packed,
            },
        )
    }

    /// Multiplies the gradient, or the average that stands in for it, by every factor's root: P = L^(-1/p) G R^(-1/p),
    /// block after block.
    ///
    /// Blocks without all of their roots are left as they are.
    ///
    /// **Shapes**: the whole tensor's gradient; workspace as [`work_len`](super::work_len).
    /// **Cost**: 2 numel n flops for each factor of order n.
    #[inline(never)]
    pub fn precondition<K: Kernel<P::Work> + ?Sized>(
        self,
        gradient: &[P::Work],
        workspace: &mut [P::Work],
        kernel: &K,
    ) {
        let gradient = self.filtered.unwrap_or(gradient);
        let each = self.partition.factors_per_block();
        let (mut roots, mut slots, mut direction) = (self.roots, self.slots, self.direction);
        for block in self.partition.blocks(self.range) {
            let (Some((own_roots, rest)), Some((own_slots, more))) =
                (roots.split_at_checked(block.statistics_len()), slots.split_at_checked(each))
            else {
                return;
            };
            (roots, slots) = (rest, more);
            let Some((out, rest)) = direction.split_at_mut_checked(block.numel()) else { return };
            direction = rest;
            if is_ready(own_slots) {
                let length = square_len(block.largest_order(), self.packed);
                let Some((panel, other)) = workspace.split_at_mut_checked(length) else { return };
                let Some(other) = other.get_mut(..block.numel()) else { return };
                precondition_block(&block, self.partition.dims(), gradient, own_roots, [out, other], panel, kernel);
            }
        }
    }
}

/// Products along the modes in turn, between `out` and another buffer, so that the last lands in `out`.
fn precondition_block<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    block: &Block,
    tensor: &Dims,
    gradient: &[T],
    mut roots: &[S],
    [out, other]: [&mut [T]; 2],
    panel: &mut [T],
    kernel: &K,
) {
    let odd = block.factors().count() % 2 == 1;
    let (mut to, mut from) = if odd { (out, other) } else { (other, out) };
    let mut matrix = block.matrix(gradient, tensor);
    if matrix.is_none() {
        block.gather(gradient, tensor, from);
    }
    for (mode, size) in block.factors() {
        let Some((root, more)) = roots.split_at_checked(packed_len(size)) else { return };
        roots = more;
        let unfolded = match matrix.take() {
            Some(g) => Unfolding::of_matrix(g, mode),
            None => unfolding(from, &block.dims, mode),
        };
        unfolded_product(to, root, unfolded, panel, kernel);
        core::mem::swap(&mut to, &mut from);
    }
}
