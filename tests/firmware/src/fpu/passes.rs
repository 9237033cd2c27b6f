//! Passes over rows of numbers for a Cortex-M4F: several numbers are loaded by one instruction, and the unit's square root
//! stands in for `libm`'s loop. Every operation is rounded, in the order of the portable kernel.

use core::arch::global_asm;

use shampoo_core::kernel::portable;

/// Numbers at a time of [`axpby`].
const FOUR: usize = 4;
/// Sums beside each other in a dot product, those of the portable one.
const SUMS: usize = 16;

/// Sum of x_i y_i.
#[inline(always)]
pub(super) fn dot(x: &[f32], y: &[f32]) -> f32 {
    if x.len() != y.len() || !x.len().is_multiple_of(SUMS) || x.is_empty() {
        return dot_of_any(x, y);
    }
    // SAFETY: as many numbers are read of both.
    let sum = unsafe { shampoo_dot(x.as_ptr(), y.as_ptr(), x.len()) };
    // -0 + 0 is the 0 that sums which begin with 0 have.
    sum + 0.0
}

/// The same for any lengths.
#[inline(never)]
fn dot_of_any(x: &[f32], y: &[f32]) -> f32 {
    let length = x.len().min(y.len());
    let whole = length / SUMS * SUMS;
    let (Some((x, x_rest)), Some((y, y_rest))) = (x.split_at_checked(whole), y.split_at_checked(whole)) else {
        return 0.0;
    };
    let rest = portable::dot(x_rest, y_rest);
    if x.is_empty() { rest } else { dot(x, y) + rest }
}

/// y <- alpha x + beta y.
pub(super) fn axpby(alpha: f32, x: &[f32], beta: f32, y: &mut [f32]) {
    let length = x.len().min(y.len()) / FOUR * FOUR;
    let (Some((x, x_rest)), Some((y, y_rest))) = (x.split_at_checked(length), y.split_at_mut_checked(length)) else {
        return;
    };
    if !x.is_empty() {
        // SAFETY: as many numbers are read of x, and read and written of y.
        unsafe { shampoo_axpby(y.as_mut_ptr(), x.as_ptr(), length, alpha, beta) };
    }
    portable::axpby(alpha, x_rest, beta, y_rest);
}

/// out <- g / (sqrt(scale v) + eps); 0 where the denominator is 0 or the quotient leaves the range.
pub(super) fn scale_by_rsqrt(out: &mut [f32], g: &[f32], v: &[f32], scale: f32, eps: f32) {
    let length = out.len().min(g.len()).min(v.len());
    if length > 0 {
        // SAFETY: so many numbers are in all three.
        unsafe {
            shampoo_scale_by_rsqrt(out.as_mut_ptr(), g.as_ptr(), v.as_ptr(), length, scale, eps, f32::MAX, 0.0);
        }
    }
}

unsafe extern "C" {
    fn shampoo_dot(x: *const f32, y: *const f32, length: usize) -> f32;
    fn shampoo_axpby(y: *mut f32, x: *const f32, length: usize, alpha: f32, beta: f32);
    fn shampoo_scale_by_rsqrt(
        out: *mut f32,
        g: *const f32,
        v: *const f32,
        length: usize,
        scale: f32,
        eps: f32,
        largest: f32,
        zero: f32,
    );
}

global_asm!(include_str!("passes.s"), options(raw));
