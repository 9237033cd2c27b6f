//! Sixteen sums at a time in the registers of a Cortex-M4F: C <- C + A B for a block of 4 x 4, one k after the other.
//!
//! Compiled code takes up to 37 instructions for the sixteen products of a k: numbers are loaded one by one, and some find
//! no register. Here it is 20.5, as one instruction loads up to four. VMLA rounds the product and then the sum, so the bits
//! are those of the portable kernel.

use core::arch::global_asm;

/// Rows and columns of a block.
pub(super) const SIZE: usize = 4;

/// How the four rows of A, or the four columns of B, lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// The numbers of each side by side.
    Rows,
    /// The four numbers of a k side by side.
    Columns,
}

/// A block and what it is computed from; strides in bytes. The layout is known to `block.s`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) a: *const f32,
    pub(super) b: *const f32,
    pub(super) a_stride: usize,
    pub(super) b_stride: usize,
    /// Products in every sum: a multiple of four, not 0.
    pub(super) depth: usize,
    /// What the sums begin with.
    pub(super) before: *const f32,
    pub(super) before_stride: usize,
    pub(super) c: *mut f32,
    /// Also that of the mirror image.
    pub(super) c_stride: usize,
    /// Where the mirror image goes; null for none.
    pub(super) mirror: *mut f32,
}

/// Computes a block, or its lower triangle.
pub(super) type Compute = unsafe extern "C" fn(&Block);

/// For a whole block, and for one on the diagonal of which the lower triangle is wanted; none for what no product of the
/// optimizer asks for.
pub(super) fn compute(a: Lines, b: Lines) -> Option<[Compute; 2]> {
    match (a, b) {
        (Lines::Rows, Lines::Rows) => Some([shampoo_rows_rows, shampoo_rows_rows_lower]),
        (Lines::Rows, Lines::Columns) => Some([shampoo_rows_columns; 2]),
        (Lines::Columns, Lines::Columns) => Some([shampoo_columns_columns, shampoo_columns_columns_lower]),
        (Lines::Columns, Lines::Rows) => None,
    }
}

unsafe extern "C" {
    fn shampoo_rows_rows(block: &Block);
    fn shampoo_rows_rows_lower(block: &Block);
    fn shampoo_rows_columns(block: &Block);
    fn shampoo_columns_columns(block: &Block);
    fn shampoo_columns_columns_lower(block: &Block);
}

global_asm!(include_str!("block.s"), options(raw));
