//! All rows for a reader: a block for each arithmetic and order, a line for each root, the methods side by side.

use core::fmt::Write as _;

use shampoo_core::linalg::inverse_root::Outcome;

use super::arithmetic;
use super::plan::METHODS;
use super::row::Row;

const LEGEND: &str = "\
The relative errors of inverse roots A^(-1/p) in the spectral norm. Lost bits: log2(kappa / p). A priori: u kappa / p.
For each method: its own indicator, the promise of the certificate, the true error.
! refused: the certificate promises nothing, or less than what is accepted; the error is shown all the same.
";

/// The table of these rows.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = LEGEND.to_owned();
    for block in grouped(rows.iter(), |row| (row.statistics, row.kernel, row.scalar, row.n)) {
        if let Some(Row { statistics, kernel, scalar, n, .. }) = block.first() {
            let _ = writeln!(text, "\n{scalar}, n = {n}, {statistics}, {kernel}");
        }
        let mut heads = [String::new(), format!("{:>5} {:>2} {:>9} {:>8}", "kappa", "p", "lost bits", "a priori")];
        heads[0] += &" ".repeat(heads[1].len());
        for method in METHODS {
            heads[0] += &format!(" | {:<31}", method.name);
            heads[1] += &format!(" | {:>9} {:>12} {:>8}", "indicator", "promise", "error");
        }
        let rule = "-".repeat(heads[1].len());
        let _ = writeln!(text, "{}\n{}\n{rule}", heads[0].trim_end(), heads[1]);
        for line in grouped(block.into_iter(), |row| (row.kappa.to_bits(), row.p)) {
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
    let [a_priori, bits] =
        [number(first.a_priori), if first.lost_bits.is_finite() { format!("{:.1}", first.lost_bits) } else { none() }];
    let mut line = format!("{:>5.0e} {:>2} {bits:>9} {a_priori:>8}", first.kappa, first.p);
    for method in METHODS {
        let [indicator, promise, error] = match rows.iter().find(|row| row.method == method.name) {
            Some(row) => [number(row.indicator), promise(row), number(row.true_error)],
            None => [none(), "no table".to_owned(), none()],
        };
        line += &format!(" | {indicator:>9} {promise:>12} {error:>8}");
    }
    line + "\n"
}

/// The accepted rows among all, by scalar, kernel and method.
pub(super) fn shares(rows: &[Row]) -> String {
    let mut text = format!("{:22}", "accepted of");
    METHODS.iter().for_each(|method| text += &format!(" {:>18}", method.name));
    for arithmetic in arithmetic::all() {
        text += &format!("\n{:22}", format!("{}, {}", arithmetic.scalar, arithmetic.kernel));
        for method in METHODS {
            let here = |row: &&Row| {
                (row.scalar, row.kernel, row.method) == (arithmetic.scalar, arithmetic.kernel, method.name)
            };
            let all = rows.iter().filter(here).count();
            let accepted = rows.iter().filter(here).filter(|row| row.accepted).count();
            let percent = 100.0 * accepted as f64 / all.max(1) as f64;
            text += &format!(" {:>18}", format!("{accepted} of {all} ({percent:.0}%)"));
        }
    }
    text + "\n"
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
fn grouped<'a, K: PartialEq>(rows: impl Iterator<Item = &'a Row>, key: impl Fn(&Row) -> K) -> Vec<Vec<&'a Row>> {
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

    use super::{Row, shares, table};

    #[test]
    fn one_line_a_root_with_the_methods_side_by_side() {
        let spectral = |p| Row { method: "spectral", outcome: Outcome::Uncertified, p, ..Row::sample() };
        let other = Row { scalar: "f32", outcome: Outcome::NotPositiveDefinite, ..Row::sample() };
        let text = table(&[Row::sample(), other, spectral(4), spectral(6)]);
        let lines: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("1e2")).collect();
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(lines.len(), 3);
        let tail = "-     no table        -";
        let both = ["1e2  4       4.6   7.5e-1", "2.5e-1       5.0e-1   1.2e-1", "2.5e-1     5.0e-1 !   1.2e-1", tail];
        assert_eq!(cells(lines[0]), both);
        assert_eq!(cells(lines[1])[1..3], [tail, "2.5e-1     5.0e-1 !   1.2e-1"]);
        assert!(lines[2].contains("indefinite"));
        assert_eq!(text.matches("n = 2").count(), 2);
    }

    #[test]
    fn shares_count_by_scalar_and_method() {
        let text = shares(&[Row::sample(), Row::sample(), Row { accepted: false, ..Row::sample() }]);
        assert_eq!(text.matches("2 of 3 (67%)").count(), 1, "{text}");
    }
}
