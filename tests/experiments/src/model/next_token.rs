//! Softmax cross-entropy of logits against the token that came, mean over the tokens, as one operation.
//!
//! The gradient, (softmax - one at the token) / tokens, needs the same exponentials, so the forward pass computes both.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::dense::contiguous;
use super::exponential::exp;
use super::kept::Kept;
use super::sum;

/// Rows that one task handles. Fixed, so that sums do not depend on the number of threads.
const ROWS: usize = 16;

/// The loss of logits of \[tokens, vocabulary\] against tokens of \[tokens\]; a tensor without dimensions.
///
/// # Errors
/// Those of the tensor library; a token that is not in the vocabulary.
pub fn cross_entropy(logits: &Tensor, tokens: &Tensor) -> Result<Tensor> {
    logits.apply_op2(tokens, NextToken::default())
}

/// Keeps the gradient of the logits from the forward to the backward pass.
#[derive(Debug, Default)]
struct NextToken(Kept);

impl CustomOp2 for NextToken {
    fn name(&self) -> &'static str {
        "next-token"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        logits_layout: &Layout,
        tokens: &CpuStorage,
        tokens_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (count, vocabulary) = logits_layout.shape().dims2()?;
        let logits = contiguous(logits, logits_layout)?;
        let Some((start, end)) = tokens_layout.contiguous_offsets() else {
            bail!("the tokens are not contiguous");
        };
        let tokens = &tokens.as_slice::<u32>()?[start..end];
        if tokens.len() != count || tokens.iter().any(|&token| token as usize >= vocabulary) {
            bail!("{} tokens below {vocabulary} are needed", count);
        }
        let mut gradient = vec![0f32; logits.len()];
        let (scale, chunk) = (1.0 / count as f32, ROWS * vocabulary);
        let sums: Vec<f64> = gradient
            .par_chunks_mut(chunk)
            .zip(logits.par_chunks(chunk).zip(tokens.par_chunks(ROWS)))
            .map(|(gradient, (logits, tokens))| {
                let rows = gradient.chunks_mut(vocabulary).zip(logits.chunks(vocabulary));
                rows.zip(tokens).map(|((gradient, logits), &token)| row(gradient, logits, token as usize, scale)).sum()
            })
            .collect();
        let loss = sums.iter().sum::<f64>() / count as f64;
        self.0.put(gradient)?;
        Ok((CpuStorage::F32(vec![loss as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        _tokens: &Tensor,
        _loss: &Tensor,
        loss_gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((Some(self.0.take(logits, loss_gradient)?), None))
    }
}

/// Fills `gradient` and returns the loss of this token.
fn row(gradient: &mut [f32], logits: &[f32], token: usize, scale: f32) -> f64 {
    // Not `f32::max`, which would hide NaN; one that is not found here is found by the sum.
    let greatest = logits.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
    for (out, x) in gradient.iter_mut().zip(logits) {
        *out = exp(x - greatest);
    }
    let total = sum(gradient, gradient, |e, _| e);
    let factor = scale / total;
    gradient.iter_mut().for_each(|out| *out *= factor);
    gradient[token] -= scale;
    f64::from(total).ln() + f64::from(greatest) - f64::from(logits[token])
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device, Result, Tensor, Var};

    use super::cross_entropy;

    #[test]
    fn value_and_gradient_are_those_of_the_composed_one() -> Result<()> {
        let device = Device::Cpu;
        let logits = Var::randn(0f32, 3f32, (37, 21), &device)?;
        let tokens: Vec<u32> = (0..37).map(|i| i * 5 % 21).collect();
        let tokens = Tensor::from_vec(tokens, 37, &device)?;
        let ours = cross_entropy(&logits, &tokens)?;
        let theirs = {
            let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
            let logs = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)?;
            logs.gather(&tokens.unsqueeze(1)?, 1)?.mean_all()?.neg()?
        };
        crate::model::tests::close(&ours, &theirs)?;
        // Twice the loss has twice the gradient.
        let (ours, theirs) = ((ours * 2.0)?.backward()?, (theirs * 2.0)?.backward()?);
        crate::model::tests::same_gradients(&ours, &theirs, &[&logits])
    }

    #[test]
    fn a_token_beyond_the_vocabulary_and_nan_are_not_hidden() -> Result<()> {
        let logits = Tensor::new(&[[1f32, f32::NAN]], &Device::Cpu)?;
        assert!(cross_entropy(&logits, &Tensor::new(&[0u32], &Device::Cpu)?)?.to_scalar::<f32>()?.is_nan());
        assert!(cross_entropy(&logits, &Tensor::new(&[2u32], &Device::Cpu)?).is_err());
        Ok(())
    }
}
