//! The methods that give a step its length, and the factor that gives it, in candle's operations.
//!
//! Formulas and figures are those of [`shampoo_core::diagonal`] and [`shampoo_core::graft`].

use candle_core::{DType, Device, Result, Tensor};
use shampoo_core::diagonal::adam::Adam;
use shampoo_core::graft::Graft;
use shampoo_core::statistics::Averaging;

use super::length::{norm, with_length};

/// A method with its state.
#[derive(Debug)]
pub(super) enum Method {
    /// The gradient itself.
    Gradient,
    /// Divided by the root of the sum of squares.
    AdaGrad { epsilon: f64, v: Tensor },
    /// Divided by the root of the average of squares.
    RmsProp { averaging: Averaging, epsilon: f64, bias_correction: bool, v: Tensor },
    /// The same of an average of gradients.
    Adam { figures: Adam, m: Tensor, v: Tensor },
    /// With a fixed length.
    FixedNorm(f64),
}

impl Method {
    /// The method for a tensor of these sizes before its first gradient.
    pub(super) fn new(graft: &Graft, dims: &[usize], device: &Device) -> Result<Self> {
        let zeros = || Tensor::zeros(dims, DType::F32, device);
        Ok(match *graft {
            Graft::None | Graft::Sgd => Self::Gradient,
            Graft::AdaGrad { epsilon } => Self::AdaGrad { epsilon, v: zeros()? },
            Graft::RmsProp { beta2, epsilon, bias_correction } => {
                Self::RmsProp { averaging: Averaging::Ema { beta2 }, epsilon, bias_correction, v: zeros()? }
            }
            Graft::Adam { beta1, beta2, epsilon } => {
                Self::Adam { figures: Adam { beta1, beta2, epsilon }, m: zeros()?, v: zeros()? }
            }
            Graft::FixedNorm(length) => Self::FixedNorm(length.of(dims)),
            ref other => candle_core::bail!("{other:?} is not known on devices"),
        })
    }

    /// Takes the gradient, the `count`th, into the state and returns the step for a learning rate of 1.
    pub(super) fn step(&mut self, g: &Tensor, count: u64) -> Result<Tensor> {
        match self {
            Self::Gradient => Ok(g.clone()),
            Self::AdaGrad { epsilon, v } => {
                *v = average(v, &g.sqr()?, Averaging::Sum)?;
                scale_by_rsqrt(g, v, 1.0, *epsilon)
            }
            Self::RmsProp { averaging, epsilon, bias_correction, v } => {
                *v = average(v, &g.sqr()?, *averaging)?;
                let scale = if *bias_correction { averaging.bias_correction(count) } else { 1.0 };
                scale_by_rsqrt(g, v, scale, *epsilon)
            }
            Self::Adam { figures: Adam { beta1, beta2, epsilon }, m, v } => {
                let (first, second) = (Averaging::Ema { beta2: *beta1 }, Averaging::Ema { beta2: *beta2 });
                *m = average(m, g, first)?;
                *v = average(v, &g.sqr()?, second)?;
                let step = scale_by_rsqrt(m, v, second.bias_correction(count), *epsilon)?;
                finite_or_zero(&(step * first.bias_correction(count))?)
            }
            Self::FixedNorm(length) => with_length(g, *length),
        }
    }

    /// Bytes of state.
    pub(super) fn state_bytes(&self) -> usize {
        let numbers = match self {
            Self::Gradient | Self::FixedNorm(_) => 0,
            Self::AdaGrad { v, .. } | Self::RmsProp { v, .. } => v.elem_count(),
            Self::Adam { m, v, .. } => m.elem_count() + v.elem_count(),
        };
        numbers * size_of::<f32>()
    }
}

/// decay H + weight T.
pub(super) fn average(kept: &Tensor, term: &Tensor, averaging: Averaging) -> Result<Tensor> {
    let term = if averaging.weight() == 1.0 { term.clone() } else { (term * averaging.weight())? };
    if averaging.decay() == 1.0 { kept + term } else { (kept * averaging.decay())? + term }
}

