//! Pseudo-random numbers: splitmix64 and Box-Muller.

/// A reproducible source of numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A source that the seed determines.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in the open interval from 0 to 1.
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) * 2.0_f64.powi(-52)
    }

    /// Uniform among `0..end`; `end` must be positive, and far below 2^64.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % end as u64) as usize
    }

    /// Standard normal.
    pub fn gaussian(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (core::f64::consts::TAU * self.uniform()).cos()
    }

    /// `len` standard normal numbers: a gradient of any shape with that many entries.
    pub fn gaussians(&mut self, len: usize) -> Vec<f64> {
        (0..len).map(|_| self.gaussian()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bits_of_seed_zero() {
        // The published first output of splitmix64.
        assert_eq!(Random::new(0).bits(), 0xe220_a839_7b1d_cdaf);
    }

    #[test]
    fn moments() {
        let sample = Random::new(5).gaussians(20_000);
        let mean = |power: i32| sample.iter().map(|x| x.powi(power)).sum::<f64>() / 20_000.0;
        assert!(mean(1).abs() < 0.03);
        assert!((mean(2) - 1.0).abs() < 0.05);
        assert!((mean(4) - 3.0).abs() < 0.3);
    }
}
