//! Ctrl-C as a flag that the training loop looks at.

use core::sync::atomic::{AtomicBool, Ordering};
use std::process;
use std::sync::Arc;

use crate::error::Error;

/// What a shell expects of a program that Ctrl-C ended: 128 + SIGINT.
pub const EXIT_CODE: u8 = 130;

/// Raised by the first Ctrl-C; the second one ends the program at once.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Installs the handler. A process can do so only once.
    ///
    /// # Errors
    /// [`Error::Interrupt`] when another handler is there already.
    pub fn install() -> Result<Self, Error> {
        let flag = Self::default();
        let raised = flag.0.clone();
        ctrlc::set_handler(move || {
            if raised.swap(true, Ordering::Relaxed) {
                process::exit(i32::from(EXIT_CODE));
            }
        })?;
        Ok(flag)
    }

    /// Does what the first Ctrl-C does.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop now and report.
    #[must_use]
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
