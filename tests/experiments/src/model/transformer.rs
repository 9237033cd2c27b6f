//! A Transformer that predicts the next token: normalisation before attention and before the feed-forward layers
//! (ReLU), sinusoidal positions, and a softmax matrix of its own.

use candle_core::{DType, Device, Result, Tensor, Var};

use super::attention::Attention;
use super::dense::{Activation, Dense};
use super::layer_norm::LayerNorm;
use super::{next_token, weights};
use crate::data::tokens::Tokens;
use crate::random::{Random, Stream};

/// How large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Tokens that there are.
    pub vocabulary: usize,
    /// Numbers that stand for a token.
    pub width: usize,
    /// Numbers between the two feed-forward layers.
    pub hidden: usize,
    /// Pairs of attention and feed-forward.
    pub layers: usize,
    /// Numbers of one head.
    pub head: usize,
}

/// A named matrix, or vector.
type Named = (String, Var);

/// The network and its weights.
#[derive(Debug)]
pub struct Transformer {
    sizes: Sizes,
    embedding: Var,
    layers: Vec<Layer>,
    norm: Pair,
    softmax: Pair,
}

/// Weight and bias of a dense layer, or gain and bias of a normalisation.
#[derive(Debug)]
struct Pair {
    names: [String; 2],
    weight: Var,
    bias: Var,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Pair,
    query: Pair,
    key: Pair,
    value: Pair,
    merge: Pair,
    hidden_norm: Pair,
    up: Pair,
    down: Pair,
}

/// The name of the embedding matrix.
pub const EMBEDDING: &str = "embedding.weight";
/// The name of the softmax matrix.
pub const SOFTMAX: &str = "softmax.weight";

impl Pair {
    fn norm(name: &str, width: usize) -> Result<Self> {
        let names = ["gain", "bias"].map(|part| format!("{name}.{part}"));
        Ok(Self {
            names,
            weight: Var::ones(width, DType::F32, &Device::Cpu)?,
            bias: Var::zeros(width, DType::F32, &Device::Cpu)?,
        })
    }

    fn dense(name: &str, outputs: usize, inputs: usize, deviation: f64, random: Random) -> Result<Self> {
        let names = ["weight", "bias"].map(|part| format!("{name}.{part}"));
        Ok(Self {
            names,
            weight: weights::normal(outputs, inputs, deviation, random)?,
            bias: Var::zeros(outputs, DType::F32, &Device::Cpu)?,
        })
    }

    fn normalized(&self, x: &Tensor) -> Result<Tensor> {
        x.apply_op3(&self.weight, &self.bias, LayerNorm)
    }

    fn applied(&self, x: &Tensor, activation: Activation) -> Result<Tensor> {
        x.apply_op3(&self.weight, &self.bias, Dense { activation, input_gradient: true })
    }

    fn parameters(&self) -> [Named; 2] {
        let [weight, bias] = self.names.clone();
        [(weight, self.weight.clone()), (bias, self.bias.clone())]
    }
}

impl Layer {
    /// `random` gives the stream of each matrix in turn.
    fn new(number: usize, sizes: Sizes, random: &mut impl FnMut() -> Random) -> Result<Self> {
        let Sizes { width, hidden, layers, .. } = sizes;
        let norm = |part: &str| Pair::norm(&format!("layers.{number}.{part}"), width);
        let mut dense = |part: &str, outputs: usize, inputs: usize, gain: f64| {
            let deviation = (gain / inputs as f64).sqrt();
            Pair::dense(&format!("layers.{number}.{part}"), outputs, inputs, deviation, random())
        };
        // What is added to the stream of tokens is smaller the more layers add to it.
        let added = 1.0 / (2 * layers) as f64;
        Ok(Self {
            attention_norm: norm("attention_norm")?,
            query: dense("query", width, width, 1.0)?,
            key: dense("key", width, width, 1.0)?,
            value: dense("value", width, width, 1.0)?,
            merge: dense("merge", width, width, added)?,
            hidden_norm: norm("hidden_norm")?,
            up: dense("up", hidden, width, 2.0)?,
            down: dense("down", width, hidden, added)?,
        })
    }

    fn pairs(&self) -> [&Pair; 8] {
        let Self { attention_norm, query, key, value, merge, hidden_norm, up, down } = self;
        [attention_norm, query, key, value, merge, hidden_norm, up, down]
    }

    fn applied(&self, x: &Tensor, sequences: usize, heads: usize) -> Result<Tensor> {
        let linear = |pair: &Pair, x: &Tensor| pair.applied(x, Activation::Linear);
        let normal = self.attention_norm.normalized(x)?;
        let (q, k, v) = (linear(&self.query, &normal)?, linear(&self.key, &normal)?, linear(&self.value, &normal)?);
        let attended = q.apply_op3(&k, &v, Attention::new(sequences, heads))?;
        let x = (x + linear(&self.merge, &attended)?)?;
        let hidden = self.up.applied(&self.hidden_norm.normalized(&x)?, Activation::Relu)?;
        x + linear(&self.down, &hidden)?
    }
}

