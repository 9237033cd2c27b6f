//! The blocks of one tensor: statistics, roots, and the preconditioned gradient.
//!
//! [`Factors`] and [`Blocks`] borrow a tensor's buffers and can be halved, so that several threads
//! each take a part; the parts are independent, so results do not depend on who does what.

use core::ops::Range;

use crate::config::Config;
use crate::kernel::{Accum, Kernel};
use crate::linalg::inverse_root::{Outcome, Request, inverse_root};
use crate::mat::packed::{packed_len, unpack};
use crate::mat::{MatMut, MatRef};
use crate::partition::{Block, Partition};
use crate::scalar::Precision;
use crate::schedule::{Poll, Slot};
use crate::statistics::{accumulate, mode_gram, mode_product};

/// What a refresh did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refresh {
    /// Roots certified and installed.
    pub accepted: u32,
    /// Factors whose statistics are still 0: no root yet, no failure.
    pub zero: u32,
    /// Roots refused; the one before stays.
    pub rejected: u32,
    /// Attempts with a larger ridge.
    pub retries: u32,
    /// Largest promised relative error among the accepted roots.
    pub worst_promise: f64,
}

impl Refresh {
    /// Both together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            zero: self.zero + other.zero,
            rejected: self.rejected + other.rejected,
            retries: self.retries + other.retries,
            worst_promise: self.worst_promise.max(other.worst_promise),
        }
    }
}

/// Some of a tensor's factors, with their statistics and roots.
#[derive(Debug)]
pub struct Factors<'a, P: Precision> {
    partition: &'a Partition,
    config: &'a Config,
    range: Range<usize>,
    seen: Option<&'a [P::Work]>,
    statistics: &'a mut [P::Store],
    roots: &'a mut [P::Store],
    slots: &'a mut [Slot],
}

impl<'a, P: Precision> Factors<'a, P> {
    pub(crate) fn new(
        partition: &'a Partition,
        config: &'a Config,
        seen: Option<&'a [P::Work]>,
        statistics: &'a mut [P::Store],
        roots: &'a mut [P::Store],
        slots: &'a mut [Slot],
    ) -> Self {
        Self { partition, config, range: 0..partition.factor_count(), seen, statistics, roots, slots }
    }

    /// Number of factors.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// No factor.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The first half of the factors and the rest.
    pub fn halve(self) -> (Self, Self) {
        let middle = self.range.start + self.range.len() / 2;
        let (first, second) = (self.range.start..middle, middle..self.range.end);
        let length = self.partition.factors(first.clone()).fold(0, |sum, f| sum + packed_len(f.order));
        let (statistics, more_statistics) = split_or_whole(self.statistics, length);
        let (roots, more_roots) = split_or_whole(self.roots, length);
        let (slots, more_slots) = split_or_whole(self.slots, first.len());
        let (range, statistics, roots, slots) =
            ((first, second), (statistics, more_statistics), (roots, more_roots), (slots, more_slots));
        let Self { partition, config, seen, .. } = self;
        (
            Self { partition, config, seen, range: range.0, statistics: statistics.0, roots: roots.0, slots: slots.0 },
            Self { partition, config, seen, range: range.1, statistics: statistics.1, roots: roots.1, slots: slots.1 },
        )
    }

    /// Takes a gradient into the statistics, with the decay that the tensor added to it if it did.
    ///
    /// **Shapes**: the whole tensor's gradient; workspace as [`work_len`].
    pub fn accumulate<K: Kernel<P::Work> + ?Sized>(self, gradient: &[P::Work], workspace: &mut [P::Work], kernel: &K) {
        let gradient = self.seen.unwrap_or(gradient);
        let tensor = self.partition.dims();
        let mut statistics = self.statistics;
        for factor in self.partition.factors(self.range) {
            let order = factor.order;
            let Some((triangle, rest)) = statistics.split_at_mut_checked(packed_len(order)) else { return };
            statistics = rest;
            let Some((square, gathered)) = workspace.split_at_mut_checked(order.saturating_mul(order)) else { return };
            let Ok(mut square) = MatMut::new(square, order, order) else { return };
            match factor.block.matrix(gradient, tensor) {
                Some(matrix) => {
                    let unfolded = if factor.mode == 0 { matrix } else { matrix.transpose() };
                    kernel.gram(square.reborrow(), Accum::Replace, num_traits::One::one(), unfolded);
                }
                None => {
                    let Some(g) = gathered.get_mut(..factor.block.numel()) else { return };
                    factor.block.gather(gradient, tensor, g);
                    mode_gram(square.reborrow(), g, &factor.block.dims, factor.mode, kernel);
                }
            }
            accumulate(triangle, square.as_ref(), self.config.averaging);
        }
    }

    /// Computes the roots that are due at this step and installs those that are certified.
    ///
    /// **Shapes**: workspace as
    /// [`inverse_root_workspace_len`](crate::linalg::inverse_root::inverse_root_workspace_len) of the largest order.
    pub fn refresh<K: Kernel<P::Root> + ?Sized>(self, step: u64, workspace: &mut [P::Root], kernel: &K) -> Refresh {
        let request = self.config.request(self.partition.factors_per_block());
        let first = self.config.first_refresh();
        let (mut statistics, mut roots) = (&*self.statistics, self.roots);
        let mut done = Refresh::default();
        for (factor, slot) in self.partition.factors(self.range).zip(self.slots) {
            let length = packed_len(factor.order);
            let (Some((triangle, rest)), Some((root, more))) =
                (statistics.split_at_checked(length), roots.split_at_mut_checked(length))
            else {
                return done;
            };
            (statistics, roots) = (rest, more);
            if let Poll::Submit { snapshot } = self.config.schedule.poll(slot, step, first) {
                // Noted as failed first: a kernel that panics leaves it so.
                let before = *slot;
                slot.fail();
                let one = refresh_one::<P, K>(triangle, factor.order, root, &request, workspace, kernel);
                if one.rejected == 0 {
                    *slot = before;
                }
                if one.accepted > 0 {
                    slot.install(snapshot);
                }
                done = done.merge(one);
            }
        }
        done
    }
}

