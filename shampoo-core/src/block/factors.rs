//! The factors of a tensor: statistics and roots.

use core::ops::Range;

use super::{Refresh, split_or_whole, square_len};
use crate::config::Config;
use crate::error::RootError;
use crate::kernel::Kernel;
use crate::linalg::inverse_root::drift::drift;
use crate::linalg::inverse_root::{Outcome, Report, Request, inverse_root};
use crate::mat::copy;
use crate::mat::packed::packed_len;
use crate::partition::Partition;
use crate::scalar::Precision;
use crate::schedule::{Mode, Poll, Slot};
use crate::statistics::{Unfolding, accumulate_packed, trace, unfolding};

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

    /// One after the other.
    pub fn each(mut self) -> impl Iterator<Item = Factor<'a, P>> {
        core::iter::from_fn(move || self.next())
    }

    #[inline(never)]
    fn next(&mut self) -> Option<Factor<'a, P>> {
        let order = self.partition.factor(self.range.next()?)?.order;
        let (slot, slots) = core::mem::take(&mut self.slots).split_first_mut()?;
        let length = packed_len(order);
        let (statistics, more_statistics) = core::mem::take(&mut self.statistics).split_at_mut_checked(length)?;
        let (root, roots) = core::mem::take(&mut self.roots).split_at_mut_checked(length)?;
        (self.statistics, self.roots, self.slots) = (more_statistics, roots, slots);
        Some(Factor { order, statistics, root, slot, config: self.config, modes: self.partition.factors_per_block() })
    }

    /// Takes a gradient into the statistics, with the decay that the tensor added to it if it did.
    ///
    /// **Shapes**: the whole tensor's gradient; workspace as [`work_len`](super::work_len).
    #[inline(never)]
    pub fn accumulate<K: Kernel<P::Work> + ?Sized>(self, gradient: &[P::Work], workspace: &mut [P::Work], kernel: &K) {
        let gradient = self.seen.unwrap_or(gradient);
        let tensor = self.partition.dims();
        let mut statistics = self.statistics;
        for factor in self.partition.factors(self.range) {
            let order = factor.order;
            let Some((triangle, rest)) = statistics.split_at_mut_checked(packed_len(order)) else { return };
            statistics = rest;
            let length = square_len(order, self.config.of::<P>().packed_products);
            let Some((panel, gathered)) = workspace.split_at_mut_checked(length) else { return };
            let unfolded = match factor.block.matrix(gradient, tensor) {
                Some(matrix) => Unfolding::of_matrix(matrix, factor.mode),
                None => {
                    let Some(g) = gathered.get_mut(..factor.block.numel()) else { return };
                    factor.block.gather(gradient, tensor, g);
                    unfolding(g, &factor.block.dims, factor.mode)
                }
            };
            accumulate_packed(triangle, order, unfolded, panel, self.config.of::<P>().averaging, kernel);
        }
    }

    /// Notes how much each factor wants a root at this step, where the mode is [`Mode::Adaptive`].
    ///
    /// **Shapes**: workspace as for [`refresh`](Factors::refresh). **Cost**: that of [`drift`] for every factor whose roots
    /// are due.
    pub fn observe<K: Kernel<P::Root> + ?Sized>(self, step: u64, workspace: &mut [P::Root], kernel: &K) {
        for factor in self.each() {
            // A kernel that panics leaves it as one that wants a root.
            factor.slot.observe(f64::INFINITY);
            let urgency = factor.urgency(step, workspace, kernel);
            factor.slot.observe(urgency);
        }
    }

    /// Computes the roots that are due at this step and installs those that are certified; nothing where roots are
    /// computed beside training.
    ///
    /// `level` is that of [`Adaptive::level`](crate::schedule::Adaptive::level); only [`Mode::Adaptive`] looks at it.
    ///
    /// **Shapes**: workspace as
    /// [`inverse_root_workspace_len`](crate::linalg::inverse_root::inverse_root_workspace_len) of the largest order.
    #[inline(never)]
    pub fn refresh<K: Kernel<P::Root> + ?Sized>(
        self,
        step: u64,
        level: f64,
        workspace: &mut [P::Root],
        kernel: &K,
    ) -> Refresh {
        if self.config.of::<P>().schedule.mode.is_offloaded() {
            return Refresh::default();
        }
        self.each()
            .map(|factor| factor.refresh(step, level, workspace, kernel))
            .fold(Refresh::default(), Refresh::merge)
    }
}

