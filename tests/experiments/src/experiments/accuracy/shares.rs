//! How the rows of each kind ended, and how near to their promises the accepted ones are.

use core::fmt::Write as _;

use shampoo_core::linalg::inverse_root::Outcome;

use super::conditions::part;
use super::row::Row;
use super::table::grouped;
use crate::spread::Spread;

/// The refusals, in the order of the columns. Others do not occur.
const REFUSALS: [(Outcome, &str); 5] = [
    (Outcome::Uncertified, "uncertified"),
    (Outcome::NotPositiveDefinite, "indefinite"),
    (Outcome::OutOfRange, "out of range"),
    (Outcome::OutsideStore, "out of store"),
    (Outcome::Zero, "zero"),
];

/// What the rows of one line have in common.
type Key = fn(&Row) -> String;

/// The shares by root type and method, by storage, by kernel and by statistics.
pub(super) fn shares(rows: &[Row]) -> String {
    let keys: [(&str, Key); 4] = [
        ("root type, method", |row| format!("{}, {}", row.root_type, row.method)),
        ("stored as", |row| row.stored_as.to_owned()),
        ("root type, kernel", |row| format!("{}, {}", row.root_type, row.kernel)),
        ("statistics", |row| row.statistics.to_owned()),
    ];
    let mut text = String::new();
    for (what, key) in keys {
        let _ = write!(text, "{what:<26} {:>6} {:>8}", "rows", "accepted");
        REFUSALS.iter().for_each(|(_, name)| text += &format!(" {name:>12}"));
        text += "   largest error / promise   median promise / error\n";
        for group in grouped(rows.iter(), key) {
            text += &line(&group.first().map_or_else(String::new, |row| key(row)), &group);
        }
        text += "\n";
    }
    text
}

/// One line. The ratios are those of accepted roots; a root without an error has no ratio.
fn line(name: &str, rows: &[&Row]) -> String {
    let percent = |count: usize| format!("{:.1} %", 100.0 * count as f64 / rows.len() as f64);
    let accepted = || rows.iter().filter(|row| row.accepted);
    let mut line = format!("{name:<26} {:>6} {:>8}", rows.len(), percent(accepted().count()));
    for (outcome, _) in REFUSALS {
        let count = rows.iter().filter(|row| row.outcome == outcome).count();
        line += &format!(" {:>12}", if count == 0 { "-".to_owned() } else { percent(count) });
    }
    let ratios = Spread::of(accepted().map(|row| part(row)).filter(|&part| part > 0.0));
    let [largest, median] = match ratios {
        Some(spread) => [format!("{:.3}", spread.max), format!("{:.1}", 1.0 / spread.median)],
        None => ["-", "-"].map(str::to_owned),
    };
    line + &format!("   {largest:>23}   {median:>22}\n")
}

#[cfg(test)]
mod tests {
    use shampoo_core::linalg::inverse_root::Outcome;

    use super::{Row, shares};

    #[test]
    fn shares_count_outcomes_and_ratios_of_accepted_rows() {
        let refused = Row { accepted: false, outcome: Outcome::OutOfRange, true_error: Some(9.0), ..Row::sample() };
        let graded = Row { statistics: "graded", ..refused.clone() };
        let text = shares(&[Row::sample(), Row::sample(), refused, graded]);
        let words = |start: &str| {
            let line = text.lines().find(|line| line.starts_with(start)).expect("a line");
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(words("f64, coupled_newton"), "f64, coupled_newton 4 50.0 % - - 50.0 % - - 0.250 4.0");
        assert_eq!(words("log_spaced"), "log_spaced 3 66.7 % - - 33.3 % - - 0.250 4.0");
        assert_eq!(words("graded"), "graded 1 0.0 % - - 100.0 % - - - -");
    }
}