fn refresh_one<P: Precision, K: Kernel<P::Root> + ?Sized>(
    triangle: &[P::Store],
    order: usize,
    root: &mut [P::Store],
    request: &Request,
    workspace: &mut [P::Root],
    kernel: &K,
) -> Refresh {
    let rejected = Refresh { rejected: 1, ..Refresh::default() };
    let Ok(report) = inverse_root(triangle, order, root, request, workspace, kernel) else { return rejected };
    let retries = report.retries;
    match report.outcome {
        Outcome::Accepted => Refresh { accepted: 1, retries, worst_promise: report.promised, ..Refresh::default() },
        Outcome::Zero => Refresh { zero: 1, retries, ..Refresh::default() },
        _ => Refresh { retries, ..rejected },
    }
}

/// `slice` cut at `length`; all of it and nothing where it is shorter.
fn split_or_whole<T>(slice: &mut [T], length: usize) -> (&mut [T], &mut [T]) {
    let length = length.min(slice.len());
    slice.split_at_mut_checked(length).unwrap_or_default()
}

/// Some of a tensor's blocks, with the part of the direction that is computed from them.
#[derive(Debug)]
pub struct Blocks<'a, P: Precision> {
    partition: &'a Partition,
    range: Range<usize>,
    filtered: Option<&'a [P::Work]>,
    roots: &'a [P::Store],
    slots: &'a [Slot],
    direction: &'a mut [P::Work],
}

impl<'a, P: Precision> Blocks<'a, P> {
    pub(crate) fn new(
        partition: &'a Partition,
        filtered: Option<&'a [P::Work]>,
        roots: &'a [P::Store],
        slots: &'a [Slot],
        direction: &'a mut [P::Work],
    ) -> Self {
        Self { partition, range: 0..partition.block_count(), filtered, roots, slots, direction }
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
        let Self { partition, filtered, .. } = self;
        (
            Self { partition, range: first, filtered, roots, slots, direction },
            Self {
                partition,
                range: second,
                filtered,
                roots: more_roots,
                slots: more_slots,
                direction: more_direction,
            },
        )
    }

    /// Multiplies the gradient, or the average that stands in for it, by every factor's root: P = L^(-1/p) G R^(-1/p),
    /// block after block.
    ///
    /// Blocks without all of their roots are left as they are.
    ///
    /// **Shapes**: the whole tensor's gradient; workspace as [`work_len`].
    /// **Cost**: 2 numel n flops for each factor of order n.
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
                precondition_block::<P, K>(self.partition, &block, gradient, own_roots, out, workspace, kernel);
            }
        }
    }
}

/// Whether a block has all of its roots.
pub(crate) fn is_ready(slots: &[Slot]) -> bool {
    !slots.is_empty() && slots.iter().all(|slot| slot.stamp().is_some())
}

/// Numbers of workspace that [`Factors::accumulate`] and [`Blocks::precondition`] need; saturates.
pub fn work_len(partition: &Partition) -> usize {
    let Some(block) = partition.largest_block() else { return 0 };
    let order = block.largest_order();
    order.saturating_mul(order).saturating_add(block.numel())
}

/// Products along the modes in turn, between `out` and the workspace, so that the last lands in `out`.
fn precondition_block<P: Precision, K: Kernel<P::Work> + ?Sized>(
    partition: &Partition,
    block: &Block,
    gradient: &[P::Work],
    mut roots: &[P::Store],
    out: &mut [P::Work],
    workspace: &mut [P::Work],
    kernel: &K,
) {
    let order = block.largest_order();
    let Some((square, rest)) = workspace.split_at_mut_checked(order.saturating_mul(order)) else { return };
    let Some(other) = rest.get_mut(..block.numel()) else { return };
    let odd = block.factors().count() % 2 == 1;
    let (mut to, mut from) = if odd { (out, other) } else { (other, out) };
    let matrix = block.matrix(gradient, partition.dims());
    if matrix.is_none() {
        block.gather(gradient, partition.dims(), from);
    }
    for (i, (mode, size)) in block.factors().enumerate() {
        let Some((root, more)) = roots.split_at_checked(packed_len(size)) else { return };
        roots = more;
        let Ok(mut x) = MatMut::new(&mut *square, size, size) else { return };
        unpack(root, x.reborrow());
        let x = x.as_ref();
        match matrix.filter(|_| i == 0) {
            Some(g) => matrix_product(to, x, g, mode, kernel),
            None => mode_product(to, x, from, &block.dims, mode, kernel),
        }
        core::mem::swap(&mut to, &mut from);
    }
}

/// out <- X G (mode 0) or G X (mode 1), contiguous.
fn matrix_product<T: crate::scalar::Real, K: Kernel<T> + ?Sized>(
    out: &mut [T],
    x: MatRef<'_, T>,
    g: MatRef<'_, T>,
    mode: usize,
    kernel: &K,
) {
    if let Ok(out) = MatMut::new(out, g.nrows(), g.ncols()) {
        let (a, b) = if mode == 0 { (x, g) } else { (g, x) };
        kernel.gemm(out, Accum::Replace, T::one(), a, b);
    }
}
