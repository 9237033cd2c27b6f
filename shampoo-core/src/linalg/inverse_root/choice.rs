//! Which method computes a root, and which table.

use super::tables::{Table, table};
use super::{Exponent, Method, Request, Ridge};

/// A method, and the one to fall back to where the first is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) method: Method,
    pub(super) fallback: Option<Method>,
}

/// See [`Method::Auto`].
pub(super) fn choose(request: &Request, exponent: Exponent, ridge: Ridge) -> Choice {
    let tabulated = matches!(exponent, Exponent::Root(p) if table(p).is_some());
    match request.method {
        Method::Auto if tabulated && !matches!(ridge, Ridge::PseudoInverse { .. }) => {
            Choice { method: Method::Rational, fallback: Some(Method::Spectral) }
        }
        Method::Auto => Choice { method: Method::Spectral, fallback: None },
        method => Choice { method, fallback: None },
    }
}

/// The table for an order, in an arithmetic and for an error that may be promised.
pub(super) fn choose_table(order: u32, _unit_roundoff: f64, _max_error: f64) -> Option<&'static Table> {
    table(order)
}
