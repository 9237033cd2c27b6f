//! The middle and the spread of a few numbers.

/// Median, least and greatest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The median; of an even count, the mean of the middle two.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of at least one number, else `None`. Numbers that are not a number count as the greatest.
    #[must_use]
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().map(|x| if x.is_nan() { f64::INFINITY } else { x }).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        // Not the mean of two equals, which for infinities would still do but for huge ones overflow.
        let median = if low == high { low } else { low + (high - low) / 2.0 };
        Some(Self { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn odd_even_empty_and_nan() {
        let of = |numbers: &[f64]| Spread::of(numbers.iter().copied());
        let spread = |median, min, max| Some(Spread { median, min, max });
        assert_eq!(of(&[3.0, 1.0, 2.0]), spread(2.0, 1.0, 3.0));
        assert_eq!(of(&[4.0, 1.0]), spread(2.5, 1.0, 4.0));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f64::NAN, 1.0, 2.0]), spread(2.0, 1.0, f64::INFINITY));
        assert_eq!(of(&[f64::NAN, 1.0]), spread(f64::INFINITY, 1.0, f64::INFINITY));
    }
}
