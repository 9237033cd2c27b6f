//! What is asked of a root.

use super::coupled::Scaling;
use super::job::LADDER;
use super::newton_schulz;
use super::tables::{MAX_POLES, table};
use crate::error::UnsupportedExponent;
use crate::linalg::flops;
use crate::scalar::Real;

/// Orders above this one are real exponents: their residual alone would take hundreds of products.
pub(super) const MAX_ORDER: u32 = 1024;

/// Which root: only real inverse powers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Exponent {
    /// A^(-1/p), p >= 1.
    #[doc(alias = "p")]
    Root(u32),
    /// A^(-alpha), alpha > 0.
    Power(f64),
}

impl Exponent {
    /// The alpha of A^(-alpha).
    pub fn alpha(self) -> f64 {
        match self {
            Self::Root(p) => 1.0 / f64::from(p),
            Self::Power(alpha) => alpha,
        }
    }

    /// The same exponent, as an integer root where it is one.
    ///
    /// **Errors**: [`UnsupportedExponent`] for anything that is no inverse root.
    pub fn normalized(self) -> Result<Self, UnsupportedExponent> {
        match self {
            Self::Root(0) => Err(UnsupportedExponent::OrderZero),
            Self::Power(alpha) if !(alpha > 0.0 && alpha < f64::INFINITY) => Err(UnsupportedExponent::Power(alpha)),
            Self::Power(alpha) => {
                // A conversion saturates.
                let p = (1.0 / alpha + 0.5) as u32;
                let whole = p <= MAX_ORDER && (f64::from(p) * alpha - 1.0).abs() <= 4.0 * f64::EPSILON;
                Ok(if whole { Self::Root(p) } else { self })
            }
            Self::Root(p) if p > MAX_ORDER => Ok(Self::Power(1.0 / f64::from(p))),
            Self::Root(_) => Ok(self),
        }
    }
}

/// What is added to the matrix before its root is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ridge {
    /// `epsilon` times the largest eigenvalue.
    #[doc(alias = "epsilon")]
    Relative(f64),
    /// The number itself.
    Absolute(f64),
    /// Nothing; eigenvalues up to `cutoff` times the largest one count as 0 and map to 0.
    PseudoInverse {
        /// Relative to the largest eigenvalue; below 16 n unit roundoffs it counts as that.
        cutoff: f64,
    },
}

impl Ridge {
    /// The number added to the diagonal of a matrix with this largest eigenvalue; never negative.
    #[inline(never)]
    pub fn amount(self, lambda_max: f64) -> f64 {
        match self {
            Self::Relative(epsilon) => epsilon * lambda_max.max(0.0),
            Self::Absolute(r) => r,
            Self::PseudoInverse { .. } => 0.0,
        }
    }

    /// The figure of the policy.
    pub fn figure(self) -> f64 {
        match self {
            Self::Relative(figure) | Self::Absolute(figure) | Self::PseudoInverse { cutoff: figure } => figure,
        }
    }

    /// Whether the figure is a number that the policy can work with: not negative, finite, a cutoff below 1.
    #[inline(never)]
    pub fn is_usable(self) -> bool {
        match self {
            Self::Relative(figure) | Self::Absolute(figure) => figure >= 0.0 && figure.is_finite(),
            Self::PseudoInverse { cutoff } => (0.0..1.0).contains(&cutoff),
        }
    }

    /// The same policy with its figure multiplied.
    pub fn times(self, factor: f64) -> Self {
        match self {
            Self::Relative(epsilon) => Self::Relative(epsilon * factor),
            Self::Absolute(r) => Self::Absolute(r * factor),
            Self::PseudoInverse { cutoff } => Self::PseudoInverse { cutoff: cutoff * factor },
        }
    }
}

/// How a root is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method {
    /// By exponent, promise and size; the report says which.
    ///
    /// - [`Rational`](Method::Rational) for orders with a table, if its error leaves room for the certificate under
    ///   [`max_error`](Request::max_error). Where the spectrum reaches below the table's interval
    ///   [`Spectral`](Method::Spectral) takes over.
    /// - [`CoupledNewton`](Method::CoupledNewton) for other integer orders up to 16 of matrices above order 64.
    /// - [`Spectral`](Method::Spectral) for the rest: small matrices, real exponents, the pseudo-inverse.
    Auto,
    /// Tridiagonal form and a rational function: no eigenvectors, nothing that could fail to converge.
    Rational,
    /// Coupled Newton: products only. Integer orders.
    CoupledNewton,
    /// Coupled Newton-Schulz: products only. Orders 2 and 4.
    NewtonSchulz,
    /// Eigendecomposition, by tridiagonal form and implicit QL: any exponent, the pseudo-inverse.
    Spectral,
}

/// How an accepted root is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Certificate {
    /// The residual as a matrix: (p + 1)/2 + 1 products, rounded down, and a factorisation.
    Full,
    /// The residual on 8 fixed vectors times 20, or on 16 times 6 where that is not enough: wrong with probability below
    /// 5e-9.
    Probed,
}

/// A root to be computed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request {
    /// Which root.
    pub exponent: Exponent,
    /// What is added first.
    pub ridge: Ridge,
    /// How it is computed.
    pub method: Method,
    /// How a coupled iteration scales its first matrix; the other methods do not read it.
    pub scaling: Scaling,
    /// How it is certified. Real exponents and the pseudo-inverse have a certificate of their own.
    pub certificate: Certificate,
    /// The root is that of `scale` times the matrix, and an absolute ridge in units of that: positive and finite. The
    /// matrix itself is not multiplied, so nothing overflows on the way.
    pub scale: f64,
    /// Largest relative error in the spectral norm that is accepted; `None` is 1e-5 with `f64`
    /// inside, 5e-3 with double-f32 inside and 5e-2 with `f32` inside.
    pub max_error: Option<f64>,
    /// Attempts after the first one, each with a ridge (or a cutoff) 10 times larger on the untouched input.
    pub max_retries: u32,
}

