//! The root under way, piece by piece.

use super::Site;
use crate::block::{Factor, Refresh};
use crate::error::{RootError, ShapeError};
use crate::kernel::Kernel;
use crate::linalg::inverse_root::{Job, Progress};
use crate::mat::packed::packed_len;
use crate::scalar::{Precision, Real};

/// What is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Copies the statistics of a factor of this order.
    Copy(Site, usize),
    /// Looks at the copy.
    Start,
    /// One [`step`](Job::step) of the root.
    Step,
    /// Puts the root in place.
    Conclude,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Copied,
    Running,
    Ended,
}

/// A root under way; its statistics and its workspace are the driver's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight<R> {
    pub(super) site: Site,
    pub(super) order: usize,
    /// Rounds in a row in which its tensor had no gradient.
    pub(super) idle: u64,
    /// Flops so far, at most.
    pub(super) spent: u64,
    /// Loads of its tensor until its statistics were copied; not known at first of a root that was loaded itself.
    pub(super) loads: Option<u32>,
    /// `None` before it has started.
    job: Option<Result<Job<R>, RootError>>,
}

impl<R: Real> Flight<R> {
    /// A root whose statistics have been copied.
    pub(super) fn new(site: Site, order: usize, loads: Option<u32>) -> Self {
        Self { site, order, idle: 0, spent: 0, loads, job: None }
    }

    pub(super) fn stage(&self) -> Stage {
        match &self.job {
            None => Stage::Copied,
            Some(Ok(job)) if job.progress() == Progress::Working => Stage::Running,
            Some(_) => Stage::Ended,
        }
    }

    pub(super) fn next_flops<K: Kernel<R> + ?Sized>(&self, kernel: &K) -> u64 {
        match &self.job {
            Some(Ok(job)) => job.next_flops_by(kernel),
            _ => 0,
        }
    }

    /// An empty triangle is that of a factor that is too large. Not inlined: a job on its way to its place is on the stack.
    #[inline(never)]
    pub(super) fn start<P: Precision<Root = R>>(&mut self, factor: &Factor<'_, P>, triangle: &[P::Store]) {
        let (needed, found) = (packed_len(self.order), triangle.len());
        self.job = Some(if found < needed {
            Err(RootError::Shape(ShapeError::Length { needed, found }))
        } else {
            Job::start(triangle, self.order, &factor.request_of(triangle, self.site.snapshot))
        });
    }

    pub(super) fn step<S: crate::scalar::Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        triangle: &[S],
        workspace: &mut [R],
        kernel: &K,
    ) {
        if let Some(Ok(job)) = &mut self.job
            && let Err(error) = job.step(triangle, workspace, kernel)
        {
            self.job = Some(Err(error));
        }
    }

    /// Installs the root, if it is accepted and no newer one is there; what became of it is noted in the slot.
    pub(super) fn conclude<P: Precision<Root = R>>(&self, factor: Factor<'_, P>, workspace: &[R]) -> Refresh {
        let snapshot = self.site.snapshot;
        if !factor.slot.accepts(snapshot) {
            factor.slot.settle(snapshot);
            return Refresh::default();
        }
        let report = match &self.job {
            Some(Ok(job)) => job.finish(factor.root, workspace),
            Some(Err(error)) => Err(*error),
            None => return Refresh::default(),
        };
        Refresh::conclude(factor.slot, snapshot, &report)
    }
}
