//! All rows for a reader: a block for each kind of statistics, a line for each root, the methods side by side.

use core::fmt::Write as _;

use shampoo_core::linalg::inverse_root::Outcome;

use super::plan::METHODS;
use super::row::Row;

const LEGEND: &str = "\
The relative errors of inverse roots A^(-1/p) in the spectral norm. Lost bits: log2(kappa / p) of the matrix as it is
stored. A priori: u kappa / p. For each method: its own indicator, the promise of the certificate, the true error.
! refused: the certificate promises nothing, or less than what is accepted; the error is shown all the same.
";

/// The table of these rows.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = LEGEND.to_owned();
    for block in grouped(rows.iter(), |row| row.statistics) {
        if let Some(Row { statistics, .. }) = block.first() {
            let _ = writeln!(text, "\n{statistics}");
        }
        let names = format!("{:<16} {:<8} {:>3}", "scalar", "kernel", "n");
        let mut heads =
            [String::new(), format!("{names} {:>5} {:>2} {:>9} {:>8}", "kappa", "p", "lost bits", "a priori")];
        heads[0] += &" ".repeat(heads[1].len());
        for method in METHODS {
            heads[0] += &format!(" | {:<31}", method.name);
            heads[1] += &format!(" | {:>9} {:>12} {:>8}", "indicator", "promise", "error");
        }
        let rule = "-".repeat(heads[1].len());
        let _ = writeln!(text, "{}\n{}\n{rule}", heads[0].trim_end(), heads[1]);
        for line in grouped(block.into_iter(), |row| (&row.scalar, row.kernel, row.n, row.kappa.to_bits(), row.p)) {
            text += &self::line(&line);
        }
    }
    text
}

/// The rows of one root, by all methods.
fn line(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let Row { scalar, kernel, n, kappa, p, .. } = first;
    let bits = first.lost_bits().map_or_else(none, |bits| format!("{bits:.1}"));
    let mut line =
        format!("{scalar:<16} {kernel:<8} {n:>3} {kappa:>5.0e} {p:>2} {bits:>9} {:>8}", number(first.a_priori));
    for method in METHODS {
        let [indicator, promise, error] = match rows.iter().find(|row| row.method == method.name) {
            Some(row) => [number(row.indicator), promise(row), number(row.true_error)],
            None => [none(), "not computed".to_owned(), none()],
        };
        line += &format!(" | {indicator:>9} {promise:>12} {error:>8}");
    }
    line + "\n"
}

/// The promise, or why there is none.
fn promise(row: &Row) -> String {
    match row.outcome {
        Outcome::Accepted => number(row.promised),
        Outcome::Uncertified => {
            row.promised.map_or_else(|| "none !".to_owned(), |promised| format!("{promised:.1e} !"))
        }
        Outcome::NotPositiveDefinite => "indefinite".to_owned(),
        Outcome::OutOfRange => "out of range".to_owned(),
        Outcome::Zero => "zero".to_owned(),
        Outcome::OutsideStore => "out of store".to_owned(),
        Outcome::Cancelled => "cancelled".to_owned(),
    }
}

fn number(x: Option<f64>) -> String {
    match x {
        Some(0.0) => "0".to_owned(),
        Some(x) => format!("{x:.1e}"),
        None => none(),
    }
}

fn none() -> String {
    "-".to_owned()
}

/// The rows with equal keys together, in the order in which the keys come up.
pub(super) fn grouped<'a, K: PartialEq>(
    rows: impl Iterator<Item = &'a Row>,
    key: impl Fn(&'a Row) -> K,
) -> Vec<Vec<&'a Row>> {
    let mut groups: Vec<(K, Vec<&Row>)> = Vec::new();
    for row in rows {
        let of = key(row);
        match groups.iter_mut().rev().find(|(key, _)| *key == of) {
            Some((_, group)) => group.push(row),
            None => groups.push((of, vec![row])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

#[cfg(test)]
mod tests {
    use shampoo_core::linalg::inverse_root::Outcome;

    use super::{METHODS, Row, table};

    #[test]
    fn one_line_a_root_with_the_methods_side_by_side() {
        let spectral = |p| Row { method: "spectral", outcome: Outcome::Uncertified, p, ..Row::sample() };
        let other = Row { scalar: "f32".to_owned(), outcome: Outcome::NotPositiveDefinite, ..Row::sample() };
        let graded = Row { statistics: "graded", ..Row::sample() };
        let text = table(&[Row::sample(), other, spectral(4), spectral(6), graded]);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(" 1e2 ")).collect();
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines.len(), 4);
        let head = "f64              portable   2   1e2  4       4.6   7.5e-1";
        let none = "- not computed        -";
        let both = [head, "2.5e-1       5.0e-1   1.2e-1", none, "2.5e-1     5.0e-1 !   1.2e-1", none];
        assert_eq!(cells(lines[0])[..5], both);
        assert_eq!(cells(lines[0]).len(), 1 + METHODS.len());
        assert!(lines[1].contains("indefinite"));
        assert_eq!(cells(lines[2])[1..4], [none, none, "2.5e-1     5.0e-1 !   1.2e-1"]);
        assert_eq!(text.matches("indicator      promise").count(), 2 * METHODS.len());
    }
}
