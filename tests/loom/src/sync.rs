//! The checker's locks in place of the runtime's.

pub(super) use loom::sync::{Condvar, Mutex, MutexGuard};
pub(super) use std::sync::PoisonError;
