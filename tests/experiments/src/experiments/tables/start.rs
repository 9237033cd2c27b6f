//! A sum that is nearly the best one: it interpolates x^(-1/p) at the best nodes of x^(-1/2).
//!
//! The best relative approximation of x^(-1/2) on [lower, 1] is Zolotarev's; its error vanishes at dn(u_i, k)^2 with
//! k'^2 = lower and equally spaced u_i. A rational interpolant of a Stieltjes function, such as x^(-1/p), has negative
//! poles and positive weights whatever the nodes are, and those of other orders are near: the error that is left has
//! 2 N + 2 extrema already. The interpolant is Thiele's continued fraction.

use core::f64::consts::PI;

use super::numbers::{Big, big, power, root};
use super::sum::Sum;

/// Points a decade of the search for poles; at 28 poles they are a quarter of a decade apart.
const SEARCH: f64 = 40.0;

/// The decades of that search: of the smallest shift, 0.01 `lower` and less, and of the largest.
const DECADES: [f64; 2] = [-14.0, 5.0];

/// The sum of N poles that interpolates x^(-1/p), or fewer if some are out of the decades searched.
pub(super) fn interpolant(p: u32, poles: usize, lower: f64) -> Sum {
    let fraction = Fraction::new(p, &nodes(poles, lower));
    let steps = ((DECADES[1] - DECADES[0]) * SEARCH) as u32;
    let point = |i: u32| big(libm::exp10(DECADES[0] + f64::from(i) / SEARCH));
    let sign = |s: &Big| fraction.at(&-s).denominator > big(0.0);
    let mut found = Vec::new();
    let mut before = (point(0), sign(&point(0)));
    for i in 1..=steps {
        let next = (point(i), sign(&point(i)));
        if next.1 != before.1 {
            found.push(fraction.pole(&before.0, &next.0));
        }
        before = next;
    }
    // Any node tells the constant; the first is the largest, where it weighs most.
    let sum = Sum { constant: big(0.0), poles: found };
    let constant = &fraction.first - sum.at(&fraction.nodes[0]);
    Sum { constant, ..sum }
}

/// dn(u_i, k)^2 at u_i = (2 i + 1) K / (2 (2 N + 1)), in descending order; only a start, so `f64` will do.
///
/// dn(u) = pi / (2 K') sum_n sech(pi (u - 2 n K) / (2 K')), of which five terms are all where k' is small.
fn nodes(poles: usize, lower: f64) -> Vec<f64> {
    let complement = lower.sqrt();
    let quarter = PI / 2.0 / mean(1.0, complement);
    let other = PI / 2.0 / mean(1.0, (1.0 - lower).sqrt());
    let count = 2 * poles + 1;
    let sech = |z: f64| 1.0 / libm::cosh(z);
    let dn = |u: f64| {
        let terms = [-2.0, -1.0, 0.0, 1.0, 2.0].map(|n| sech(PI * (u - 2.0 * n * quarter) / (2.0 * other)));
        PI / (2.0 * other) * terms.iter().sum::<f64>()
    };
    (0..count).map(|i| dn((2 * i + 1) as f64 * quarter / (2 * count) as f64).powi(2)).collect()
}

/// The arithmetic-geometric mean.
pub(super) fn mean(mut a: f64, mut b: f64) -> f64 {
    for _ in 0..20 {
        (a, b) = ((a + b) / 2.0, (a * b).sqrt());
    }
    a
}

/// b_0 + (x - x_0) / (b_1 + (x - x_1) / (b_2 + ...)).
struct Fraction {
    nodes: Vec<Big>,
    /// The value at the first node.
    first: Big,
    /// Thiele's inverse differences.
    terms: Vec<Big>,
}

/// The fraction at one point.
struct Value {
    numerator: Big,
    denominator: Big,
    /// Derivative of the denominator.
    slope: Big,
}

impl Fraction {
    /// Through the points (x, x^(-1/p)).
    fn new(p: u32, nodes: &[f64]) -> Self {
        // The p-th power of a rounded root: node and value fit to the last digit.
        let roots: Vec<Big> = nodes.iter().map(|&x| root(&big(x), p)).collect();
        let nodes: Vec<Big> = roots.iter().map(|y| power(y, p)).collect();
        let mut terms: Vec<Big> = roots.iter().map(|y| big(1.0) / y).collect();
        let first = terms[0].clone();
        for k in 1..nodes.len() {
            for i in k..nodes.len() {
                terms[i] = (&nodes[i] - &nodes[k - 1]) / (&terms[i] - &terms[k - 1]);
            }
        }
        Self { nodes, first, terms }
    }

    fn at(&self, x: &Big) -> Value {
        let zero = || big(0.0);
        let mut last = Value { numerator: big(1.0), denominator: zero(), slope: zero() };
        let mut value = Value { numerator: self.terms[0].clone(), denominator: big(1.0), slope: zero() };
        for (term, node) in self.terms[1..].iter().zip(&self.nodes) {
            let way = x - node;
            let next = Value {
                numerator: term * &value.numerator + &way * &last.numerator,
                denominator: term * &value.denominator + &way * &last.denominator,
                slope: term * &value.slope + &way * &last.slope + &last.denominator,
            };
            (last, value) = (value, next);
        }
        value
    }

    /// Shift and weight of the one pole between two shifts.
    fn pole(&self, below: &Big, above: &Big) -> (Big, Big) {
        let mut shift = (below + above) / big(2.0);
        // A bracket of 6 percent, and other poles ten times as far: the error is squared six times and more.
        for _ in 0..9 {
            let value = self.at(&-&shift);
            shift += value.denominator / value.slope;
        }
        let value = self.at(&-&shift);
        (shift, value.numerator / value.slope)
    }
}

#[cfg(test)]
mod tests {
    use super::super::numbers::{abs, big};
    use super::{interpolant, nodes};

    #[test]
    fn all_poles_are_found_and_positive() {
        for (p, count) in [(2, 3), (8, 12)] {
            let sum = interpolant(p, count, 2.5e-7);
            assert_eq!(sum.poles.len(), count);
            assert!(sum.constant > big(0.0));
            assert!(sum.poles.iter().all(|(shift, weight)| *shift > big(0.0) && *weight > big(0.0)));
        }
    }

    #[test]
    fn the_sum_interpolates() {
        let sum = interpolant(4, 12, 2.5e-7);
        let values = nodes(12, 2.5e-7).into_iter().map(|x| sum.error(4, &super::root(&big(x), 4)));
        assert!(values.map(|error| abs(&error)).all(|error| error < big(1e-60)));
    }
}
