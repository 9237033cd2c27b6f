//! All rows for a reader.

use super::row::Row;
use crate::report::table::aligned;

/// The table of these rows.
pub(super) fn table(rows: &[Row]) -> String {
    let head = ["p", "poles", "sup error", "by the exchange", "uneven by", "exchanges", "committed file"];
    let lines = rows.iter().map(|row| {
        [
            row.p.to_string(),
            row.poles.to_string(),
            format!("{:.6e}", row.sup_relative_error),
            format!("{:.6e}", row.level),
            format!("{:.0e}", row.unevenness),
            row.exchanges.to_string(),
            (if row.reproduced { "the same" } else { "differs" }).to_owned(),
        ]
    });
    aligned(&[head.map(str::to_owned)].into_iter().chain(lines).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::table;

    #[test]
    fn one_line_a_table() {
        let row = Row::compute(2, 1, 1e-2).expect("a best approximation");
        let text = table(&[row.clone(), Row { reproduced: true, ..row }]);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert_eq!((text.matches("differs").count(), text.matches("the same").count()), (1, 1));
    }
}
