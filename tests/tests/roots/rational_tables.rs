//! The rational tables of the inverse roots against the roots themselves, to 30 digits.

use crate::common::U64;
use shampoo_core::linalg::inverse_root::tables::{TABLES, Table};
use shampoo_tests::generate::log_spaced;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::tolerance::Check;
use twofloat::TwoFloat;

const POINTS: usize = 2000;

/// Relative errors at points equally spaced in log x, both ends of the interval among them.
fn errors(table: &Table) -> Vec<TwoFloat> {
    let error = |x: f64| {
        let x = TwoFloat::widen(x);
        let term = |&(shift, weight): &(f64, f64)| TwoFloat::widen(weight).divide(x + TwoFloat::widen(shift));
        let sum = table.poles().iter().map(term).fold(TwoFloat::widen(table.constant()), |sum, term| sum + term);
        sum.divide(x.inverse_root(table.order())) - TwoFloat::widen(1.0)
    };
    log_spaced(POINTS, 1.0 / table.lower()).into_iter().map(|x| error(x.max(table.lower()))).collect()
}

/// All but the inverse itself.
fn approximations() -> impl Iterator<Item = &'static Table> {
    TABLES.iter().filter(|table| table.order() != 1)
}

#[test]
fn no_error_is_larger_than_tabulated() {
    for table in approximations() {
        let largest = errors(table).into_iter().map(|error| error.narrow().abs()).fold(0.0, f64::max);
        assert!(largest <= table.sup_relative_error(), "{largest:e} in {table:?}");
    }
}

/// 2 N + 2 extrema of alternating sign and equal size: no other sum of N poles is better.
#[test]
fn errors_are_level() {
    for table in approximations() {
        let errors = errors(table);
        let arcs = errors.chunk_by(|a, b| (a.hi() > 0.0) == (b.hi() > 0.0));
        let sizes: Vec<f64> =
            arcs.map(|arc| arc.iter().map(|error| error.narrow().abs()).fold(0.0, f64::max)).collect();
        assert_eq!(sizes.len(), 2 * table.poles().len() + 2, "{table:?}");
        let least = (1.0 - Check::RationalLevel.bound(U64)) * table.sup_relative_error();
        assert!(sizes.iter().all(|&size| size >= least), "{sizes:?} in {table:?}");
    }
}

#[test]
fn numbers_are_positive_and_shifts_ascend() {
    for table in approximations() {
        assert!(table.constant() > 0.0 && table.lower() > 0.0);
        assert!(table.poles().iter().all(|&(shift, weight)| shift > 0.0 && weight > 0.0), "{table:?}");
        assert!(table.poles().is_sorted_by(|a, b| a.0 < b.0), "{table:?}");
    }
}

#[test]
fn the_inverse_itself_is_one_pole() {
    let inverse: Vec<&Table> = TABLES.iter().filter(|table| table.order() == 1).collect();
    assert_eq!(inverse.len(), 1);
    let table = inverse[0];
    assert_eq!((table.poles(), table.constant()), (&[(0.0, 1.0)][..], 0.0));
    assert_eq!((table.lower(), table.sup_relative_error()), (0.0, 0.0));
}
