//! Printed numbers that a test and an experiment both compare with.

/// Iterations of coupled Newton until max |M - I| < 1e-6, for p = 4 and 16 eigenvalues that are evenly spaced in the
/// logarithm (NUMERICS section 3): one number for each condition number.
pub mod iterations {
    /// The condition numbers.
    pub const KAPPAS: [f64; 5] = [1e2, 1e4, 1e6, 1e8, 1e10];
    /// Scaled by the largest eigenvalue.
    pub const LAMBDA_MAX: [u32; 5] = [8, 13, 18, 24, 29];
    /// Scaled by the Frobenius norm.
    pub const FROBENIUS: [u32; 5] = [9, 13, 18, 24, 29];
    /// Scaled in the best way for a spectrum with known ends.
    pub const OPTIMAL: [u32; 5] = [8, 13, 18, 23, 28];
    /// Scaled by a Frobenius norm of 32 times the largest eigenvalue, the worst of order 1024.
    pub const FROBENIUS_WORST: [u32; 5] = [12, 17, 22, 27, 33];
    /// Scaled by the largest eigenvalue, and anew before every step.
    pub const RESCALED: [u32; 5] = [6, 9, 11, 14, 16];
}
