//! One attempt at one ridge: a method, and the certificate of what it computed.

use super::certificate::Sign;
use super::coupled_newton::{self, CoupledNewton, Scaling};
use super::input::Input;
use super::rational::{self, Rational, matrix_len, row_stride};
use super::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};
use super::{certificate, inverse_root_workspace_len, spectral, tables};
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::{Kernel, TiledTriangle};
use crate::linalg::carve;
use crate::linalg::power_iteration::largest_eigenvalue;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Stored};

/// The first method to try, and the one to fall back to where the first is out of range.
pub(super) fn choose(request: &Request, exponent: Exponent, ridge: Ridge) -> (Method, Option<Method>) {
    let tabulated = matches!(exponent, Exponent::Root(p) if tables::table(p).is_some());
    match request.method {
        Method::Auto if tabulated && !matches!(ridge, Ridge::PseudoInverse { .. }) => {
            (Method::Rational, Some(Method::Spectral))
        }
        Method::Auto => (Method::Spectral, None),
        method => (method, None),
    }
}

/// What one attempt works on.
pub(super) struct Attempt<'a, S, K: ?Sized> {
    pub(super) input: &'a Input<'a, S>,
    pub(super) exponent: Exponent,
    /// The request's, raised by the ladder.
    pub(super) ridge: Ridge,
    pub(super) request: &'a Request,
    pub(super) kernel: &'a K,
}

impl<S, K: ?Sized> Attempt<'_, S, K> {
    /// Computes the root into the first rows of the workspace. [`Outcome::Accepted`] means computed: the caller
    /// judges the promise.
    pub(super) fn run<R: Real>(&self, workspace: &mut [R]) -> Result<Report, RootError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        let (method, fallback) = choose(self.request, self.exponent, self.ridge);
        let report = self.by(method, workspace)?;
        match fallback {
            Some(other) if report.outcome == Outcome::OutOfRange => self.by(other, workspace),
            _ => Ok(report),
        }
    }

    fn by<R: Real>(&self, method: Method, workspace: &mut [R]) -> Result<Report, RootError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        match method {
            Method::Rational | Method::Auto => self.rational(workspace),
            Method::CoupledNewton => self.coupled_newton(workspace),
            Method::Spectral => self.spectral(workspace),
        }
    }

    /// The integer order, for the methods that compute no other.
    fn order(&self) -> Result<u32, UnsupportedExponent> {
        match self.exponent {
            Exponent::Root(p) => Ok(p),
            Exponent::Power(_) => Err(UnsupportedExponent::ByMethod),
        }
    }

    /// The promise for an integer order, of the root at the front of the workspace; `sign` as for
    /// [`certificate::probed`].
    fn certify<R: Real>(
        &self,
        p: u32,
        (ridge, kappa): (R, f64),
        sign: Sign,
        scratch: Scratch<'_, R>,
    ) -> Result<f64, ShapeError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        let n = self.input.n;
        let Scratch { root, mut rest } = scratch;
        let x = MatRef::with_strides(root, n, n, row_stride(n), 1)?;
        let mut b = square(&mut rest, n)?;
        self.input.load(b.reborrow(), ridge);
        Ok(match self.request.certificate {
            Certificate::Full => certificate::full(b.as_ref(), x, p, kappa, rest, self.kernel),
            Certificate::Probed => certificate::probed(b.as_ref(), x, p, kappa, sign, rest, self.kernel),
        })
    }

    fn rational<R: Real>(&self, workspace: &mut [R]) -> Result<Report, RootError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        let (n, p) = (self.input.n, self.order()?);
        let table = tables::table(p).ok_or(UnsupportedExponent::ByMethod)?;
        let Scratch { root, rest } = scratch(workspace, n)?;
        root.fill(R::zero());
        self.input.load(MatMut::with_row_stride(root, n, n, row_stride(n))?, R::zero());
        let triangle = TiledTriangle { data: &mut *root, stride: row_stride(n), order: n };
        let mut rational = Rational::start(n, table, self.ridge);
        rational.run(triangle, rest, self.kernel)?;
        let found = rational.spectrum();
        let largest = (found.lambda_max + found.ridge).to_f64();
        let mut report = Report {
            outcome: match found.state {
                rational::State::Definite => Outcome::Accepted,
                rational::State::NotPositiveDefinite => Outcome::NotPositiveDefinite,
                rational::State::OutOfRange => Outcome::OutOfRange,
            },
            iterations: u32::try_from(table.poles().len()).unwrap_or(u32::MAX),
            indicator: table.sup_relative_error(),
            lambda_max: found.lambda_max.to_f64(),
            rank: n,
            ridge: found.ridge.to_f64(),
            ..Report::nothing(Method::Rational)
        };
        if report.outcome == Outcome::Accepted {
            let mut x = MatMut::with_row_stride(root, n, n, row_stride(n))?;
            x.mirror_lower();
            report.kappa = match rational.smallest_eigenvalue(rest)? {
                Some(smallest) => largest / smallest.to_f64(),
                None => condition_of_root(x.as_ref(), largest, p, rest, self.kernel)?,
            };
            report.promised =
                self.certify(p, (found.ridge, report.kappa), Sign::ByConstruction, Scratch { root, rest })?;
        }
        Ok(report)
    }

    fn coupled_newton<R: Real>(&self, workspace: &mut [R]) -> Result<Report, RootError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        let (n, p) = (self.input.n, self.order()?);
        let Scratch { root, rest } = scratch(workspace, n)?;
        let mut x = MatMut::with_row_stride(root, n, n, row_stride(n))?;
        self.input.load(x.reborrow(), R::zero());
        let lambda_max = largest_eigenvalue(x.as_ref(), rest, self.kernel)?.value;
        let amount = R::from_f64(self.ridge.amount(lambda_max.to_f64()));
        self.input.load(x.reborrow(), amount);
        // Power iteration may miss the largest eigenvalue, and Newton's first matrix must stay below p + 1.
        let (estimate, frobenius) = ((lambda_max + amount).to_f64(), certificate::frobenius(&mut x, self.kernel));
        let scaling = if frobenius < 2.0 * estimate { Scaling::LambdaMax(estimate) } else { Scaling::Frobenius };
        let mut newton = CoupledNewton::start(x.as_ref(), p, scaling, rest, self.kernel)?;
        // Whatever ended it: the certificate judges what is there.
        newton.run(coupled_newton::default_tolerance(), self.kernel);
        for (i, row) in x.rows_mut().enumerate() {
            row.iter_mut().zip(newton.root().row_entries(i)).for_each(|(x, y)| *x = y);
        }
        let (iterations, indicator) = (newton.iterations(), newton.indicator().to_f64());
        let kappa = condition_of_root(x.as_ref(), (lambda_max + amount).to_f64(), p, rest, self.kernel)?;
        let promised = self.certify(p, (amount, kappa), Sign::Unknown, Scratch { root, rest })?;
        Ok(Report {
            outcome: if promised.is_finite() { Outcome::Accepted } else { Outcome::Uncertified },
            iterations,
            indicator,
            promised,
            lambda_max: lambda_max.to_f64(),
            kappa,
            rank: n,
            ridge: amount.to_f64(),
            ..Report::nothing(Method::CoupledNewton)
        })
    }

    fn spectral<R: Real>(&self, workspace: &mut [R]) -> Result<Report, RootError>
    where
        S: Stored<R>,
        K: Kernel<R>,
    {
        let (n, alpha) = (self.input.n, self.exponent.alpha());
        let Scratch { root, mut rest } = scratch(workspace, n)?;
        let x = MatMut::with_row_stride(&mut *root, n, n, row_stride(n))?;
        let (mut a, mut v) = (square(&mut rest, n)?, square(&mut rest, n)?);
        let (mut scaled, residual, mut b) = (square(&mut rest, n)?, square(&mut rest, n)?, square(&mut rest, n)?);
        self.input.load(a.reborrow(), R::zero());
        let power = R::from_f64(alpha);
        let (into_v, into_scaled) = (v.reborrow(), scaled.reborrow());
        let found = spectral::inverse_root(a.reborrow(), power, self.ridge, into_v, into_scaled, x, self.kernel)?;
        let (smallest, largest) = (found.smallest_kept.to_f64(), (found.lambda_max + found.ridge).to_f64());
        let kappa = if smallest > 0.0 { largest / smallest } else { f64::INFINITY };
        let mut report = Report {
            outcome: if found.rank > 0 && smallest > 0.0 { Outcome::Accepted } else { Outcome::NotPositiveDefinite },
            iterations: found.jacobi.sweeps,
            indicator: found.jacobi.off_diagonal.to_f64(),
            lambda_max: found.lambda_max.to_f64(),
            kappa,
            rank: found.rank,
            ridge: found.ridge.to_f64(),
            ..Report::nothing(Method::Spectral)
        };
        if report.outcome == Outcome::Accepted {
            report.promised = match self.exponent {
                Exponent::Root(p) if !matches!(self.ridge, Ridge::PseudoInverse { .. }) => {
                    self.certify(p, (found.ridge, kappa), Sign::Unknown, scratch(workspace, n)?)?
                }
                _ => {
                    self.input.load(b.reborrow(), found.ridge);
                    let eigenvalue = |i: usize| a.as_ref().get(i, i).unwrap_or_default() + found.ridge;
                    let scratch = [scaled, residual];
                    spectral::promised(b.as_ref(), eigenvalue, v.as_ref(), &found, alpha, scratch, self.kernel)
                }
            };
        }
        Ok(report)
    }
}

