//! Sixteen sums at a time in the registers of a Cortex-M4F: C <- C + A B^T for a block of 4 x 4, one k after the other.
//!
//! Compiled code takes up to 37 instructions for the sixteen products of a k: numbers are loaded one by one, and some find
//! no register. Here it is 20.5, as one instruction loads up to four. VMLA rounds the product and then the sum, so the bits
//! are those of the portable kernel.

use core::arch::global_asm;

/// Rows and columns of a block.
pub(super) const SIZE: usize = 4;

/// How four rows of A, or of B, lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// The numbers of a row side by side.
    AlongK,
    /// The four numbers of a k side by side.
    AcrossK,
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

/// For a whole block, and for one on the diagonal of which the lower triangle is wanted: that of a product with itself or of
/// matrices that lie alike. None for what no product of the optimizer asks for.
pub(super) fn compute(a: Lines, b: Lines) -> Option<(Compute, Option<Compute>)> {
    match (a, b) {
        (Lines::AlongK, Lines::AlongK) => Some((shampoo_along_along, Some(shampoo_along_along_lower))),
        (Lines::AlongK, Lines::AcrossK) => Some((shampoo_along_across, None)),
        (Lines::AcrossK, Lines::AcrossK) => Some((shampoo_across_across, Some(shampoo_across_across_lower))),
        (Lines::AcrossK, Lines::AlongK) => None,
    }
}

unsafe extern "C" {
    fn shampoo_along_along(block: &Block);
    fn shampoo_along_along_lower(block: &Block);
    fn shampoo_along_across(block: &Block);
    fn shampoo_across_across(block: &Block);
    fn shampoo_across_across_lower(block: &Block);
}

global_asm!(include_str!("block.s"), options(raw));
