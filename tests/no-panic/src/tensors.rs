//! The whole of one parameter, for each precision, over buffers whose lengths are known at run time alone.

use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{
    Bf16, Bf16Store, Bf16x2, Bf16x2Store, Bf16x3, Bf16x3Store, F32, F32RootDoubleF32, F32RootF64, F64,
};
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{
    Headroom, Lengths, Tensor, largest_gradient, largest_order, lengths, partition, state_bytes, state_len,
};

type Slices<P, S, W> = Tensor<P, &'static mut [S], &'static mut [W], &'static mut [Slot]>;

entries! { sizes_of_state: [Lengths::of, Lengths::state, largest_order, state_len, partition] }

entries! { room: [
    Headroom::of::<f32, f32>,
    Headroom::initial,
    Headroom::filled,
    Headroom::magnitude,
    Headroom::with,
] }

macro_rules! tensors {
    ($name:ident, $p:ty, $tensor:ty) => {
        entries! { $name: [
            lengths::<$p>,
            state_bytes::<$p>,
            Lengths::state_bytes::<$p>,
            largest_gradient::<$p>,
            Headroom::within::<$p>,
            <$tensor>::new,
            <$tensor>::config,
            <$tensor>::partition,
            <$tensor>::lengths,
            <$tensor>::count,
            <$tensor>::statistics,
            <$tensor>::roots,
            <$tensor>::graft_state,
            <$tensor>::momentum,
            <$tensor>::slots,
            <$tensor>::saved,
            <$tensor>::restore,
            <$tensor>::check,
            <$tensor>::prepare::<Portable>,
            <$tensor>::factors,
            <$tensor>::demand,
            <$tensor>::stagger,
            <$tensor>::accumulates,
            <$tensor>::blocks,
            <$tensor>::graft::<Portable>,
            <$tensor>::finish::<Portable>,
            <$tensor>::step::<Portable>,
        ] }
    };
}

tensors!(tensors_f32, F32, Slices<F32, f32, f32>);
tensors!(tensors_f32_root_double_f32, F32RootDoubleF32, Slices<F32RootDoubleF32, f32, f32>);
tensors!(tensors_f32_root_f64, F32RootF64, Slices<F32RootF64, f32, f32>);
tensors!(tensors_f64, F64, Slices<F64, f64, f64>);
tensors!(tensors_bf16, Bf16Store, Slices<Bf16Store, Bf16, f32>);
tensors!(tensors_bf16x2, Bf16x2Store, Slices<Bf16x2Store, Bf16x2, f32>);
tensors!(tensors_bf16x3, Bf16x3Store, Slices<Bf16x3Store, Bf16x3, f32>);
