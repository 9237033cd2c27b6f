//! Parts of a tensor that threads work on, for each precision.

use shampoo_core::block::{Blocks, Factors, Refresh};
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::scalar::{F32, F32RootF64, F64};

entries! { refreshes: [Refresh::merge] }

macro_rules! blocks {
    ($name:ident, $p:ty, $work:ty, $root:ty) => {
        entries! { $name: [
            Factors::<$p>::len,
            Factors::<$p>::is_empty,
            Factors::<$p>::halve,
            Factors::<$p>::accumulate::<$work>,
            Factors::<$p>::refresh::<$root>,
            Blocks::<$p>::len,
            Blocks::<$p>::is_empty,
            Blocks::<$p>::halve,
            Blocks::<$p>::precondition::<$work>,
        ] }
    };
}

blocks!(blocks_f32, F32, Portable, Portable);
blocks!(blocks_f32_root_f64, F32RootF64, Portable, Portable);
blocks!(blocks_f64, F64, Portable, Portable);
blocks!(blocks_f32_root_f64_any_kernel, F32RootF64, dyn Kernel<f32>, dyn Kernel<f64>);
