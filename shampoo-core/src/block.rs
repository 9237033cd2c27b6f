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
use crate::partition::{Block, Cut, Partition};
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::{Poll, Slot};
use crate::statistics::{
    accumulate, accumulate_packed, gram_of_all, mode_product, mode_product_packed, packed_times, panel_len,
    times_packed, trace, unfolding,
};

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
            let (packed, averaging) = (self.config.packed_products, self.config.averaging);
            let length = square_len(order, packed);
            let Some((square, gathered)) = workspace.split_at_mut_checked(length) else { return };
            let matrix = factor.block.matrix(gradient, tensor);
            let g = if matrix.is_some() {
                &[]
            } else {
                let Some(g) = gathered.get_mut(..factor.block.numel()) else { return };
                factor.block.gather(gradient, tensor, g);
                &*g
            };
            let whole = matrix.map(|m| if factor.mode == 0 { m } else { m.transpose() });
            // One of the two is empty.
            let unfolded = whole.into_iter().chain(unfolding(g, &factor.block.dims, factor.mode));
            if packed {
                accumulate_packed(triangle, order, unfolded, square, averaging, kernel);
            } else if let Ok(mut square) = MatMut::new(square, order, order) {
                gram_of_all(square.reborrow(), unfolded, kernel);
                accumulate(triangle, square.as_ref(), averaging);
            }
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
                let scale = self.config.root_scale(trace::<P::Work, _>(triangle), snapshot);
                let request = Request { scale, ..request };
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
                let rule = Products { partition: self.partition, packed: self.packed, kernel };
                rule.precondition_block::<P>(&block, gradient, own_roots, out, workspace);
            }
        }
    }
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
const fn square_len(order: usize, packed_products: bool) -> usize {
    if packed_products { panel_len(order) } else { order.saturating_mul(order) }
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
