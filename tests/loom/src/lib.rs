//! The queue of the runtime's pipeline over all interleavings of a trainer with one and with two workers.
//!
//! The runtime's own file is compiled here with the locks of a model checker, which also fails where all threads wait. At
//! most [`PREEMPTIONS`] times a thread is interrupted where it need not wait; that finds what any number of them would in
//! all but contrived programs (Musuvathi and Qadeer 2007).
#![cfg(test)]

#[path = "../../../shampoo-runtime/src/pipeline/queue.rs"]
mod queue;
mod sync;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use loom::model::Builder;
use loom::sync::Arc;
use loom::thread::{JoinHandle, spawn};
use queue::{Deadline, Found, Ordered, Queue};

/// Interruptions of running threads in one execution.
const PREEMPTIONS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Job {
    site: usize,
    ticket: u64,
    round: u64,
    cost: u64,
}

impl Ordered for Job {
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
        self.cost
    }
}

/// A job of round 1 whose site is its ticket.
fn job(ticket: u64) -> Job {
    Job { site: ticket as usize, ticket, round: 1, cost: 1 }
}

/// Tries a model with every interleaving.
fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(model);
}

/// Which of N outcomes some execution had; a model that never had one of them would prove nothing of it.
#[derive(Clone)]
struct Outcomes<const N: usize>(std::sync::Arc<[AtomicBool; N]>);

impl<const N: usize> Outcomes<N> {
    fn new() -> Self {
        Self(std::sync::Arc::new(core::array::from_fn(|_| AtomicBool::new(false))))
    }

    fn note(&self, outcome: usize) {
        self.0[outcome].store(true, Ordering::Relaxed);
    }

    #[track_caller]
    fn assert_all(&self) {
        assert!(self.0.iter().all(|seen| seen.load(Ordering::Relaxed)), "{:?}", self.0);
    }
}

/// A queue and workers that compute until it is closed.
struct Crew {
    queue: Arc<Queue<Job>>,
    workers: Vec<JoinHandle<Vec<u64>>>,
}

impl Crew {
    fn new(workers: usize, capacity: usize) -> Self {
        let queue = Arc::new(Queue::<Job>::new(capacity, 4));
        let worker = |_| {
            let queue = Arc::clone(&queue);
            spawn(move || {
                let mut taken = Vec::new();
                while let Some(job) = queue.take() {
                    taken.push(job.ticket);
                    queue.finish(job);
                }
                taken
            })
        };
        let workers = (0..workers).map(worker).collect();
        Self { queue, workers }
    }

    /// Closes the queue; what the workers have taken, in order of tickets.
    fn close(self) -> Vec<u64> {
        self.queue.close();
        let taken = self.workers.into_iter().flat_map(|worker| worker.join().expect("a worker that ends"));
        let mut taken: Vec<u64> = taken.collect();
        taken.sort_unstable();
        assert_eq!((self.queue.try_finished(), self.queue.waiting()), (None, 0), "what comes late is dropped");
        assert_eq!((self.queue.take(), self.queue.try_take()), (None, None));
        assert_eq!(self.queue.submit(job(9)), Err(job(9)), "given back");
        taken
    }
}

/// Claims these jobs, and returns which of them no worker had begun.
fn claim_all(queue: &Queue<Job>, jobs: &[Job]) -> Vec<u64> {
    let claimed = jobs.iter().filter_map(|job| match queue.claim(job.ticket, None) {
        Found::Finished(found) => {
            assert_eq!(found, *job);
            None
        }
        Found::Waiting(found) => {
            assert_eq!(found, *job);
            Some(found.ticket)
        }
        Found::Running => panic!("there is no limit"),
    });
    claimed.collect()
}

fn every_job_is_finished_once(workers: usize, jobs: &'static [Job]) {
    check(move || {
        let crew = Crew::new(workers, usize::MAX);
        jobs.iter().for_each(|job| assert_eq!(crew.queue.submit(*job), Ok(())));
        let own = claim_all(&crew.queue, jobs);
        let mut all = [own, crew.close()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(jobs.iter().map(|job| job.ticket)), "each is computed by one, and by one alone");
    });
}

const JOBS: [Job; 3] = [
    Job { site: 0, ticket: 1, round: 1, cost: 1 },
    Job { site: 1, ticket: 2, round: 1, cost: 8 },
    Job { site: 2, ticket: 3, round: 2, cost: 1 },
];

#[test]
fn every_job_is_finished_once_by_one_worker() {
    every_job_is_finished_once(1, &JOBS);
}

#[test]
fn every_job_is_finished_once_by_two_workers() {
    every_job_is_finished_once(2, &[JOBS[0], JOBS[1]]);
}

/// Nobody but the workers takes the jobs, each one of them.
fn jobs_wake_workers(workers: u64) {
    check(move || {
        let queue = Arc::new(Queue::<Job>::new(usize::MAX, 4));
        let worker = |_| {
            let queue = Arc::clone(&queue);
            spawn(move || {
                let job = queue.take().expect("a queue that is open");
                queue.finish(job);
            })
        };
        let crew: Vec<_> = (0..workers).map(worker).collect();
        (1..=workers).for_each(|ticket| assert_eq!(queue.submit(job(ticket)), Ok(())));
        crew.into_iter().for_each(|worker| worker.join().expect("a worker that ends"));
        let mut found: Vec<_> = (0..workers).filter_map(|_| queue.try_finished()).map(|job| job.ticket).collect();
        found.sort_unstable();
        assert!(found.into_iter().eq(1..=workers));
    });
}

