//! Roots beside training: snapshots go to a queue, roots come back, and the schedule says when.
//!
//! ```text
//! training   step t ──► step t + 1 ──► ...        ──► step t + delay ──► ...
//!               │ snapshot                               ▲ install
//!               ▼                                        │
//! workers     queue ──► root, certified ──► finished ────┘
//! ```
//!
//! Results depend on what was submitted and when it is installed, never on who computed it: in
//! [`Mode::Pipelined`](shampoo_core::schedule::Mode::Pipelined) a run can be repeated bit for bit with any number of
//! workers, none included. What goes wrong costs one root: the one before stays, the failure is counted by kind, and the
//! factor is tried again when it is due next.

mod flights;
mod job;
mod queue;
mod sync;
mod workers;

use core::time::Duration;
use std::sync::Arc;

use shampoo_core::block::{Factor, Refresh};
use shampoo_core::kernel::Kernel;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::{Mode, Poll};

use crate::accelerator::{Accelerator, AcceleratorFactor};
use crate::error::Error;
use crate::heap::Workspace;
use crate::telemetry::{Ages, Flow, Moment, Phases, Recorder, StepReport, Stopwatch, Timeline};
use flights::Flights;
use job::{End, Job};
use queue::{Found, Queue};
use workers::Workers;

/// How a [`Pipeline`] works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that compute roots; with none the training thread computes them when they are submitted.
    pub threads: usize,
    /// Beginning of the threads' names.
    pub name: String,
    /// Snapshots that may be under way; what exceeds that is left out, and counted. Those that wait for a worker are no
    /// measure: how many there are depends on the threads.
    pub capacity: usize,
    /// How long a step waits for a root that is due. `None`: as long as it takes, and the run can be repeated.
    pub wait_limit: Option<Duration>,
    /// Events that a [`Timeline`] has room for; 0 records nothing.
    pub timeline: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, name: "shampoo".to_owned(), capacity: usize::MAX, wait_limit: None, timeline: 0 }
    }
}

/// Drives the steps of an [`Accelerator`], with the roots of its factors computed beside them.
#[derive(Debug)]
pub struct Pipeline<P: Precision, K> {
    flights: Flights<P>,
    // Before the queue's other owner: dropped first, so that workers find their jobs cancelled.
    queue: Arc<Queue<Job<P>>>,
    workers: Workers<P>,
    workspace: Workspace<P::Root>,
    kernel: Arc<K>,
    capacity: usize,
    wait_limit: Option<Duration>,
    recorder: Option<Recorder>,
    flow: Flow,
    round: u64,
}

