//! Roots where the statistics have moved, within a budget.

use super::Slot;
use crate::error::ConfigError;

/// An urgency, and the flops of all factors that have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// The urgency.
    pub urgency: f64,
    /// Flops of the roots.
    pub flops: u64,
}

impl Demand {
    /// The larger urgency of two; both together where they are equal.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.urgency == other.urgency {
            Self { flops: self.flops.saturating_add(other.flops), ..self }
        } else if self.urgency > other.urgency {
            self
        } else {
            other
        }
    }
}

/// What decides which factors get new roots in a step.
///
/// At every step in which roots are due, each factor's [urgency](Adaptive::urgency) is the larger of its drift over
/// `drift` and its age over `max_staleness`; a factor that was never tried has an infinite one. Factors from 1 on get roots, the
/// most urgent first, as long as their flops fit; those of the age `max_staleness` whatever the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Adaptive {
    /// Drift from which on a root is worth its time: the root mean square relative change of the statistics in the metric
    /// of the installed root, see [`drift`](crate::linalg::inverse_root::drift::drift).
    pub drift: f64,
    /// Flops of a step for roots, [`root_flops`](Adaptive::root_flops) each; the drift of every factor that is due comes on
    /// top. The most urgent one is computed whatever it costs.
    pub flops: u64,
    /// In a step in which roots are due, none that is this old stays unless its new one is refused; at least
    /// `precondition_every`.
    pub max_staleness: u64,
}

impl Adaptive {
    /// Refuses a drift that is not positive and finite, and an age of 0 steps.
    ///
    /// **Errors**: [`ConfigError`].
    pub const fn validate(&self) -> Result<(), ConfigError> {
        if !(self.drift > 0.0 && self.drift.is_finite()) {
            return Err(ConfigError::Figure { field: "drift", value: self.drift });
        }
        if self.max_staleness == 0 {
            return Err(ConfigError::PeriodZero);
        }
        Ok(())
    }

    /// Flops of a root of order n: reduction 4/3 n^3, back-transform 8/3 n^3, and the sixteen inverses between.
    #[inline(never)]
    pub const fn root_flops(n: usize) -> u64 {
        let n = n as u64;
        n.saturating_mul(n).saturating_mul(n).saturating_mul(4).saturating_add(n.saturating_mul(n).saturating_mul(64))
    }

    /// How much a factor wants a root at this step.
    pub fn urgency(&self, slot: &Slot, drift: f64, step: u64) -> f64 {
        let Some(newest) = slot.newest() else { return f64::INFINITY };
        let age = step.saturating_sub(newest) as f64 / self.max_staleness as f64;
        match slot.missed() {
            // What was tried in vain waits until it is old: it would stay the most urgent of all.
            Some(_) => age,
            // A drift that is no number is one that could not be measured.
            None if drift.is_nan() => f64::INFINITY,
            None => (drift / self.drift).max(age),
        }
    }

    /// The urgency from which on roots are computed in this step.
    ///
    /// `next(below)` is the [`Demand`] of the largest urgency below that number among all factors that share the budget, of
    /// the largest of all for `None`. Equals go together.
    pub fn level(&self, mut next: impl FnMut(Option<f64>) -> Option<Demand>) -> f64 {
        let (mut level, mut spent) = (None, 0_u64);
        while let Some(Demand { urgency, flops }) = next(level) {
            let total = spent.saturating_add(flops);
            if urgency < 1.0 || level.is_some() && total > self.flops {
                break;
            }
            (level, spent) = (Some(urgency), total);
        }
        level.unwrap_or(f64::INFINITY)
    }

    /// Whether this factor gets a root in a step with this level.
    pub fn admits(&self, slot: &Slot, level: f64, step: u64) -> bool {
        let overdue = slot.newest().is_none_or(|newest| step.saturating_sub(newest) >= self.max_staleness);
        slot.urgency() >= level || overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Adaptive = Adaptive { drift: 0.1, flops: 25, max_staleness: 10 };

    fn level(demands: &[(f64, u64)]) -> f64 {
        let demands = || demands.iter().map(|&(urgency, flops)| Demand { urgency, flops });
        RULE.level(|below| demands().filter(|d| below.is_none_or(|below| d.urgency < below)).reduce(Demand::merge))
    }

    #[test]
    fn the_most_urgent_go_first_within_the_budget() {
        assert_eq!(level(&[(1.5, 10), (3.0, 10), (2.0, 10)]), 2.0);
        assert_eq!(level(&[(1.5, 10), (0.9, 1)]), 1.5);
        assert_eq!(level(&[(0.9, 1)]), f64::INFINITY);
        assert_eq!(level(&[(2.0, 1000), (1.5, 1)]), 2.0, "one is always computed");
        assert_eq!(level(&[(2.0, 20), (2.0, 20), (1.5, 1)]), 2.0, "equals go together");
    }

    #[test]
    fn age_and_drift_are_measured_against_their_limits() {
        let mut slot = Slot::EMPTY;
        assert_eq!(RULE.urgency(&slot, 0.0, 3), f64::INFINITY);
        assert!(slot.install(3));
        assert_eq!(RULE.urgency(&slot, 0.2, 3), 2.0);
        assert_eq!(RULE.urgency(&slot, 0.0, 8), 0.5);
        assert_eq!(RULE.urgency(&slot, f64::NAN, 8), f64::INFINITY);
        assert!(!RULE.admits(&slot, f64::INFINITY, 12) && RULE.admits(&slot, f64::INFINITY, 13));
    }
}
