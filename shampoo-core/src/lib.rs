#![no_std]
//! Scalable Shampoo.

pub mod capacity;
pub mod error;
pub mod kernel;
pub mod linalg;
pub mod mat;
pub mod scalar;
