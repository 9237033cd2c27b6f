//! Learning-rate schedules: pure functions of the step.

/// How the rate goes on after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decay {
    /// It stays.
    Constant,
    /// Half a cosine from the base rate at the end of the warm-up to `floor` times it at step `total`.
    Cosine {
        /// Step from which the floor holds.
        total: u64,
        /// Share of the base rate that is left.
        floor: f64,
    },
    /// floor + (1 - floor) (1 - progress)^power between the end of the warm-up and step `total`.
    Polynomial {
        /// Step from which the floor holds.
        total: u64,
        /// 1 is linear.
        power: f64,
        /// Share of the base rate that is left.
        floor: f64,
    },
    /// sqrt(w / step) after w warm-up steps (at least one).
    InverseSqrt,
}

/// A base rate, a linear warm-up and a decay.
///
/// ```
/// use shampoo_core::learning_rate::{Decay, LearningRate};
/// let rate = LearningRate { base: 0.1, warmup: 10, decay: Decay::Cosine { total: 110, floor: 0.0 } };
/// assert!((rate.at(0) - 0.01).abs() < 1e-15); // step t is the (t + 1)th
/// assert_eq!(rate.at(10), 0.1);
/// assert!((rate.at(60) - 0.05).abs() < 1e-15);
/// assert_eq!(rate.at(500), 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LearningRate {
    /// The largest rate.
    pub base: f64,
    /// Steps of linear warm-up: step t < warmup has the rate base (t + 1) / warmup.
    pub warmup: u64,
    /// What follows.
    pub decay: Decay,
}

impl LearningRate {
    /// The same rate at every step.
    pub const fn constant(base: f64) -> Self {
        Self { base, warmup: 0, decay: Decay::Constant }
    }

    /// The rate of step t, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.base * ((step + 1) as f64 / self.warmup as f64);
        }
        let progress = |total: u64| {
            let length = total.saturating_sub(self.warmup) as f64;
            let done = (step - self.warmup) as f64;
            if done >= length { 1.0 } else { done / length }
        };
        let share = match self.decay {
            Decay::Constant => 1.0,
            Decay::Cosine { total, floor } => floor + (1.0 - floor) * half_cosine(progress(total)),
            Decay::Polynomial { total, power, floor } => {
                floor + (1.0 - floor) * libm::pow(1.0 - progress(total), power)
            }
            Decay::InverseSqrt => {
                let w = self.warmup.max(1) as f64;
                libm::sqrt(w / (step.max(1) as f64).max(w))
            }
        };
        self.base * share
    }
}

/// (1 + cos(pi x)) / 2 for x in [0, 1], exactly 0 at 1.
fn half_cosine(x: f64) -> f64 {
    if x >= 1.0 { 0.0 } else { 0.5 + 0.5 * libm::cos(core::f64::consts::PI * x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decays_start_at_the_base_and_end_at_the_floor() {
        let polynomial = Decay::Polynomial { total: 20, power: 2.0, floor: 0.1 };
        for (decay, middle, end) in
            [(Decay::Constant, 1.0, 1.0), (polynomial, 0.1 + 0.9 * 0.25, 0.1), (Decay::InverseSqrt, 1.0, 0.5)]
        {
            let warmup = if decay == Decay::InverseSqrt { 10 } else { 0 };
            let rate = LearningRate { base: 1.0, warmup, decay };
            assert!((rate.at(10) - middle).abs() < 1e-15 && (rate.at(40) - end).abs() < 1e-15, "{decay:?}");
        }
        let past = LearningRate { base: 1.0, warmup: 30, decay: Decay::Cosine { total: 20, floor: 0.25 } };
        assert_eq!(past.at(30), 0.25);
    }
}
