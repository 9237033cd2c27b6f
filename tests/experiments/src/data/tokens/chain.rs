//! A generated text: a Markov chain whose words are about as frequent as those of a language (Zipf's law).

use super::Corpus;
use crate::random::{Random, Stream};

/// Words that may follow a word, the first one most often.
const SUCCESSORS: usize = 8;
/// The chance that any word comes instead.
const ANY: f64 = 0.2;

/// `length` tokens: after each one of its eight successors, the k-th with weight 1/k, or, one time in five, any word,
/// the k-th with weight 1/k. The successors are drawn by the same weights.
#[must_use]
pub fn generate(seed: u64, vocabulary: usize, length: usize) -> Corpus {
    let mut random = Random::new(seed, Stream::Text);
    let (words, ranks) = (cumulative(vocabulary), cumulative(SUCCESSORS));
    let successors: Vec<u32> = (0..vocabulary * SUCCESSORS).map(|_| draw(&words, &mut random)).collect();
    let mut last = 0;
    let tokens = (0..length).map(|_| {
        last = if random.uniform() < ANY {
            draw(&words, &mut random)
        } else {
            successors[last as usize * SUCCESSORS + draw(&ranks, &mut random) as usize]
        };
        last
    });
    Corpus { name: "chain", tokens: tokens.collect() }
}

/// Sums of 1, 1/2, 1/3, ...
fn cumulative(count: usize) -> Vec<f64> {
    let weights = (1..=count).map(|k| 1.0 / k as f64);
    weights
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

fn draw(cumulative: &[f64], random: &mut Random) -> u32 {
    let total = cumulative.last().copied().unwrap_or(0.0);
    let mark = random.uniform() * total;
    cumulative.partition_point(|&sum| sum <= mark).min(cumulative.len() - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::generate;

    #[test]
    fn frequent_words_are_few_and_successors_repeat() {
        let text = generate(1, 200, 100_000).tokens;
        let mut counts = vec![0usize; 200];
        let mut pairs = vec![0usize; 200 * 200];
        for pair in text.windows(2) {
            counts[pair[0] as usize] += 1;
            pairs[(pair[0] * 200 + pair[1]) as usize] += 1;
        }
        counts.sort_unstable();
        // By Zipf's law the ten most frequent of 200 words are half of the text, and the last hundred an eighth.
        let most: usize = counts[190..].iter().sum();
        let rare: usize = counts[..100].iter().sum();
        assert!((35_000..75_000).contains(&most) && rare < 20_000, "{most} {rare}");
        // Eight successors each are four fifths of all pairs.
        pairs.sort_unstable();
        let common: usize = pairs.iter().rev().take(8 * 200).sum();
        assert!(common > 80_000, "{common}");
        assert_eq!(generate(1, 200, 50).tokens, text[..50]);
        assert_ne!(generate(2, 200, 50).tokens, text[..50]);
    }
}
