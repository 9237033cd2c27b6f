//! Sigmoid cross-entropy of logits x against targets t in \[0, 1\], summed over the pixels, mean over
//! the batch, as one operation:
//!
//! sum of max(x, 0) - x t + ln(1 + exp(-|x|)), which overflows nowhere. The gradient,
//! (sigmoid(x) - t) / batch, needs the same exponential, so the forward pass computes both. The
//! logarithms of 512 pixels are one logarithm of a product, which is at most 2^512.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::dense::contiguous;
use super::kept::Kept;

/// Pixels that one task handles. Fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 512 * 32;

/// The loss of logits of \[batch, pixels\] with a gradient to follow; a tensor without dimensions.
///
/// # Errors
/// Those of the tensor library.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    logits.apply_op2(targets, CrossEntropy::default())
}

/// The same number without a gradient to follow.
///
/// # Errors
/// Those of the tensor library.
pub fn cross_entropy_value(logits: &Tensor, targets: &Tensor) -> Result<f32> {
    logits.apply_op2_no_bwd(targets, &CrossEntropy::default())?.to_scalar()
}

/// Keeps the gradient of the logits from the forward to the backward pass.
#[derive(Debug, Default)]
struct CrossEntropy(Kept);

impl CustomOp2 for CrossEntropy {
    fn name(&self) -> &'static str {
        "sigmoid-cross-entropy"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        targets: &CpuStorage,
        targets_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (batch, _) = logits_layout.shape().dims2()?;
        let logits = contiguous(logits, logits_layout)?;
        let targets = contiguous(targets, targets_layout)?;
        if logits.len() != targets.len() {
            bail!("{} logits for {} targets", logits.len(), targets.len());
        }
        let mut gradient = vec![0f32; logits.len()];
        let scale = 1.0 / batch as f32;
        let sums: Vec<f64> = gradient
            .par_chunks_mut(CHUNK)
            .zip(logits.par_chunks(CHUNK).zip(targets.par_chunks(CHUNK)))
            .map(|(gradient, (logits, targets))| pass(gradient, logits, targets, scale))
            .collect();
        let loss = sums.iter().sum::<f64>() / batch as f64;
        self.0.put(gradient)?;
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        _targets: &Tensor,
        _loss: &Tensor,
        loss_gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(self.0.take(logits, loss_gradient)?), None))
    }
}

/// Fills `gradient` and returns the loss of these pixels.
fn pass(gradient: &mut [f32], logits: &[f32], targets: &[f32], scale: f32) -> f64 {
    let mut total = 0f64;
    let parts = gradient.chunks_mut(512).zip(logits.chunks(512).zip(targets.chunks(512)));
    for (gradient, (logits, targets)) in parts {
        let (mut linear, mut product) = (0f64, 1f64);
        for ((gradient, &x), &t) in gradient.iter_mut().zip(logits).zip(targets) {
            let e = (-x.abs()).exp();
            let sigmoid = if x >= 0.0 { 1.0 } else { e } / (1.0 + e);
            *gradient = (sigmoid - t) * scale;
            linear += f64::from(x.max(0.0) - x * t);
            product *= 1.0 + f64::from(e);
        }
        total += linear + product.ln();
    }
    total
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor, Var};

    use super::{cross_entropy, cross_entropy_value};

    /// The formula in f64, term by term.
    fn expected(x: &[f32], t: &[f32], batch: f64) -> (f64, Vec<f64>) {
        let (mut loss, mut gradient) = (0.0, Vec::new());
        for (&x, &t) in x.iter().zip(t) {
            let (x, t) = (f64::from(x), f64::from(t));
            loss += x.max(0.0) - x * t + (-x.abs()).exp().ln_1p();
            gradient.push((1.0 / (1.0 + (-x).exp()) - t) / batch);
        }
        (loss / batch, gradient)
    }

    #[test]
    fn value_and_gradient() -> Result<()> {
        // More pixels than one task takes; logits from -90 to 90, where exp(x) would overflow.
        let (batch, pixels) = (30, 700);
        let count = batch * pixels;
        let x: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin() * 90.0 * (i % 3) as f32 / 2.0).collect();
        let t: Vec<f32> = (0..count).map(|i| (i % 11) as f32 / 10.0).collect();
        let (loss, gradient) = expected(&x, &t, batch as f64);

        let logits = Var::from_vec(x, (batch, pixels), &Device::Cpu)?;
        let targets = Tensor::from_vec(t, (batch, pixels), &Device::Cpu)?;
        let ours = cross_entropy(&logits, &targets)?;
        let value = f64::from(ours.to_scalar::<f32>()?);
        assert!((value / loss - 1.0).abs() < 1e-6, "{value} {loss}");
        assert_eq!(ours.to_scalar::<f32>()?, cross_entropy_value(&logits, &targets)?);

        // Twice the loss has twice the gradient.
        let gradients = (ours * 2.0)?.backward()?;
        let Some(ours) = gradients.get(&logits) else {
            panic!("no gradient");
        };
        for (ours, expected) in ours.flatten_all()?.to_vec1::<f32>()?.iter().zip(gradient) {
            assert!((f64::from(*ours) - 2.0 * expected).abs() < 2e-8);
        }
        Ok(())
    }

    #[test]
    fn nan_is_not_hidden() -> Result<()> {
        let logits = Tensor::new(&[[1f32, f32::NAN]], &Device::Cpu)?;
        let targets = Tensor::new(&[[0f32, 0.0]], &Device::Cpu)?;
        assert!(cross_entropy_value(&logits, &targets)?.is_nan());
        Ok(())
    }
}
