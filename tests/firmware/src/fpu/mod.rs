//! The kernel for microcontrollers with a floating-point unit: the portable one, with the unit's square root in place of
//! `libm`'s loop, and on a Cortex-M the products and passes that take most of a step in its own instructions.
//!
//! All of them round as the portable kernel does, so every bit is the same. What a kernel does not override it inherits;
//! without a unit it is the portable one.
#![allow(unsafe_code, reason = "instructions that the compiler does not choose by itself")]

#[cfg(all(target_os = "none", target_arch = "arm", target_abi = "eabihf"))]
mod block;
#[cfg(all(target_os = "none", target_arch = "arm", target_abi = "eabihf"))]
mod passes;
#[cfg(all(target_os = "none", target_arch = "arm", target_abi = "eabihf"))]
mod products;
#[cfg(all(target_os = "none", target_arch = "riscv32", target_feature = "f"))]
mod sqrt;

use shampoo_core::kernel::{Accum, Kernel, portable};
use shampoo_core::mat::{MatMut, MatRef};

/// [`Portable`](shampoo_core::kernel::Portable) in fewer instructions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fpu;

#[cfg(all(target_os = "none", target_arch = "arm", target_abi = "eabihf"))]
impl Kernel<f32> for Fpu {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        if let Some(c) = products::gemm(c, accum, alpha, a, b) {
            portable::gemm(c, accum, alpha, a, b);
        }
    }

    fn gram(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) {
        if let Some(c) = products::gram(c, accum, alpha, a) {
            portable::gram(c, accum, alpha, a);
        }
    }

    fn symm_product(&self, c: MatMut<'_, f32>, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        if let Some(c) = products::symm_product(c, a, b) {
            portable::symm_product(c, a, b);
        }
    }

    fn dot(&self, x: &[f32], y: &[f32]) -> f32 {
        passes::dot(x, y)
    }

    fn axpby(&self, alpha: f32, x: &[f32], beta: f32, y: &mut [f32]) {
        passes::axpby(alpha, x, beta, y);
    }

    fn scale_by_rsqrt(&self, out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
        passes::scale_by_rsqrt(out, g, v, scale, eps);
    }
}

#[cfg(not(all(target_os = "none", target_arch = "arm", target_abi = "eabihf")))]
impl Kernel<f32> for Fpu {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        portable::gemm(c, accum, alpha, a, b);
    }

    #[cfg(all(target_os = "none", target_arch = "riscv32", target_feature = "f"))]
    fn scale_by_rsqrt(&self, out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
        portable::scale_by_rsqrt_with(out, g, v, scale, eps, sqrt::sqrt);
    }
}
