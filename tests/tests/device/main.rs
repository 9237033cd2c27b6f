//! What a program on a device has instead of threads and files.

#[path = "../common/mod.rs"]
mod common;
#[path = "../runtime_support/mod.rs"]
mod runtime_support;

mod counted;
mod fickle;
mod fixed;
mod image;
mod job_flops;
mod model;
mod ticks;
mod turns;
