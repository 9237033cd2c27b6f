//! A deep autoencoder: dense layers down to a code and, mirrored, up again; ReLU everywhere but at
//! the code and at the logits of the pixels.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::dense::{Activation, Dense};
use super::{loss, weights};
use crate::random::{Random, Stream};

struct Layer {
    name: String,
    weight: Var,
    bias: Var,
    dense: Dense,
}

/// The network and its weights.
pub struct Autoencoder(Vec<Layer>);

impl Autoencoder {
    /// He initialisation from `seed` (weights normal with deviation sqrt(2 / inputs), biases zero)
    /// for an encoder of these widths and its mirror.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(encoder: &[usize], seed: u64) -> Result<Self> {
        let depth = encoder.len() - 1;
        let down = encoder.iter().zip(&encoder[1..]);
        let up = encoder.iter().rev().zip(encoder.iter().rev().skip(1));
        let layers = down.chain(up).enumerate().map(|(i, (&inputs, &outputs))| {
            let half = if i < depth { "encoder" } else { "decoder" };
            let linear = i + 1 == depth || i + 1 == 2 * depth;
            let activation = if linear { Activation::Linear } else { Activation::Relu };
            Ok(Layer {
                name: format!("{half}.{}", i % depth),
                weight: weights::normal(
                    outputs,
                    inputs,
                    (2.0 / inputs as f64).sqrt(),
                    Random::new(seed, Stream::Weights(i as u64)),
                )?,
                bias: Var::zeros(outputs, DType::F32, &Device::Cpu)?,
                dense: Dense { activation, input_gradient: i > 0 },
            })
        });
        Ok(Self(layers.collect::<Result<_>>()?))
    }

    /// The parameters with their names, in the order of the layers.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, Var)> {
        let pair = |layer: &Layer| {
            [
                (format!("{}.weight", layer.name), layer.weight.clone()),
                (format!("{}.bias", layer.name), layer.bias.clone()),
            ]
        };
        self.0.iter().flat_map(pair).collect()
    }

    /// The loss on a batch of \[number, pixels\], with a graph for the backward pass.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn loss(&self, images: &Tensor) -> Result<Tensor> {
        let mut x = images.clone();
        for layer in &self.0 {
            x = x.apply_op3(&layer.weight, &layer.bias, layer.dense)?;
        }
        loss::cross_entropy(&x, images)
    }

    /// The mean loss of all images in these batches, without a graph.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn evaluate(&self, batches: &[Tensor]) -> Result<f32> {
        let (mut sum, mut count) = (0f64, 0usize);
        for images in batches {
            let mut x = images.clone();
            for layer in &self.0 {
                x = x.apply_op3_no_bwd(&layer.weight, &layer.bias, &layer.dense)?;
            }
            let number = images.dim(0)?;
            sum += f64::from(loss::cross_entropy_value(&x, images)?) * number as f64;
            count += number;
        }
        Ok((sum / count as f64) as f32)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Result;

    use super::Autoencoder;
    use crate::data::{Images, PIXELS, curves};

    #[test]
    fn names_and_shapes() -> Result<()> {
        let network = Autoencoder::new(&[PIXELS, 20, 3], 1)?;
        let all: Vec<String> =
            network.parameters().iter().map(|(name, var)| format!("{name} {:?}", var.dims())).collect();
        let expected = [
            "encoder.0.weight [20, 784]",
            "encoder.0.bias [20]",
            "encoder.1.weight [3, 20]",
            "encoder.1.bias [3]",
            "decoder.0.weight [20, 3]",
            "decoder.0.bias [20]",
            "decoder.1.weight [784, 20]",
            "decoder.1.bias [784]",
        ];
        assert_eq!(all, expected);
        Ok(())
    }

    #[test]
    fn evaluation_is_the_loss_however_it_is_cut() -> Result<()> {
        let images: Images = curves::generate(1, 0..30);
        let network = Autoencoder::new(&[PIXELS, 20, 3], 1)?;
        let whole = images.first(30, 30)?;
        let loss = network.loss(&whole[0])?.to_scalar::<f32>()?;
        for batch in [30, 7] {
            let cut = network.evaluate(&images.first(100, batch)?)?;
            assert!((cut / loss - 1.0).abs() < 1e-5, "{cut} {loss}");
        }
        Ok(())
    }

    #[test]
    fn the_seed_sets_the_weights() -> Result<()> {
        let first = |seed| -> Result<Vec<f32>> {
            let (_, weight) = Autoencoder::new(&[PIXELS, 5], seed)?.parameters().remove(0);
            weight.flatten_all()?.to_vec1()
        };
        assert_eq!(first(3)?, first(3)?);
        assert_ne!(first(3)?, first(4)?);
        Ok(())
    }
}
