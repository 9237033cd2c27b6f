//! One row of the results, and the JSON object of all of them.

use std::path::Path;

use serde::Serialize;

use crate::error::Error;
use crate::report;

/// One contender on matrices of one order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Order of the matrices.
    pub(super) n: usize,
    /// Matrices at a time.
    pub(super) batch: usize,
    /// Threads that share them.
    pub(super) threads: usize,
    /// The method.
    pub(super) method: &'static str,
    /// The kernel.
    pub(super) kernel: &'static str,
    /// The certificate.
    pub(super) certificate: &'static str,
    /// Median time of one matrix, or of the whole batch.
    pub(super) microseconds: f64,
    /// The largest error of a root in the spectral norm.
    pub(super) relative_error: f64,
    /// Time of the first contender over this one's, median of the rounds.
    pub(super) times_faster: f64,
}

/// The whole object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rows {
    /// The rows, in the order they were made.
    pub(super) rows: Vec<Row>,
}

impl Rows {
    /// The rational rows whose error is not within `limit`.
    pub(super) fn inaccurate(&self, limit: f64) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(move |row| row.method == "rational" && (row.relative_error > limit || row.relative_error.is_nan()))
    }

    /// The table for a reader.
    pub(super) fn cells(&self) -> Vec<[String; 9]> {
        let header = ["method", "n", "batch", "threads", "kernel", "certificate", "us", "times faster", "error"];
        let cells = self.rows.iter().map(|row| {
            [
                row.method.to_owned(),
                row.n.to_string(),
                row.batch.to_string(),
                row.threads.to_string(),
                row.kernel.to_owned(),
                row.certificate.to_owned(),
                format!("{:.2}", row.microseconds),
                format!("{:.2}", row.times_faster),
                format!("{:.1e}", row.relative_error),
            ]
        });
        [header.map(str::to_owned)].into_iter().chain(cells).collect()
    }

    /// Writes the object.
    ///
    /// # Errors
    /// [`Error::Write`], with the path.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        report::write_json(self, path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::{Row, Rows};

    #[test]
    fn the_form_is_the_agreed_one() {
        let row = Row {
            n: 64,
            batch: 1024,
            threads: 2,
            method: "rational",
            kernel: "server",
            certificate: "probed",
            microseconds: 2.5,
            relative_error: 1e-8,
            times_faster: 4.0,
        };
        assert_eq!(
            to_value(Rows { rows: vec![row] }).expect("plain data"),
            json!({"rows": [{
                "n": 64, "batch": 1024, "threads": 2, "method": "rational", "kernel": "server",
                "certificate": "probed", "microseconds": 2.5, "relative_error": 1e-8, "times_faster": 4.0,
            }]})
        );
    }
}
