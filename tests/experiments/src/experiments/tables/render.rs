//! The Rust source of the tables.

use core::fmt::Write as _;

use super::row::Row;

/// Pairs of numbers a line: 120 columns.
const PAIRS: usize = 2;

/// The inverse itself is one pole, without an error.
const INVERSE: &str =
    "    Table { order: 1, lower: 0.0, sup_relative_error: 0.0, constant: 0.0, poles: &[(0.0, 1.0)] },\n";

/// The whole file.
pub(super) fn file(rows: &[Row]) -> String {
    let mut text = "\
//! Written by `cargo run -p shampoo-experiments -- tables --write PATH`, which also tells whether it is up to date.

use super::Table;

/// Every table, by order and then by poles. The inverse itself is one pole, without an error.
#[rustfmt::skip]
pub static TABLES: &[Table] = &[
"
    .to_owned();
    text += INVERSE;
    rows.iter().for_each(|row| text += &block(row));
    text + "];\n"
}

/// The lines of one table; every number is the shortest that reads back as itself.
pub(super) fn block(row: &Row) -> String {
    let Row { p, lower, sup_relative_error: sup, table, .. } = row;
    let constant = table.constant;
    let head = format!("order: {p}, lower: {lower:?}, sup_relative_error: {sup:?}, constant: {constant:?}");
    let mut text = format!("    Table {{ {head}, poles: &[\n");
    for pairs in table.poles.chunks(PAIRS) {
        let pairs: Vec<String> = pairs.iter().map(|(shift, weight)| format!("({shift:?}, {weight:?}),")).collect();
        let _ = writeln!(text, "        {}", pairs.join(" "));
    }
    text + "    ] },\n"
}

#[cfg(test)]
mod tests {
    use super::super::row::Row;
    use super::{block, file};

    #[test]
    fn blocks_are_parts_of_the_file_and_narrow() {
        let rows = [1, 3].map(|poles| Row::compute(2, poles, 1e-2).expect("a best approximation"));
        let text = file(&rows);
        assert!(rows.iter().all(|row| text.contains(&block(row))));
        assert!(text.lines().all(|line| line.len() <= 120), "{text}");
        let (shift, weight) = rows[1].table.poles[2];
        assert!(text.ends_with(&format!("        ({shift:?}, {weight:?}),\n    ] }},\n];\n")));
    }
}
