//! Minimax rational approximations of x^-a on [lower, 1].
//!
//! x^-a ~ c0 + sum_j c_j / (x + s_j) with all c_j and s_j positive, the best in the relative sense:
//! the error is equally large at 2 N + 2 points. Found by a Remez exchange in 96 digits.

mod generated;

pub use generated::TABLES;

/// Poles of a table at most.
pub const MAX_POLES: usize = 28;

/// Poles of the tables that [`table`] looks for.
const DEFAULT_POLES: usize = 16;

/// One approximation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table {
    order: u32,
    lower: f64,
    sup_relative_error: f64,
    constant: f64,
    poles: &'static [(f64, f64)],
}

impl Table {
    /// The root order p; the exponent is a = 1/p.
    pub const fn order(&self) -> u32 {
        self.order
    }

    /// Left end of the interval; below it the sum saturates smoothly.
    pub const fn lower(&self) -> f64 {
        self.lower
    }

    /// Largest relative error on the interval.
    pub const fn sup_relative_error(&self) -> f64 {
        self.sup_relative_error
    }

    /// The constant c0.
    pub const fn constant(&self) -> f64 {
        self.constant
    }

    /// The shifts s_j, ascending, each with its weight c_j.
    pub const fn poles(&self) -> &'static [(f64, f64)] {
        self.poles
    }
}

/// The table of 16 poles for the order p, if there is one; for p = 1 the inverse itself.
///
/// ```
/// use shampoo_core::linalg::inverse_root::tables::table;
/// let fourth = table(4).unwrap();
/// let x = 0.01;
/// let sum = fourth.poles().iter().fold(fourth.constant(), |sum, (s, c)| sum + c / (x + s));
/// assert!((sum * 0.01_f64.powf(0.25) - 1.0).abs() < 1.001 * fourth.sup_relative_error());
/// assert_eq!(table(5), None);
/// ```
pub fn table(order: u32) -> Option<&'static Table> {
    of_order(order).min_by_key(|table| table.poles.len().abs_diff(DEFAULT_POLES))
}

/// The table with the fewest poles for the order p whose largest error is at most `error`, or else the most accurate
/// one; `None` if there is none for the order.
///
/// ```
/// use shampoo_core::linalg::inverse_root::tables::table_within;
/// let poles = |error| table_within(4, error).map(|table| table.poles().len());
/// assert_eq!([1e-5, 1e-7, 1e-12, 0.0].map(poles), [12, 16, 28, 28].map(Some));
/// assert_eq!(table_within(5, 1.0), None);
/// ```
pub fn table_within(order: u32, error: f64) -> Option<&'static Table> {
    // More poles are more accurate, and come later.
    of_order(order).find(|table| table.sup_relative_error <= error).or_else(|| of_order(order).last())
}

/// The tables for one order, by ascending number of poles.
fn of_order(order: u32) -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(move |table| table.order == order)
}

#[cfg(test)]
mod tests {
    use super::{MAX_POLES, TABLES, table, table_within};

    #[test]
    fn tables_are_sorted_and_the_largest_has_the_most_poles() {
        let key = |table: &super::Table| (table.order, table.poles.len());
        assert!(TABLES.is_sorted_by(|a, b| key(a) < key(b)));
        assert_eq!(TABLES.iter().map(|table| table.poles.len()).max(), Some(MAX_POLES));
    }

    #[test]
    fn the_default_is_sixteen_poles_and_the_inverse_is_exact() {
        for order in [2, 3, 4, 6, 8] {
            assert_eq!(table(order).map(|table| (table.order, table.poles.len())), Some((order, 16)));
        }
        assert_eq!(table(1).map(|table| table.poles), Some(&[(0.0, 1.0)][..]));
        assert_eq!(table_within(1, 0.0), table(1));
        assert_eq!(table(0), None);
    }

    #[test]
    fn an_error_that_no_table_has_gets_the_most_accurate_one() {
        for error in [f64::NAN, -1.0, 0.0] {
            assert_eq!(table_within(2, error).map(|table| table.poles.len()), Some(MAX_POLES));
        }
        assert_eq!(table_within(2, f64::INFINITY).map(|table| table.poles.len()), Some(12));
    }
}
