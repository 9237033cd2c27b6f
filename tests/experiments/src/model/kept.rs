//! The gradient of a loss that was computed with it, until it is asked for.

use std::sync::Mutex;

use candle_core::{Result, Tensor, bail};

/// The gradient, from the forward pass to the backward one.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<Vec<f32>>);

impl Kept {
    /// Keeps it.
    pub(super) fn put(&self, gradient: Vec<f32>) -> Result<()> {
        let Ok(mut kept) = self.0.lock() else {
            bail!("a thread died while it computed the loss");
        };
        *kept = gradient;
        Ok(())
    }

    /// Hands it out, times the gradient of what follows the loss.
    pub(super) fn take(&self, logits: &Tensor, loss_gradient: &Tensor) -> Result<Tensor> {
        let Ok(mut kept) = self.0.lock() else {
            bail!("a thread died while it computed the loss");
        };
        // Taken, not copied: a graph is walked backward once.
        let gradient = Tensor::from_vec(core::mem::take(&mut *kept), logits.shape(), logits.device())?;
        let factor = loss_gradient.to_scalar::<f32>()?;
        if factor == 1.0 { Ok(gradient) } else { gradient * f64::from(factor) }
    }
}
