//! One row of the results, and the JSON object of all of them.

use std::path::Path;

use serde::Serialize;
use shampoo_core::linalg::inverse_root::Outcome;

use crate::error::Error;
use crate::report;

/// One root of one matrix by one method in one arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Order of the matrix.
    pub(super) n: usize,
    /// Its condition number, before it was rounded to what stores it; nominal where the order is 1.
    pub(super) kappa: f64,
    /// Root order.
    pub(super) p: u32,
    /// The method.
    pub(super) method: &'static str,
    /// The scalar; where another one computes than stores, `stored/inside`.
    pub(super) scalar: &'static str,
    /// The kernel.
    pub(super) kernel: &'static str,
    /// The family of the matrix.
    pub(super) statistics: &'static str,
    /// The method's own opinion of its error.
    pub(super) indicator: Option<f64>,
    /// The certificate's bound on the error; null if there is none.
    pub(super) promised: Option<f64>,
    /// The error; null if no root was computed or none exists.
    pub(super) true_error: Option<f64>,
    /// Whether the root was accepted.
    pub(super) accepted: bool,
    /// u kappa / p, with the condition number of the stored matrix; null if that is not positive definite.
    pub(super) a_priori: Option<f64>,
    /// How it ended.
    #[serde(skip)]
    pub(super) outcome: Outcome,
    /// log2(kappa / p), at least 0.
    #[serde(skip)]
    pub(super) lost_bits: f64,
    /// Unit roundoff of the stored root.
    #[serde(skip)]
    pub(super) unit_roundoff: f64,
}

/// The whole object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rows {
    /// The rows, in the order they were made.
    pub(super) rows: Vec<Row>,
}

impl Rows {
    /// Writes the object.
    ///
    /// # Errors
    /// [`Error::Write`], with the path.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::Write { path: path.to_owned(), source: error.into() })?;
        report::write(path, &(text + "\n"))
    }
}

impl Row {
    /// An accepted coupled Newton root in f64, for tests to vary.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            n: 2,
            kappa: 100.0,
            p: 4,
            method: super::plan::COUPLED_NEWTON.name,
            scalar: super::arithmetic::F64,
            kernel: "portable",
            statistics: "log_spaced",
            indicator: Some(0.25),
            promised: Some(0.5),
            true_error: Some(0.125),
            accepted: true,
            a_priori: Some(0.75),
            outcome: Outcome::Accepted,
            lost_bits: 4.6,
            unit_roundoff: f64::EPSILON / 2.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::{Row, Rows};

    #[test]
    fn the_form_is_the_agreed_one() {
        let refused = Row { promised: None, true_error: None, a_priori: None, accepted: false, ..Row::sample() };
        let mut first = json!({
            "n": 2, "kappa": 100.0, "p": 4, "method": "coupled_newton", "scalar": "f64", "kernel": "portable",
            "statistics": "log_spaced", "indicator": 0.25, "promised": 0.5, "true_error": 0.125, "accepted": true,
            "a_priori": 0.75,
        });
        let found = to_value(Rows { rows: vec![Row::sample(), refused] }).expect("plain data");
        assert_eq!(found["rows"][0], first);
        for (key, value) in [("promised", json!(null)), ("true_error", json!(null)), ("a_priori", json!(null))] {
            first[key] = value;
        }
        first["accepted"] = json!(false);
        assert_eq!(found["rows"][1], first);
    }
}
