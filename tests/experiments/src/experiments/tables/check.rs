//! Comparison with tables from elsewhere: a JSON object with a key `1/p` for each order.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::row::Row;
use super::verify::{Rounded, sup_error};
use crate::error::Error;

/// Relative difference of two errors that still counts as agreement: an exchange in double precision leaves extrema that
/// differ by 5e-4.
const ERROR_AGREEMENT: f64 = 1e-3;

/// The same of two shifts or weights, which depend less on it.
const NUMBER_AGREEMENT: f64 = 1e-4;

/// A table from elsewhere.
#[derive(Clone, Debug, Deserialize)]
struct Reference {
    lower: f64,
    sup_relative_error: f64,
    c0: f64,
    shifts: Vec<f64>,
    weights: Vec<f64>,
}

/// One table against one from elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Comparison {
    p: u32,
    poles: usize,
    /// Largest relative difference of two shifts, weights or constants.
    difference: f64,
    /// What it is the difference of.
    number: String,
    /// The largest error of the table from elsewhere, as looked up here, and that of the one here.
    errors: [f64; 2],
    /// The error that the table from elsewhere states.
    stated: f64,
}

/// Compares the rows that the file knows.
///
/// # Errors
/// The file cannot be read, or holds something else, or nothing that was computed.
pub(super) fn compare(rows: &[Row], path: &Path) -> Result<Vec<Comparison>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let references: BTreeMap<String, Reference> =
        serde_json::from_str(&text).map_err(|error| Error::Read { path: path.to_owned(), source: error.into() })?;
    let pairs = rows.iter().filter_map(|row| {
        let reference = references.get(&format!("1/{}", row.p))?;
        let fits = reference.shifts.len() == row.poles && reference.weights.len() == row.poles;
        (fits && reference.lower == row.lower).then(|| Comparison::of(row, reference))
    });
    let found: Vec<Comparison> = pairs.collect();
    if found.is_empty() {
        let nothing = std::io::Error::other("no table there was computed here");
        return Err(Error::Read { path: path.to_owned(), source: nothing });
    }
    Ok(found)
}

impl Comparison {
    fn of(row: &Row, reference: &Reference) -> Self {
        let poles: Vec<(f64, f64)> =
            reference.shifts.iter().zip(&reference.weights).map(|(&shift, &weight)| (shift, weight)).collect();
        let named = row.table.poles.iter().zip(&poles).enumerate().flat_map(|(j, (here, there))| {
            [(format!("shift {j}"), here.0, there.0), (format!("weight {j}"), here.1, there.1)]
        });
        let named = named.chain([("constant".to_owned(), row.table.constant, reference.c0)]);
        let differences = named.map(|(name, here, there)| (name, (there / here - 1.0).abs()));
        // A difference that is no number counts as the largest.
        let largest = differences.max_by(|a, b| a.1.total_cmp(&b.1));
        let (number, difference) = largest.unwrap_or_default();
        let rounded = Rounded { constant: reference.c0, poles };
        let theirs = sup_error(row.p, row.lower, &rounded);
        let (errors, stated) = ([theirs, row.sup_relative_error], reference.sup_relative_error);
        Self { p: row.p, poles: row.poles, difference, number, errors, stated }
    }

    /// Whether all numbers agree.
    pub(super) fn agrees(&self) -> bool {
        let error = (self.stated / self.errors[1] - 1.0).abs();
        self.difference <= NUMBER_AGREEMENT && error <= ERROR_AGREEMENT
    }

    /// The agreement, and whose error is smaller.
    pub(super) fn text(&self) -> String {
        let Self { p, poles, difference, number, errors: [theirs, ours], stated } = self;
        let verdict = if self.agrees() { "agrees" } else { "differs" };
        format!(
            "p = {p}, {poles} poles: {verdict}, at most by {difference:.1e} ({number}); \
             error there {theirs:.9e} (stated {stated:.9e}), here {ours:.9e}"
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::row::Row;
    use super::compare;

    #[test]
    fn the_largest_difference_is_named() {
        let row = Row::compute(2, 2, 1e-2).expect("a best approximation");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("tables.json");
        let (shifts, mut weights): (Vec<f64>, Vec<f64>) = row.table.poles.iter().copied().unzip();
        let compared = |weights: &[f64], lower: f64| {
            let table = json!({
                "lower": lower, "sup_relative_error": row.sup_relative_error, "c0": row.table.constant,
                "shifts": shifts, "weights": weights,
            });
            std::fs::write(&path, json!({ "1/2": table }).to_string()).expect("a file");
            compare(core::slice::from_ref(&row), &path)
        };
        let same = compared(&weights, 1e-2).expect("a comparison");
        // JSON numbers may be read one unit off.
        assert!(same[0].agrees() && same[0].difference <= f64::EPSILON);
        weights[1] *= 1.0 + 1e-2;
        let other = compared(&weights, 1e-2).expect("a comparison");
        assert!(!other[0].agrees() && other[0].number == "weight 1");
        assert!(other[0].errors[0] > other[0].errors[1]);
        assert!(compared(&weights, 1e-3).is_err());
    }
}
