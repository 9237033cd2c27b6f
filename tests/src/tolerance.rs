//! The one table of tolerances: every bound that a test asserts, with its reason.
//!
//! A bound is `floor + slope * law`, with `u` the unit roundoff of the arithmetic that computed
//! the judged number (2^-24 for `f32`, 2^-53 for `f64`), not of the type that stores it.

mod table;

pub use table::Check;

/// How a bound grows with the size of the problem.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// It does not: the floor is all.
    Fixed,
    /// `slope u`.
    Units(f64),
    /// `slope n u`: sums of `n` products.
    Order(f64),
    /// `slope n u kappa`: eigenvalues near zero, relative to themselves.
    OrderKappa(f64),
    /// `slope n u kappa / p + units u`: the lost bits of a root, and what is left of it where
    /// `kappa / p` is near 1.
    LostBits(f64, f64),
    /// `slope / (1 - b2)`: rounding that a moving average gathers.
    Memory(f64),
}

/// What is compared, and against what it is relative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// `|x - y|` entry by entry.
    Absolute,
    /// `|x - y| / |y|` entry by entry, or as the test states.
    Relative,
    /// `||X - Y||_2 / ||Y||_2`.
    Spectral,
}

/// The sizes that bounds depend on; what a law does not mention is not read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Number of rows, of terms of a sum, or of steps.
    pub order: usize,
    /// Condition number of the ridged matrix.
    pub kappa: f64,
    /// Root order; `1 / alpha` for a real exponent.
    pub root: f64,
    /// `1 - b2`.
    pub forgetting: f64,
}

impl Default for Size {
    /// All ones: the bound for a single number.
    fn default() -> Self {
        Self { order: 1, kappa: 1.0, root: 1.0, forgetting: 1.0 }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What the number below bounds.
    pub measure: Measure,
    /// Constant part where `f32` computed.
    pub floor_f32: f64,
    /// Constant part where `f64` computed.
    pub floor_f64: f64,
    /// The part that grows.
    pub law: Law,
    /// Why this and not less.
    pub reason: &'static str,
}

impl Check {
    /// The bound for a single number: [`Check::bound_at`] the default [`Size`].
    pub fn bound(self, unit_roundoff: f64) -> f64 {
        self.bound_at(unit_roundoff, Size::default())
    }

    /// The bound for an arithmetic and a size.
    pub fn bound_at(self, unit_roundoff: f64, size: Size) -> f64 {
        let row = self.row();
        let n = size.order as f64;
        let grown = match row.law {
            Law::Fixed => 0.0,
            Law::Units(slope) => slope * unit_roundoff,
            Law::Order(slope) => slope * n * unit_roundoff,
            Law::OrderKappa(slope) => slope * n * unit_roundoff * size.kappa,
            Law::LostBits(slope, units) => (slope * n * size.kappa / size.root + units) * unit_roundoff,
            Law::Memory(slope) => slope / size.forgetting,
        };
        // Anything coarser than f64 gets the f32 floor.
        let f64_computed = unit_roundoff <= f64::EPSILON;
        grown + if f64_computed { row.floor_f64 } else { row.floor_f32 }
    }
}

impl Law {
    fn formula(self) -> String {
        let term = |slope: f64, rest: &str| match slope {
            1.0 => rest.to_string(),
            _ => format!("{} {rest}", number(slope)),
        };
        match self {
            Self::Fixed => String::new(),
            Self::Units(slope) => term(slope, "u"),
            Self::Order(slope) => term(slope, "n u"),
            Self::OrderKappa(slope) => term(slope, "n u kappa"),
            Self::LostBits(slope, units) => {
                format!("{} + {units} u", term(slope, "n u kappa/p"))
            }
            Self::Memory(slope) => format!("{}/(1-b2)", number(slope)),
        }
    }
}

/// Powers of two as such, small and large numbers with an exponent.
fn number(x: f64) -> String {
    let log = x.log2();
    match x {
        _ if x > 0.0 && x < 0.01 && log.fract() == 0.0 => format!("2^{log}"),
        _ if x != 0.0 && x < 0.01 => format!("{x:e}"),
        _ => format!("{x}"),
    }
}

/// The table in Markdown, for the documentation to quote.
pub fn markdown() -> String {
    let mut text = String::from("| check | measure | f32 | f64 | reason |\n|---|---|---|---|---|\n");
    for check in Check::ALL {
        let row = check.row();
        let [narrow, wide] = [row.floor_f32, row.floor_f64].map(|floor| match (floor, row.law) {
            (_, Law::Fixed) => number(floor),
            (0.0, law) => law.formula(),
            (_, law) => format!("{} + {}", number(floor), law.formula()),
        });
        let (measure, reason) = (row.measure, row.reason);
        text += &format!("| {check:?} | {measure:?} | {narrow} | {wide} | {reason} |\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const F32: f64 = f32::EPSILON as f64 / 2.0;
    const F64: f64 = f64::EPSILON / 2.0;

    #[test]
    fn lost_bits_of_the_talk() {
        let size = Size { order: 16, kappa: 1e6, root: 4.0, ..Size::default() };
        let bound = Check::RootVsOracle.bound_at(F32, size);
        assert!((bound - 0.1 * 16.0 * F32 * 1e6 / 4.0).abs() < 1e-5);
    }

    #[test]
    fn rows_are_complete_and_ordered() {
        for check in Check::ALL {
            let row = check.row();
            assert!(row.floor_f64 <= row.floor_f32, "{check:?}");
            assert!(!row.reason.is_empty());
            assert!(check.bound(F64) > 0.0 && check.bound(F32) > 0.0, "the same bits need no row");
        }
    }

    /// All of the source below a folder.
    fn read(folder: &std::path::Path) -> String {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let text = |path: std::path::PathBuf| match path.is_dir() {
            true => read(&path),
            false => std::fs::read_to_string(path).unwrap(),
        };
        entries.map(text).collect()
    }

    #[test]
    fn every_row_is_used() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = read(&here.join("tests")) + &read(&here.join("../shampoo-runtime/tests"));
        let words: std::collections::HashSet<&str> = source
            .split(|c: char| !c.is_alphanumeric() && c != ':')
            .filter_map(|w| w.strip_prefix("Check::"))
            .collect();
        for check in Check::ALL {
            assert!(words.contains(format!("{check:?}").as_str()), "no test names {check:?}");
        }
    }

    #[test]
    fn one_line_a_check() {
        let text = markdown();
        assert_eq!(text.lines().count(), Check::ALL.len() + 2);
        assert!(text.lines().all(|line| line.matches('|').count() == 6), "{text}");
        assert!(text.contains("0.1 n u kappa/p"));
        assert!(text.contains("2^-17/(1-b2)"));
    }
}
