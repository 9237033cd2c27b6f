//! What all rows together must satisfy, and whether they do.

use core::fmt::Write as _;

use shampoo_core::linalg::inverse_root::Outcome;

use super::arithmetic::F64;
use super::plan::{COUPLED_NEWTON, RATIONAL, SPECTRAL};
use super::row::Row;
use super::statistics::SUBNORMAL;
use crate::spread::Spread;

/// Up to here f64 has 8 digits left of a matrix: its roots must be accepted.
const CERTAIN_KAPPA: f64 = 2e8;

/// The promise that they must come with: the default limit for f64, so that a default request succeeds.
const CERTAIN_PROMISE: f64 = 1e-5;

/// The methods that this is asked of.
const CERTAIN_METHODS: [&str; 2] = [COUPLED_NEWTON.name, SPECTRAL.name];

/// Up to here it is asked of the rational functions too: beyond, one may leave the interval of its table.
const CERTAIN_RATIONAL: f64 = 1e6;

/// In units of roundoff; an error below is luck, and says nothing about the bound on it.
const MEASURABLE: f64 = 10.0;

/// The largest median of promise / error: a bound that is two digits off still tells good roots from bad ones.
const LARGEST_MEDIAN: f64 = 100.0;

/// Violating rows named at most.
const NAMED: usize = 20;

/// The conditions, and what was found.
pub(super) struct Verdict<'a> {
    /// Accepted rows whose error is above the promise, or that have no true root at all.
    dishonest: Vec<&'a Row>,
    /// Rows that f64 must certify and does not.
    uncertain: Vec<&'a Row>,
    /// Promises of the rows that f64 must certify.
    promises: Option<Spread>,
    /// The accepted row that is nearest to its promise.
    nearest: Option<&'a Row>,
    /// promise / error of the rows with a measurable error.
    tightness: Option<Spread>,
    /// The same, of the accepted rows alone.
    tightness_accepted: Option<Spread>,
    /// error / a-priori bound of the same rows, by the methods that approximate nothing: a rational function has an
    /// error of its own.
    beyond: Option<Spread>,
    /// Refused rows whose error is above the promise: harmless as long as they are refused.
    refused: usize,
}

impl<'a> Verdict<'a> {
    /// On these rows.
    pub(super) fn of(rows: &'a [Row]) -> Self {
        let within = |row: &Row, limit| row.accepted && row.promised.is_some_and(|promised| promised <= limit);
        let measurable = |row: &&Row| row.true_error.is_some_and(|error| error > MEASURABLE * row.unit_roundoff);
        let accepted = |row: &&Row| row.accepted;
        let tightness = |row: &Row| Some(row.promised? / row.true_error?);
        let exact = |row: &&Row| CERTAIN_METHODS.contains(&row.method);
        let beyond = |row: &Row| Some(row.true_error? / row.a_priori?);
        Self {
            dishonest: rows.iter().filter(|row| row.accepted && !honest(row)).collect(),
            uncertain: rows.iter().filter(|row| certain(row) && !within(row, CERTAIN_PROMISE)).collect(),
            promises: Spread::of(rows.iter().filter(|row| certain(row)).filter_map(|row| row.promised)),
            nearest: rows.iter().filter(accepted).max_by(|a, b| part(a).total_cmp(&part(b))),
            tightness: Spread::of(rows.iter().filter(measurable).filter_map(tightness)),
            tightness_accepted: Spread::of(rows.iter().filter(measurable).filter(accepted).filter_map(tightness)),
            beyond: Spread::of(rows.iter().filter(measurable).filter(accepted).filter(exact).filter_map(beyond)),
            refused: rows
                .iter()
                .filter(|row| !row.accepted && row.promised.is_some() && row.true_error.is_some() && !honest(row))
                .count(),
        }
    }

    /// Whether every condition is satisfied.
    pub(super) fn passed(&self) -> bool {
        self.dishonest.is_empty() && self.uncertain.is_empty() && self.promises.is_some() && self.tight()
    }

    fn tight(&self) -> bool {
        self.tightness.is_some_and(|spread| spread.median <= LARGEST_MEDIAN)
    }

    /// The figures, condition by condition; `rows` are those that the verdict is on.
    pub(super) fn text(&self, rows: &[Row]) -> String {
        let mut text = String::new();
        let mark = |good: bool| if good { "ok      " } else { "VIOLATED" };
        let spread = |spread: Option<Spread>| {
            let text = |s: Spread| format!("median {:.2}, {:.1e} to {:.1e}", s.median, s.min, s.max);
            spread.map_or_else(|| "no such row".to_owned(), text)
        };
        let accepted = rows.iter().filter(|row| row.accepted).count();
        let honest = mark(self.dishonest.is_empty());
        let _ = writeln!(text, "{honest} {} of {accepted} accepted roots break their promise", self.dishonest.len());
        if let Some(row) = self.nearest {
            let Row { scalar, kernel, method, n, p, statistics, .. } = row;
            let _ = writeln!(
                text,
                "         largest error / promise of an accepted root: {:.3} ({scalar}, {kernel}, {method}, n = {n}, p = {p}, {statistics})",
                part(row),
            );
        }
        let (must, largest) =
            (rows.iter().filter(|row| certain(row)).count(), self.promises.map_or(f64::NAN, |s| s.max));
        let _ = writeln!(
            text,
            "{} f64, {}, kappa up to {CERTAIN_KAPPA:e}, and rational up to {CERTAIN_RATIONAL:e}: {} of {must} roots refused or promised above {CERTAIN_PROMISE:e}; \
             largest promise {largest:.1e}",
            mark(self.uncertain.is_empty()),
            CERTAIN_METHODS.join(" and "),
            self.uncertain.len(),
        );
        let _ = writeln!(
            text,
            "{} promise / error, errors above {MEASURABLE} u: {} (median at most {LARGEST_MEDIAN}); accepted roots alone: {}",
            mark(self.tight()),
            spread(self.tightness),
            spread(self.tightness_accepted),
        );
        let _ = writeln!(
            text,
            "         error / a-priori bound, these accepted roots by {}: {}\n         \
             {} refused roots are worse than the promise that they were refused for",
            CERTAIN_METHODS.join(" and "),
            spread(self.beyond),
            self.refused,
        );
        for (what, rows) in [("breaks its promise", &self.dishonest), ("must be certified", &self.uncertain)] {
            rows.iter().take(NAMED).for_each(|row| text += &format!("{what}: {row:?}\n"));
            if rows.len() > NAMED {
                let _ = writeln!(text, "and {} more", rows.len() - NAMED);
            }
        }
        text
    }
}

