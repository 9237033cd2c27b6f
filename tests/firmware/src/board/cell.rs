//! Static memory that is handed out once.
#![expect(unsafe_code, reason = "a static that is written")]

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in static memory, for one owner: state that is built in place and never on the stack.
pub struct Cell<T> {
    value: UnsafeCell<T>,
    taken: AtomicBool,
}

// SAFETY: the value is handed out at most once, see `take`.
unsafe impl<T: Send> Sync for Cell<T> {}

impl<T> Cell<T> {
    /// A value that nobody owns yet.
    pub const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), taken: AtomicBool::new(false) }
    }

    /// The value, the first time.
    #[expect(clippy::mut_from_ref, reason = "the first caller alone gets it")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if swap(&self.taken) {
            return None;
        }
        // SAFETY: only one caller gets here, whatever interrupts whom.
        Some(unsafe { &mut *self.value.get() })
    }
}

/// Sets the flag; what it was.
#[cfg(target_has_atomic = "8")]
fn swap(flag: &AtomicBool) -> bool {
    flag.swap(true, Ordering::Acquire)
}

/// Sets the flag; what it was. A Cortex-M0 swaps nothing, but it has one core, on which nothing comes between where
/// interrupts are masked.
#[cfg(all(not(target_has_atomic = "8"), target_arch = "arm"))]
fn swap(flag: &AtomicBool) -> bool {
    let masked: u32;
    // SAFETY: puts the mask back below.
    unsafe { core::arch::asm!("mrs {}, PRIMASK", "cpsid i", out(reg) masked, options(nostack, preserves_flags)) };
    let before = flag.load(Ordering::Relaxed);
    flag.store(true, Ordering::Relaxed);
    if masked & 1 == 0 {
        // SAFETY: interrupts were not masked before.
        unsafe { core::arch::asm!("cpsie i", options(nostack, preserves_flags)) };
    }
    before
}
