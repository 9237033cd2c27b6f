//! The threads that compute roots beside training: a private rayon pool, or none.

use std::sync::Arc;

use shampoo_core::kernel::Kernel;
#[cfg(feature = "rayon")]
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::scalar::Precision;

use super::job::Job;
use super::queue::Queue;
use crate::error::Error;
#[cfg(feature = "rayon")]
use crate::heap::Workspace;

/// Threads that take jobs from a queue until it is closed.
///
/// Dropping them closes it and waits for nobody: a worker goes home between two steps of its job.
#[derive(Debug)]
pub(crate) struct Workers<P: Precision> {
    queue: Arc<Queue<Job<P>>>,
    count: usize,
    #[cfg(feature = "rayon")]
    _pool: Option<rayon::ThreadPool>,
}

impl<P: Precision> Workers<P> {
    /// Starts so many threads, each with a workspace for roots up to this order.
    ///
    /// None are started for a count of 0, and without the feature `rayon`: the trainer then computes all roots itself.
    #[cfg(feature = "rayon")]
    pub(crate) fn start<K: Kernel<P::Root> + Send + 'static>(
        queue: Arc<Queue<Job<P>>>,
        count: usize,
        largest_order: usize,
        name: &str,
        kernel: &Arc<K>,
    ) -> Result<Self, Error> {
        if count == 0 {
            return Ok(Self { queue, count, _pool: None });
        }
        let length = inverse_root_workspace_len(largest_order);
        let workspace = |_| Workspace::new(length).ok_or(Error::Scratch { numbers: length });
        let workspaces = (0..count).map(workspace).collect::<Result<Vec<_>, _>>()?;
        let name = name.to_owned();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(count)
            .thread_name(move |worker| format!("{name}-root-{worker}"))
            .build()
            .map_err(|error| Error::Threads { reason: error.to_string() })?;
        for (worker, mut workspace) in workspaces.into_iter().enumerate() {
            let (queue, kernel) = (Arc::clone(&queue), Arc::clone(kernel));
            // One for each thread of the pool, and none of them ever returns before the end.
            pool.spawn(move || {
                while let Some(mut job) = queue.take() {
                    job.run(worker, workspace.numbers(), &*kernel);
                    queue.finish(job);
                }
            });
        }
        Ok(Self { queue, count, _pool: Some(pool) })
    }

    /// No threads: the trainer computes all roots itself.
    #[cfg(not(feature = "rayon"))]
    pub(crate) fn start<K: Kernel<P::Root> + Send + 'static>(
        queue: Arc<Queue<Job<P>>>,
        _: usize,
        _: usize,
        _: &str,
        _: &Arc<K>,
    ) -> Result<Self, Error> {
        Ok(Self { queue, count: 0 })
    }

    /// Number of threads.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl<P: Precision> Drop for Workers<P> {
    fn drop(&mut self) {
        self.queue.close();
    }
}
