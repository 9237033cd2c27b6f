//! One root under way: its input, its output, and what became of it.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use shampoo_core::error::RootError;
use shampoo_core::kernel::Kernel;
use shampoo_core::linalg::inverse_root::certify::certify;
use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Report, Request, inverse_root_while};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::Precision;

use super::queue::Ordered;
use crate::accelerator::AcceleratorFactor;
use crate::executor::guarded;
use crate::heap::{AllocationError, zeros};
use crate::telemetry::{Moment, Span};

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum End {
    /// As core says.
    Computed(Result<Report, RootError>),
    /// The kernel panicked.
    Panicked,
    /// Nobody wants it any more.
    Cancelled,
}

/// A root under way. Its buffers are kept from one root to the next of the same order.
#[derive(Debug)]
pub(crate) struct Job<P: Precision> {
    /// The factor.
    pub(crate) site: usize,
    /// Tells it from an earlier one.
    pub(crate) ticket: u64,
    /// The trainer's step.
    pub(crate) round: u64,
    /// The parameter's step whose statistics these are.
    pub(crate) snapshot: u64,
    /// Order of the matrices.
    pub(crate) order: usize,
    /// The root asked for.
    pub(crate) request: Request,
    /// The ridge in the root that a device has put into `root`, where it did.
    pub(crate) candidate: Option<f64>,
    /// The statistics, shared with the trainer, which may have to save them.
    pub(crate) triangle: Arc<Vec<P::Store>>,
    /// The root, where it is accepted.
    pub(crate) root: Vec<P::Store>,
    /// What became of it.
    pub(crate) end: End,
    /// Where and when it was computed.
    pub(crate) span: Span,
    /// Set where nobody wants it any more.
    pub(crate) cancel: Arc<AtomicBool>,
}

impl<P: Precision> Job<P> {
    /// Buffers for a root of this order.
    pub(crate) fn new(order: usize) -> Result<Self, AllocationError> {
        let length = packed_len(order);
        Ok(Self {
            site: 0,
            ticket: 0,
            round: 0,
            snapshot: 0,
            order,
            request: Request::new(Exponent::Root(1)),
            candidate: None,
            triangle: Arc::new(zeros(length)?),
            root: zeros(length)?,
            end: End::Cancelled,
            span: Span::default(),
            cancel: Arc::new(AtomicBool::new(false)),
        })
    }

    /// Brings statistics from a device, and the root if it computes that too.
    pub(crate) fn fill<F: AcceleratorFactor<P>>(&mut self, snapshot: u64, factor: &mut F) -> Result<(), F::Error> {
        (self.snapshot, self.end) = (snapshot, End::Cancelled);
        self.request = factor.fetch(snapshot, Arc::make_mut(&mut self.triangle).as_mut_slice())?;
        self.candidate = factor.inverse_root(&self.request, &mut self.root).transpose()?;
        Ok(())
    }

    /// Takes statistics that were saved.
    pub(crate) fn refill(&mut self, snapshot: u64, triangle: &[P::Store], request: Request) {
        (self.snapshot, self.request, self.candidate, self.end) = (snapshot, request, None, End::Cancelled);
        Arc::make_mut(&mut self.triangle).copy_from_slice(triangle);
    }

    /// Computes the root, or certifies the one that a device computed; a panic ends this job alone.
    pub(crate) fn run<K: Kernel<P::Root>>(&mut self, worker: usize, workspace: &mut [P::Root], kernel: &K) {
        let Self { order, request, candidate, triangle, root, cancel, .. } = self;
        let span = tracing::debug_span!("shampoo.root", order = *order, snapshot = self.snapshot, worker);
        let _entered = span.enter();
        let begin = Moment::now();
        let wanted = || !cancel.load(Ordering::Relaxed);
        let compute = || {
            if !wanted() {
                return End::Cancelled;
            }
            // A device's ridge is as large as this host's ladder could have made it, or nothing is left of the statistics.
            if let Some(ridge) = *candidate
                && let Ok(report) = certify(triangle, root, *order, request, ridge, workspace, kernel)
                && report.outcome == Outcome::Accepted
                && ridge <= request.largest_ridge(report.lambda_max)
            {
                return End::Computed(Ok(report));
            }
            match inverse_root_while(triangle, *order, root, request, workspace, kernel, wanted) {
                Ok(Report { outcome: Outcome::Cancelled, .. }) => End::Cancelled,
                computed => End::Computed(computed),
            }
        };
        self.end = guarded(compute, || End::Panicked);
        self.span = Span { worker, begin, end: Moment::now() };
    }
}

impl<P: Precision> Ordered for Job<P> {
    fn site(&self) -> usize {
        self.site
    }
    fn ticket(&self) -> u64 {
        self.ticket
    }
    fn round(&self) -> u64 {
        self.round
    }
    fn cost(&self) -> u64 {
        (self.order as u64).saturating_pow(3)
    }
}
