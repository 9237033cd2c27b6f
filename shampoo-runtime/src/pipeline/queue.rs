//! The queue between a trainer and the workers that compute its roots: bounded, oldest round first, longest first within.
//!
//! Held for moves alone, never while anything is computed. `tests/loom` checks this file over all interleavings, which is
//! why it takes its locks from `super::sync`.

use core::time::Duration;

use super::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What the queue has to know of its jobs.
pub(crate) trait Ordered {
    /// The factor whose root it is: of each at most one is waiting.
    fn site(&self) -> usize;
    /// Tells a job from an earlier one of the same site.
    fn ticket(&self) -> u64;
    /// The step of the trainer in which it was submitted.
    fn round(&self) -> u64;
    /// Its length, in any unit.
    fn cost(&self) -> u64;
}

/// Where a job is that is asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<J> {
    /// Here, finished.
    Finished(J),
    /// Here, not begun.
    Waiting(J),
    /// With a worker, still after the deadline.
    Running,
}

/// Jobs on their way to workers, and back.
#[derive(Debug)]
pub(crate) struct Queue<J> {
    state: Mutex<State<J>>,
    /// There is a job, or the end.
    submitted: Condvar,
    /// There is a result.
    finished: Condvar,
}

#[derive(Debug)]
struct State<J> {
    waiting: Vec<J>,
    finished: Vec<J>,
    capacity: usize,
    closed: bool,
}

impl<J: Ordered> Queue<J> {
    /// A queue of so many waiting jobs at most, of so many at most in all.
    pub(crate) fn new(capacity: usize, jobs: usize) -> Self {
        let (waiting, finished) = (Vec::with_capacity(capacity.min(jobs)), Vec::with_capacity(jobs));
        Self {
            state: Mutex::new(State { waiting, finished, capacity, closed: false }),
            submitted: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    /// Adds a job; gives it back where the queue is full or closed.
    pub(crate) fn submit(&self, job: J) -> Result<(), J> {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= state.capacity {
            return Err(job);
        }
        state.waiting.push(job);
        drop(state);
        self.submitted.notify_one();
        Ok(())
    }

    /// The next job for a worker, which waits for one; `None` once the queue is closed.
    #[allow(dead_code, reason = "without the feature `rayon` there are no workers")]
    pub(crate) fn take(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.next() {
                return Some(job);
            }
            state = self.submitted.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The next job, if there is one.
    pub(crate) fn try_take(&self) -> Option<J> {
        self.lock().next()
    }

    /// Hands a result back. After the end it is dropped.
    #[allow(dead_code, reason = "without the feature `rayon` there are no workers")]
    pub(crate) fn finish(&self, job: J) {
        let mut state = self.lock();
        if !state.closed {
            state.finished.push(job);
        }
        drop(state);
        self.finished.notify_all();
    }

    /// Any result.
    pub(crate) fn try_finished(&self) -> Option<J> {
        self.lock().finished.pop()
    }

    /// Takes this job out of the queue when it is finished, or at the deadline. One that no worker has begun is given at once
    /// where there is no deadline: the caller has all the time that it takes.
    pub(crate) fn claim(&self, ticket: u64, deadline: Option<&Deadline>) -> Found<J> {
        let mut state = self.lock();
        loop {
            if let Some(job) = remove(&mut state.finished, |job| job.ticket() == ticket) {
                return Found::Finished(job);
            }
            let left = deadline.map(Deadline::left);
            if left.flatten().is_none()
                && let Some(job) = remove(&mut state.waiting, |job| job.ticket() == ticket)
            {
                return Found::Waiting(job);
            }
            state = match left {
                None => self.finished.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Some(left)) => {
                    let waited = self.finished.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
                    waited.0
                }
                Some(None) => return Found::Running,
            };
        }
    }

    /// Takes back a job that no worker has begun.
    pub(crate) fn recall(&self, site: usize) -> Option<J> {
        remove(&mut self.lock().waiting, |job| job.site() == site)
    }

    /// Jobs that no worker has begun.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// The end: workers go home, and what they still compute is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        state.finished.clear();
        drop(state);
        self.submitted.notify_all();
        self.finished.notify_all();
    }

    /// The lists are whole whatever panicked while it held them: nothing between two moves can.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Ordered> State<J> {
    fn next(&mut self) -> Option<J> {
        let key = |job: &J| (job.round(), core::cmp::Reverse(job.cost()), job.site());
        let (place, _) = self.waiting.iter().enumerate().min_by_key(|(_, job)| key(job))?;
        Some(self.waiting.swap_remove(place))
    }
}

fn remove<J>(jobs: &mut Vec<J>, is_it: impl Fn(&J) -> bool) -> Option<J> {
    jobs.iter().position(is_it).map(|place| jobs.swap_remove(place))
}

/// A point in time; where there is no clock it has always passed.
#[derive(Debug)]
pub(crate) struct Deadline {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    end: Option<std::time::Instant>,
}

impl Deadline {
    /// So long from now.
    pub(crate) fn after(limit: Duration) -> Self {
        let _ = limit;
        Self {
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            end: std::time::Instant::now().checked_add(limit),
        }
    }

    /// Time that is left, `None` for none.
    fn left(&self) -> Option<Duration> {
        #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
        match self.end {
            // Beyond what the clock can say.
            None => Some(Duration::MAX),
            Some(end) => Some(end.saturating_duration_since(std::time::Instant::now())).filter(|left| !left.is_zero()),
        }
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        None
    }
}
