//! The rows.

use super::{Law, Measure, Row};
use Law::{Fixed, LostBits, Memory, Order, OrderKappa, Units};
use Measure::{Absolute, Relative, Spectral};

const fn two_to_minus(bits: u32) -> f64 {
    1.0 / (1_u64 << bits) as f64
}

/// Stamps the names, the list of all of them, and their rows.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $measure:ident, $f32:expr, $f64:expr, $law:expr, $reason:literal;)*) => {
        /// A kind of comparison; its row says how far apart the two sides may be.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Check {
            $($(#[$doc])* $name,)*
        }

        impl Check {
            /// Every check, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// This check's row.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        measure: $measure,
                        floor_f32: $f32,
                        floor_f64: $f64,
                        law: $law,
                        reason: $reason,
                    },)*
                }
            }
        }
    };
}

table! {
    /// The integer 3 x 3 matrix with the exact inverse square root.
    GoldenRoot: Spectral, 1e-2, 1e-9, Fixed, "kappa 6.8e5 at p = 2: 0.1 n u kappa/p is 6e-3 in f32, 1.1e-11 in f64";
    /// Pseudo-inverse of `diag(2^p, 0, 0, 0)`.
    GoldenPseudoInverse: Relative, 0.0, 0.0, Units(20.0), "10 ulp of 1/2; one power and one product with exact eigenvectors";
    /// The printed update sequences.
    GoldenSequence: Absolute, 2e-5, 1e-8, Fixed, "printed to half a unit of the 8th decimal, doubled for rounding; in f32 some 20 roundings of updates up to 9.2";
    /// The printed `max|M - I|` of a coupled iteration.
    GoldenIndicator: Absolute, 1e-6, 1e-9, Fixed, "printed to 9 digits; f32 cannot resolve an indicator below some u";
    /// Two-step goldens with exact answers.
    GoldenTwoStep: Absolute, 1e-6, 1e-14, Fixed, "diagonal factors: some roundings of numbers up to 4";
    /// The printed steps of SM3.
    GoldenDiagonal: Absolute, 2e-7, 1e-8, Fixed, "printed to 8 decimals";
    /// Condition numbers quoted to two digits.
    GoldenCondition: Relative, 5e-2, 1e-2, Fixed, "half a unit of the second digit; u kappa of it is noise in f32";
    /// Reported largest eigenvalues and ridges, by a reduction or a decomposition.
    LargestEigenvalue: Relative, 0.0, 0.0, Order(16.0), "backward error of the reduction: 2 n reflections, each with a few roundings";
    /// Reported condition numbers, by the same.
    Condition: Relative, 1e-2, 1e-2, OrderKappa(1.0), "the smallest eigenvalue is bracketed within 1.004, for the inverse itself 1.01, and moves by n u of the largest";
    /// Reported largest eigenvalues and ridges, by power iteration.
    EstimatedEigenvalue: Relative, 1e-4, 1e-4, Fixed, "spectra with a gap at the upper end, where Rayleigh quotients stand still late; within 1 % without one";
    /// Reported condition numbers, by power iterations with the matrix and with its root.
    EstimatedCondition: Relative, 4e-2, 4e-2, OrderKappa(1.0), "the p-th power of the norm of a root, whose upper end has no gap: measured 2 % at p = 7";
    /// Condition numbers that a store resolves, times its roundoff.
    StoredCondition: Absolute, 1e-1, 1e-1, Fixed, "beyond 1 the smallest eigenvalue may be lost in what is kept";
    /// The largest promise that a root is accepted with.
    Promise: Spectral, 5e-2, 1e-5, Fixed, "the default max_error; f64 must stay within it up to kappa 1e8";
    /// The same with double-f32 inside.
    PromiseDoubleF32: Spectral, 5e-3, 5e-3, Fixed, "the back-transform is in f32, and the residual weighs its rounding by kappa^(1/p)";
    /// Inputs that broke real implementations, with `f64` inside.
    Case: Relative, 5e-7, 1e-8, Fixed, "printed to 9 digits; f32 adds the rounding of the result and of a step made with it";
    /// The same with `f32` inside: the default `max_error`.
    CaseNarrow: Relative, 5e-2, 1e-8, Fixed, "what an f32-only target may accept; the certificate says how much was used";
    /// Coupled iterations against the oracle, where the bound is below 1.
    RootVsOracle: Spectral, 0.0, 0.0, LostBits(0.1, 32.0), "condition kappa/p of the root times n roundings (measured 0.03); 32 u for the scale, its root and the last products";
    /// Rational roots of 16 poles against the oracle.
    RationalRoot: Spectral, 2e-7, 1e-7, LostBits(0.1, 32.0), "minimax error 2.0e-8 to 5.4e-8 (measured 9e-8 with the transforms); the f32 floor adds one rounding";
    /// Rational roots of 12 poles, those with `f32` inside, against the oracle.
    RationalTwelve: Spectral, 5e-6, 5e-6, LostBits(0.1, 32.0), "minimax error 1.6e-6 to 4.4e-6";
    /// The probed promise for a root without an error.
    ProbedExact: Relative, 1e-12, 1e-12, Fixed, "the allowance for rounding alone, at condition 1 and order 5";
    /// The probed promise for a root with an error of 2e-6.
    ProbedOff: Relative, 2e-3, 2e-3, Fixed, "sqrt(5) times the error, and at most 20.2 times the mean of eight probes each twice as long";
    /// The extrema of a rational table's error against the tabulated largest one.
    RationalLevel: Relative, 2e-2, 2e-2, Fixed, "2000 points miss an extremum near an end by 1e-2; rounding 28 poles to f64 moves one by 1e-3";
    /// Rational roots with double-f32 inside against the oracle.
    RationalDoubleF32: Spectral, 1e-5, 1e-5, Fixed, "n reflections back in f32, not amplified by kappa";
    /// Eigenvalues, residuals of eigenvectors and their products, relative to the largest eigenvalue.
    Eigen: Relative, 0.0, 0.0, Order(8.0), "n reflections and about n sweeps, each with a few roundings of every entry";
    /// Spectral roots against the oracle.
    SpectralRoot: Spectral, 0.0, 0.0, LostBits(1.0, 128.0), "backward error of an eigendecomposition, times kappa/p; 128 u: rotations leave the vectors orthogonal to 72 u at n = 32";
    /// What keeping a root adds, with `u` the roundoff of the type that it is kept in.
    StoredRoot: Spectral, 0.0, 0.0, Order(1.0), "every entry is rounded once: u sqrt(n) at most";
    /// A certificate's promise against the true error: promise + this >= error.
    CertificateHonest: Spectral, 0.0, 0.0, Order(4.0), "rounding of the promise and of the candidate's own entries";
    /// Negative part of `B^a - A^a`, relative to `||B^a||`, where `A <= B`.
    LoewnerSlack: Relative, 1e-6, 1e-13, OrderKappa(1.0), "an eigenvalue at 1/kappa moves by n u kappa of itself, and its power by a times that";
    /// Eigenvalues below this times the largest are cut before a power is taken.
    LoewnerCut: Relative, 1e-6, 1e-12, Fixed, "rounding noise to a small power is not small";
    /// Products against plain sums, relative to `|A| |B|` entry by entry.
    KernelGemm: Relative, 0.0, 0.0, Order(3.0), "any order of n products; 3 covers alpha and C where n = 1";
    /// A reduced matrix put together again, relative to its norm.
    TridiagonalForm: Relative, 0.0, 0.0, Order(16.0), "2 n reflections, each with a few roundings of the whole matrix";
    /// The sum of inverses at the poles of a well-conditioned matrix, relative to its norm.
    PoleSum: Relative, 0.0, 0.0, OrderKappa(16.0), "the reduction's rounding times the condition at the smallest shift, and 2 n reflections back";
    /// Elementwise passes against `f64`.
    KernelElementwise: Relative, 0.0, 0.0, Units(4.0), "two operations, a root and a quotient";
    /// Norms and other sums of squares.
    KernelNorm: Relative, 0.0, 0.0, Order(2.0), "n terms of one sign; 2 covers the square and the root where n = 1";
    /// Approximate reciprocal square root without Newton step.
    FastRsqrt: Relative, 3.6e-2, 3.6e-2, Fixed, "the bit trick alone: 3.44 % at worst, 1 / (1 - 0.0344) of it as a denominator";
    /// Approximate reciprocal square root with one Newton step.
    FastRsqrtNewton: Relative, 2e-3, 2e-3, Fixed, "3/2 times the square of 3.44 %, 0.18 %";
    /// A whole preconditioned step against the textbook step.
    StepVsNaive: Relative, 1e-5, 1e-12, LostBits(1.0, 32.0), "one root a mode, each with its lost bits, relative to the norm of the step";
    /// A run on a framework's device against the same run on the host, relative to the way that it has gone.
    DeviceVsHost: Relative, 0.0, 0.0, LostBits(0.02, 64.0), "f32 sums in another order, amplified by each root (measured 0.005); 64 u for 50 steps with a well-conditioned one (measured 15)";
    /// The same with roots by the device's own products in `f32`.
    DeviceRoots: Relative, 1e-4, 1e-4, Fixed, "coupled Newton in f32 at condition 1e4, whose ridge follows an estimate of the largest eigenvalue: measured 2.3e-5";
    /// Filters and blends against the textbook step, relative to its largest entry.
    RulesVsNaive: Relative, 1e-5, 1e-11, Fixed, "two spectral roots of orders 2 and 3 with condition numbers below 1e4";
    /// A grafted step against its direction and a factor, relative to its length.
    GraftVsNaive: Relative, 0.0, 0.0, Units(16.0), "two norms of a few numbers, a quotient and a product";
    /// Diagonal methods against explicit covers, over so many steps.
    DiagonalVsNaive: Relative, 0.0, 0.0, Order(8.0), "the same few operations, widened in the oracle; every step adds one update of a second moment";
    /// Gradients divided by their own norms, of so many entries.
    DividedByNorm: Relative, 0.0, 0.0, Order(4.0), "a sum of squares, its root and a quotient";
    /// Steps with the length of one method and the direction of another, of so many entries.
    PairVsNaive: Relative, 0.0, 0.0, Order(8.0), "two norms, a quotient and a product";
    /// Momentum, decay and starts against plain sums over so many steps, relative to the largest number so far.
    MomentumVsNaive: Relative, 0.0, 0.0, Order(16.0), "two products of sums a buffer, a blend and a decay, each rounded, in every step";
    /// Inequalities between diagonal methods.
    DiagonalLaw: Relative, 0.0, 0.0, Order(2.0), "true inequalities; both sides are rounded sums over the steps";
    /// Identities between Kronecker products and statistics.
    KroneckerLaw: Relative, 0.0, 0.0, Order(4.0), "two ways to sum the same products, relative to the norms of the factors";
    /// Regret against its bound, relative to the bound.
    RegretBound: Relative, 1e-4, 1e-9, Fixed, "a true inequality, usually far from tight; rounding of the sums only";
    /// The largest regret found is at least this part of its bound.
    RegretShown: Relative, 5e-2, 5e-2, Fixed, "measured 0.117, for linear losses";
    /// Sums and products of double-f32 numbers against `f64`.
    DoubleF32: Relative, 0.0, 0.0, Units(1.0), "u = 2^-45 = 8 u32^2, above the 3 and 7 u32^2 of sums and products";
    /// Quotients, roots and powers of double-f32 numbers against `f64`.
    DoubleF32Quotient: Relative, 0.0, 0.0, Units(2.2), "17 u32^2 (largest found 7.5)";
    /// Split product of one term: relative error of a product.
    SplitOne: Relative, two_to_minus(7), two_to_minus(7), Fixed, "2^-7: the first word holds 8 bits of each factor";
    /// Split product of three terms.
    SplitThree: Relative, two_to_minus(15), two_to_minus(15), Fixed, "2^-15: two words of each factor";
    /// Split product of six terms.
    SplitSix: Relative, two_to_minus(24), two_to_minus(24), Fixed, "2^-24: three words, the terms 12, 21 and 22 left out";
    /// Printed bits of the largest errors of split products.
    SplitBits: Absolute, 1e-3, 1e-3, Fixed, "printed with three decimals";
    /// How far below the roundoff of a format the largest error found may stay.
    RoundoffSharp: Relative, 0.2, 0.2, Fixed, "10,000 samples come near a tie, where the error is largest, and near a power of two";
    /// Distance from the minimum after 60 steps, relative to the start.
    Trained: Relative, 0.1, 0.1, Fixed, "steps of 0.1 towards a target of norm about 5; what does not move keeps 1";
    /// The same with words as state, less that with plain `f32`, relative to it.
    TrainedVsPlain: Relative, 1.0, 1.0, Fixed, "rounded state takes another path to the same end; not worse than twice as far";
    /// The measured drift of statistics away from a root, by eight probes against the whole residual.
    Drift: Relative, 0.8, 0.8, Fixed, "the root of a chi-square mean over 8 probes, for rank one below 0.2 once in 40,000; found 0.3 to 1.6";
    /// The drift of a root away from its own statistics.
    NoDrift: Absolute, 1e-3, 1e-6, Fixed, "p times the error of the rational function, 3e-8, times sqrt(n); in f32 u kappa besides";
    /// Moving average in two bfloat16 words.
    SplitAverageTwo: Relative, 0.0, 0.0, Memory(two_to_minus(17)), "2^-17 a step over a memory of 1/(1-b2) steps; measured 4e-5 at .95";
    /// Moving average in three bfloat16 words.
    SplitAverageThree: Relative, 0.0, 0.0, Memory(two_to_minus(23)), "2^-23 a step, as plain f32; measured 6e-7 at .95";
}
