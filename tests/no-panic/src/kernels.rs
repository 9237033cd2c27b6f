//! The portable kernel, through its functions and through the trait.

use shampoo_core::kernel::lanes::Plain;
use shampoo_core::kernel::{Kernel, Portable, Terms, back_transform, inverses, padded, portable, tridiagonal};
use shampoo_core::scalar::Real;

entries! { tiles: [padded, back_transform::carried_len] }

macro_rules! kernels {
    ($name:ident, $t:ty) => {
        entries! { $name: [
            portable::gemm::<$t>,
            portable::gram::<$t>,
            portable::symm_product::<$t>,
            portable::dot::<$t>,
            portable::axpby::<$t>,
            portable::scale_by_rsqrt::<$t>,
            scale_by_rsqrt_with::<$t>,
            tridiagonal::tridiagonalize::<$t, Plain>,
            inverses::tridiagonal_inverses::<$t, Plain>,
            back_transform::back_transform::<$t, Plain>,
            Terms::<$t>::new,
            <Portable as Kernel<$t>>::gemm,
            <Portable as Kernel<$t>>::gram,
            <Portable as Kernel<$t>>::symm_product,
            <Portable as Kernel<$t>>::dot,
            <Portable as Kernel<$t>>::axpby,
            <Portable as Kernel<$t>>::scale_by_rsqrt,
            <Portable as Kernel<$t>>::tridiagonalize,
            <Portable as Kernel<$t>>::tridiagonal_inverses,
            <Portable as Kernel<$t>>::back_transform,
        ] }
    };
}

kernels!(kernels_f32, f32);
kernels!(kernels_f64, f64);

fn scale_by_rsqrt_with<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T, sqrt: fn(T) -> T) {
    portable::scale_by_rsqrt_with(out, g, v, scale, eps, sqrt);
}
