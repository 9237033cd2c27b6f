//! The portable kernel: plain multiplications and additions in a fixed order, never fused, so the
//! same bits come out on every target.
//!
//! The functions are public and inline so that another kernel can compile the same code for wider
//! vectors; the order of the operations, and so the bits, stay.

use super::products::{Part, add_scaled, product};
use super::rows::product_of_rows;
use super::{Accum, Kernel};
use crate::mat::{MatMut, MatRef};
use crate::scalar::Real;

/// The kernel that gives the same bits everywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl<T: Real> Kernel<T> for Portable {
    fn gemm(&self, c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>) {
        gemm(c, accum, alpha, a, b);
    }
}

/// See [`Kernel::gemm`]. Every sum is in the order of k.
pub fn gemm<T: Real>(c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    if b.contiguous_rows().is_some() {
        return product(c, accum, alpha, a, b, Part::Whole);
    }
    product_of_rows(c, accum, alpha, a, b.transpose(), Part::Whole);
}

/// See [`Kernel::gram`].
pub fn gram<T: Real>(c: MatMut<'_, T>, accum: Accum, alpha: T, a: MatRef<'_, T>) {
    if a.transpose().contiguous_rows().is_some() {
        return product(c, accum, alpha, a, a.transpose(), Part::Lower);
    }
    product_of_rows(c, accum, alpha, a, a, Part::Lower);
}

/// See [`Kernel::symm_product`]. Column j of B is its row j.
pub fn symm_product<T: Real>(c: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>) {
    product_of_rows(c, Accum::Replace, T::one(), a, b, Part::Mirrored);
}

/// See [`Kernel::dot`].
#[inline(always)]
pub fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    super::dots::dot(x, y)
}

/// See [`Kernel::axpby`].
#[inline(always)]
pub fn axpby<T: Real>(alpha: T, x: &[T], beta: T, y: &mut [T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = alpha * x + beta * *y;
    }
}

/// See [`Kernel::rotate_rows`]. Two rotations at a time: their middle row is loaded once.
#[inline(always)]
pub fn rotate_rows<T: Real>(mut rows: MatMut<'_, T>, rotations: &[[T; 2]]) {
    let (nrows, ncols) = (rows.nrows(), rows.ncols());
    let (mut data, stride) = rows.parts_mut();
    // From the last row up; a reversed iterator over chunks keeps a panic.
    let mut rows = (0..nrows).rev().map_while(move |row| {
        let (above, own) = core::mem::take(&mut data).split_at_mut_checked(row.saturating_mul(stride))?;
        data = above;
        own.get_mut(..ncols)
    });
    let Some(mut lower) = rows.next() else { return };
    let (pairs, rest) = rotations.as_chunks::<2>();
    for &[[c, s], [next_c, next_s]] in pairs {
        let (Some(middle), Some(upper)) = (rows.next(), rows.next()) else { return };
        for ((x, y), z) in upper.iter_mut().zip(middle).zip(lower) {
            let turned = c * *y - s * *z;
            *z = s * *y + c * *z;
            (*x, *y) = (next_c * *x - next_s * turned, next_s * *x + next_c * turned);
        }
        lower = upper;
    }
    if let (&[[c, s]], Some(upper)) = (rest, rows.next()) {
        for (x, y) in upper.iter_mut().zip(lower) {
            (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
        }
    }
}

/// See [`Kernel::reflect_rows`].
#[inline(always)]
pub fn reflect_rows<T: Real>(mut rows: MatMut<'_, T>, tau: T, v: &[T]) {
    for row in rows.rows_mut() {
        let factor = -tau * dot(row, v);
        add_scaled(row, factor, v);
    }
}

/// See [`Kernel::scale_by_rsqrt`].
#[inline(always)]
pub fn scale_by_rsqrt<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
    scale_by_rsqrt_with(out, g, v, scale, eps, T::sqrt);
}

/// As [`scale_by_rsqrt`], with the square root at hand; every correct rounding gives the same bits.
#[inline(always)]
pub fn scale_by_rsqrt_with<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T, sqrt: impl Fn(T) -> T) {
    for ((out, &g), &v) in out.iter_mut().zip(g).zip(v) {
        let denominator = sqrt(scale * v) + eps;
        let quotient = g / denominator;
        // NaN is none of the two.
        let lost = denominator == T::zero() || quotient.abs() > T::MAX;
        *out = if lost { T::zero() } else { quotient };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small integers: every sum is exact, so all orders of summation agree.
    fn integers(length: usize, seed: usize) -> Vec<f64> {
        (0..length).map(|i| ((i * 7 + seed * 3 + i * i) % 11) as f64 - 5.0).collect()
    }

    extern crate std;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn gemm_agrees_for_all_layouts_and_never_reads_a_replaced_output() {
        let (m, k, n) = (3, 5, 4);
        let (a, b) = (integers(m * k, 1), integers(k * n, 2));
        let at: Vec<f64> = (0..k * m).map(|i| a[(i % m) * k + i / m]).collect();
        let bt: Vec<f64> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
        let expected: Vec<f64> =
            (0..m * n).map(|i| (0..k).map(|l| a[(i / n) * k + l] * b[l * n + i % n]).sum()).collect();
        let lefts = [MatRef::new(&a, m, k).unwrap(), MatRef::new(&at, k, m).unwrap().transpose()];
        let rights = [MatRef::new(&b, k, n).unwrap(), MatRef::new(&bt, n, k).unwrap().transpose()];
        for a in lefts {
            for b in rights {
                let mut c = vec![f64::NAN; m * n];
                gemm(MatMut::new(&mut c, m, n).unwrap(), Accum::Replace, 1.0, a, b);
                assert_eq!(c, expected);
            }
        }
    }

    #[test]
    fn a20_a_square_that_has_vanished_gives_0() {
        // Below the smallest normal number of f32 the second denominator would carry a step of 1e-5 out of range.
        let mut out = [9.0_f32; 4];
        scale_by_rsqrt(&mut out, &[1.0, 1e-5, -1e-5, f32::NAN], &[0.0, 0.0, 0.0, 1.0], 1.0, 1e-44);
        assert_eq!(out[..3], [0.0; 3]);
        assert!(out[3].is_nan());
        scale_by_rsqrt(&mut out, &[1.0, 1e-5, 3.0, 0.0], &[0.0, 0.0, 9.0, 0.0], 1.0, 0.0);
        assert_eq!(out, [0.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn a57_nothing_is_fused() {
        let a = 1.0_f32 + 2.0_f32.powi(-12);
        let c = -(1.0_f32 + 2.0_f32.powi(-11));
        assert_eq!(dot(&[c, a], &[1.0, a]), 0.0);
    }
}
