//! What a step reports: how many roots, how good, and where the time went.

use core::time::Duration;

use shampoo_core::block::Refresh;

/// Time of one step by phase.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Checking the gradients, before anything is written.
    pub check: Duration,
    /// Statistics.
    pub statistics: Duration,
    /// Roots, certificates included.
    pub roots: Duration,
    /// Preconditioning, graft, momentum, decay, and the parameters themselves.
    pub update: Duration,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// Number of the step, from 0.
    pub step: u64,
    /// Parameters that had a gradient.
    pub updated: usize,
    /// Roots accepted and refused, and the worst promise.
    pub refresh: Refresh,
    /// Pieces of work lost to a panicking kernel: factors whose statistics missed the gradient, blocks that took
    /// the graft's step, parameters that took none. (A panicking root counts as refused.)
    pub panicked: u32,
    /// Where the time went.
    pub phases: Phases,
}

/// A clock that stands still where there is none (WebAssembly without a host).
#[derive(Debug)]
pub(crate) struct Stopwatch {
    #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
    start: std::time::Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self {
            #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
            start: std::time::Instant::now(),
        }
    }

    /// Time since the start or the last lap.
    pub(crate) fn lap(&mut self) -> Duration {
        #[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
        {
            let now = std::time::Instant::now();
            now - core::mem::replace(&mut self.start, now)
        }
        #[cfg(all(target_family = "wasm", target_os = "unknown"))]
        Duration::ZERO
    }
}
