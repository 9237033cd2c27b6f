//! Matrices of order 16 whose inverse roots are known: A = W diag(d) W with W the Hadamard matrix over 4.
//!
//! W is symmetric and orthogonal, and entry (i, j) of A depends on i xor j alone. With eigenvalues that are multiples of
//! 2^-20 up to 1 every entry is a multiple of 2^-24 below 1: exact in `f32`.

use shampoo_core::mat::packed::packed_len;

/// Rows of the matrices.
pub const ORDER: usize = 16;

/// Numbers in one triangle.
pub const TRIANGLE: usize = packed_len(ORDER);

/// Sixteen eigenvalues from 1 down to 1 / kappa, in equal ratios, each rounded to a multiple of 2^-20.
pub struct Spectrum {
    eigenvalues: [f64; ORDER],
}

impl Spectrum {
    /// The eigenvalues for this condition number, up to 2^20.
    pub fn new(kappa: f64) -> Self {
        let mut eigenvalues = [1.0; ORDER];
        for (k, d) in eigenvalues.iter_mut().enumerate() {
            const UNIT: f64 = (1_u64 << 20) as f64;
            let exact = libm::pow(kappa, -(k as f64) / (ORDER - 1) as f64);
            *d = libm::round(exact * UNIT).max(1.0) / UNIT;
        }
        Self { eigenvalues }
    }

    /// W diag(f(d)) W, one triangle after the other.
    fn triangle(&self, f: impl Fn(f64) -> f64) -> impl Iterator<Item = f64> {
        let mut by_difference = [0.0; ORDER];
        for (difference, sum) in by_difference.iter_mut().enumerate() {
            for (k, &d) in self.eigenvalues.iter().enumerate() {
                let sign = if (k & difference).count_ones() % 2 == 0 { 1.0 } else { -1.0 };
                *sum += sign * f(d) / ORDER as f64;
            }
        }
        (0..ORDER).flat_map(move |i| (0..=i).map(move |j| by_difference.get(i ^ j).copied().unwrap_or(f64::NAN)))
    }

    /// The matrix itself, exactly.
    pub fn matrix(&self, triangle: &mut [f32]) {
        triangle.iter_mut().zip(self.triangle(|d| d)).for_each(|(to, x)| *to = x as f32);
    }

    /// How far a triangle is from (A + ridge I)^(-1/p), in the Frobenius norm, relative to the largest eigenvalue of that.
    pub fn error(&self, triangle: &[f32], ridge: f64, p: u32) -> f64 {
        let root = |d: f64| libm::pow(d + ridge, -1.0 / f64::from(p));
        let mut squares = 0.0;
        let rows = (0..ORDER).flat_map(|i| (0..=i).map(move |j| i == j));
        for ((&found, exact), diagonal) in triangle.iter().zip(self.triangle(root)).zip(rows) {
            let difference = f64::from(found) - exact;
            squares += difference * difference * if diagonal { 1.0 } else { 2.0 };
        }
        let largest = self.eigenvalues.iter().fold(0.0, |largest: f64, &d| largest.max(root(d)));
        libm::sqrt(squares) / largest
    }
}