/// One factor: what a driver needs that computes its root elsewhere.
#[derive(Debug)]
pub struct Factor<'a, P: Precision> {
    /// Order of the matrices.
    pub order: usize,
    /// Packed statistics.
    pub statistics: &'a mut [P::Store],
    /// Packed root; not meaningful before the slot has a stamp.
    pub root: &'a mut [P::Store],
    /// What is installed and under way.
    pub slot: &'a mut Slot,
    config: &'a Config,
    /// Preconditioned modes of its block.
    modes: usize,
}

impl<P: Precision> Factor<'_, P> {
    /// When its roots are used.
    pub fn mode(&self) -> Mode {
        self.config.of::<P>().schedule.mode
    }

    /// What is to be done at this step, see [`Schedule::poll`](crate::schedule::Schedule::poll).
    pub fn poll(&self, step: u64) -> Poll {
        self.config.of::<P>().schedule.poll(self.slot, step, self.config.of::<P>().first_refresh())
    }

    /// The root asked for of the statistics as they are.
    pub fn request(&self, snapshot: u64) -> Request {
        self.request_of(self.statistics, snapshot)
    }

    /// The root asked for of statistics that were copied at some step.
    pub fn request_of(&self, triangle: &[P::Store], snapshot: u64) -> Request {
        let scale = self.config.of::<P>().root_scale(trace::<P::Work, _>(triangle), snapshot);
        Request { scale, ..self.config.of::<P>().request(self.modes) }
    }

    /// Installs what was computed of a snapshot elsewhere: the root, if it was accepted and is newer than the one that is
    /// there. Whatever it is, that snapshot is not under way any more.
    ///
    /// **Shapes**: `root` as long as the factor's own; another length is a failure.
    pub fn install(&mut self, snapshot: u64, root: &[P::Store], report: &Result<Report, RootError>) -> Refresh {
        if let Ok(Report { outcome: Outcome::Accepted, .. }) = report
            && root.len() == self.root.len()
            && self.slot.accepts(snapshot)
        {
            copy(self.root, root);
        }
        Refresh::conclude(self.slot, snapshot, report)
    }

    /// How much it wants a root at this step: 0 where none is due or the mode does not ask.
    fn urgency<K: Kernel<P::Root> + ?Sized>(&self, step: u64, workspace: &mut [P::Root], kernel: &K) -> f64 {
        let Mode::Adaptive(adaptive) = self.config.of::<P>().schedule.mode else { return 0.0 };
        let Poll::Submit { snapshot } = self.poll(step) else { return 0.0 };
        let drift = match self.slot.stamp() {
            Some(_) => {
                let request = self.request(snapshot);
                drift(self.statistics, self.root, self.order, &request, self.slot.ridge(), workspace, kernel)
            }
            None => f64::INFINITY,
        };
        adaptive.urgency(self.slot, drift, step)
    }

    fn refresh<K: Kernel<P::Root> + ?Sized>(
        self,
        step: u64,
        level: f64,
        workspace: &mut [P::Root],
        kernel: &K,
    ) -> Refresh {
        let Poll::Submit { snapshot } = self.poll(step) else { return Refresh::default() };
        if let Mode::Adaptive(adaptive) = self.config.of::<P>().schedule.mode {
            let admitted = adaptive.admits(self.slot, level, step);
            self.slot.observe(0.0);
            if !admitted {
                return Refresh::default();
            }
        }
        // Noted as failed first: a kernel that panics leaves it so.
        let before = *self.slot;
        self.slot.fail(snapshot);
        let request = self.request(snapshot);
        let report = inverse_root(self.statistics, self.order, self.root, &request, workspace, kernel);
        *self.slot = before;
        Refresh::conclude(self.slot, snapshot, &report)
    }
}
