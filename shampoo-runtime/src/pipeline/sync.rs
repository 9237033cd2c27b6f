//! The locks of the queue, in a place of their own: the model checker brings others.

pub(super) use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
