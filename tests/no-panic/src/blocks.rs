//! Parts of a tensor that threads work on, for each precision.

use shampoo_core::block::{Blocks, Factor, Factors, Refresh};
use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::Report;
use shampoo_core::scalar::{F32, F32RootF64, F64, Precision};

entries! { refreshes: [Refresh::merge, Refresh::of, Refresh::conclude] }

macro_rules! blocks {
    ($name:ident, $p:ty, $work:ty, $root:ty) => {
        entries! { $name: [
            Factors::<$p>::len,
            Factors::<$p>::is_empty,
            Factors::<$p>::halve,
            Factors::<$p>::accumulate::<$work>,
            Factors::<$p>::observe::<$root>,
            Factors::<$p>::refresh::<$root>,
            each::<$p>,
            Factor::<$p>::mode,
            Factor::<$p>::poll,
            Factor::<$p>::request,
            Factor::<$p>::request_of,
            Factor::<$p>::install,
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

/// Offers the root of one factor to all of them.
fn each<P: Precision>(factors: Factors<'_, P>, snapshot: u64, root: &[P::Store], report: &Result<Report, RootError>) {
    factors.each().for_each(|mut factor| _ = factor.install(snapshot, root, report));
}
