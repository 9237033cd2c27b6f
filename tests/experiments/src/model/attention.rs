//! Causal attention of several heads as one operation: softmax(Q K^T / sqrt(head)) V, each token over itself and
//! those before it.
//!
//! Composed of candle's own operations the heads would be copied apart and together again, and the transposed
//! gradient of K added number by number.

use std::sync::Mutex;

use candle_core::backend::BackendStorage as _;
use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::dense::cpu;
use super::exponential::exp;
use super::sum;

/// The operation; its arguments are Q, K and V of \[sequences x length, heads x head\].
#[derive(Debug)]
pub struct Attention {
    sequences: usize,
    heads: usize,
    /// The softmax of each head, from the forward to the backward pass.
    kept: Mutex<Vec<Vec<f32>>>,
}

impl Attention {
    /// For so many sequences and heads.
    #[must_use]
    pub fn new(sequences: usize, heads: usize) -> Self {
        Self { sequences, heads, kept: Mutex::default() }
    }

    /// Length of a sequence, width of a head, and the factor of the scores.
    fn sizes(&self, shape: &Shape) -> Result<(usize, usize, f32)> {
        let (tokens, width) = shape.dims2()?;
        if !tokens.is_multiple_of(self.sequences) || !width.is_multiple_of(self.heads) {
            bail!("{tokens} x {width} are not {} sequences of {} heads", self.sequences, self.heads);
        }
        let head = width / self.heads;
        Ok((tokens / self.sequences, head, 1.0 / (head as f32).sqrt()))
    }
}

/// Rows of scores become the softmax over their beginnings; the rest, the future, becomes 0.
fn softmax(scores: &mut [f32], length: usize, factor: f32) {
    scores.par_chunks_mut(length * length).for_each(|scores| {
        for (last, row) in scores.chunks_mut(length).enumerate() {
            let (past, future) = row.split_at_mut(last + 1);
            future.fill(0.0);
            let greatest = past.iter().fold(f32::NEG_INFINITY, |max, &x| if x > max { x } else { max });
            past.iter_mut().for_each(|x| *x = exp((*x - greatest) * factor));
            let total = sum(past, past, |e, _| e);
            past.iter_mut().for_each(|x| *x /= total);
        }
    });
}

/// The gradient of the softmax becomes that of the scores: factor p (g - sum of p g).
fn softmax_backward(gradient: &mut [f32], softmax: &[f32], length: usize, factor: f32) {
    let square = length * length;
    gradient.par_chunks_mut(square).zip(softmax.par_chunks(square)).for_each(|(gradient, softmax)| {
        for (last, (gradient, p)) in gradient.chunks_mut(length).zip(softmax.chunks(length)).enumerate() {
            let (past, future) = gradient.split_at_mut(last + 1);
            future.fill(0.0);
            let p = &p[..=last];
            let along = sum(past, p, |g, p| g * p);
            past.iter_mut().zip(p).for_each(|(g, p)| *g = factor * p * (*g - along));
        }
    });
}

