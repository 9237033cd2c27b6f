//! Linear algebra of symmetric matrices: what an inverse root needs, and nothing else.
//!
//! Functions borrow views and a workspace, whose length a `const fn` beside them returns.

pub mod cholesky;
pub mod eigen;
pub(crate) mod flops;
pub mod inverse_root;
pub mod laguerre;
pub mod norm;
pub mod power_iteration;
pub mod ql;
pub mod sturm;

/// Whether there is more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Call again.
    Working,
    /// The result is there.
    Done,
}

/// Splits `len` numbers off the front of a workspace.
pub(crate) fn carve<'w, T>(workspace: &mut &'w mut [T], len: usize) -> Option<&'w mut [T]> {
    let (front, rest) = core::mem::take(workspace).split_at_mut_checked(len)?;
    *workspace = rest;
    Some(front)
}
