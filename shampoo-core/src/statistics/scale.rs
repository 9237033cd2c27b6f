//! What a statistic is multiplied by before its root is taken.

use crate::error::ConfigError;
use crate::mat::packed::rows;
use crate::scalar::{Real, Stored, check_figure, exp2, log2};

/// The root is that of L max(tr L, epsilon)^{-power}, which makes it less dependent on the gradient's scale (\[FB\]).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TraceScaling {
    /// 1/2 as published; 1 makes the trace 1.
    pub power: f64,
    /// A smaller trace counts as this number.
    pub epsilon: f64,
}

impl TraceScaling {
    /// The published power, and no floor.
    pub const SQUARE_ROOT: Self = Self { power: 0.5, epsilon: 0.0 };

    /// What a statistic with this trace is multiplied by; 1 where neither trace nor floor is positive.
    pub fn factor(self, trace: f64) -> f64 {
        // Beyond the range a trace counts as its end.
        let trace = trace.max(self.epsilon).min(f64::MAX);
        let (factor, power) = if trace > 0.0 { exp2(-self.power * log2(trace)) } else { (1.0, 0) };
        factor.ldexp(power)
    }

    /// Refuses figures that are negative or not finite.
    ///
    /// **Errors**: [`ConfigError::Figure`].
    pub fn validate(self) -> Result<(), ConfigError> {
        check_figure::<f64>("trace scaling power", self.power)?;
        check_figure::<f64>("trace scaling epsilon", self.epsilon)
    }
}

/// Sum of the diagonal of a packed triangle.
pub fn trace<R: Real, S: Stored<R>>(triangle: &[S]) -> f64 {
    rows(triangle).filter_map(|row| row.last()).fold(0.0, |sum, s| sum + s.load().to_f64())
}