/// Condition number of the matrix with this largest eigenvalue and the root X: ||X||^p is the inverse of
/// its smallest eigenvalue.
fn condition_of_root<R: Real, K: Kernel<R> + ?Sized>(
    x: MatRef<'_, R>,
    largest: f64,
    p: u32,
    workspace: &mut [R],
    kernel: &K,
) -> Result<f64, ShapeError> {
    let norm = largest_eigenvalue(x, workspace, kernel)?.value.to_f64();
    Ok(largest * libm::pow(norm, f64::from(p)))
}

/// The workspace: the root first, in rows of [`row_stride`], then the rest.
struct Scratch<'w, R> {
    root: &'w mut [R],
    rest: &'w mut [R],
}

fn scratch<R>(workspace: &mut [R], n: usize) -> Result<Scratch<'_, R>, ShapeError> {
    let found = workspace.len();
    let needed = inverse_root_workspace_len(n);
    let (root, rest) = workspace.split_at_mut_checked(matrix_len(n)).ok_or(ShapeError::Length { needed, found })?;
    Ok(Scratch { root, rest })
}

fn square<'w, R: Real>(rest: &mut &'w mut [R], n: usize) -> Result<MatMut<'w, R>, ShapeError> {
    let short = ShapeError::Length { needed: n.saturating_mul(n), found: rest.len() };
    MatMut::new(carve(rest, n.saturating_mul(n)).ok_or(short)?, n, n)
}
