//! The blocks of a tensor: the preconditioned gradient.

use core::ops::Range;

use super::{is_ready, split_or_whole, square_len};
use crate::kernel::{Accum, Kernel};
use crate::mat::packed::{packed_len, unpack};
use crate::mat::{MatMut, MatRef};
use crate::partition::{Block, Partition};
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::Slot;
use crate::statistics::{mode_product, mode_product_packed, packed_times, times_packed};

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
                let rule = Products { partition: self.partition, packed: self.packed, kernel };
                rule.precondition_block::<P>(&block, gradient, own_roots, out, workspace);
            }
        }
    }
}

/// How the products of a block are made.
struct Products<'a, K: ?Sized> {
    partition: &'a Partition,
    packed: bool,
    kernel: &'a K,
}

impl<K: ?Sized> Products<'_, K> {
    /// Products along the modes in turn, between `out` and the workspace, so that the last lands in `out`.
    fn precondition_block<P: Precision>(
        &self,
        block: &Block,
        gradient: &[P::Work],
        mut roots: &[P::Store],
        out: &mut [P::Work],
        workspace: &mut [P::Work],
    ) where
        K: Kernel<P::Work>,
    {
        let tensor = self.partition.dims();
        let length = square_len(block.largest_order(), self.packed);
        let Some((square, rest)) = workspace.split_at_mut_checked(length) else { return };
        let Some(other) = rest.get_mut(..block.numel()) else { return };
        let odd = block.factors().count() % 2 == 1;
        let (mut to, mut from) = if odd { (out, other) } else { (other, out) };
        let matrix = block.matrix(gradient, tensor);
        if matrix.is_none() {
            block.gather(gradient, tensor, from);
        }
        for (i, (mode, size)) in block.factors().enumerate() {
            let Some((root, more)) = roots.split_at_checked(packed_len(size)) else { return };
            roots = more;
            match matrix.filter(|_| i == 0) {
                Some(g) => self.matrix_product(to, root, size, g, mode, square),
                None if self.packed => {
                    mode_product_packed(to, root, from, &block.dims, mode, square, self.kernel);
                }
                None => {
                    let Some(x) = unpacked(root, size, square) else { return };
                    mode_product(to, x, from, &block.dims, mode, self.kernel);
                }
            }
            core::mem::swap(&mut to, &mut from);
        }
    }

    /// out <- X G (mode 0) or G X (mode 1), contiguous.
    fn matrix_product<T: Real, S: Stored<T>>(
        &self,
        out: &mut [T],
        root: &[S],
        size: usize,
        g: MatRef<'_, T>,
        mode: usize,
        square: &mut [T],
    ) where
        K: Kernel<T>,
    {
        let Ok(out) = MatMut::new(out, g.nrows(), g.ncols()) else { return };
        match (self.packed, mode) {
            (true, 0) => packed_times(out, root, g, square, self.kernel),
            (true, _) => times_packed(out, g, root, square, self.kernel),
            (false, _) => {
                let Some(x) = unpacked(root, size, square) else { return };
                let (a, b) = if mode == 0 { (x, g) } else { (g, x) };
                self.kernel.gemm(out, Accum::Replace, T::one(), a, b);
            }
        }
    }
}

/// The whole matrix of a packed triangle.
fn unpacked<'w, T: Real, S: Stored<T>>(root: &[S], size: usize, square: &'w mut [T]) -> Option<MatRef<'w, T>> {
    let mut x = MatMut::new(&mut *square, size, size).ok()?;
    unpack(root, x.reborrow());
    MatRef::new(square, size, size).ok()
}
