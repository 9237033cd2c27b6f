//! A private rayon pool.

use rayon::iter::{IndexedParallelIterator, IntoParallelRefMutIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::Error;

/// Worker threads of one optimizer.
#[derive(Debug)]
pub(crate) struct Pool(ThreadPool);

impl Pool {
    /// Starts so many threads, or as many as the machine offers.
    pub(crate) fn new(count: Option<usize>, name: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        let pool = ThreadPoolBuilder::new()
            .num_threads(count.unwrap_or(0))
            .thread_name(move |worker| format!("{name}-{worker}"))
            .build();
        pool.map(Self).map_err(|error| Error::Threads { reason: error.to_string() })
    }

    pub(crate) fn workers(&self) -> usize {
        self.0.current_num_threads()
    }

    pub(crate) fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        self.0.install(f)
    }

    pub(crate) fn each<T: Send, R: Send + Default>(
        &self,
        items: &mut [T],
        f: impl Fn(&mut T) -> R + Sync,
        merge: impl Fn(R, R) -> R + Sync,
    ) -> R {
        self.0.install(|| items.par_iter_mut().with_max_len(1).map(&f).reduce(R::default, &merge))
    }
}
