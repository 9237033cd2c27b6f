//! Where training runs: on all cores, or on one thread and nowhere else.
//!
//! The tensor library splits products among the threads of rayon's pool that it is called in, which a pool of one
//! thread stops. Its elementwise passes go to another pool, one for the whole process, whose size only the environment
//! sets; but on that pool's own threads they stay where they are. So training alone is on a thread that is in both.

use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};

use candle_core::utils::barrier_pool;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::plan::Arrangement;
use crate::error::Error;

/// Runs training as the arrangement says.
///
/// # Errors
/// The threads cannot be started.
pub(super) fn run<R: Send>(arrangement: Arrangement, work: impl FnOnce() -> R + Send) -> Result<R, Error> {
    match arrangement {
        Arrangement::Shared => Ok(work()),
        Arrangement::Offload => alone(work),
    }
}

/// Runs it on one thread; the caller sleeps meanwhile.
fn alone<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, Error> {
    let (work, done, finished) = (Mutex::new(Some(work)), Mutex::new(None), Condvar::new());
    barrier_pool().execute(|worker| {
        if worker == 0 {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            let result = catch_unwind(AssertUnwindSafe(|| work.map(in_pool_of_one)));
            *done.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            finished.notify_all();
        } else {
            // The pool waits for all its threads, and it does not sleep.
            let waiting = done.lock().unwrap_or_else(PoisonError::into_inner);
            drop(finished.wait_while(waiting, |done| done.is_none()));
        }
    });
    match done.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(Ok(Some(result))) => result,
        Some(Err(panic)) => resume_unwind(panic),
        _ => Err(refused("no thread ran the training")),
    }
}

/// Runs it on this thread, which is always the same one and becomes a pool of rayon's.
fn in_pool_of_one<R: Send>(work: impl FnOnce() -> R + Send) -> Result<R, Error> {
    static POOL: OnceLock<Result<ThreadPool, String>> = OnceLock::new();
    let build = || ThreadPoolBuilder::new().num_threads(1).use_current_thread().build();
    match POOL.get_or_init(|| build().map_err(|error| error.to_string())) {
        Ok(pool) => Ok(pool.install(work)),
        Err(reason) => Err(refused(reason)),
    }
}

fn refused(reason: &str) -> Error {
    shampoo_runtime::Error::Threads { reason: reason.to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::thread::{ThreadId, current};

    use candle_core::{DType, Device, Tensor};
    use rayon::prelude::*;

    use super::{Arrangement, run};

    #[test]
    fn alone_means_one_thread_every_time() {
        let threads = Mutex::new(HashSet::<ThreadId>::new());
        let note = || {
            threads.lock().expect("no panic").insert(current().id());
        };
        for _ in 0..2 {
            let sum = run(Arrangement::Offload, || {
                note();
                (0..1000).into_par_iter().for_each(|_| note());
                // Large enough for the tensor library's own pool, which must not wait for itself.
                let ones = Tensor::ones(1 << 20, DType::F32, &Device::Cpu).expect("memory");
                (&ones + &ones).and_then(|sum| sum.sum_all()?.to_scalar::<f32>())
            });
            assert_eq!(sum.expect("threads").expect("a sum"), (2 << 20) as f32);
        }
        assert_eq!(threads.lock().expect("no panic").len(), 1);
    }

    #[test]
    fn a_panic_comes_through() {
        let caught = std::panic::catch_unwind(|| run(Arrangement::Offload, || panic!("on purpose")).is_ok());
        assert!(caught.is_err());
        assert_eq!(run(Arrangement::Offload, || 5).expect("threads"), 5);
    }
}
