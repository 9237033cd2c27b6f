//! A clock that stands still where there is none (WebAssembly without a host).

use core::time::Duration;

/// A point in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    instant: std::time::Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            instant: std::time::Instant::now(),
        }
    }

    /// Time since an earlier one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
        return self.instant.saturating_duration_since(earlier.instant);
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        {
            let _ = earlier;
            Duration::ZERO
        }
    }
}

/// When a worker did something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Its number; the training thread comes after all workers.
    pub(crate) worker: usize,
    pub(crate) begin: Moment,
    pub(crate) end: Moment,
}

impl Default for Span {
    fn default() -> Self {
        let now = Moment::now();
        Self { worker: 0, begin: now, end: now }
    }
}

/// Laps.
#[derive(Debug)]
pub(crate) struct Stopwatch(Moment);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Moment::now())
    }

    /// Time since the start or the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        let now = Moment::now();
        now.since(core::mem::replace(&mut self.0, now))
    }
}