impl Request {
    /// The ridge of the last attempt for a matrix with this largest eigenvalue.
    pub fn largest_ridge(&self, lambda_max: f64) -> f64 {
        self.ridge.amount(lambda_max) * num_traits::pow(LADDER, self.max_retries as usize)
    }

    /// The defaults: ridge 1e-6 relative, automatic method, full certificate, 5 retries.
    pub const fn new(exponent: Exponent) -> Self {
        Self {
            exponent,
            ridge: Ridge::Relative(1e-6),
            method: Method::Auto,
            scaling: Scaling::Auto,
            certificate: Certificate::Full,
            scale: 1.0,
            max_error: None,
            max_retries: 5,
        }
    }
}

impl Request {
    /// The most flops that one [`step`](super::Job::step) of this root can cost for order n, counted as
    /// [`Job::next_flops`](super::Job::next_flops) does: what a deadline has to leave room for.
    ///
    /// A full certificate has products of 2 n^3, a probed one is a single piece of up to 32 (p + 1) n^2.
    pub const fn largest_piece(&self, n: usize) -> u64 {
        let rational = flops::larger(
            flops::larger(flops::pivots(n), flops::laguerre(n)),
            flops::larger(flops::reduce(n), flops::transform(n, MAX_POLES).saturating_add(flops::smallest(n))),
        );
        let spectral = flops::larger(
            flops::larger(flops::build(n), flops::sweep(n)),
            flops::larger(flops::larger(flops::reflect(n), flops::reduce(n)), flops::product_of_rows(n)),
        );
        let vectors = flops::power(n).saturating_add(flops::start_coupled(n));
        let newton = flops::larger(vectors, flops::coupled_newton(n).saturating_add(flops::linear(n, 2)));
        let method = match self.method {
            Method::Rational => flops::larger(rational, vectors),
            Method::CoupledNewton => newton,
            Method::NewtonSchulz => flops::larger(vectors, flops::product(n).saturating_add(flops::linear(n, 2))),
            Method::Spectral => spectral,
            Method::Auto => flops::larger(flops::larger(rational, spectral), newton),
        };
        let certificate = match (self.certificate, self.exponent) {
            (Certificate::Probed, Exponent::Root(p)) => flops::probed(n, p, true),
            // It may be the integer root beside 1/alpha, which counts as an odd one.
            (Certificate::Probed, Exponent::Power(alpha)) => {
                let p = (1.0 / alpha) as u32;
                let p = if p < MAX_ORDER { p + 1 } else { MAX_ORDER };
                flops::larger(flops::probed(n, p | 1, true), flops::product_of_rows(n))
            }
            (Certificate::Full, _) => flops::larger(flops::product(n), flops::factorisation(n)),
        };
        let whole = flops::larger(flops::larger(method, certificate), flops::load_scaled(n));
        whole.saturating_add(flops::OVERHEAD)
    }
}

/// A positive number as `fraction * 2^exponent`, the fraction from 1 to 2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factor {
    pub(super) fraction: f64,
    pub(super) exponent: i32,
}

impl Factor {
    /// `None` for what is no positive, finite number.
    pub(super) fn new(value: f64) -> Option<Self> {
        let exponent = value.exponent();
        let usable = value > 0.0 && value < f64::INFINITY;
        usable.then(|| Self { fraction: value.ldexp(-exponent), exponent })
    }
}

impl Request {
    /// The exponent in its normal form, if the method computes it.
    ///
    /// **Errors**: [`UnsupportedExponent`]; [`ByMethod`](UnsupportedExponent::ByMethod) also for a pseudo-inverse by
    /// anything but the spectral method.
    pub fn validate(&self) -> Result<Exponent, UnsupportedExponent> {
        let exponent = self.exponent.normalized()?;
        let pseudo_inverse = matches!(self.ridge, Ridge::PseudoInverse { .. });
        let computed = match (self.method, exponent) {
            (Method::Auto | Method::Spectral, _) => true,
            (Method::CoupledNewton, Exponent::Root(_)) => !pseudo_inverse,
            (Method::NewtonSchulz, Exponent::Root(p)) => !pseudo_inverse && newton_schulz::computes(p),
            (Method::Rational, Exponent::Root(p)) => !pseudo_inverse && table(p).is_some(),
            (Method::CoupledNewton | Method::NewtonSchulz | Method::Rational, Exponent::Power(_)) => false,
        };
        if computed { Ok(exponent) } else { Err(UnsupportedExponent::ByMethod) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_are_roots_or_errors() {
        assert_eq!(Exponent::Power(1.0 / 3.0).normalized(), Ok(Exponent::Root(3)));
        assert_eq!(Exponent::Power(0.4).normalized(), Ok(Exponent::Power(0.4)));
        assert_eq!(Exponent::Root(0).normalized(), Err(UnsupportedExponent::OrderZero));
        for alpha in [0.0, -0.25, f64::INFINITY] {
            assert_eq!(Exponent::Power(alpha).normalized(), Err(UnsupportedExponent::Power(alpha)));
        }
    }
}
