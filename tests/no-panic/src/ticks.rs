//! Roots spread over ticks, for each precision, over buffers whose lengths are known at run time alone.

use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::scalar::{Bf16x2, Bf16x2Store, DoubleF32, F32, F32RootDoubleF32, F32RootF64};
use shampoo_core::schedule::Slot;
use shampoo_core::ticks::{Ticks, largest_piece, largest_root};

type Buffer<T> = &'static mut [T];

entries! { pieces: [largest_piece, largest_root] }

macro_rules! ticks {
    ($name:ident, $p:ty, $store:ty, $root:ty, $kernel:ty) => {
        entries! { $name: [
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::new,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::order,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::under_way,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::abandon,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::left_at_most::<Buffer<$store>, Buffer<f32>, Buffer<Slot>>,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::tick::<Buffer<$store>, Buffer<f32>, Buffer<Slot>, $kernel>,
            Ticks::<$p, Buffer<$store>, Buffer<$root>>::settle::<Buffer<$store>, Buffer<f32>, Buffer<Slot>, $kernel>,
        ] }
    };
}

ticks!(ticks_f32, F32, f32, f32, Portable);
ticks!(ticks_f32_root_double_f32, F32RootDoubleF32, f32, DoubleF32, Portable);
ticks!(ticks_f32_root_f64_any_kernel, F32RootF64, f32, f64, dyn Kernel<f64>);
ticks!(ticks_bf16x2, Bf16x2Store, Bf16x2, f32, Portable);
