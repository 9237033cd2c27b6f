//! One table as computed, as a row of the results, and the JSON object of all of them.

use std::path::Path;

use serde::Serialize;

use super::numbers::narrow;
use super::remez;
use super::verify::{Rounded, sup_error};
use crate::error::Error;
use crate::report;

/// One table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Root order.
    pub(super) p: u32,
    /// Left end of the interval.
    pub(super) lower: f64,
    /// Number of poles.
    pub(super) poles: usize,
    /// The largest relative error of the rounded table, as looked up.
    pub(super) sup_relative_error: f64,
    /// That of the sum before it was rounded, by the exchange.
    pub(super) level: f64,
    /// How much the extrema of the error still differed, relatively.
    pub(super) unevenness: f64,
    /// Exchanges made.
    pub(super) exchanges: usize,
    /// Whether the committed file holds just this table.
    pub(super) reproduced: bool,
    /// The numbers.
    #[serde(skip)]
    pub(super) table: Rounded,
}

/// The whole object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rows<'a> {
    /// The rows, by order and poles.
    pub(super) rows: &'a [Row],
    /// Whether the committed file is what would be written.
    pub(super) reproduced: bool,
}

impl Row {
    /// Computes a table and looks for its largest error; not yet compared.
    ///
    /// # Errors
    /// [`Error::Exchange`].
    pub(super) fn compute(p: u32, poles: usize, lower: f64) -> Result<Self, Error> {
        let best = remez::best(p, poles, lower).map_err(|reason| Error::Exchange { order: p, poles, reason })?;
        let rounded = best.sum.poles.iter().map(|(shift, weight)| (narrow(shift), narrow(weight))).collect();
        let table = Rounded { constant: narrow(&best.sum.constant), poles: rounded };
        Ok(Self {
            p,
            lower,
            poles,
            sup_relative_error: sup_error(p, lower, &table),
            level: best.level,
            unevenness: best.unevenness,
            exchanges: best.exchanges,
            reproduced: false,
            table,
        })
    }
}

impl Rows<'_> {
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
    fn a_row_says_what_its_table_is() {
        let row = Row::compute(3, 2, 1e-2).expect("a best approximation");
        assert_eq!((row.p, row.poles, row.table.poles.len()), (3, 2, 2));
        assert!((row.sup_relative_error / row.level - 1.0).abs() < 1e-10);
        let found = to_value(Rows { rows: core::slice::from_ref(&row), reproduced: false }).expect("plain data");
        let right = json!({
            "p": 3, "lower": 0.01, "poles": 2, "sup_relative_error": row.sup_relative_error, "level": row.level,
            "unevenness": row.unevenness, "exchanges": row.exchanges, "reproduced": false,
        });
        assert_eq!(found, json!({"rows": [right], "reproduced": false}));
    }
}
