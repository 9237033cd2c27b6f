//! Matrices as borrowed views, and one triangle of a symmetric matrix.

pub mod packed;
mod view;

pub use view::{MatMut, MatRef};
