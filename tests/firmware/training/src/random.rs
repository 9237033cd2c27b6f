//! Random numbers by integers alone.

/// Marsaglia's xorshift with 32 bits of state (2003, the triple 13, 17, 5): shifts that a Cortex-M0 has too.
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// Of a seed other than 0, where the generator would stay.
    pub const fn new(seed: u32) -> Self {
        Self(if seed == 0 { 1 } else { seed })
    }

    /// What a generator with the same future is made of.
    pub const fn state(self) -> u32 {
        self.0
    }

    /// The next 32 bits, never all 0.
    pub const fn next(&mut self) -> u32 {
        let mut x = self.0;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.0 = x;
        x
    }

    /// A number in [-1, 1): 24 bits, so that the conversion is exact.
    pub const fn signed(&mut self) -> f32 {
        (self.next() >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}