#[test]
fn jobs_wake_workers_that_wait() {
    jobs_wake_workers(1);
    jobs_wake_workers(2);
}

/// The trainer takes what is there, and closes: every worker ends, and no result comes twice.
fn close_at_any_time(workers: usize, jobs: u64) {
    check(move || {
        let crew = Crew::new(workers, usize::MAX);
        (1..=jobs).for_each(|ticket| assert_eq!(crew.queue.submit(job(ticket)), Ok(())));
        let found: Vec<_> = (0..jobs).filter_map(|_| crew.queue.try_finished()).map(|job| job.ticket).collect();
        let taken = crew.close();
        assert!(taken.windows(2).all(|pair| pair[0] < pair[1]), "twice in {taken:?}");
        assert!(found.iter().all(|ticket| taken.contains(ticket)), "{found:?} of {taken:?}");
        assert!(found.iter().enumerate().all(|(place, ticket)| !found[..place].contains(ticket)), "{found:?}");
    });
}

#[test]
fn workers_that_wait_end_with_the_queue() {
    close_at_any_time(1, 0);
    close_at_any_time(2, 0);
}

#[test]
fn workers_that_compute_end_with_the_queue() {
    close_at_any_time(1, 2);
    close_at_any_time(2, 2);
}

/// A newer snapshot takes the place of the one that waits, if no worker was faster.
fn recall_races_with_take(workers: usize) {
    let outcomes = Outcomes::<2>::new();
    let seen = outcomes.clone();
    check(move || {
        let crew = Crew::new(workers, usize::MAX);
        let (old, new) = (job(1), Job { ticket: 2, round: 2, ..job(1) });
        assert_eq!(crew.queue.submit(old), Ok(()));
        let recalled = crew.queue.recall(old.site);
        seen.note(usize::from(recalled.is_some()));
        let current = match recalled {
            Some(found) => {
                assert_eq!(found, old);
                assert_eq!(crew.queue.submit(new), Ok(()));
                new
            }
            None => old,
        };
        let own = claim_all(&crew.queue, &[current]);
        let all = [own, crew.close()].concat();
        assert_eq!(all, [current.ticket], "recalled: {}", recalled.is_some());
    });
    outcomes.assert_all();
}

#[test]
fn a_recalled_job_is_nobody_elses() {
    recall_races_with_take(1);
    recall_races_with_take(2);
}

/// What is refused is given back, what is not is finished.
fn full(workers: usize) {
    check(move || {
        let crew = Crew::new(workers, 1);
        assert_eq!(crew.queue.submit(job(1)), Ok(()));
        let mut accepted = vec![job(1)];
        match crew.queue.submit(job(2)) {
            Ok(()) => accepted.push(job(2)),
            Err(refused) => assert_eq!(refused, job(2)),
        }
        assert!(crew.queue.waiting() <= 1);
        let own = claim_all(&crew.queue, &accepted);
        let mut all = [own, crew.close()].concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(accepted.iter().map(|job| job.ticket)));
    });
}

#[test]
fn a_full_queue_gives_jobs_back() {
    full(1);
    full(2);
}

/// A job that is overdue is not lost: its result comes, once.
fn overdue(workers: usize) {
    let outcomes = Outcomes::<3>::new();
    let seen = outcomes.clone();
    check(move || {
        let crew = Crew::new(workers, usize::MAX);
        assert_eq!(crew.queue.submit(job(1)), Ok(()));
        let (outcome, own) = match crew.queue.claim(1, Some(&Deadline::after(Duration::ZERO))) {
            Found::Running => (0, claim_all(&crew.queue, &[job(1)])),
            Found::Waiting(found) => (1, vec![found.ticket]),
            Found::Finished(found) => {
                assert_eq!(found, job(1));
                (2, Vec::new())
            }
        };
        seen.note(outcome);
        assert_eq!([own, crew.close()].concat(), [1]);
    });
    outcomes.assert_all();
}

#[test]
fn an_overdue_job_comes_late_and_once() {
    overdue(1);
    overdue(2);
}

#[test]
fn the_oldest_round_goes_first_and_within_it_the_longest() {
    check(|| {
        let queue = Queue::new(usize::MAX, 4);
        let order = [(1, 8, 3), (1, 1, 2), (2, 64, 0), (2, 64, 1)];
        for (ticket, place) in [2, 1, 3, 0].into_iter().enumerate() {
            let (round, cost, site) = order[place];
            assert_eq!(queue.submit(Job { site, ticket: ticket as u64, round, cost }), Ok(()));
        }
        assert_eq!(queue.waiting(), order.len());
        let taken = order.map(|_| queue.try_take().expect("a job")).map(|job| (job.round, job.cost, job.site));
        assert_eq!(taken, order);
    });
}
