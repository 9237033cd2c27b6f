//! How large numbers may be whose squares are summed.

use crate::scalar::{Precision, Real, Stored};

/// The room that sums of squares have: a quarter of the range for those of one gradient, half of it for all.
///
/// The rest is for what rounding adds, and for the products on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Headroom {
    /// Largest number that all can hold that the sums pass through.
    largest: f64,
    /// Bound of what is in the sums.
    filled: f64,
}

impl Headroom {
    /// The room in sums that are computed in `R` and kept in `S`.
    pub fn of<R: Real, S: Stored<R>>(filled: f64) -> Self {
        Self { largest: S::LARGEST.min(R::MAX.to_f64()), filled }
    }

    /// The same for the sums of a precision, in statistics and in the graft's state.
    pub fn within<P: Precision>(filled: f64) -> Self {
        Self::of::<P::Work, P::Store>(filled)
    }

    /// Bound of what is in the sums.
    pub const fn filled(self) -> f64 {
        self.filled
    }

    /// The largest bound of what may be in a sum before its first square.
    pub const fn initial(self) -> f64 {
        0.25 * self.largest
    }

    /// Largest magnitude of which so many squares may be added to each sum.
    pub fn magnitude(self, squares: f64) -> f64 {
        let left = (0.5 * self.largest - self.filled).min(0.25 * self.largest);
        libm::sqrt(left.max(0.0) / squares)
    }

    /// After so many squares of numbers of this magnitude at most.
    #[must_use]
    pub fn with(self, squares: f64, magnitude: f64) -> Self {
        Self { filled: self.filled + squares * magnitude * magnitude, ..self }
    }
}

/// Largest legal magnitude in a gradient of `numel` entries: beyond, sums of products would overflow.
pub fn largest_gradient<P: Precision>(numel: usize) -> f64 {
    Headroom::within::<P>(0.0).magnitude(numel.max(1) as f64)
}
