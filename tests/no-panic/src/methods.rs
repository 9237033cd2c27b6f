//! Statistics, diagonal methods, grafts and momentum.

use shampoo_core::diagonal::adam::{self, Adam};
use shampoo_core::diagonal::cover::{AxisCover, ListCover};
use shampoo_core::diagonal::sm3::{self, Sm3};
use shampoo_core::diagonal::{Gradient, adagrad, full_matrix, lars, rmsprop};
use shampoo_core::graft::{AdaGraft, Graft, Length, Norms};
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::momentum::{Filter, Momentum};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, Real, Stored};
use shampoo_core::statistics::{Averaging, TraceScaling, accumulate, mode_gram, mode_product, trace};
use shampoo_core::statistics::{
    accumulate_packed, mode_product_packed, packed_times, panel_len, times_packed, unfolding,
};

entries! { state: [
    Averaging::decay,
    Averaging::weight,
    Averaging::bias_correction,
    TraceScaling::factor,
    TraceScaling::validate,
    panel_len,
    Graft::state_len,
    Graft::sums_squares,
    Graft::scratch_len,
    Graft::factor,
    Momentum::heavy_ball,
    Momentum::weight,
    Momentum::buffer_count,
    Filter::is_used,
    Norms::merge,
    sm3::state_len,
    sm3::scratch_len,
    sm3::scratch_len_of::<AxisCover<'static>>,
    sm3::scratch_len_of::<ListCover<'static>>,
    adam::state_len,
    full_matrix::state_len,
    full_matrix::scratch_len,
    AxisCover::new,
    AxisCover::set_count,
    AxisCover::width,
    ListCover::new,
    Length::of,
    AdaGraft::state_len,
    AdaGraft::steps_scratch_len,
    AdaGraft::scratch_len,
] }

macro_rules! methods {
    ($name:ident, $t:ty, $kernel:ty) => {
        entries! { $name: [
            mode_gram::<$t, $kernel>,
            mode_product::<$t, $kernel>,
            accumulate::<$t, f32>,
            accumulate::<$t, f64>,
            accumulate::<$t, Bf16>,
            accumulate::<$t, Bf16x2>,
            accumulate::<$t, Bf16x3>,
            accumulate_in_place::<$t, f32, $kernel>,
            accumulate_in_place::<$t, Bf16x2, $kernel>,
            mode_product_packed::<$t, f32, $kernel>,
            mode_product_packed::<$t, Bf16x2, $kernel>,
            packed_times::<$t, f32, $kernel>,
            times_packed::<$t, f32, $kernel>,
            trace::<$t, f32>,
            trace::<$t, Bf16>,
            adagrad::step::<$t, $kernel>,
            rmsprop::step::<$t, $kernel>,
            Gradient::<$t>::plain,
            Adam::step::<$t, $kernel>,
            lars::step::<$t, $kernel>,
            full_matrix::step::<$t, $kernel>,
            Sm3::step::<$t, AxisCover<'static>, $kernel>,
            Sm3::step::<$t, ListCover<'static>, $kernel>,
            Graft::step::<$t, $kernel>,
            AdaGraft::step::<$t, $kernel>,
            AdaGraft::steps::<$t, $kernel>,
            AdaGraft::finish::<$t>,
            Norms::of::<$t, $kernel>,
            Momentum::apply::<$t, $kernel>,
            Filter::apply::<$t, $kernel>,
        ] }
    };
}

methods!(methods_f32, f32, Portable);
methods!(methods_f64, f64, Portable);
methods!(methods_f32_any_kernel, f32, dyn Kernel<f32>);
methods!(methods_f64_any_kernel, f64, dyn Kernel<f64>);

fn accumulate_in_place<T: Real, S: Stored<T>, K: Kernel<T> + ?Sized>(
    triangle: &mut [S],
    (n, mode): (usize, usize),
    (g, dims): (&[T], &[usize]),
    panel: &mut [T],
    averaging: Averaging,
    kernel: &K,
) {
    accumulate_packed(triangle, n, unfolding(g, dims, mode), panel, averaging, kernel);
}
