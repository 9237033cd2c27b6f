//! Which method computes a root, and which table.

use super::attempt::Task;
use super::certificate::PROBE_FACTOR;
use super::tables::{Table, table};
use super::{Certificate, Exponent, Method, Ridge};
use crate::scalar::Real;

/// Largest order of a matrix whose decomposition costs less than products, with a kernel whose products are fast: there
/// coupled Newton takes 0.6 of its time at order 64 and 0.4 at 128. With the portable one it takes 1.0 to 1.6 times as
/// long at any order.
const LARGEST_DECOMPOSED: usize = 64;

/// Largest root order of coupled Newton by choice: T^p loses digits, and at p = 31 in `f32` all of them.
const LARGEST_POWER: u32 = 16;

/// A method, and the one to fall back to where the first is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) method: Method,
    pub(super) fallback: Option<Method>,
}

/// See [`Method::Auto`].
pub(super) fn choose<R: Real>(task: &Task, ridge: Ridge) -> Choice {
    let (method, fallback) = match (task.request.method, task.exponent) {
        (Method::Auto, Exponent::Root(p)) if !matches!(ridge, Ridge::PseudoInverse { .. }) => {
            let table = choose_table(p, R::UNIT_ROUNDOFF.to_f64(), task.max_error);
            match table {
                Some(table) if is_fine_enough(table, task) => (Method::Rational, Some(Method::Spectral)),
                _ if task.input.n > LARGEST_DECOMPOSED && p <= LARGEST_POWER => (Method::CoupledNewton, None),
                _ => (Method::Spectral, None),
            }
        }
        (Method::Auto, _) => (Method::Spectral, None),
        (method, _) => (method, None),
    };
    Choice { method, fallback }
}

/// The table for an order, in an arithmetic and for an error that may be promised.
pub(super) fn choose_table(order: u32, _unit_roundoff: f64, _max_error: f64) -> Option<&'static Table> {
    table(order)
}

/// Whether a root by this table can be certified. Its residual is p times the error in every eigenvalue, which
/// oscillates with an amplitude that is known, and the promise a p-th of the Frobenius norm.
fn is_fine_enough(table: &Table, task: &Task) -> bool {
    let factor = match task.request.certificate {
        Certificate::Full => 1.0,
        Certificate::Probed => PROBE_FACTOR,
    };
    // NaN as a limit accepts nothing by any method.
    factor * table.sup_relative_error * libm::sqrt(0.5 * task.input.n as f64) <= task.max_error
}
