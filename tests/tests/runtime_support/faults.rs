//! Tests whose kernels panic or hang.

use core::time::Duration;
use std::sync::Once;
use std::sync::mpsc::{RecvTimeoutError, channel};

/// What the tests' own panics say.
pub(crate) const MESSAGE: &str = "a test's own panic";

/// Prints every panic but the tests' own.
pub(crate) fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&MESSAGE) {
                print(info);
            }
        }));
    });
}

/// Fails where `f` does not return.
pub(crate) fn in_time(f: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let worker = std::thread::spawn(move || {
        f();
        let _ = done.send(());
    });
    assert!(wait.recv_timeout(Duration::from_secs(120)) != Err(RecvTimeoutError::Timeout), "it does not return");
    if let Err(assertion) = worker.join() {
        std::panic::resume_unwind(assertion);
    }
}
