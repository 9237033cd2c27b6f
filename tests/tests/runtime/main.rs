//! The optimizer of servers: its kernel, its threads, its errors.

#[path = "../common/mod.rs"]
mod common;
#[path = "../runtime_support/mod.rs"]
mod runtime_support;

mod bad_settings;
mod bad_steps;
mod compact;
mod global_graft;
mod groups;
mod kernel_passes;
mod kernel_products;
mod kernel_tridiagonal;
mod no_gradient;
mod panics;
mod report;
mod root_batch;
mod threads;
