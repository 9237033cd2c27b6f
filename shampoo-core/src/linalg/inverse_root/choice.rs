//! Which method computes a root, and which table.

use super::attempt::Task;
use super::tables::{Table, table_within};
use super::{Certificate, Exponent, Method, Ridge};
use crate::scalar::Real;

/// Largest order of a matrix that is decomposed by choice where an iteration of products would do. It was measured with
/// cyclic Jacobi; by implicit QL a decomposition may be the quicker one above it too.
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
            let table = choose_table::<R>(p, task);
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

/// Error of a table that is lost in the rounding of everything else: with at least double-f32 inside, and with less.
const NEGLIGIBLE: [f64; 2] = [1e-7, 5e-6];

/// The table with the fewest poles for an order whose error is negligible in an arithmetic and small enough for the
/// promise that is asked for.
pub(super) fn choose_table<R: Real>(order: u32, task: &Task) -> Option<&'static Table> {
    let [double, single] = NEGLIGIBLE;
    let negligible = if R::UNIT_ROUNDOFF.to_f64() < 1e-12 { double } else { single };
    table_within(order, negligible.min(room(task) / amplification(task)))
}

/// Whether the back-transform has to be as exact as the rest where a coarser one would do by default: its residual
/// weighs the rounding by kappa^(1/p), 6e-6 in the promise for a cube root at kappa 1e6.
pub(super) fn needs_precision<R: Real>(task: &Task) -> bool {
    !R::TRANSFORM_IS_PLAIN && room(task) < 0.1 * super::job::default_max_error::<R>()
}

/// Whether a root by this table can be certified.
fn is_fine_enough(table: &Table, task: &Task) -> bool {
    // NaN as a limit accepts nothing by any method.
    amplification(task) * table.sup_relative_error() <= room(task)
}

/// What the store leaves of the promise that is asked for.
fn room(task: &Task) -> f64 {
    task.max_error - task.rounding
}

/// The promise for a root by a table, in units of the table's error: the residual is at most p times that error in every
/// eigenvalue (and it is that in all of them where they are equal), and the promise a p-th of the Frobenius norm.
fn amplification(task: &Task) -> f64 {
    let factor = match task.request.certificate {
        Certificate::Full => 1.0,
        Certificate::Probed => task.probe_factor,
    };
    factor * libm::sqrt(task.input.n as f64)
}
