//! A dense layer as one operation: y = f(x W^T + b), W of \[out, in\], f the identity or ReLU.
//!
//! Composed of candle's own operations the same layer also computes the gradient of the pixels,
//! which nobody reads, and makes several passes for bias and ReLU.

use candle_core::backend::BackendStorage as _;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

/// Rows that one task handles. Fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 64;

/// What a layer does to its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    Linear,
    /// max(0, x).
    Relu,
}

/// The operation; its arguments are x, W and b.
#[derive(Clone, Copy, Debug)]
pub struct Dense {
    /// What happens to the sums.
    pub activation: Activation,
    /// Whether x needs a gradient; the pixels do not.
    pub input_gradient: bool,
}

impl CustomOp3 for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, inputs) = x_layout.shape().dims2()?;
        let (outputs, _) = weight_layout.shape().dims2()?;
        let bias = contiguous(bias, bias_layout)?;
        let transposed = weight_layout.transpose(0, 1)?;
        let sums = x.matmul(weight, (1, batch, outputs, inputs), x_layout, &transposed)?;
        let CpuStorage::F32(mut y) = sums else {
            bail!("dense layers are f32");
        };
        let relu = self.activation == Activation::Relu;
        y.par_chunks_mut(outputs * ROWS).for_each(|rows| {
            for row in rows.chunks_mut(outputs) {
                for (y, b) in row.iter_mut().zip(bias) {
                    let sum = *y + b;
                    // Not `max`, which would turn NaN into 0 and hide that a run diverged.
                    *y = if relu && sum < 0.0 { 0.0 } else { sum };
                }
            }
        });
        Ok((CpuStorage::F32(y), Shape::from((batch, outputs))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        y: &Tensor,
        y_gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (sums_gradient, bias_gradient) = match self.activation {
            Activation::Relu => masked(y_gradient, Some(y))?,
            Activation::Linear => masked(y_gradient, None)?,
        };
        let sums_gradient = sums_gradient.unwrap_or_else(|| y_gradient.clone());
        // Detached: the gradients themselves need no graph.
        let weight_gradient = sums_gradient.t()?.matmul(&x.detach())?;
        let x_gradient = if self.input_gradient { Some(sums_gradient.matmul(&weight.detach())?) } else { None };
        Ok((x_gradient, Some(weight_gradient), Some(bias_gradient)))
    }
}

/// In one pass: the gradient where ReLU let the sum through (none without ReLU), and its column
/// sums, which are the gradient of the bias.
fn masked(gradient: &Tensor, y: Option<&Tensor>) -> Result<(Option<Tensor>, Tensor)> {
    let (batch, outputs) = gradient.dims2()?;
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    let incoming = cpu(&storage, layout)?;
    let (chunk, add) = (outputs * ROWS, |sums: &mut [f32], row: &[f32]| {
        sums.iter_mut().zip(row).for_each(|(s, g)| *s += g);
    });

    let mut passed = Vec::new();
    let partial: Vec<Vec<f32>> = if let Some(y) = y {
        let (storage, layout) = y.storage_and_layout();
        let y = cpu(&storage, layout)?;
        passed.resize(batch * outputs, 0.0);
        let tasks = passed.par_chunks_mut(chunk);
        let tasks = tasks.zip(incoming.par_chunks(chunk).zip(y.par_chunks(chunk)));
        tasks
            .map(|(passed, (incoming, y))| {
                for ((p, g), y) in passed.iter_mut().zip(incoming).zip(y) {
                    *p = if *y > 0.0 { *g } else { 0.0 };
                }
                let mut sums = vec![0.0; outputs];
                passed.chunks(outputs).for_each(|row| add(&mut sums, row));
                sums
            })
            .collect()
    } else {
        incoming
            .par_chunks(chunk)
            .map(|incoming| {
                let mut sums = vec![0.0; outputs];
                incoming.chunks(outputs).for_each(|row| add(&mut sums, row));
                sums
            })
            .collect()
    };
    let mut sums = vec![0.0; outputs];
    partial.iter().for_each(|part| add(&mut sums, part));

    let sums = Tensor::from_vec(sums, outputs, gradient.device())?;
    let passed = match y {
        Some(_) => Some(Tensor::from_vec(passed, (batch, outputs), gradient.device())?),
        None => None,
    };
    Ok((passed, sums))
}

/// The numbers of a contiguous tensor.
pub(super) fn cpu<'a>(storage: &'a candle_core::Storage, layout: &Layout) -> Result<&'a [f32]> {
    match storage {
        candle_core::Storage::Cpu(storage) => contiguous(storage, layout),
        _ => bail!("the experiments run on the CPU"),
    }
}

/// The same of a storage.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("a strided tensor where a contiguous one is needed"),
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Result, Tensor, Var};

    use super::{Activation, Dense};
    use crate::model::tests::{close, same_gradients};

    /// The same layer out of candle's own operations.
    fn composed(x: &Tensor, w: &Tensor, b: &Tensor, activation: Activation) -> Result<Tensor> {
        let sums = x.matmul(&w.t()?)?.broadcast_add(b)?;
        match activation {
            Activation::Linear => Ok(sums),
            Activation::Relu => sums.relu(),
        }
    }

    #[test]
    fn values_and_gradients_are_those_of_the_composed_layer() -> Result<()> {
        let device = Device::Cpu;
        // More rows than one task takes, and a last task that is not full.
        let x = Var::randn(0f32, 1f32, (150, 7), &device)?;
        let w = Var::randn(0f32, 1f32, (5, 7), &device)?;
        let b = Var::randn(0f32, 1f32, 5, &device)?;
        for activation in [Activation::Linear, Activation::Relu] {
            let dense = Dense { activation, input_gradient: true };
            let ours = x.apply_op3(&w, &b, dense)?;
            let theirs = composed(&x, &w, &b, activation)?;
            close(&ours, &theirs)?;
            let ours = ours.sqr()?.sum_all()?.backward()?;
            let theirs = theirs.sqr()?.sum_all()?.backward()?;
            same_gradients(&ours, &theirs, &[&x, &w, &b])?;
        }
        Ok(())
    }

    #[test]
    fn relu_does_not_hide_nan() -> Result<()> {
        let (x, w) = (Tensor::new(&[[f32::NAN, 1.0]], &Device::Cpu)?, Tensor::ones((3, 2), DType::F32, &Device::Cpu)?);
        let b = Tensor::zeros(3, DType::F32, &Device::Cpu)?;
        let dense = Dense { activation: Activation::Relu, input_gradient: false };
        let y = x.apply_op3_no_bwd(&w, &b, &dense)?.flatten_all()?.to_vec1::<f32>()?;
        assert!(y.iter().all(|y| y.is_nan()), "{y:?}");
        Ok(())
    }

    #[test]
    fn the_input_gradient_can_be_left_out() -> Result<()> {
        let device = Device::Cpu;
        let x = Var::randn(0f32, 1f32, (3, 2), &device)?;
        let w = Var::randn(0f32, 1f32, (4, 2), &device)?;
        let b = Var::zeros(4, DType::F32, &device)?;
        let dense = Dense { activation: Activation::Relu, input_gradient: false };
        let gradients = x.apply_op3(&w, &b, dense)?.sum_all()?.backward()?;
        assert!(gradients.get(&x).is_none() && gradients.get(&w).is_some());
        Ok(())
    }
}
