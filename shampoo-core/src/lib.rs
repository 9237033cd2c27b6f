#![no_std]
#![cfg_attr(test, allow(clippy::indexing_slicing))]
//! Scalable Shampoo without std and without a heap.
pub mod block;
pub mod capacity;
pub mod config;
pub mod diagonal;
pub mod error;
pub mod graft;
pub mod kernel;
pub mod learning_rate;
pub mod linalg;
pub mod mat;
pub mod momentum;
pub mod partition;
pub mod scalar;
pub mod schedule;
pub mod statistics;
pub mod tensor;
