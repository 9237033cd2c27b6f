//! Configuration, learning rates and the schedule.

use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::graft::{AdaGraft, Graft};
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::momentum::{Filter, Momentum};
use shampoo_core::scalar::{F32, F32RootF64, F64};
use shampoo_core::schedule::{Adaptive, Demand, Loads, Mode, Schedule, Slot};
use shampoo_core::statistics::Averaging;

entries! { settings: [
    Config::talk_2021,
    Config::pinv_third,
    Config::one_sided_every_step,
    Config::diagonal,
    Config::request,
    Config::sums_squares,
    Config::buffer_count,
    Config::root_scale,
    Config::first_refresh,
    Start::weight,
    WeightDecay::rate,
    Config::validate::<F32>,
    Config::validate::<F32RootF64>,
    Config::validate::<F64>,
    Averaging::validate::<f32>,
    Averaging::validate::<f64>,
    Graft::validate::<f32>,
    Graft::validate::<f64>,
    Filter::validate::<f32>,
    Filter::validate::<f64>,
    AdaGraft::validate::<f32>,
    AdaGraft::validate::<f64>,
    Momentum::validate::<f32>,
    Momentum::validate::<f64>,
    LearningRate::constant,
    LearningRate::at,
    Schedule::validate,
    Schedule::accumulates,
    Schedule::terms,
    Schedule::preconditions,
    Schedule::is_due,
    Schedule::poll,
    Mode::delay,
    Mode::is_offloaded,
    Adaptive::validate,
    Adaptive::root_flops,
    Adaptive::urgency,
    level,
    Adaptive::admits,
    Demand::merge,
    Loads::new,
    Loads::spaced,
    Loads::place,
    Slot::restored,
    Slot::stamp,
    Slot::stamps,
    Slot::pending,
    Slot::missed,
    Slot::newest,
    Slot::staleness,
    Slot::failures,
    Slot::ridge,
    Slot::set_ridge,
    Slot::phase,
    Slot::set_phase,
    Slot::urgency,
    Slot::observe,
    Slot::submit,
    Slot::accepts,
    Slot::install,
    Slot::fail,
    Slot::settle,
] }

fn level(adaptive: &Adaptive, next: fn(Option<f64>) -> Option<Demand>) -> f64 {
    adaptive.level(next)
}
