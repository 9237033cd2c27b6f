//! One row of the results, and the JSON object of all of them.

use std::path::Path;

use serde::{Serialize, Serializer};
use shampoo_core::linalg::inverse_root::Outcome;

use crate::error::Error;
use crate::report;

/// One root of one matrix by one method in one arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Order of the matrix.
    pub(super) n: usize,
    /// Its condition number, before it was rounded to what stores it; that of the ridge where there is one, nominal
    /// where the order is 1, null where the matrix is singular.
    pub(super) kappa: f64,
    /// Root order.
    pub(super) p: u32,
    /// The method.
    pub(super) method: &'static str,
    /// The scalar; where another one computes than stores, `stored/inside`.
    pub(super) scalar: String,
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
    /// What stores.
    pub(super) stored_as: &'static str,
    /// What computes.
    pub(super) root_type: &'static str,
    /// How it ended.
    #[serde(serialize_with = "name")]
    pub(super) outcome: Outcome,
    /// What was added to the diagonal.
    pub(super) ridge: f64,
    /// Condition number of the matrix as it is stored, with the ridge; null if that is not positive definite.
    pub(super) condition: Option<f64>,
    /// Unit roundoff of the stored root.
    pub(super) unit_roundoff: f64,
}

fn name<S: Serializer>(outcome: &Outcome, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{outcome:?}"))
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
        report::write_json(self, path)
    }
}

impl Row {
    /// log2(kappa / p), at least 0, of the matrix as it is stored.
    pub(super) fn lost_bits(&self) -> Option<f64> {
        self.condition.map(|kappa| (kappa / f64::from(self.p)).log2().max(0.0))
    }

    /// An accepted coupled Newton root in f64, for tests to vary.
    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self {
            n: 2,
            kappa: 100.0,
            p: 4,
            method: super::plan::COUPLED_NEWTON.name,
            scalar: super::arithmetic::F64.to_owned(),
            kernel: "portable",
            statistics: "log_spaced",
            indicator: Some(0.25),
            promised: Some(0.5),
            true_error: Some(0.125),
            accepted: true,
            a_priori: Some(0.75),
            stored_as: "f64",
            root_type: "f64",
            outcome: Outcome::Accepted,
            ridge: 0.0,
            condition: Some(100.0),
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
            "a_priori": 0.75, "stored_as": "f64", "root_type": "f64", "outcome": "Accepted", "ridge": 0.0,
            "condition": 100.0, "unit_roundoff": f64::EPSILON / 2.0,
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
