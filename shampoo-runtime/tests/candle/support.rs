//! Variables and gradients without a pattern.

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, Var};

pub(crate) type Done = Result<(), Box<dyn core::error::Error>>;

/// Numbers without a pattern, in (-1, 1).
pub(crate) fn numbers(length: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    core::iter::repeat_with(next).take(length).collect()
}

pub(crate) fn tensor(shape: &[usize], seed: u64) -> candle_core::Result<Tensor> {
    Tensor::from_vec(numbers(shape.iter().product(), seed), shape, &Device::Cpu)
}

pub(crate) fn var(shape: &[usize], seed: u64) -> candle_core::Result<Var> {
    Var::from_tensor(&tensor(shape, seed)?)
}

/// A store of these gradients and no others: candle makes one only by a backward pass.
pub(crate) fn store(gradients: &[(&Var, Tensor)]) -> candle_core::Result<GradStore> {
    let other = Var::zeros((), DType::F32, &Device::Cpu)?;
    let mut store = other.sqr()?.backward()?;
    for (var, gradient) in gradients {
        store.insert(var, gradient.clone());
    }
    Ok(store)
}

pub(crate) fn bits(tensor: &Tensor) -> candle_core::Result<Vec<u32>> {
    Ok(tensor.flatten_all()?.to_vec1::<f32>()?.into_iter().map(f32::to_bits).collect())
}
