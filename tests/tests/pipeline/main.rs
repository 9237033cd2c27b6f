//! Roots beside training, and what is kept of them.

#[path = "../runtime_support/mod.rs"]
mod runtime_support;

mod checkpoint;
mod determinism;
mod device;
mod faults;
mod order;