fn floats(storage: CpuStorage) -> Result<Vec<f32>> {
    match storage {
        CpuStorage::F32(values) => Ok(values),
        _ => bail!("attention is f32"),
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        k: &CpuStorage,
        k_layout: &Layout,
        v: &CpuStorage,
        v_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (length, head, factor) = self.sizes(q_layout.shape())?;
        let (sequences, width) = (self.sequences, self.heads * head);
        let view = |layout: &Layout, number: usize| match layout.contiguous_offsets() {
            Some((start, _)) => {
                let stride = vec![length * width, width, 1];
                Ok(Layout::new(Shape::from((sequences, length, head)), stride, start + number * head))
            }
            None => bail!("a strided tensor where a contiguous one is needed"),
        };
        let mut out = vec![0f32; sequences * length * width];
        let mut kept = Vec::with_capacity(self.heads);
        for number in 0..self.heads {
            let keys = view(k_layout, number)?.transpose(1, 2)?;
            let size = (sequences, length, length, head);
            let mut scores = floats(q.matmul(k, size, &view(q_layout, number)?, &keys)?)?;
            softmax(&mut scores, length, factor);
            let scores = CpuStorage::F32(scores);
            let square = Layout::contiguous((sequences, length, length));
            let size = (sequences, length, head, length);
            let values = floats(scores.matmul(v, size, &square, &view(v_layout, number)?)?)?;
            for (out, values) in out.chunks_mut(width).zip(values.chunks(head)) {
                out[number * head..][..head].copy_from_slice(values);
            }
            kept.push(floats(scores)?);
        }
        let Ok(mut slot) = self.kept.lock() else {
            bail!("a thread died while it computed attention");
        };
        *slot = kept;
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _out: &Tensor,
        out_gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (length, head, factor) = self.sizes(q.shape())?;
        let Ok(mut slot) = self.kept.lock() else {
            bail!("a thread died while it computed attention");
        };
        let kept = core::mem::take(&mut *slot);
        let by_sequence = (self.sequences, length, self.heads * head);
        // Detached: the gradients themselves need no graph.
        let [q, k, v, gradient] = [q, k, v, out_gradient].map(|tensor| tensor.detach().reshape(by_sequence));
        let (q, k, v, gradient) = (q?, k?, v?, gradient?.contiguous()?);
        let [mut of_q, mut of_k, mut of_v] = [const { Vec::new() }; 3];
        for (number, p) in kept.into_iter().enumerate() {
            let [q, k, v, gradient] = [&q, &k, &v, &gradient].map(|t| t.narrow(D::Minus1, number * head, head));
            let (q, k, v, gradient) = (q?, k?, v?, gradient?);
            let square = (self.sequences, length, length);
            let incoming = gradient.matmul(&v.t()?)?;
            let mut scores = {
                let (storage, layout) = incoming.storage_and_layout();
                cpu(&storage, layout)?.to_vec()
            };
            softmax_backward(&mut scores, &p, length, factor);
            let scores = Tensor::from_vec(scores, square, q.device())?;
            let p = Tensor::from_vec(p, square, q.device())?;
            of_q.push(scores.matmul(&k)?);
            of_k.push(scores.t()?.matmul(&q)?);
            of_v.push(p.t()?.matmul(&gradient)?);
        }
        let together = |heads: &[Tensor]| Tensor::cat(heads, D::Minus1)?.reshape(out_gradient.shape()).map(Some);
        Ok((together(&of_q)?, together(&of_k)?, together(&of_v)?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{D, Device, Result, Tensor, Var};

    use super::Attention;

    /// The same out of candle's own operations.
    fn composed(q: &Tensor, k: &Tensor, v: &Tensor, sequences: usize, heads: usize) -> Result<Tensor> {
        let (tokens, width) = q.dims2()?;
        let length = tokens / sequences;
        let split = |x: &Tensor| x.reshape((sequences, length, heads, width / heads))?.transpose(1, 2)?.contiguous();
        let (q, k, v) = (split(q)?, split(k)?, split(v)?);
        let scores = (q.matmul(&k.t()?)? / ((width / heads) as f64).sqrt())?;
        let mask: Vec<f32> =
            (0..length * length).map(|at| if at % length > at / length { f32::NEG_INFINITY } else { 0.0 }).collect();
        let scores = scores.broadcast_add(&Tensor::from_vec(mask, (length, length), &Device::Cpu)?)?;
        let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?.exp()?;
        let softmax = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
        softmax.matmul(&v)?.transpose(1, 2)?.reshape((tokens, width))
    }

    #[test]
    fn values_and_gradients_are_those_of_the_composed_one() -> Result<()> {
        let random = |deviation: f32| Var::randn(0f32, deviation, (3 * 11, 2 * 5), &Device::Cpu);
        let (q, k, v) = (random(2.0)?, random(1.0)?, random(1.0)?);
        let weights = random(1.0)?;
        let ours = q.apply_op3(&k, &v, Attention::new(3, 2))?;
        let theirs = composed(&q, &k, &v, 3, 2)?;
        crate::model::tests::close(&ours, &theirs)?;
        let ours = (ours * weights.as_tensor())?.sum_all()?.backward()?;
        let theirs = (theirs * weights.as_tensor())?.sum_all()?.backward()?;
        crate::model::tests::same_gradients(&ours, &theirs, &[&q, &k, &v])
    }
}
