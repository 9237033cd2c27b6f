#![cfg_attr(target_os = "none", no_std, no_main)]
//! The kernel for a floating-point unit against the portable one, bit for bit.

use shampoo_core::kernel::{Accum, Kernel, Portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_firmware::fpu::Fpu;
use shampoo_firmware::program;
use shampoo_firmware::report::{Checks, fill};

/// Numbers of a matrix at most, and what lies around it.
const LENGTH: usize = 20 * 24;

/// Rows and columns of C and products in a sum: whole blocks and others, of all three sizes.
const SIZES: [[usize; 3]; 8] =
    [[4, 4, 4], [8, 4, 12], [16, 16, 16], [20, 12, 8], [4, 8, 36], [5, 8, 8], [8, 6, 4], [4, 8, 3]];

/// The same bits; all NaN are one.
fn same(x: &[f32], y: &[f32]) -> bool {
    x.iter().zip(y).all(|(x, y)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan())
}

/// A matrix of so many rows and columns, as it lies in memory or transposed, and with room between its lines.
fn matrix(numbers: &[f32], nrows: usize, ncols: usize, transposed: bool, room: usize) -> MatRef<'_, f32> {
    let (lines, length) = if transposed { (ncols, nrows) } else { (nrows, ncols) };
    let m = MatRef::with_strides(numbers, lines, length, length + room, 1).unwrap_or_else(|_| MatRef::empty());
    if transposed { m.transpose() } else { m }
}

/// One operation by both kernels on the same content of C.
fn both(numbers: &mut [[f32; LENGTH]; 2], work: impl Fn(&dyn Kernel<f32>, &mut [f32])) -> bool {
    let [x, y] = numbers;
    fill(x, 3);
    *y = *x;
    work(&Fpu, x);
    work(&Portable, y);
    same(x, y)
}

fn products(checks: &mut Checks) {
    let (mut a, mut b, mut c) = ([0.0; LENGTH], [0.0; LENGTH], [[0.0; LENGTH]; 2]);
    fill(&mut a, 1);
    fill(&mut b, 2);
    // Products that are 0 above and below 0.
    a.iter_mut().step_by(3).for_each(|x| *x = 0.0);
    b.iter_mut().step_by(5).for_each(|x| *x = -0.0);
    let mut all = true;
    for [nrows, ncols, depth] in SIZES {
        for case in 0..32_usize {
            let bit = |bit: usize| case >> bit & 1 == 1;
            let (room, accum) = (usize::from(bit(3)), if bit(2) { Accum::Add } else { Accum::Replace });
            let alpha = if bit(4) { 0.5 } else { 1.0 };
            let left = matrix(&a, nrows, depth, bit(0), room);
            let right = matrix(&b, depth, ncols, bit(1), room);
            // What has no room would not be compared.
            all &= left.ncols() == depth && right.ncols() == ncols && nrows * (ncols.max(nrows) + room) <= LENGTH;
            all &= both(&mut c, |kernel, c| {
                if accum == Accum::Replace {
                    c.fill(f32::NAN);
                }
                if let Ok(c) = MatMut::with_row_stride(c, nrows, ncols, ncols + room) {
                    kernel.gemm(c, accum, alpha, left, right);
                }
            });
            all &= both(&mut c, |kernel, c| {
                if let Ok(c) = MatMut::with_row_stride(c, nrows, nrows, nrows + room) {
                    kernel.gram(c, accum, alpha, left);
                }
            });
            let square = |numbers, transposed| matrix(numbers, nrows, nrows, transposed, room);
            all &= both(&mut c, |kernel, c| {
                if let Ok(c) = MatMut::with_row_stride(c, nrows, nrows, nrows + room) {
                    kernel.symm_product(c, square(&a, bit(0)), square(&b, bit(1)));
                }
            });
        }
    }
    checks.check("products by the unit", all);
}

fn passes(checks: &mut Checks) {
    let (mut x, mut out) = ([0.0; LENGTH], [[0.0; LENGTH]; 2]);
    fill(&mut x, 1);
    let mut all = true;
    for length in [0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 48, 100] {
        let x = x.get(..length).unwrap_or_default();
        all &= both(&mut out, |kernel, y| kernel.axpby(0.3, x, -1.7, y));
        all &= both(&mut out, |kernel, y| {
            let dot = kernel.dot(x, y);
            y.fill(dot);
        });
        // Every product is -0, and the sum is 0.
        all &= both(&mut out, |kernel, y| {
            y.fill(-0.0);
            let dot = kernel.dot(y.get(..length).unwrap_or_default(), &[0.0; 100]);
            y.fill(dot);
        });
    }
    checks.check("passes by the unit", all);
}

fn square_roots(checks: &mut Checks) {
    let edges = [0.0, -0.0, -1.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::INFINITY, f32::NAN];
    let mut out = [[0.0; LENGTH]; 2];
    let mut all = true;
    for first in (0..16_384_u32).step_by(LENGTH) {
        // Every exponent, and digits of all kinds.
        let number = |i: u32| f32::from_bits((first + i).wrapping_mul(524_309) >> 1);
        let v: [f32; LENGTH] = core::array::from_fn(|i| edges.get(i).copied().unwrap_or_else(|| number(i as u32)));
        for (g, scale, eps) in [(1.0, 1.0, 0.0), (-3e38, 0.7, 1e-30), (0.0, 1.0, 0.0), (f32::NAN, 1.0, 1e-3)] {
            all &= both(&mut out, |kernel, out| kernel.scale_by_rsqrt(out, &[g; LENGTH], &v, scale, eps));
            for [length, g_length, v_length] in [[0, 3, 3], [3, 0, 3], [7, 5, 9]] {
                let (g, v) = ([g; 9], v.get(..v_length).unwrap_or_default());
                all &= both(&mut out, |kernel, out| {
                    let out = out.get_mut(..length).unwrap_or_default();
                    kernel.scale_by_rsqrt(out, g.get(..g_length).unwrap_or_default(), v, scale, eps);
                });
            }
        }
    }
    checks.check("square roots by the unit", all);
}

fn run() -> bool {
    let mut checks = Checks::default();
    products(&mut checks);
    passes(&mut checks);
    square_roots(&mut checks);
    checks.finish()
}

program!(run);
