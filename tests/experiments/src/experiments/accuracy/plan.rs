//! What is measured: families of matrices, their sizes, and the methods.

use shampoo_core::linalg::inverse_root::{Exponent, Method, Request, Ridge};
use shampoo_tests::generate::{Random, from_spectrum, log_spaced};

use super::arithmetic;

/// A kind of statistics.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// Its name in the reports.
    pub(super) name: &'static str,
    /// The matrix of this order and condition number.
    matrix: fn(&mut Random, usize, f64) -> Vec<f64>,
}

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

/// Eigendecomposition by Jacobi rotations.
pub(super) const SPECTRAL: MethodRow = MethodRow { method: Method::Spectral, name: "spectral" };

/// Tridiagonal form and a rational function, for the orders and condition numbers that it has a table for.
pub(super) const RATIONAL: MethodRow = MethodRow { method: Method::Rational, name: "rational" };

/// Every method, in the order of the table's columns.
pub(super) const METHODS: [MethodRow; 3] = [COUPLED_NEWTON, SPECTRAL, RATIONAL];

/// Eigenvalues from 1 / kappa to 1, evenly spaced in the logarithm; a single one is 1 / kappa.
const LOG_SPACED: Family = Family {
    name: "log_spaced",
    matrix: |random, n, kappa| match n {
        1 => vec![1.0 / kappa],
        _ => from_spectrum(random, &log_spaced(n, kappa)),
    },
};

/// A full product of orders, condition numbers and roots over one family.
struct Sweep {
    family: Family,
    orders: &'static [usize],
    kappas: &'static [f64],
    roots: &'static [u32],
}

/// Everything that is measured. Large orders are slow to judge, so they get a part of the product.
const SWEEPS: [Sweep; 2] = [
    Sweep {
        family: LOG_SPACED,
        orders: &[1, 2, 16],
        kappas: &[1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10],
        roots: &[1, 2, 3, 4, 6, 8],
    },
    Sweep { family: LOG_SPACED, orders: &[64, 128], kappas: &[1e2, 1e6, 1e10], roots: &[2, 4, 6] },
];

/// One matrix, and the roots that are taken of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    /// The kind of matrix.
    pub(super) family: Family,
    /// Its order.
    pub(super) n: usize,
    /// Its condition number, before it is rounded to what stores it.
    pub(super) kappa: f64,
    /// The root orders.
    pub(super) roots: &'static [u32],
}

impl Problem {
    /// The matrix, row by row. It depends on the seed and on its own sizes, not on what else is measured.
    pub(super) fn matrix(&self, seed: u64) -> Vec<f64> {
        let sizes = Random::new(self.kappa.to_bits()).bits() ^ self.n as u64;
        (self.family.matrix)(&mut Random::new(Random::new(seed).bits() ^ sizes), self.n, self.kappa)
    }

    /// The number of its rows.
    pub(super) fn rows(&self) -> usize {
        let methods: usize = self.roots.iter().map(|&p| methods(p).count()).sum();
        methods * arithmetic::all().len()
    }
}

/// Every matrix, in the order of the reports.
pub(super) fn problems() -> Vec<Problem> {
    let of = |sweep: &Sweep| {
        let Sweep { family, orders, kappas, roots } = *sweep;
        orders.iter().flat_map(move |&n| kappas.iter().map(move |&kappa| Problem { family, n, kappa, roots }))
    };
    SWEEPS.iter().flat_map(of).collect()
}

/// The methods that compute this root, each with what is asked of it: the matrix itself is positive definite, so no
/// ridge, and a refusal is a result, so no retry.
pub(super) fn methods(p: u32) -> impl Iterator<Item = (MethodRow, Request)> {
    let request = move |row: MethodRow| {
        let plain = Request::new(Exponent::Root(p));
        (row, Request { ridge: Ridge::Absolute(0.0), method: row.method, max_retries: 0, ..plain })
    };
    METHODS.into_iter().map(request).filter(|(_, request)| request.validate().is_ok())
}

#[cfg(test)]
mod tests {
    use super::{METHODS, methods, problems};

    #[test]
    fn the_products_are_complete_and_the_matrices_repeat() {
        let problems = problems();
        let roots = |n: usize| problems.iter().filter(|p| p.n == n).map(|p| p.roots.len()).sum::<usize>();
        assert_eq!([1, 2, 16, 64, 128].map(roots), [66, 66, 66, 9, 9]);
        let (first, second) = (problems[20].matrix(1), problems[20].matrix(2));
        assert_eq!(first, problems[20].matrix(1));
        assert_ne!(first, second);
    }

    #[test]
    fn methods_without_the_root_are_left_out() {
        assert_eq!(methods(2).count(), METHODS.len());
        assert!(methods(5).all(|(row, _)| row.name != "rational"));
    }
}
