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
    /// A limit on the promise that makes it choose more poles; it is asked only of arithmetics with digits to spare.
    pub(super) limit: Option<f64>,
}

impl MethodRow {
    const fn new(name: &'static str, method: Method) -> Self {
        Self { method, name, limit: None }
    }
}

/// Coupled Newton: products only.
pub(super) const COUPLED_NEWTON: MethodRow = MethodRow::new("coupled_newton", Method::CoupledNewton);

/// Newton-Schulz: products only, for orders 2 and 4.
const NEWTON_SCHULZ: MethodRow = MethodRow::new("newton_schulz", Method::NewtonSchulz);

/// Eigendecomposition by Jacobi rotations.
pub(super) const SPECTRAL: MethodRow = MethodRow::new("spectral", Method::Spectral);

/// Tridiagonal form and a rational function, for the orders and condition numbers that it has a table for: of 12 poles
/// with `f32` inside, of 16 with more.
pub(super) const RATIONAL: MethodRow = MethodRow::new("rational", Method::Rational);

/// The same with 28 poles.
const RATIONAL_28: MethodRow = MethodRow { limit: Some(1e-10), ..MethodRow::new("rational_28", Method::Rational) };

/// Units of roundoff below a limit on the promise.
const DIGITS_TO_SPARE: f64 = 1e4;

/// Every method, in the order of the table's columns.
pub(super) const METHODS: [MethodRow; 5] = [COUPLED_NEWTON, NEWTON_SCHULZ, SPECTRAL, RATIONAL, RATIONAL_28];

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
        self.roots.iter().map(|(arithmetic, p)| self.methods(arithmetic, *p).count()).sum()
    }

    /// The methods that compute this root, each with what is asked of it: a refusal is a result, so no retry.
    pub(super) fn methods(&self, arithmetic: &Arithmetic, p: u32) -> impl Iterator<Item = (MethodRow, Request)> {
        let ridge = if self.family.ridged { Ridge::Relative(1.0 / self.kappa) } else { Ridge::Absolute(0.0) };
        let (least, limit) = (DIGITS_TO_SPARE * arithmetic.unit_roundoff(), arithmetic.max_error());
        let request = move |row: MethodRow| {
            let plain = Request::new(Exponent::Root(p));
            (row, Request { ridge, method: row.method, max_retries: 0, max_error: row.limit.or(limit), ..plain })
        };
        let fine_enough = move |row: &MethodRow| row.limit.is_none_or(|limit| limit >= least);
        METHODS.into_iter().filter(fine_enough).map(request).filter(|(_, request)| request.validate().is_ok())
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
        let (f64_, f32_) = (arithmetic::all()[0], arithmetic::all()[1]);
        let names = |arithmetic, p| problem.methods(arithmetic, p).map(|(row, _)| row.name).collect::<Vec<_>>();
        assert_eq!(names(&f64_, 2), METHODS.map(|row| row.name));
        assert_eq!(names(&f64_, 5), ["coupled_newton", "spectral"]);
        assert_eq!(names(&f32_, 2), METHODS.map(|row| row.name)[..4]);
    }
}
