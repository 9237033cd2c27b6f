//! Where an axis has its ticks, and where a value lies on it.

/// A range of values on an axis.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    /// From `low` to `high` in equal steps.
    #[must_use]
    pub fn linear(low: f64, high: f64) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, log: false }
    }

    /// From `low` to `high`, both above zero, in equal factors.
    #[must_use]
    pub fn logarithmic(low: f64, high: f64) -> Self {
        let low = low.max(f64::MIN_POSITIVE);
        let high = if high > low { high } else { low * 2.0 };
        Self { low, high, log: true }
    }

    /// Where a value lies: 0 at the low end, 1 at the high end, never beyond.
    #[must_use]
    pub fn place(self, value: f64) -> f64 {
        let scale = |x: f64| if self.log { x.log10() } else { x };
        let (low, high) = (scale(self.low), scale(self.high));
        ((scale(value) - low) / (high - low)).clamp(0.0, 1.0)
    }

    /// Round values within the range, about six of them.
    #[must_use]
    pub fn ticks(self) -> Vec<f64> {
        let within = |tick: &f64| (self.low..=self.high).contains(tick);
        if self.log {
            let decades = (self.high / self.low).log10();
            let mantissas: &[f64] = match decades {
                d if d < 0.5 => &[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0],
                d if d < 1.2 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
                d if d < 3.0 => &[1.0, 2.0, 5.0],
                _ => &[1.0],
            };
            let (from, to) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
            (from..=to).flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power))).filter(within).collect()
        } else {
            let rough = (self.high - self.low) / 6.0;
            let power = 10f64.powf(rough.log10().floor());
            let step = [1.0, 2.0, 5.0, 10.0]
                .map(|m| m * power)
                .into_iter()
                .find(|&step| step >= rough * 0.999)
                .unwrap_or(rough);
            let first = (self.low / step).ceil() as i64;
            let last = (self.high / step + 1e-9).floor() as i64;
            (first..=last).map(|i| i as f64 * step).collect()
        }
    }
}

/// A tick as text, without the noise of binary fractions.
#[must_use]
pub fn label(tick: f64) -> String {
    let rounded = format!("{tick:.4}");
    let short = rounded.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Axis, label};

    fn labels(axis: Axis) -> Vec<String> {
        axis.ticks().into_iter().map(label).collect()
    }

    #[test]
    fn ticks_are_round() {
        let linear = Axis::linear(0.0, 600.0);
        assert_eq!(labels(linear), ["0", "100", "200", "300", "400", "500", "600"]);
        assert_eq!(labels(Axis::linear(0.0, 0.33)), ["0", "0.1", "0.2", "0.3"]);
        let log = Axis::logarithmic(38.0, 630.0);
        assert_eq!(labels(log), ["50", "100", "200", "500"]);
        let narrow = Axis::logarithmic(38.0, 130.0);
        assert_eq!(labels(narrow), ["40", "50", "70", "100"]);
    }

    #[test]
    fn places() {
        let axis = Axis::logarithmic(1.0, 100.0);
        assert_eq!([0.1, 1.0, 10.0, 100.0, 1e9].map(|x| axis.place(x)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(Axis::linear(0.0, 8.0).place(2.0), 0.25);
        // A range without extent is widened.
        assert_eq!(Axis::linear(3.0, 3.0).place(3.0), 0.0);
    }
}