/// h / (sqrt(scale v) + epsilon); 0 where that leaves the range, as where nothing was summed and epsilon is 0.
fn scale_by_rsqrt(h: &Tensor, v: &Tensor, scale: f64, epsilon: f64) -> Result<Tensor> {
    finite_or_zero(&(h / ((v * scale)?.sqrt()? + epsilon)?)?)
}

fn finite_or_zero(x: &Tensor) -> Result<Tensor> {
    x.abs()?.le(f32::MAX)?.where_cond(x, &x.zeros_like()?)
}

/// What gives a preconditioned gradient its length, on the device.
pub(super) struct Factor {
    factor: Tensor,
    /// Whether the product is a legal step; else the method's own step is taken.
    is_usable: Tensor,
}

impl Factor {
    /// The factor over pieces that belong together; `limit` is the length of a step at most.
    pub(super) fn new(graft: &Graft, steps: &[Tensor], directions: &[Tensor], limit: f64) -> Result<Self> {
        let length = norm(directions)?;
        let factor = match graft {
            Graft::None => length.ones_like()?,
            _ => (norm(steps)? / &length)?,
        };
        // False for NaN too: a direction that is 0, or out of range.
        let is_usable = (&factor * &length)?.le(limit as f32)?;
        Ok(Self { factor, is_usable })
    }

    /// The direction with its length, or the step.
    pub(super) fn apply(&self, direction: &Tensor, step: &Tensor) -> Result<Tensor> {
        let scaled = direction.broadcast_mul(&self.factor)?;
        self.is_usable.broadcast_as(step.shape())?.where_cond(&scaled, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(x: &Tensor) -> Result<Vec<f32>> {
        x.flatten_all()?.to_vec1()
    }

    #[test]
    fn what_was_never_moved_is_not_divided() -> Result<()> {
        let g = Tensor::new(&[0.0_f32, 2.0], &Device::Cpu)?;
        for graft in [
            Graft::AdaGrad { epsilon: 0.0 },
            Graft::RmsProp { beta2: 0.5, epsilon: 0.0, bias_correction: true },
            Graft::Adam { beta1: 0.5, beta2: 0.5, epsilon: 0.0 },
        ] {
            let mut method = Method::new(&graft, g.dims(), &Device::Cpu)?;
            assert_eq!(numbers(&method.step(&g, 1)?)?, [0.0, 1.0], "{graft:?}");
        }
        Ok(())
    }

    #[test]
    fn a_direction_without_a_usable_length_gives_the_step() -> Result<()> {
        let step = Tensor::new(&[3.0_f32, 4.0], &Device::Cpu)?;
        let with = |graft: Graft, direction: [f32; 2]| {
            let direction = Tensor::new(&direction, &Device::Cpu)?;
            let pieces = core::slice::from_ref(&direction);
            numbers(&Factor::new(&graft, core::slice::from_ref(&step), pieces, 1e19)?.apply(&direction, &step)?)
        };
        assert_eq!(with(Graft::Sgd, [2.0, 0.0])?, [5.0, 0.0]);
        for bad in [[0.0, 0.0], [f32::NAN, 1.0], [f32::INFINITY, 1.0]] {
            assert_eq!(with(Graft::Sgd, bad)?, [3.0, 4.0], "{bad:?}");
        }
        assert_eq!(with(Graft::None, [2.0, 0.0])?, [2.0, 0.0]);
        assert_eq!(with(Graft::None, [0.0, 0.0])?, [0.0, 0.0]);
        assert_eq!(with(Graft::None, [f32::INFINITY, 0.0])?, [3.0, 4.0]);
        assert_eq!(with(Graft::None, [1e20, 0.0])?, [3.0, 4.0]);
        Ok(())
    }
}
