//! What a whole root costs at most: every piece that any of its attempts may have, each at its own bound.

use super::coupled;
use super::request::MAX_ORDER;
use super::tables::MAX_POLES;
use super::{Certificate, Exponent, Method, Request};
use crate::linalg::{flops, laguerre, power_iteration, ql};

/// Load, reduction, largest eigenvalue, pivots, back-transform, and the condition number.
const fn rational(n: usize) -> u64 {
    // The first one looks for a bound, and the last one finds nothing more to do.
    let largest = flops::pieces(laguerre::MAX_SWEEPS as u64 + 3, flops::laguerre(n));
    let rows = flops::rows!(n, |row| flops::plus(flops::reduce(row), flops::transform(row, MAX_POLES)));
    // Both stages have a piece for each row.
    let rows = flops::plus(rows, flops::pieces(n as u64, flops::OVERHEAD));
    let once = flops::pieces(1, flops::plus(flops::load(n), flops::pivots(n)));
    let ends = flops::pieces(4, flops::plus(flops::OVERHEAD, flops::smallest(n)));
    flops::plus(flops::plus(largest, rows), flops::plus(flops::plus(once, ends), vectors(n)))
}

/// A norm by power iteration, and where a coupled iteration starts from.
const fn vectors(n: usize) -> u64 {
    let each = flops::plus(flops::power(n), flops::start_coupled(n));
    flops::pieces(power_iteration::MAX_ITERATIONS as u64 + 1, each)
}

/// So many products for each iteration, between two norms.
const fn coupled(n: usize, products: u64, product: u64) -> u64 {
    // One more iteration for the last correction.
    let iterations = flops::times(coupled::MAX_ITERATIONS as u64 + 1, products);
    let products = flops::pieces(iterations, flops::plus(product, flops::linear(n, 2)));
    let begin = flops::pieces(1, flops::load_scaled(n));
    flops::plus(flops::plus(products, begin), flops::times(vectors(n), 2))
}

/// A decomposition with all sweeps that it may have, and the root from it.
const fn spectral(n: usize) -> u64 {
    let rows = flops::rows!(n, |row| flops::plus(flops::reduce(row), flops::reflect(row)));
    let rows = flops::plus(rows, flops::pieces(flops::plus(n as u64, 4), flops::linear(n, 8)));
    let sweeps = flops::plus(flops::linear(n, ql::MAX_SWEEPS as u64), 2);
    let ends = flops::plus(flops::pieces(1, flops::load_scaled(n)), flops::pieces(1, flops::build(n)));
    flops::plus(flops::plus(rows, ends), flops::pieces(sweeps, flops::sweep(n)))
}

/// The order as a certificate sees it, at most.
const fn order(exponent: Exponent) -> u32 {
    let p = match exponent {
        Exponent::Root(p) => p,
        Exponent::Power(alpha) => (1.0 / alpha) as u32,
    };
    if p < MAX_ORDER { p + 1 } else { MAX_ORDER }
}

impl Request {
    /// The most flops of all [steps](super::Job::step) of this root together, for order n.
    pub(crate) const fn largest_root(&self, n: usize) -> u64 {
        let p = order(self.exponent);
        // Binary powering squares and multiplies; a coupled Newton-Schulz iteration has three products in two stages.
        let newton = coupled(n, 2 * (u32::BITS - p.leading_zeros()) as u64 + 2, flops::coupled_newton(n));
        let method = match self.method {
            Method::Rational => rational(n),
            Method::CoupledNewton => newton,
            Method::NewtonSchulz => coupled(n, 6, flops::product(n)),
            Method::Spectral => spectral(n),
            Method::Auto => flops::larger(flops::plus(rational(n), spectral(n)), newton),
        };
        let residual = match self.certificate {
            Certificate::Probed => flops::pieces(1, flops::probed(n, p | 1, true)),
            Certificate::Full => {
                let products = flops::pieces(p.div_ceil(2) as u64 + 1, flops::product(n));
                flops::plus(
                    flops::pieces(1, flops::load(n)),
                    flops::plus(flops::pieces(1, flops::factorisation(n)), products),
                )
            }
        };
        let bound = flops::plus(flops::pieces(1, flops::product_of_rows(n)), flops::pieces(1, flops::product(n)));
        let attempt = flops::plus(method, flops::larger(residual, bound));
        flops::times(attempt, flops::plus(self.max_retries as u64, 1))
    }
}
