//! The kinds of statistics.

use shampoo_tests::generate::{Random, from_spectrum, graded, log_spaced, low_rank, moving_average, nearly_diagonal};

/// A kind of statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Its name in the reports.
    pub(super) name: &'static str,
    /// The matrix of this order and condition number.
    pub(super) matrix: fn(&mut Random, usize, f64) -> Vec<f64>,
    /// Condition numbers that it is measured at.
    pub(super) kappas: [f64; 3],
    /// Whether the condition number is that of a relative ridge, not of the matrix.
    pub(super) ridged: bool,
    /// What the matrix is multiplied by.
    pub(super) scale: Scale,
}

/// What a matrix is multiplied by before it is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scale {
    /// A number.
    By(f64),
    /// What brings its largest numbers below those that are stored and loaded with all digits.
    BelowSmallest,
}

impl Scale {
    /// The factor for an arithmetic whose smallest number with all digits this is.
    pub(super) fn factor(self, smallest: f64) -> f64 {
        match self {
            Self::By(factor) => factor,
            Self::BelowSmallest => smallest / 16.0,
        }
    }
}

/// From harmless to what `f64` alone resolves well.
const USUAL: [f64; 3] = [1e1, 1e3, 1e6];

/// Eigenvalues from 1 / kappa to 1, evenly spaced in the logarithm; a single one is 1 / kappa.
pub(super) const LOG_SPACED: Family = Family {
    name: "log_spaced",
    matrix: |random, n, kappa| match n {
        1 => vec![1.0 / kappa],
        _ => from_spectrum(random, &log_spaced(n, kappa)),
    },
    kappas: USUAL,
    ridged: false,
    scale: Scale::By(1.0),
};

/// A few gradients, whose second moment is singular but for rounding.
const SINGULAR: Family = Family {
    name: "singular",
    matrix: |random, n, _| low_rank(random, n, n.div_ceil(4)),
    kappas: [f64::INFINITY; 3],
    ..LOG_SPACED
};

/// The kind whose numbers are below the smallest normal one of the store.
pub(super) const SUBNORMAL: &str = "subnormal";

/// Every kind.
pub(super) const FAMILIES: [Family; 10] = [
    LOG_SPACED,
    Family {
        name: "moving_average",
        matrix: |random, n, _| moving_average(random, [n, n + n / 2, n.div_ceil(4)], 30, 0.95, 1e-2),
        ridged: true,
        ..LOG_SPACED
    },
    Family { name: "rank_deficient", kappas: USUAL, ridged: true, ..SINGULAR },
    SINGULAR,
    Family {
        name: "nearly_diagonal",
        matrix: |random, n, kappa| nearly_diagonal(random, n, kappa, 1e-2),
        ..LOG_SPACED
    },
    Family { name: "graded", matrix: graded, kappas: [1e12; 3], ..LOG_SPACED },
    Family {
        name: "two_clusters",
        matrix: |random, n, kappa| {
            let value = |i: usize| (1.0 + 1e-9 * i as f64) * if i < n / 2 { 1.0 / kappa } else { 1.0 };
            from_spectrum(random, &(0..n).map(value).collect::<Vec<_>>())
        },
        ..LOG_SPACED
    },
    Family { name: "times_1e-30", scale: Scale::By(1e-30), ..LOG_SPACED },
    Family { name: "times_1e+30", scale: Scale::By(1e30), ..LOG_SPACED },
    Family { name: SUBNORMAL, kappas: [1.0, 4.0, 1e2], scale: Scale::BelowSmallest, ..LOG_SPACED },
];
