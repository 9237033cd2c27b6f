//! How entry points are kept in the program, and what stands in for their callers.

use core::hint::black_box;

/// Exports a function that hands a pointer to each entry point to its caller.
macro_rules! entries {
    ($name:ident: [$($entry:expr),* $(,)?]) => {
        /// Visits entry points.
        #[unsafe(no_mangle)]
        fn $name(visit: &mut dyn FnMut(*const ())) {
            $(visit($entry as *const ());)*
        }
    };
}

/// Runs an iterator to its end: an entry point that returns one has done nothing yet.
pub(crate) fn exhaust<I: Iterator>(items: I) {
    items.for_each(|item| {
        black_box(item);
    });
}