/// Whether the true error is known to be within the promise.
fn honest(row: &Row) -> bool {
    row.true_error.zip(row.promised).is_some_and(|(error, promised)| error <= promised)
}

/// error / promise; 0 where one is missing.
pub(super) fn part(row: &Row) -> f64 {
    row.true_error.zip(row.promised).map_or(0.0, |(error, promised)| if error > 0.0 { error / promised } else { 0.0 })
}

/// Whether the row must be certified. The inverse of a subnormal matrix is out of range.
fn certain(row: &Row) -> bool {
    let limit = match row.method {
        method if CERTAIN_METHODS.contains(&method) => CERTAIN_KAPPA,
        method if method == RATIONAL.name => CERTAIN_RATIONAL,
        _ => return false,
    };
    let beyond_the_store = row.outcome == Outcome::OutsideStore && row.statistics == SUBNORMAL;
    row.scalar == F64 && row.condition.is_some_and(|kappa| kappa <= limit) && !beyond_the_store
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Row, Verdict};

    fn passed(row: Row) -> bool {
        Verdict::of(&[Row::sample_within(), row]).passed()
    }

    impl Row {
        fn sample_within() -> Self {
            Self { promised: Some(1e-6), true_error: Some(1e-7), ..Self::sample() }
        }
    }

    #[test]
    fn accepted_roots_keep_their_promise() {
        let coarse = || Row { scalar: "f32".to_owned(), unit_roundoff: 1e-7, ..Row::sample_within() };
        assert!(passed(coarse()));
        assert!(!passed(Row { true_error: Some(1.1e-6), ..coarse() }));
        assert!(!passed(Row { true_error: None, ..coarse() }), "accepted, but there is no root");
        assert!(!passed(Row { promised: None, ..coarse() }));
        assert!(passed(Row { true_error: Some(1.0), accepted: false, ..coarse() }), "refused");
    }

    #[test]
    fn f64_certifies_what_is_well_conditioned() {
        assert!(!passed(Row { accepted: false, ..Row::sample_within() }));
        assert!(!passed(Row { promised: Some(2e-5), ..Row::sample_within() }));
        for (kappa, method, pass) in [
            (1e8, "spectral", false),
            (1e9, "spectral", true),
            (1e6, "rational", false),
            (1e7, "rational", true),
            (1e2, "rational_28", true),
        ] {
            let condition = Some(kappa);
            assert_eq!(passed(Row { condition, method, accepted: false, ..Row::sample_within() }), pass);
        }
        let outcome = Outcome::OutsideStore;
        assert!(passed(Row { accepted: false, outcome, statistics: "subnormal", ..Row::sample_within() }));
        assert!(!passed(Row { accepted: false, outcome, ..Row::sample_within() }));
        assert!(!Verdict::of(&[Row { method: "rational_28", ..Row::sample_within() }]).passed(), "nothing was asked");
        assert!(passed(Row { accepted: false, condition: None, ..Row::sample_within() }));
    }

    #[test]
    fn promises_are_tight_in_the_middle() {
        let ratio = |ratio: f64, error: f64| Row {
            true_error: Some(error),
            promised: Some(ratio * error),
            ..Row::sample_within()
        };
        let verdict = |ratios: [f64; 3]| Verdict::of(&ratios.map(|r| ratio(r, 1e-9))).passed();
        assert!(verdict([1.0, 100.0, 1e3]));
        assert!(!verdict([1.0, 101.0, 1e3]));
        // An error below 10 u does not count, and none at all is no evidence.
        assert!(!Verdict::of(&[ratio(1.0, 1e-16)]).passed());
        assert!(Verdict::of(&[ratio(1e9, 1e-16), ratio(1.0, 1e-9)]).passed());
    }

    #[test]
    fn the_text_names_the_rows_that_violate() {
        let rows = [Row::sample_within(), Row { n: 77, true_error: Some(0.5), ..Row::sample_within() }];
        let text = Verdict::of(&rows).text(&rows);
        assert!(text.contains("VIOLATED 1 of 2 accepted roots"), "{text}");
        assert!(text.contains("n: 77"), "{text}");
        assert!(text.contains("largest error / promise of an accepted root: 500000.000 (f64, portable"), "{text}");
    }
}
