//! Random numbers that are the same on every platform and in every version.

use rand_pcg::Pcg64;
use rand_pcg::rand_core::Rng as _;

/// What a stream of random numbers is for: streams of one seed that serve different ends must not
/// share numbers.
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    /// The image with this number.
    Image(u64),
    /// The weights of the layer with this number.
    Weights(u64),
    /// The order of the images in this epoch.
    Epoch(u64),
    /// The generated text.
    Text,
    /// The sequences of the batch with this number.
    Batch(u64),
}

/// A seeded stream of random numbers.
#[derive(Debug)]
pub struct Random(Pcg64);

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): neighbouring keys give unrelated words.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The stream of `seed` for one purpose.
    #[must_use]
    pub fn new(seed: u64, stream: Stream) -> Self {
        let (purpose, number) = match stream {
            Stream::Image(number) => (1, number),
            Stream::Weights(number) => (2, number),
            Stream::Epoch(number) => (3, number),
            Stream::Text => (4, 0),
            Stream::Batch(number) => (5, number),
        };
        let high = mix(mix(seed) ^ purpose);
        let low = mix(high ^ number);
        Self(Pcg64::new(u128::from(high) << 64 | u128::from(low), u128::from(mix(low))))
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Standard normal, by the polar method of Marsaglia.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                // The logarithm of `std` may differ from platform to platform.
                return u * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Uniform in 0..`bound`, up to a bias of `bound` / 2^64.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.0.next_u64()) * bound as u128;
        (wide >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::{Random, Stream};

    #[test]
    fn moments_of_the_normal() {
        let mut random = Random::new(0, Stream::Weights(0));
        let draws: Vec<f64> = (0..100_000).map(|_| random.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let square = draws.iter().map(|x| x * x).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
    }

    #[test]
    fn purposes_and_seeds_give_other_numbers() {
        let first = |seed, stream| Random::new(seed, stream).uniform();
        let a = first(1, Stream::Image(1));
        assert_eq!(a, first(1, Stream::Image(1)));
        assert_ne!(a, first(1, Stream::Epoch(1)));
        assert_ne!(a, first(1, Stream::Image(2)));
        assert_ne!(a, first(2, Stream::Image(1)));
    }

    #[test]
    fn below_stays_below() {
        let mut random = Random::new(7, Stream::Epoch(0));
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
