//! What is measured: statistics, sizes, methods, and in which arithmetic.

use shampoo_core::linalg::inverse_root::{Exponent, Method, Request, Ridge};
use shampoo_tests::generate::Random;

use super::arithmetic::{self, Arithmetic};
use super::statistics::{FAMILIES, Family, LOG_SPACED};

/// A method under its name in the reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct MethodRow {
    /// The method.
    pub(super) method: Method,
    /// Its name.
    pub(super) name: &'static str,
}

/// Coupled Newton: products only.
pub(super) const COUPLED_NEWTON: MethodRow = MethodRow { method: Method::CoupledNewton, name: "coupled_newton" };

/// Newton-Schulz: products only, for orders 2 and 4.
const NEWTON_SCHULZ: MethodRow = MethodRow { method: Method::NewtonSchulz, name: "newton_schulz" };

/// Eigendecomposition by Jacobi rotations.
pub(super) const SPECTRAL: MethodRow = MethodRow { method: Method::Spectral, name: "spectral" };

/// Tridiagonal form and a rational function, for the orders and condition numbers that it has a table for.
const RATIONAL: MethodRow = MethodRow { method: Method::Rational, name: "rational" };

/// Every method, in the order of the table's columns.
pub(super) const METHODS: [MethodRow; 4] = [COUPLED_NEWTON, NEWTON_SCHULZ, SPECTRAL, RATIONAL];

/// The root orders.
const ROOTS: [u32; 6] = [2, 4, 3, 1, 6, 8];

/// The condition numbers of the usual arithmetics, on log-spaced spectra.
const KAPPAS: [f64; 7] = [1.0, 1e1, 1e2, 1e4, 1e6, 1e8, 1e10];

/// The orders there.
const SMALL: [usize; 3] = [1, 2, 16];

/// Orders of the other statistics, one for each condition number of a family.
const ORDERS: [usize; 3] = [9, 16, 24];

/// Every arithmetic gets one of so many matrices. A prime that divides neither the number of arithmetics nor that of
/// matrices of a family: in turn it meets all kinds.
const TURN: usize = 7;

/// Of the fixed list; there is room for some more methods.
#[cfg(test)]
const MOST_ROWS: usize = 1500;

/// One matrix, and the roots that are taken of it.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// The kind of matrix.
    pub(super) family: Family,
    /// Its order.
    pub(super) n: usize,
    /// Its condition number, before it is rounded to what stores it.
    pub(super) kappa: f64,
    /// The arithmetics, each with a root order.
    pub(super) roots: Vec<(Arithmetic, u32)>,
}

impl Problem {
    /// The matrix, row by row. It depends on the seed and on its own sizes, not on what else is measured.
    pub(super) fn matrix(&self, seed: u64) -> Vec<f64> {
        let sizes = Random::new(self.kappa.to_bits()).bits() ^ self.n as u64;
        (self.family.matrix)(&mut Random::new(Random::new(seed).bits() ^ sizes), self.n, self.kappa)
    }

    /// The number of its rows.
    pub(super) fn rows(&self) -> usize {
        self.roots.iter().map(|&(_, p)| self.methods(p).count()).sum()
    }

    /// The methods that compute this root, each with what is asked of it: a refusal is a result, so no retry.
    pub(super) fn methods(&self, p: u32) -> impl Iterator<Item = (MethodRow, Request)> {
        let ridge = if self.family.ridged { Ridge::Relative(1.0 / self.kappa) } else { Ridge::Absolute(0.0) };
        let request = move |row: MethodRow| {
            let plain = Request::new(Exponent::Root(p));
            (row, Request { ridge, method: row.method, max_retries: 0, ..plain })
        };
        METHODS.into_iter().map(request).filter(|(_, request)| request.validate().is_ok())
    }
}

