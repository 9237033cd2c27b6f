//! What is reported of a root.

use super::{Exponent, Method};
use crate::scalar::log2;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Outcome {
    /// The root is certified and was written.
    Accepted,
    /// The matrix is 0 and so is the ridge: there is no root. Nothing was written.
    Zero,
    /// The certificate promises less than asked for. Nothing was written.
    Uncertified,
    /// The ridged matrix has an eigenvalue that is not positive. Nothing was written.
    NotPositiveDefinite,
    /// The spectrum reaches below the interval of the rational function. Nothing was written.
    OutOfRange,
    /// The root leaves the range of the type that it is kept in. Nothing was written.
    OutsideStore,
    /// It was stopped before its end. Nothing was written.
    Cancelled,
}

/// What is known of a root.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Report {
    /// How it was computed; never [`Method::Auto`].
    pub method: Method,
    /// How that ended.
    pub outcome: Outcome,
    /// Iterations, sweeps or poles.
    pub iterations: u32,
    /// The method's own opinion of its error: max |M - I|, the rational function's error, or the
    /// off-diagonal left. Nothing is accepted by it.
    pub indicator: f64,
    /// Bound on ||X - (A + r I)^(-alpha)|| / ||X|| in the spectral norm; infinite where there is none. Rounding in the
    /// residual itself is allowed for by a measured constant, see [`certificate`](super::certificate).
    pub promised: f64,
    /// Largest eigenvalue of the matrix without the ridge.
    pub lambda_max: f64,
    /// Condition number of the ridged matrix, as far as the method knows it.
    pub kappa: f64,
    /// Bits that the root's condition costs: log2(kappa alpha), at least 0.
    pub lost_bits: f64,
    /// Eigenvalues that were not mapped to 0.
    pub rank: usize,
    /// The ridge that was added.
    pub ridge: f64,
    /// Attempts after the first one.
    pub retries: u32,
}

impl Report {
    /// No root yet.
    pub(super) const fn nothing(method: Method) -> Self {
        Self {
            method,
            outcome: Outcome::Zero,
            iterations: 0,
            indicator: 0.0,
            promised: f64::INFINITY,
            lambda_max: 0.0,
            kappa: f64::INFINITY,
            lost_bits: f64::INFINITY,
            rank: 0,
            ridge: 0.0,
            retries: 0,
        }
    }

    /// The condition number, and with it the bits that it costs.
    pub(super) fn set_kappa(&mut self, kappa: f64, exponent: Exponent) {
        // NaN is no condition that could cost anything.
        let factor = (kappa * exponent.alpha()).max(1.0);
        self.kappa = kappa;
        self.lost_bits = if factor < f64::INFINITY { log2(factor) } else { factor };
    }
}
