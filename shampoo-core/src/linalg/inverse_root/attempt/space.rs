//! The workspace of an attempt: the root first, then what its stages need.

use crate::error::ShapeError;
use crate::linalg::inverse_root::rational::row_stride;
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// The root at the front of the workspace, in rows of [`row_stride`].
pub(super) fn view<R: Real>(root: &[R], n: usize) -> Result<MatRef<'_, R>, ShapeError> {
    MatRef::with_strides(root, n, n, row_stride(n), 1)
}

/// The same to write.
#[inline(never)]
pub(super) fn view_mut<R: Real>(root: &mut [R], n: usize) -> Result<MatMut<'_, R>, ShapeError> {
    MatMut::with_row_stride(root, n, n, row_stride(n))
}

pub(super) fn split<R>(rest: &mut [R], length: usize) -> Result<(&mut [R], &mut [R]), ShapeError> {
    let short = ShapeError::Length { needed: length, found: rest.len() };
    rest.split_at_mut_checked(length).ok_or(short)
}

#[inline(never)]
pub(super) fn split_square<R: Real>(rest: &mut [R], n: usize) -> Result<(MatMut<'_, R>, &mut [R]), ShapeError> {
    let (square, rest) = split(rest, n.saturating_mul(n))?;
    Ok((MatMut::new(square, n, n)?, rest))
}
