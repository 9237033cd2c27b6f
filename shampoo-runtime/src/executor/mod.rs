//! Who does the work of a step: this thread, or a private pool.

#[cfg(feature = "rayon")]
mod threads;

use shampoo_core::block::{Blocks, Factors};
use shampoo_core::scalar::Precision;

use crate::error::Error;

/// Part of a tensor's work that can be cut in two.
pub(crate) trait Halve: Sized + Send {
    /// Pieces that are left; one piece is not cut.
    fn pieces(&self) -> usize;
    /// Both halves.
    fn cut(self) -> (Self, Self);
}

impl<P: Precision> Halve for Factors<'_, P> {
    fn pieces(&self) -> usize {
        self.len()
    }
    fn cut(self) -> (Self, Self) {
        self.halve()
    }
}

impl<P: Precision> Halve for Blocks<'_, P> {
    fn pieces(&self) -> usize {
        self.len()
    }
    fn cut(self) -> (Self, Self) {
        self.halve()
    }
}

/// Where a step's work runs. Results never depend on it.
#[derive(Debug)]
pub(crate) enum Executor {
    /// On the calling thread.
    Inline,
    /// On a pool of its own, never the global one.
    #[cfg(feature = "rayon")]
    Threads(threads::Pool),
}

impl Executor {
    /// A pool of so many threads, or all that there are; inline without the feature `rayon`.
    pub(crate) fn threads(count: Option<usize>, name: &str) -> Result<Self, Error> {
        #[cfg(feature = "rayon")]
        return threads::Pool::new(count, name).map(Self::Threads);
        #[cfg(not(feature = "rayon"))]
        {
            let _ = (count, name);
            Ok(Self::Inline)
        }
    }

    /// Number of workers.
    pub(crate) fn workers(&self) -> usize {
        match self {
            Self::Inline => 1,
            #[cfg(feature = "rayon")]
            Self::Threads(pool) => pool.workers(),
        }
    }

    /// Runs `f` on one of the workers, so that what it splits stays among them.
    pub(crate) fn enter<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        match self {
            Self::Inline => f(),
            #[cfg(feature = "rayon")]
            Self::Threads(pool) => pool.enter(f),
        }
    }

    /// Runs `f` on each item, and merges what it returns.
    pub(crate) fn each<T: Send, R: Send + Default>(
        &self,
        items: &mut [T],
        f: impl Fn(&mut T) -> R + Sync,
        merge: impl Fn(R, R) -> R + Sync,
    ) -> R {
        match self {
            Self::Inline => items.iter_mut().map(f).fold(R::default(), merge),
            #[cfg(feature = "rayon")]
            Self::Threads(pool) => pool.each(items, f, merge),
        }
    }

    /// Cuts work into single pieces, runs `leaf` on each with the number of the worker, and merges
    /// what it returns. A piece that panics counts as `panicked`; the others go on.
    pub(crate) fn split<H: Halve, R: Send + Default>(
        &self,
        work: H,
        leaf: &(impl Fn(H, usize) -> R + Sync),
        panicked: &(impl Fn() -> R + Sync),
        merge: &(impl Fn(R, R) -> R + Sync),
    ) -> R {
        if work.pieces() == 0 {
            return R::default();
        }
        match self {
            _ if work.pieces() == 1 => guarded(|| leaf(work, self.worker()), panicked),
            Self::Inline => {
                let (first, second) = work.cut();
                let done = self.split(first, leaf, panicked, merge);
                merge(done, self.split(second, leaf, panicked, merge))
            }
            #[cfg(feature = "rayon")]
            Self::Threads(_) => {
                let (first, second) = work.cut();
                let (a, b) = rayon::join(
                    || self.split(first, leaf, panicked, merge),
                    || self.split(second, leaf, panicked, merge),
                );
                merge(a, b)
            }
        }
    }

    /// Number of the calling worker.
    pub(crate) fn worker(&self) -> usize {
        match self {
            Self::Inline => 0,
            #[cfg(feature = "rayon")]
            Self::Threads(_) => rayon::current_thread_index().unwrap_or(0),
        }
    }
}

/// Runs `f`; a panic inside becomes a value, and the worker lives on.
pub(crate) fn guarded<R>(f: impl FnOnce() -> R, panicked: impl FnOnce() -> R) -> R {
    std::panic::catch_unwind(core::panic::AssertUnwindSafe(f)).unwrap_or_else(|_| panicked())
}
