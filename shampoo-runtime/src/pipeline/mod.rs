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
//! [`Mode::Pipelined`] a run can be repeated bit for bit with any number of
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
use queue::{Deadline, Found, Queue};
use workers::Workers;

/// How a [`Pipeline`] works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that compute roots; with none the training thread computes them when they are submitted.
    pub threads: usize,
    /// Beginning of the threads' names.
    pub name: String,
    /// Snapshots that may be under way, at least 1; what exceeds that is left out, and counted. Those that wait for a worker
    /// are no measure: how many there are depends on the threads. Asynchronous ones are counted by themselves.
    pub capacity: usize,
    /// How long a step waits for the roots that are due in it, all together. `None`: as long as it takes, and the run can be
    /// repeated; the training thread then helps with those that no worker has begun.
    pub wait_limit: Option<Duration>,
    /// Whether the step that begins a factor's first root waits for it and uses it, as in [`Mode::Sync`]; only in
    /// [`Mode::Pipelined`], and where waiting has no limit. Else the first steps are the graft's own. After a failure roots
    /// have their delay.
    pub wait_for_first: bool,
    /// Events that a [`Timeline`] has room for; 0 records nothing.
    pub timeline: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 1,
            name: "shampoo".to_owned(),
            capacity: usize::MAX,
            wait_limit: None,
            wait_for_first: false,
            timeline: 0,
        }
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
    wait_for_first: bool,
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
        let jobs = flights.len().saturating_mul(2);
        let queue = Arc::new(Queue::new(jobs, jobs));
        let threads = if largest.is_some() { options.threads } else { 0 };
        let workers = Workers::start(Arc::clone(&queue), threads, largest.unwrap_or(0), &options.name, &kernel)?;
        let record = |events| Recorder::new(events).ok_or(Error::Scratch { numbers: events });
        let recorder = Some(options.timeline).filter(|&events| events > 0).map(record).transpose()?;
        let Options { capacity, wait_limit, wait_for_first, .. } = *options;
        Ok(Self {
            flights,
            queue,
            workers,
            workspace,
            kernel,
            capacity,
            wait_limit,
            wait_for_first: wait_for_first && wait_limit.is_none(),
            recorder,
            flow: Flow::default(),
            round: 0,
        })
    }

    /// One step. `number` is that of the optimizer, for the report.
    ///
    /// **Errors**: the device's; a gradient that is refused has changed nothing.
    pub fn step<A: Accelerator<P>>(&mut self, device: &mut A, rate: f64, number: u64) -> Result<StepReport, A::Error> {
        let begin = Moment::now();
        let span = tracing::debug_span!("shampoo.step", step = number);
        let _entered = span.enter();
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(begin);
        }
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

    /// Jobs for roots that are to be begun again: of these orders. `None` without memory.
    pub(crate) fn prepare(&mut self, orders: impl Iterator<Item = usize>) -> Option<Vec<Job<P>>> {
        orders.map(|order| self.flights.job(order)).collect()
    }

    /// Begins the roots again that are under way according to their slots, with the jobs that were prepared for them; their
    /// statistics are in `snapshots`, factor after factor.
    pub(crate) fn resubmit<'a>(
        &mut self,
        parameter: usize,
        factors: impl Iterator<Item = Factor<'a, P>>,
        snapshots: &[P::Store],
        jobs: &mut impl Iterator<Item = Job<P>>,
    ) {
        let mut rest = snapshots;
        for (site, factor) in self.flights.sites(parameter).zip(factors) {
            let Some(snapshot) = factor.slot.pending() else { continue };
            let (Some((triangle, more)), Some(mut job)) =
                (rest.split_at_checked(packed_len(factor.order)), jobs.next())
            else {
                return;
            };
            rest = more;
            job.refill(snapshot, triangle, factor.request_of(triangle, snapshot));
            self.push(site, job, factor.mode() != Mode::Async);
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
        let deadline = self.wait_limit.map(Deadline::after);
        let mut done = self.install(device, deadline.as_ref())?;
        if self.submit(device)? {
            done = done.merge(self.install(device, deadline.as_ref())?);
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
    fn install<A: Accelerator<P>>(&mut self, device: &mut A, deadline: Option<&Deadline>) -> Result<Refresh, A::Error> {
        let mut done = Refresh::default();
        for parameter in 0..device.parameters() {
            let Some(step) = device.count(parameter).filter(|_| device.is_driven(parameter)) else { continue };
            for (site, mut factor) in self.flights.sites(parameter).zip(device.factors(parameter)) {
                let job = match self.due(&mut factor, step) {
                    _ if factor.mode() == Mode::Async => self.flights.arrived(site),
                    Some(snapshot) => {
                        let job = self.wait_for(site, deadline);
                        if job.is_none() {
                            factor.slot().fail(snapshot);
                            done.rejected += 1;
                        }
                        job
                    }
                    None => None,
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

    /// The snapshot whose root is to be in place before this step goes on.
    fn due<F: AcceleratorFactor<P>>(&self, factor: &mut F, step: u64) -> Option<u64> {
        match factor.poll(step) {
            Poll::Install { snapshot } => Some(snapshot),
            Poll::Wait if self.wait_for_first && factor.mode() != Mode::Async => {
                let slot = factor.slot();
                let first = slot.stamp().is_none() && slot.failures() == 0;
                slot.pending().filter(|&snapshot| first && snapshot == step)
            }
            _ => None,
        }
    }

    /// The job of a site that is due, `None` if it is overdue. Without a limit this thread computes what no worker has begun;
    /// with one it does not: it could not stop a root that never ends.
    fn wait_for(&mut self, site: usize, deadline: Option<&Deadline>) -> Option<Job<P>> {
        if let Some(job) = self.flights.arrived(site) {
            return Some(job);
        }
        let ticket = self.flights.ticket(site);
        match ticket.map(|ticket| self.queue.claim(ticket, deadline)) {
            Some(Found::Finished(job)) => {
                self.record(&job);
                return Some(job);
            }
            Some(Found::Waiting(mut job)) if deadline.is_none() => {
                self.compute(&mut job);
                return Some(job);
            }
            Some(Found::Waiting(job)) => self.flights.land(job),
            Some(Found::Running) => self.flights.abandon(site),
            None => {}
        }
        self.flow.overdue += 1;
        None
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
        let mut rooms = [false, true].map(|timed| self.capacity.max(1).saturating_sub(self.flights.count(timed)));
        for parameter in 0..device.parameters() {
            let Some(step) = device.count(parameter).filter(|_| device.is_driven(parameter)) else { continue };
            for (site, mut factor) in self.flights.sites(parameter).zip(device.factors(parameter)) {
                let Poll::Submit { snapshot } = factor.poll(step) else { continue };
                let timed = factor.mode() != Mode::Async;
                let Some(mut job) = self.free_job(site, &mut rooms[usize::from(timed)]) else { continue };
                if let Err(error) = job.fill(snapshot, &mut factor) {
                    self.flights.land(job);
                    return Err(error);
                }
                self.push(site, job, timed);
                factor.slot().submit(snapshot);
                at_once |= self.due(&mut factor, step).is_some();
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
        let job = self.queue.recall(site);
        match job {
            Some(_) => {
                self.flights.abandon(site);
                self.flow.coalesced += 1;
            }
            None => self.flow.left_out += 1,
        }
        job
    }

    /// Hands a job to the workers.
    fn push(&mut self, site: usize, mut job: Job<P>, timed: bool) {
        job.round = self.round;
        self.flights.depart(site, &mut job, timed);
        self.flow.submitted += 1;
        // There is room for all jobs there can be.
        if let Err(job) = self.queue.submit(job) {
            self.flights.land(job);
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
