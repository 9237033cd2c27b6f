//! Matrices as borrowed views, and one triangle of a symmetric matrix.

pub mod packed;
mod view;

pub use view::{MatMut, MatRef};

/// Copies numbers, as far as both go.
#[inline(never)]
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    to.iter_mut().zip(from).for_each(|(to, &from)| *to = from);
}