impl Transformer {
    /// Normal weights from `seed`, zero biases.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(sizes: Sizes, seed: u64) -> Result<Self> {
        let mut matrix = 0;
        let mut random = || {
            matrix += 1;
            Random::new(seed, Stream::Weights(matrix))
        };
        let Sizes { vocabulary, width, .. } = sizes;
        Ok(Self {
            sizes,
            // As large as the positions.
            embedding: weights::normal(vocabulary, width, 0.7, random())?,
            layers: (0..sizes.layers).map(|n| Layer::new(n, sizes, &mut random)).collect::<Result<_>>()?,
            norm: Pair::norm("norm", width)?,
            // Nearly uniform at first.
            softmax: Pair::dense("softmax", vocabulary, width, 0.02, random())?,
        })
    }

    /// The parameters with their names, in the order of the layers.
    #[must_use]
    pub fn parameters(&self) -> Vec<Named> {
        let pairs = self.layers.iter().flat_map(Layer::pairs).chain([&self.norm, &self.softmax]);
        let embedding = (EMBEDDING.to_owned(), self.embedding.clone());
        core::iter::once(embedding).chain(pairs.flat_map(Pair::parameters)).collect()
    }

    /// The loss on a batch, with a graph for the backward pass.
    ///
    /// # Errors
    /// Those of the tensor library; a token that is not in the vocabulary.
    pub fn loss(&self, tokens: &Tokens) -> Result<Tensor> {
        let positions = positions(tokens.sequences, tokens.length, self.sizes.width)?;
        let mut x = (self.embedding.index_select(&tokens.inputs, 0)? + positions)?;
        for layer in &self.layers {
            x = layer.applied(&x, tokens.sequences, self.sizes.width / self.sizes.head)?;
        }
        let logits = self.softmax.applied(&self.norm.normalized(&x)?, Activation::Linear)?;
        next_token::cross_entropy(&logits, &tokens.targets)
    }
}

/// Sines and cosines of geometrically spaced frequencies, sines first, for each token of each sequence.
fn positions(sequences: usize, length: usize, width: usize) -> Result<Tensor> {
    let half = width.div_ceil(2);
    let row = |position: usize| {
        (0..width).map(move |column| {
            let frequency = libm::exp(-libm::log(10_000.0) * (column % half) as f64 / half as f64);
            let angle = position as f64 * frequency;
            (if column < half { libm::sin(angle) } else { libm::cos(angle) }) as f32
        })
    };
    let sequence: Vec<f32> = (0..length).flat_map(row).collect();
    Tensor::from_vec(sequence.repeat(sequences), (sequences * length, width), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Result, Tensor};

    use super::{Sizes, Transformer};
    use crate::data::tokens::Tokens;

    const SIZES: Sizes = Sizes { vocabulary: 11, width: 8, hidden: 12, layers: 2, head: 4 };

    fn tokens(inputs: &[u32], targets: &[u32]) -> Result<Tokens> {
        let tensor = |tokens: &[u32]| Tensor::new(tokens, &Device::Cpu);
        Ok(Tokens { inputs: tensor(inputs)?, targets: tensor(targets)?, sequences: 1, length: inputs.len() })
    }

    #[test]
    fn every_parameter_has_a_gradient_that_predicts_the_loss() -> Result<()> {
        let network = Transformer::new(SIZES, 1)?;
        assert_eq!(network.parameters().len(), 1 + 2 * 16 + 4);
        let batch = tokens(&[1, 4, 2, 4, 9, 0], &[4, 2, 4, 9, 0, 3])?;
        let loss = network.loss(&batch)?;
        let before = loss.to_scalar::<f32>()?;
        assert!((before - 11f32.ln()).abs() < 0.1, "{before}");
        let gradients = loss.backward()?;
        for (name, var) in network.parameters() {
            let gradient = gradients.get(&var).unwrap_or_else(|| panic!("{name} has no gradient"));
            assert_eq!(gradient.dims(), var.dims());
            let square = gradient.sqr()?.sum_all()?.to_scalar::<f32>()?;
            // What is the same for all scores of a row does not change their softmax.
            if name.ends_with("key.bias") {
                assert!(square < 1e-12, "{name}");
                continue;
            }
            let distance = 1e-2 / square.sqrt();
            let start = var.as_tensor().copy()?;
            let mut moved = [0f32; 2];
            for (loss, side) in moved.iter_mut().zip([1.0, -1.0]) {
                var.set(&(&start + (gradient * f64::from(side * distance))?)?)?;
                *loss = network.loss(&batch)?.to_scalar()?;
            }
            var.set(&start)?;
            let (slope, expected) = ((moved[0] - moved[1]) / (2.0 * distance), square);
            assert!((slope / expected - 1.0).abs() < 0.05, "{name}: {slope} {expected}");
        }
        Ok(())
    }

    #[test]
    fn the_seed_sets_the_weights() -> Result<()> {
        let first = |seed| -> Result<Vec<f32>> {
            let (_, weight) = Transformer::new(SIZES, seed)?.parameters().remove(0);
            weight.flatten_all()?.to_vec1()
        };
        assert_eq!(first(3)?, first(3)?);
        assert_ne!(first(3)?, first(4)?);
        Ok(())
    }
}