impl<P: Precision, K: Kernel<P::Root> + Send + 'static> Pipeline<P, K> {
    /// A pipeline for factors of these orders, one list a parameter; parameters that are not driven have empty ones.
    ///
    /// Without any factor nothing is allocated and no thread is started.
    ///
    /// **Errors**: [`Error::Threads`], [`Error::Scratch`].
    pub fn new(orders: &[Vec<usize>], options: &Options, kernel: Arc<K>) -> Result<Self, Error> {
        let flights = Flights::new(orders);
        let largest = orders.iter().flatten().copied().max();
        let length = largest.map_or(0, inverse_root_workspace_len);
        let workspace = Workspace::new(length).ok_or(Error::Scratch { numbers: length })?;
        // One under way, and one late, for each factor.
        let queue = Arc::new(Queue::new(options.capacity, flights.len().saturating_mul(2)));
        let threads = if largest.is_some() { options.threads } else { 0 };
        let workers = Workers::start(Arc::clone(&queue), threads, largest.unwrap_or(0), &options.name, &kernel)?;
        let recorder = (options.timeline > 0).then(|| Recorder::new(options.timeline));
        let Options { capacity, wait_limit, .. } = *options;
        let flow = Flow::default();
        Ok(Self { flights, queue, workers, workspace, kernel, capacity, wait_limit, recorder, flow, round: 0 })
    }

    /// One step. `number` is that of the optimizer, for the report.
    ///
    /// **Errors**: the device's; a gradient that is refused has changed nothing.
    pub fn step<A: Accelerator<P>>(&mut self, device: &mut A, rate: f64, number: u64) -> Result<StepReport, A::Error> {
        let begin = Moment::now();
        let span = tracing::debug_span!("shampoo.step", step = number);
        let _entered = span.enter();
        let mut watch = Stopwatch::start();
        tracing::trace_span!("check").in_scope(|| device.check())?;
        let mut phases = Phases { check: watch.lap(), ..Phases::default() };
        let missed = tracing::trace_span!("statistics").in_scope(|| device.accumulate())?;
        phases.statistics = watch.lap();
        let refresh = tracing::trace_span!("roots").in_scope(|| {
            let own = device.refresh()?;
            self.drive(device).map(|driven| own.merge(driven))
        })?;
        let (updated, ages) = ages(device);
        phases.roots = watch.lap();
        let unfinished = tracing::trace_span!("update").in_scope(|| device.apply(rate))?;
        phases.update = watch.lap();
        if let Some(recorder) = &mut self.recorder {
            recorder.step(begin, number, &phases);
        }
        let pipeline = self.flow;
        Ok(StepReport { step: number, updated, refresh, panicked: missed + unfinished, pipeline, ages, phases })
    }

    /// What happened when, if [`Options::timeline`] asked for it.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.recorder.as_ref().map(Recorder::timeline)
    }

    /// Bytes of snapshots and of incoming roots that have been needed so far; they are kept for the next ones.
    ///
    /// Two stored numbers for each number of statistics that was under way at the same time: for all of them where all have
    /// the same turn, else for a share of about delay / `precondition_every`.
    pub fn state_bytes(&self) -> usize {
        self.flights.state_bytes()
    }

    /// The statistics of a parameter whose roots are under way, factor after factor.
    pub(crate) fn snapshots(&self, parameter: usize) -> impl Iterator<Item = &[P::Store]> {
        self.flights.sites(parameter).filter_map(|site| self.flights.snapshot(site))
    }

    /// Gives up everything that is under way: nothing of it will be installed.
    pub(crate) fn give_up(&mut self) {
        while let Some(job) = self.queue.try_take() {
            self.flights.land(job);
        }
        (0..self.flights.len()).for_each(|site| self.flights.abandon(site));
    }

    /// Begins the roots again that are under way according to their slots; their statistics are in `snapshots`, factor after
    /// factor.
    pub(crate) fn resubmit<'a>(
        &mut self,
        parameter: usize,
        factors: impl Iterator<Item = Factor<'a, P>>,
        snapshots: &[P::Store],
    ) {
        let mut rest = snapshots;
        for (site, factor) in self.flights.sites(parameter).zip(factors) {
            let Some(snapshot) = factor.slot.pending() else { continue };
            let Some((triangle, more)) = rest.split_at_checked(packed_len(factor.order)) else { return };
            rest = more;
            let job = self.flights.spare(site).map(|mut job| {
                job.refill(snapshot, triangle, factor.request_of(triangle, snapshot));
                job
            });
            if job.is_none_or(|job| !self.push(site, job)) {
                factor.slot.fail(snapshot);
            }
        }
        self.compute_without_workers();
    }

    /// Installs what is due, then submits what is due.
    fn drive<A: Accelerator<P>>(&mut self, device: &mut A) -> Result<Refresh, A::Error> {
        self.flow = Flow::default();
        if self.flights.len() == 0 {
            return Ok(Refresh::default());
        }
        self.round += 1;
        self.collect();
        let mut done = self.install(device)?;
        if self.submit(device)? {
            done = done.merge(self.install(device)?);
        }
        (self.flow.waiting, self.flow.under_way) = (self.queue.waiting() as u32, self.flights.under_way());
        Ok(done)
    }

    /// Takes every result out of the queue.
    fn collect(&mut self) {
        while let Some(job) = self.queue.try_finished() {
            self.record(&job);
            if !self.flights.arrive(job) {
                self.flow.discarded += 1;
            }
        }
    }

    /// Installs the roots that are due, and in asynchronous mode those that have arrived.
    fn install<A: Accelerator<P>>(&mut self, device: &mut A) -> Result<Refresh, A::Error> {
        let mut done = Refresh::default();
        for parameter in 0..device.parameters() {
            let Some(step) = device.count(parameter).filter(|_| device.is_driven(parameter)) else { continue };
            for (site, mut factor) in self.flights.sites(parameter).zip(device.factors(parameter)) {
                let job = match factor.poll(step) {
                    _ if factor.mode() == Mode::Async => self.flights.arrived(site),
                    Poll::Install { snapshot } => {
                        let job = self.wait_for(site);
                        if job.is_none() {
                            factor.slot().fail(snapshot);
                            done.rejected += 1;
                        }
                        job
                    }
                    _ => None,
                };
                if let Some(job) = job {
                    let concluded = self.conclude(&job, &mut factor);
                    if concluded.is_err() {
                        // Whoever goes on after a device's error must not wait for it again.
                        factor.slot().fail(job.snapshot);
                    }
                    self.flights.land(job);
                    done = done.merge(concluded?);
                }
            }
        }
        Ok(done)
    }

    /// The job of a site that is due, computed here if no worker has begun it; `None` if it is overdue.
    fn wait_for(&mut self, site: usize) -> Option<Job<P>> {
        if let Some(job) = self.flights.arrived(site) {
            return Some(job);
        }
        let Some(ticket) = self.flights.ticket(site) else {
            self.flow.overdue += 1;
            return None;
        };
        match self.queue.claim(ticket, self.wait_limit) {
            Found::Finished(job) => {
                self.record(&job);
                Some(job)
            }
            Found::Waiting(mut job) => {
                self.compute(&mut job);
                Some(job)
            }
            Found::Running => {
                self.flights.abandon(site);
                self.flow.overdue += 1;
                None
            }
        }
    }

    /// What became of a job, in its factor.
    fn conclude<F: AcceleratorFactor<P>>(&mut self, job: &Job<P>, factor: &mut F) -> Result<Refresh, F::Error> {
        self.flow.arrived += 1;
        match &job.end {
            End::Computed(report) => factor.install(job.snapshot, &job.root, report),
            End::Panicked | End::Cancelled => {
                self.flow.panicked += u32::from(job.end == End::Panicked);
                factor.slot().fail(job.snapshot);
                Ok(Refresh { rejected: 1, ..Refresh::default() })
            }
        }
    }

    /// Submits the snapshots that are due; whether some of them are to be installed in this very step.
    fn submit<A: Accelerator<P>>(&mut self, device: &mut A) -> Result<bool, A::Error> {
        let mut at_once = false;
        let mut room = self.capacity.saturating_sub(self.flights.under_way() as usize);
        for parameter in 0..device.parameters() {
            let Some(step) = device.count(parameter).filter(|_| device.is_driven(parameter)) else { continue };
            for (site, mut factor) in self.flights.sites(parameter).zip(device.factors(parameter)) {
                let Poll::Submit { snapshot } = factor.poll(step) else { continue };
                let Some(mut job) = self.free_job(site, &mut room) else { continue };
                if let Err(error) = job.fill(snapshot, &mut factor) {
                    self.flights.land(job);
                    return Err(error);
                }
                if self.push(site, job) {
                    factor.slot().submit(snapshot);
                    at_once |= matches!(factor.poll(step), Poll::Install { .. });
                }
            }
        }
        self.compute_without_workers();
        Ok(at_once)
    }

    /// Computes what waits, where nobody else would.
    fn compute_without_workers(&mut self) {
        while self.workers.count() == 0
            && let Some(mut job) = self.queue.try_take()
        {
            self.compute(&mut job);
            self.flights.arrive(job);
        }
    }

    /// A job for a site: the one that waits with an older snapshot, or a free one. `None` while a worker has it, or without
    /// room or memory.
    fn free_job(&mut self, site: usize, room: &mut usize) -> Option<Job<P>> {
        if self.flights.ticket(site).is_none() {
            let job = if *room > 0 { self.flights.spare(site) } else { None };
            match job {
                Some(_) => *room -= 1,
                None => self.flow.full += 1,
            }
            return job;
        }
        let job = self.queue.recall(site)?;
        self.flights.abandon(site);
        self.flow.coalesced += 1;
        Some(job)
    }

    /// Hands a job to the workers; false where the queue is full.
    fn push(&mut self, site: usize, mut job: Job<P>) -> bool {
        job.round = self.round;
        self.flights.depart(site, &mut job);
        match self.queue.submit(job) {
            Ok(()) => {
                self.flow.submitted += 1;
                true
            }
            Err(job) => {
                self.flow.full += 1;
                self.flights.land(job);
                false
            }
        }
    }

    /// Computes a job in this thread.
    fn compute(&mut self, job: &mut Job<P>) {
        self.flow.computed_here += 1;
        job.run(self.workers.count(), self.workspace.numbers(), &*self.kernel);
        self.record(job);
    }

    fn record(&mut self, job: &Job<P>) {
        tracing::trace!(order = job.order, snapshot = job.snapshot, worker = job.span.worker, "root");
        if let Some(recorder) = &mut self.recorder {
            recorder.root(job.span, self.workers.count(), job.snapshot, job.order);
        }
    }
}

/// Parameters with a gradient, and how old their roots are.
fn ages<P: Precision, A: Accelerator<P>>(device: &mut A) -> (usize, Ages) {
    let (mut updated, mut ages) = (0, Ages::default());
    for parameter in 0..device.parameters() {
        let Some(step) = device.count(parameter) else { continue };
        updated += 1;
        device.factors(parameter).for_each(|mut factor| ages.add(factor.slot(), step));
    }
    (updated, ages)
}
