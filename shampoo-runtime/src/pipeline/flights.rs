//! What is under way for each factor, and the buffers for it.

use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::Precision;

use super::job::Job;

/// All factors that are driven, parameter after parameter, with what is under way for each: one snapshot at most.
#[derive(Debug)]
pub(crate) struct Flights<P: Precision> {
    sites: Vec<Site<P>>,
    /// First site of each parameter, and the end of the last.
    bounds: Vec<usize>,
    /// Jobs that nobody uses, by order.
    spare: Vec<(usize, Vec<Job<P>>)>,
    /// Jobs there are.
    jobs: Vec<usize>,
    tickets: u64,
}

#[derive(Debug)]
struct Site<P: Precision> {
    order: usize,
    flight: Option<Flight<P>>,
    /// Its result, where it has come back.
    arrived: Option<Job<P>>,
}

/// What the trainer keeps of a job that is under way.
#[derive(Debug)]
struct Flight<P: Precision> {
    ticket: u64,
    /// Whether a step of the schedule ends it, not the worker's speed.
    timed: bool,
    triangle: Arc<Vec<P::Store>>,
    cancel: Arc<AtomicBool>,
}

impl<P: Precision> Flights<P> {
    pub(crate) fn new(orders: &[Vec<usize>]) -> Self {
        let mut bounds = vec![0];
        for own in orders {
            bounds.push(bounds[bounds.len() - 1] + own.len());
        }
        let mut distinct: Vec<usize> = orders.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        // Room for a late job beside the one under way.
        let room = |order| orders.iter().flatten().filter(|&&o| o == order).count() * 2;
        let spare: Vec<_> = distinct.into_iter().map(|order| (order, Vec::with_capacity(room(order)))).collect();
        let sites = orders.iter().flatten().map(|&order| Site { order, flight: None, arrived: None }).collect();
        let jobs = vec![0; spare.len()];
        Self { sites, bounds, spare, jobs, tickets: 0 }
    }

    /// Number of factors.
    pub(crate) fn len(&self) -> usize {
        self.sites.len()
    }

    /// The factors of a parameter.
    pub(crate) fn sites(&self, parameter: usize) -> Range<usize> {
        match self.bounds.get(parameter..) {
            Some(&[first, end, ..]) => first..end,
            _ => 0..0,
        }
    }

    /// Factors with something under way.
    pub(crate) fn under_way(&self) -> u32 {
        self.sites.iter().filter(|site| site.flight.is_some()).count() as u32
    }

    /// Those of them that are timed, or those that are not.
    pub(crate) fn count(&self, timed: bool) -> usize {
        self.sites.iter().filter(|site| site.flight.as_ref().is_some_and(|flight| flight.timed == timed)).count()
    }

    /// Tells what is under way for a factor from everything before.
    pub(crate) fn ticket(&self, site: usize) -> Option<u64> {
        self.sites[site].flight.as_ref().map(|flight| flight.ticket)
    }

    /// The statistics whose root is under way for a factor.
    pub(crate) fn snapshot(&self, site: usize) -> Option<&[P::Store]> {
        self.sites[site].flight.as_ref().map(|flight| flight.triangle.as_slice())
    }

    /// A job that nobody uses, or a new one; `None` without memory.
    pub(crate) fn spare(&mut self, site: usize) -> Option<Job<P>> {
        self.job(self.sites[site].order)
    }

    /// The same for any factor of this order.
    pub(crate) fn job(&mut self, order: usize) -> Option<Job<P>> {
        let place = self.spare.iter().position(|(own, _)| *own == order)?;
        let spare = self.spare[place].1.pop();
        spare.or_else(|| {
            let job = Job::new(order).ok()?;
            self.jobs[place] += 1;
            Some(job)
        })
    }

    /// Notes that a job leaves for the workers, and gives it its ticket.
    pub(crate) fn depart(&mut self, site: usize, job: &mut Job<P>, timed: bool) {
        self.tickets += 1;
        (job.site, job.ticket) = (site, self.tickets);
        job.cancel.store(false, Ordering::Relaxed);
        let (triangle, cancel) = (Arc::clone(&job.triangle), Arc::clone(&job.cancel));
        let flight = Flight { ticket: self.tickets, timed, triangle, cancel };
        self.sites[site].flight = Some(flight);
    }

    /// Keeps a result until it is due; false, and the buffers are free, where nobody waits for it any more.
    pub(crate) fn arrive(&mut self, job: Job<P>) -> bool {
        let current = self.ticket(job.site) == Some(job.ticket);
        if current {
            let site = job.site;
            self.sites[site].arrived = Some(job);
        } else {
            self.free(job);
        }
        current
    }

    /// The result for a factor, if it has come back.
    pub(crate) fn arrived(&mut self, site: usize) -> Option<Job<P>> {
        self.sites[site].arrived.take()
    }

    /// The end of a flight: its buffers are free.
    pub(crate) fn land(&mut self, job: Job<P>) {
        if self.ticket(job.site) == Some(job.ticket) {
            self.sites[job.site].flight = None;
        }
        self.free(job);
    }

    /// Gives up what is under way for a factor.
    pub(crate) fn abandon(&mut self, site: usize) {
        if let Some(flight) = self.sites[site].flight.take() {
            flight.cancel.store(true, Ordering::Relaxed);
        }
        if let Some(job) = self.arrived(site) {
            self.free(job);
        }
    }

    /// Bytes of all snapshots and incoming roots.
    pub(crate) fn state_bytes(&self) -> usize {
        let numbers: usize =
            self.spare.iter().zip(&self.jobs).map(|((order, _), jobs)| packed_len(*order) * jobs).sum();
        numbers * 2 * size_of::<P::Store>()
    }

    fn free(&mut self, job: Job<P>) {
        if let Some((_, spare)) = self.spare.iter_mut().find(|(order, _)| *order == job.order) {
            spare.push(job);
        }
    }
}

impl<P: Precision> Drop for Flights<P> {
    fn drop(&mut self) {
        (0..self.len()).for_each(|site| self.abandon(site));
    }
}
