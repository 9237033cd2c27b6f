//! The recipe for a unit that has a square root: the portable kernel with that one instruction in place of `libm`'s loop.
//!
//! Both round correctly, so every bit is the same. What a kernel does not override it inherits from the portable one.
#![expect(unsafe_code, reason = "an instruction that core has no safe name for")]

use core::arch::asm;

use shampoo_core::kernel::{Accum, Kernel, portable};
use shampoo_core::mat::{MatMut, MatRef};

/// [`Portable`](shampoo_core::kernel::Portable) with the unit's square root in the steps of grafts and diagonal methods.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fpu;

/// The correctly rounded square root.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    #[cfg(target_arch = "arm")]
    {
        let root: u32;
        // The compiler knows no operands in single registers on this target (they would want the feature `vfp2`), so the
        // number passes through core registers and one of the unit's is borrowed.
        // SAFETY: the borrowed register is put back, nothing else is touched, and this module exists only for targets that
        // have the unit.
        unsafe {
            asm!(
                "vmov {borrowed}, s0",
                "vmov s0, {x}",
                "vsqrt.f32 s0, s0",
                "vmov {root}, s0",
                "vmov s0, {borrowed}",
                x = in(reg) x.to_bits(),
                borrowed = out(reg) _,
                root = out(reg) root,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        f32::from_bits(root)
    }
    #[cfg(target_arch = "riscv32")]
    {
        let root: f32;
        // SAFETY: one instruction between two registers, and this module exists only for targets that have it.
        unsafe {
            asm!("fsqrt.s {}, {}", out(freg) root, in(freg) x, options(pure, nomem, nostack, preserves_flags));
        }
        root
    }
}

impl Kernel<f32> for Fpu {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        portable::gemm(c, accum, alpha, a, b);
    }

    fn scale_by_rsqrt(&self, out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
        portable::scale_by_rsqrt_with(out, g, v, scale, eps, sqrt);
    }
}
