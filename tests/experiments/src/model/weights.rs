//! Initial weights, the same bits on every platform.

use candle_core::{Device, Result, Var};

use crate::random::Random;

/// A matrix of normal numbers with mean 0.
///
/// # Errors
/// Those of the tensor library.
pub fn normal(nrows: usize, ncols: usize, deviation: f64, mut random: Random) -> Result<Var> {
    let weights: Vec<f32> = (0..nrows * ncols).map(|_| (deviation * random.normal()) as f32).collect();
    Var::from_vec(weights, (nrows, ncols), &Device::Cpu)
}
