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

    /// The value, the first time; the programs have one thread and no interrupts, so a load and a store do for processors
    /// without compare-and-swap.
    #[expect(clippy::mut_from_ref, reason = "the first caller alone gets it")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.load(Ordering::Relaxed) {
            return None;
        }
        self.taken.store(true, Ordering::Relaxed);
        // SAFETY: only one caller gets here.
        Some(unsafe { &mut *self.value.get() })
    }
}
