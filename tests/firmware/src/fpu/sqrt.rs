//! The square root of a RISC-V's unit.

use core::arch::asm;

/// The correctly rounded square root.
#[inline(always)]
pub(super) fn sqrt(x: f32) -> f32 {
    let root: f32;
    // SAFETY: one instruction between two registers, and this module exists only for targets that have it.
    unsafe {
        asm!("fsqrt.s {}, {}", out(freg) root, in(freg) x, options(pure, nomem, nostack, preserves_flags));
    }
    root
}