/// The list for every day: the usual arithmetics over condition numbers and over all statistics, and every arithmetic
/// with its share of all statistics, at one root order each, in turn.
pub(super) fn fixed() -> Vec<Problem> {
    let arithmetics = arithmetic::all();
    let in_turn = |place: usize, wanted: &dyn Fn(usize, &Arithmetic) -> bool| {
        let numbered = arithmetics.iter().enumerate().filter(|(i, arithmetic)| wanted(*i, arithmetic));
        numbered.map(|(i, arithmetic)| (*arithmetic, ROOTS[(2 * i + place) % ROOTS.len()])).collect()
    };
    let mut problems = Vec::new();
    for (n, kappa) in SMALL.into_iter().flat_map(|n| KAPPAS.map(|kappa| (n, kappa))).chain([(64, 1e6)]) {
        let roots = in_turn(problems.len(), &|_, arithmetic| arithmetic.is_usual());
        problems.push(Problem { family: LOG_SPACED, n, kappa, roots });
    }
    for (place, family) in FAMILIES.into_iter().enumerate() {
        for (k, (kappa, n)) in family.kappas.into_iter().zip(ORDERS).enumerate() {
            let place = ORDERS.len() * place + k;
            let wanted = |i: usize, arithmetic: &Arithmetic| {
                (i + place).is_multiple_of(TURN) || (k == 1 && arithmetic.is_usual())
            };
            problems.push(Problem { family, n, kappa, roots: in_turn(place, &wanted) });
        }
    }
    problems
}

/// Every product: statistics, orders, condition numbers, arithmetics and root orders.
pub(super) fn full() -> Vec<Problem> {
    let arithmetics = arithmetic::all();
    let sizes = |kappas: &'static [f64], orders: &'static [usize]| {
        orders.iter().flat_map(move |&n| kappas.iter().map(move |&kappa| (n, kappa)))
    };
    let log_spaced = |sizes| (LOG_SPACED, sizes);
    let small = sizes(&KAPPAS, &SMALL).map(log_spaced);
    // Last: they take longest.
    let large = sizes(&[1e2, 1e6, 1e10], &[64, 128]).map(log_spaced);
    let others = FAMILIES.iter().flat_map(|family| sizes(&family.kappas, &ORDERS).map(move |size| (*family, size)));
    let problem = |(family, (n, kappa))| {
        let roots = arithmetics.iter().flat_map(|&arithmetic| ROOTS.map(|p| (arithmetic, p))).collect();
        Problem { family, n, kappa, roots }
    };
    small.chain(others).chain(large).map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, METHODS, MOST_ROWS, ROOTS, arithmetic, fixed, full};

    #[test]
    fn the_fixed_list_is_short_and_meets_every_pair() {
        let problems = fixed();
        assert!(problems.iter().map(|problem| problem.rows()).sum::<usize>() <= MOST_ROWS);
        let met = |family: &str, wanted: &dyn Fn(&arithmetic::Arithmetic, u32) -> bool| {
            let mut here = problems.iter().filter(|problem| family.is_empty() || problem.family.name == family);
            here.any(|problem| problem.roots.iter().any(|(arithmetic, p)| wanted(arithmetic, *p)))
        };
        for all in arithmetic::all() {
            let name = (all.scalar(), all.kernel);
            assert!(met("", &|one, _| (one.scalar(), one.kernel) == name), "{name:?}");
            for family in FAMILIES {
                assert!(met(family.name, &|one, _| one.stored_as == all.stored_as), "{} {name:?}", family.name);
                assert!(met(family.name, &|one, _| one.kernel == all.kernel), "{} {name:?}", family.name);
                assert!(met(family.name, &|one, _| one.root_type == all.root_type), "{} {name:?}", family.name);
            }
            for p in ROOTS {
                assert!(FAMILIES.iter().all(|family| met(family.name, &|_, q| p == q)), "{p}");
                assert!(met("", &|one, q| one.kernel == all.kernel && p == q), "{p} {name:?}");
                assert!(met("", &|one, q| one.stored_as == all.stored_as && p == q), "{p} {name:?}");
            }
        }
    }

    #[test]
    fn the_full_product_is_complete_and_the_matrices_repeat() {
        let problems = full();
        let arithmetics = arithmetic::all().len();
        assert!(problems.iter().all(|problem| problem.roots.len() == arithmetics * ROOTS.len()));
        assert_eq!(problems.len(), 21 + 6 + 9 * FAMILIES.len());
        let (first, second) = (problems[20].matrix(1), problems[20].matrix(2));
        assert_eq!(first, problems[20].matrix(1));
        assert_ne!(first, second);
    }

    #[test]
    fn methods_without_the_root_are_left_out() {
        let problem = &full()[0];
        assert_eq!(problem.methods(2).count(), METHODS.len());
        assert!(problem.methods(5).all(|(row, _)| !["rational", "newton_schulz"].contains(&row.name)));
    }
}
