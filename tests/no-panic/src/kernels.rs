//! The portable kernel, through its functions and through the trait.

use shampoo_core::kernel::{Kernel, Portable, padded, portable};
use shampoo_core::scalar::{DoubleF32, Real};

entries! { tiles: [padded] }

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
            portable::rank_two_symv::<$t>,
            portable::reflect_rows::<$t>,
            <Portable as Kernel<$t>>::gemm,
            <Portable as Kernel<$t>>::gram,
            <Portable as Kernel<$t>>::symm_product,
            <Portable as Kernel<$t>>::dot,
            <Portable as Kernel<$t>>::axpby,
            <Portable as Kernel<$t>>::scale_by_rsqrt,
            <Portable as Kernel<$t>>::rank_two_symv,
            <Portable as Kernel<$t>>::reflect_rows,
        ] }
    };
}

kernels!(kernels_f32, f32);
kernels!(kernels_f64, f64);
kernels!(kernels_double_f32, DoubleF32);

fn scale_by_rsqrt_with<T: Real>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T, sqrt: fn(T) -> T) {
    portable::scale_by_rsqrt_with(out, g, v, scale, eps, sqrt);
}
