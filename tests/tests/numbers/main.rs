//! Number types and kernels that emulate others.

#[path = "../common/mod.rs"]
mod common;

mod double_f32;
mod fast_math;
mod split_bf16;
mod stored_bf16;
