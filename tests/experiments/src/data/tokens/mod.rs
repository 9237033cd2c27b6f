//! Texts as numbers: a corpus of tokens, and batches of sequences from it.

pub mod chain;
pub mod text;

use candle_core::{Device, Result, Tensor};

use crate::random::{Random, Stream};

/// A batch: sequences, one after the other.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Tokens of \[sequences x length\].
    pub inputs: Tensor,
    /// The token after each of them.
    pub targets: Tensor,
    /// The number of sequences.
    pub sequences: usize,
    /// Tokens of a sequence.
    pub length: usize,
}

/// A long text, all of whose tokens are below `vocabulary`.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The name in JSON.
    pub name: &'static str,
    /// The text.
    pub tokens: Vec<u32>,
}

impl Corpus {
    /// The batch with this number: sequences that begin at random places, which depend on seed and number alone.
    ///
    /// # Errors
    /// Those of the tensor library.
    ///
    /// # Panics
    /// If the text is no longer than a sequence.
    pub fn batch(&self, seed: u64, number: u64, sequences: usize, length: usize) -> Result<Tokens> {
        let mut random = Random::new(seed, Stream::Batch(number));
        let places = self.tokens.len().checked_sub(length).filter(|&places| places > 0);
        let places = places.unwrap_or_else(|| panic!("a text of {} tokens is too short", self.tokens.len()));
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..sequences {
            let start = random.below(places);
            inputs.extend_from_slice(&self.tokens[start..][..length]);
            targets.extend_from_slice(&self.tokens[start + 1..][..length]);
        }
        let tensor = |tokens: Vec<u32>| Tensor::from_vec(tokens, sequences * length, &Device::Cpu);
        Ok(Tokens { inputs: tensor(inputs)?, targets: tensor(targets)?, sequences, length })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Result;

    use super::Corpus;

    #[test]
    fn targets_are_the_inputs_one_later() -> Result<()> {
        let corpus = Corpus { name: "count", tokens: (0..50).collect() };
        let batch = |seed, number| -> Result<(Vec<u32>, Vec<u32>)> {
            let batch = corpus.batch(seed, number, 3, 7)?;
            Ok((batch.inputs.to_vec1()?, batch.targets.to_vec1()?))
        };
        let (inputs, targets) = batch(1, 5)?;
        assert_eq!(inputs.len(), 21);
        assert!(inputs.iter().zip(&targets).all(|(input, target)| input + 1 == *target));
        assert_eq!(batch(1, 5)?, (inputs.clone(), targets));
        assert_ne!(batch(1, 6)?.0, inputs);
        assert_ne!(batch(2, 5)?.0, inputs);
        Ok(())
    }
}
