//! Tables of which a batch reads rows, and the factors of K-FAC.

use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::kfac::{Terms, accumulate, accumulate_workspace_len, request, update, update_workspace_len};
use shampoo_core::lookup::{Lookup, RowGraft, lengths, sum_rows};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, F32, F32RootDoubleF32, F32RootF64, F64};
use shampoo_core::schedule::Slot;

type Slices<P, S, W> = Lookup<P, &'static mut [S], &'static mut [W], &'static mut [Slot]>;

entries! { rows: [
    lengths,
    sum_rows::<f32>,
    sum_rows::<f64>,
    RowGraft::state_len,
    RowGraft::sums_squares,
    RowGraft::factor,
    RowGraft::validate::<f32>,
    RowGraft::validate::<f64>,
    RowGraft::step::<f32, Portable>,
    RowGraft::step::<f64, Portable>,
    RowGraft::step::<f32, dyn Kernel<f32>>,
    RowGraft::step::<f64, dyn Kernel<f64>>,
] }

macro_rules! lookups {
    ($name:ident, $lookup:ty) => {
        entries! { $name: [
            <$lookup>::new,
            <$lookup>::lengths,
            <$lookup>::config,
            <$lookup>::count,
            <$lookup>::statistics,
            <$lookup>::roots,
            <$lookup>::graft_state,
            <$lookup>::slots,
            <$lookup>::check,
            <$lookup>::step::<Portable>,
        ] }
    };
}

lookups!(lookups_f32, Slices<F32, f32, f32>);
lookups!(lookups_f32_root_double_f32, Slices<F32RootDoubleF32, f32, f32>);
lookups!(lookups_f32_root_f64, Slices<F32RootF64, f32, f32>);
lookups!(lookups_f64, Slices<F64, f64, f64>);

macro_rules! factors {
    ($name:ident, $t:ty, $kernel:ty) => {
        entries! { $name: [
            accumulate::<$t, f32, $kernel>,
            accumulate::<$t, f64, $kernel>,
            accumulate::<$t, Bf16, $kernel>,
            accumulate::<$t, Bf16x2, $kernel>,
            accumulate::<$t, Bf16x3, $kernel>,
            update::<$t, f32, $kernel>,
            update::<$t, f64, $kernel>,
            update::<$t, Bf16, $kernel>,
            update::<$t, Bf16x2, $kernel>,
            update::<$t, Bf16x3, $kernel>,
        ] }
    };
}

entries! { factor_figures: [Terms::scale, accumulate_workspace_len, request, update_workspace_len] }

factors!(factors_f32, f32, Portable);
factors!(factors_f64, f64, Portable);
factors!(factors_f32_any_kernel, f32, dyn Kernel<f32>);
factors!(factors_f64_any_kernel, f64, dyn Kernel<f64>);
