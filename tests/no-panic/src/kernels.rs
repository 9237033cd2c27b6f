//! The kernels: the portable one, through its functions and through the trait, and those for less than `f32`.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Compact, FastMath, Kernel, Portable, RationalOnly, SplitBf16, Terms};
use shampoo_core::kernel::{back_transform, inverses, lanewise, portable, thin, tridiagonal};
use shampoo_core::linalg::inverse_root::{Report, Request, inverse_root};
use shampoo_core::scalar::{DoubleF32, Plain, Real, padded};

entries! { tiles: [padded, back_transform::carried_len, lanewise::scratch_len, lanewise::residual_len] }

macro_rules! kernels {
    ($name:ident, $t:ty) => {
        entries! { $name: [
            portable::gemm::<$t>,
            portable::gram::<$t>,
            portable::symm_product::<$t>,
            portable::dot::<$t>,
            portable::axpby::<$t>,
            portable::rotate_rows::<$t>,
            portable::reflect_rows::<$t>,
            portable::scale_by_rsqrt::<$t>,
            scale_by_rsqrt_with::<$t>,
            thin::symmetric_thin::<$t, Plain>,
            tridiagonal::tridiagonalize::<$t, Plain>,
            inverses::tridiagonal_inverses::<$t, Plain>,
            back_transform::back_transform::<$t, Plain>,
            lanewise::reduce::<$t, Plain>,
            lanewise::roots::<$t, Plain>,
            lanewise::residuals::<$t, Plain>,
            Terms::<$t>::new,
            <Portable as Kernel<$t>>::gemm,
            <Portable as Kernel<$t>>::gram,
            <Portable as Kernel<$t>>::symm_product,
            <Portable as Kernel<$t>>::dot,
            <Portable as Kernel<$t>>::unit_roundoff,
            <Portable as Kernel<$t>>::axpby,
            <Portable as Kernel<$t>>::rotate_rows,
            <Portable as Kernel<$t>>::reflect_rows,
            <Portable as Kernel<$t>>::scale_by_rsqrt,
            <Portable as Kernel<$t>>::symmetric_thin,
            <Portable as Kernel<$t>>::tridiagonalize,
            <Portable as Kernel<$t>>::tridiagonal_inverses,
            <Portable as Kernel<$t>>::back_transform,
            <Portable as Kernel<$t>>::reduce_lanes,
            <Portable as Kernel<$t>>::roots_of_lanes,
            <Portable as Kernel<$t>>::residuals_of_lanes,
            <Compact as Kernel<$t>>::gemm,
            <Compact as Kernel<$t>>::gram,
            <Compact as Kernel<$t>>::symm_product,
            <Compact as Kernel<$t>>::symmetric_thin,
            <Compact as Kernel<$t>>::tridiagonalize,
            <Compact as Kernel<$t>>::tridiagonal_inverses,
            <Compact as Kernel<$t>>::back_transform,
        ] }
    };
}

kernels!(kernels_f32, f32);
kernels!(kernels_f64, f64);
kernels!(kernels_double_f32, DoubleF32);

macro_rules! split_bf16 {
    ($name:ident, $terms:literal) => {
        entries! { $name: [
            SplitBf16::<$terms>::partial_products,
            <SplitBf16<$terms> as Kernel<f32>>::gemm,
            <SplitBf16<$terms> as Kernel<f32>>::gram,
            <SplitBf16<$terms> as Kernel<f32>>::symm_product,
            <SplitBf16<$terms> as Kernel<f32>>::dot,
            <SplitBf16<$terms> as Kernel<f32>>::unit_roundoff,
        ] }
    };
}

split_bf16!(split_bf16_x1, 1);
split_bf16!(split_bf16_x3, 3);
split_bf16!(split_bf16_x6, 6);
split_bf16!(split_bf16_x9, 9);

entries! { rational_only: [
    <RationalOnly<Portable> as Kernel<f32>>::computes,
    <RationalOnly<Portable> as Kernel<f32>>::certifies,
    <RationalOnly<Portable> as Kernel<f32>>::scale_by_rsqrt,
    rational_only_root,
] }

/// A root by a kernel that does not compute all of them.
fn rational_only_root(
    triangle: &[f32],
    n: usize,
    root: &mut [f32],
    request: &Request,
    workspace: &mut [f32],
) -> Result<Report, RootError> {
    inverse_root(triangle, n, root, request, workspace, &RationalOnly(Portable))
}

entries! { fast_math: [
    <FastMath<Portable, false> as Kernel<f32>>::scale_by_rsqrt,
    <FastMath<Portable, true> as Kernel<f32>>::scale_by_rsqrt,
    <FastMath<Portable> as Kernel<f64>>::scale_by_rsqrt,
] }

fn scale_by_rsqrt_with<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T, sqrt: fn(T) -> T) {
    portable::scale_by_rsqrt_with(out, g, v, scale, eps, sqrt);
}
