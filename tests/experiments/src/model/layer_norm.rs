//! Layer normalisation of rows as one operation: y = (x - mean) / sqrt(variance + 1e-5) * gain + bias.
//!
//! Composed of candle's own operations it makes a dozen passes; candle's fused one has no backward pass.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::dense::{contiguous, cpu};
use super::sum;

/// Rows that one task handles. Fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 64;
/// Added to the variance.
const EPSILON: f32 = 1e-5;

/// The operation; its arguments are x of \[rows, width\], gain and bias of \[width\].
#[derive(Clone, Copy, Debug)]
pub struct LayerNorm;

/// Mean of a row, and one over its deviation.
fn moments(x: &[f32]) -> (f32, f32) {
    let width = x.len() as f32;
    let mean = sum(x, x, |x, _| x) / width;
    let variance = sum(x, x, |x, _| (x - mean) * (x - mean)) / width;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gain: &CpuStorage,
        gain_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = x_layout.shape().dims2()?;
        let x = contiguous(x, x_layout)?;
        let (gain, bias) = (contiguous(gain, gain_layout)?, contiguous(bias, bias_layout)?);
        let mut y = vec![0f32; x.len()];
        y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).for_each(|(y, x)| {
            for (y, x) in y.chunks_mut(width).zip(x.chunks(width)) {
                let (mean, scale) = moments(x);
                for ((y, x), (gain, bias)) in y.iter_mut().zip(x).zip(gain.iter().zip(bias)) {
                    *y = (x - mean) * scale * gain + bias;
                }
            }
        });
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gain: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        y_gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (rows, width) = x.dims2()?;
        let y_gradient = y_gradient.contiguous()?;
        let (x_storage, x_layout) = x.storage_and_layout();
        let (gain_storage, gain_layout) = gain.storage_and_layout();
        let (storage, layout) = y_gradient.storage_and_layout();
        let (x_values, gain) = (cpu(&x_storage, x_layout)?, cpu(&gain_storage, gain_layout)?);
        let incoming = cpu(&storage, layout)?;

        let mut x_gradient = vec![0f32; rows * width];
        let chunk = ROWS * width;
        let tasks = x_gradient.par_chunks_mut(chunk).zip(x_values.par_chunks(chunk).zip(incoming.par_chunks(chunk)));
        // Of gain and bias, in one row.
        let partial: Vec<Vec<f32>> = tasks
            .map(|(x_gradient, (x, incoming))| {
                let mut sums = vec![0f32; 2 * width];
                let mut normal = vec![0f32; width];
                let rows = x_gradient.chunks_mut(width).zip(x.chunks(width).zip(incoming.chunks(width)));
                for (x_gradient, (x, incoming)) in rows {
                    let (mean, scale) = moments(x);
                    let (of_gain, of_bias) = sums.split_at_mut(width);
                    for ((n, x), (g, (of_gain, of_bias))) in
                        normal.iter_mut().zip(x).zip(incoming.iter().zip(of_gain.iter_mut().zip(of_bias)))
                    {
                        *n = (x - mean) * scale;
                        *of_gain += g * *n;
                        *of_bias += g;
                    }
                    for (out, (g, gain)) in x_gradient.iter_mut().zip(incoming.iter().zip(gain)) {
                        *out = g * gain;
                    }
                    let average = sum(x_gradient, x_gradient, |g, _| g) / width as f32;
                    let along = sum(x_gradient, &normal, |g, n| g * n) / width as f32;
                    for (out, n) in x_gradient.iter_mut().zip(&normal) {
                        *out = scale * (*out - average - n * along);
                    }
                }
                sums
            })
            .collect();
        let mut sums = vec![0f32; 2 * width];
        for part in &partial {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        let bias_gradient = sums.split_off(width);
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(x_gradient, (rows, width), device)?),
            Some(Tensor::from_vec(sums, width, device)?),
            Some(Tensor::from_vec(bias_gradient, width, device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device, Result, Tensor, Var};

    use super::LayerNorm;

    /// The same out of candle's own operations.
    fn composed(x: &Tensor, gain: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?.broadcast_mul(gain)?.broadcast_add(bias)
    }

    #[test]
    fn values_and_gradients_are_those_of_the_composed_one() -> Result<()> {
        let device = Device::Cpu;
        // More rows than one task takes, and a width that is no multiple of eight.
        let x = Var::randn(1f32, 2f32, (150, 13), &device)?;
        let (gain, bias) = (Var::randn(1f32, 0.1f32, 13, &device)?, Var::randn(0f32, 1f32, 13, &device)?);
        let weights = Tensor::randn(0f32, 1f32, (150, 13), &device)?;
        let ours = x.apply_op3(&gain, &bias, LayerNorm)?;
        let theirs = composed(&x, &gain, &bias)?;
        crate::model::tests::close(&ours, &theirs)?;
        let ours = (ours * &weights)?.sum_all()?.backward()?;
        let theirs = (theirs * &weights)?.sum_all()?.backward()?;
        crate::model::tests::same_gradients(&ours, &theirs, &[&x, &gain, &bias])
    }
}
