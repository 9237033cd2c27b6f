//! One attempt at one ridge: a method, and the certificate of what it computed.

use super::coupled_newton::{self, CoupledNewton, Scaling};
use super::input::Input;
use super::rational::{self, matrix_len, row_stride};
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

/// One attempt at one ridge; [`Outcome::Accepted`] means computed, the promise is judged by the caller.
pub(super) fn attempt<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    input: &Input<'_, S>,
    exponent: Exponent,
    ridge: Ridge,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let run = |method, workspace: &mut [R]| match method {
        Method::Rational | Method::Auto => by_rational(input, exponent, ridge, request, workspace, kernel),
        Method::CoupledNewton => by_coupled_newton(input, exponent, ridge, request, workspace, kernel),
        Method::Spectral => by_spectral(input, exponent, ridge, request, workspace, kernel),
    };
    let (method, fallback) = choose(request, exponent, ridge);
    let report = run(method, workspace)?;
    match fallback {
        Some(other) if report.outcome == Outcome::OutOfRange => run(other, workspace),
        _ => Ok(report),
    }
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

/// The promise for an integer order, of the root at the front of the workspace.
fn certify<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    input: &Input<'_, S>,
    p: u32,
    (ridge, kappa): (R, f64),
    certificate: Certificate,
    scratch: Scratch<'_, R>,
    kernel: &K,
) -> Result<f64, ShapeError> {
    let n = input.n;
    let Scratch { root, mut rest } = scratch;
    let x = MatRef::with_strides(root, n, n, row_stride(n), 1)?;
    let mut b = square(&mut rest, n)?;
    input.load(b.reborrow(), ridge);
    let promise = match certificate {
        Certificate::Full => certificate::full,
        Certificate::Probed => certificate::probed,
    };
    Ok(promise(b.as_ref(), x, p, kappa, rest, kernel))
}

fn by_rational<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    input: &Input<'_, S>,
    exponent: Exponent,
    ridge: Ridge,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let n = input.n;
    let (Exponent::Root(p), false) = (exponent, matches!(ridge, Ridge::PseudoInverse { .. })) else {
        return Err(UnsupportedExponent::ByMethod.into());
    };
    let table = tables::table(p).ok_or(UnsupportedExponent::ByMethod)?;
    let Scratch { root, rest } = scratch(workspace, n)?;
    root.fill(R::zero());
    input.load(MatMut::with_row_stride(root, n, n, row_stride(n))?, R::zero());
    let triangle = TiledTriangle { data: &mut *root, stride: row_stride(n), order: n };
    let found = rational::inverse_root(triangle, table, ridge, rest, kernel)?;
    let smallest = found.smallest.to_f64();
    let kappa = (found.lambda_max + found.ridge).to_f64() / smallest;
    let mut report = Report {
        method: Method::Rational,
        outcome: match found.state {
            rational::State::Computed => Outcome::Accepted,
            rational::State::NotPositiveDefinite => Outcome::NotPositiveDefinite,
            rational::State::OutOfRange => Outcome::OutOfRange,
        },
        iterations: u32::try_from(table.shifts.len()).unwrap_or(u32::MAX),
        indicator: table.sup_relative_error,
        promised: f64::INFINITY,
        lambda_max: found.lambda_max.to_f64(),
        kappa,
        rank: n,
        ridge: found.ridge.to_f64(),
        retries: 0,
    };
    if report.outcome == Outcome::Accepted {
        MatMut::with_row_stride(root, n, n, row_stride(n))?.mirror_lower();
        let whole = Scratch { root, rest };
        report.promised = certify(input, p, (found.ridge, kappa), request.certificate, whole, kernel)?;
    }
    Ok(report)
}

fn by_coupled_newton<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    input: &Input<'_, S>,
    exponent: Exponent,
    ridge: Ridge,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let n = input.n;
    let (Exponent::Root(p), false) = (exponent, matches!(ridge, Ridge::PseudoInverse { .. })) else {
        return Err(UnsupportedExponent::ByMethod.into());
    };
    let Scratch { root, rest } = scratch(workspace, n)?;
    let mut x = MatMut::with_row_stride(root, n, n, row_stride(n))?;
    input.load(x.reborrow(), R::zero());
    let lambda_max = largest_eigenvalue(x.as_ref(), rest, kernel)?.value;
    let amount = R::from_f64(ridge.amount(lambda_max.to_f64()));
    input.load(x.reborrow(), amount);
    let scaling = Scaling::LambdaMax((lambda_max + amount).to_f64());
    let mut newton = CoupledNewton::start(x.as_ref(), p, scaling, rest, kernel)?;
    let _ = newton.run(coupled_newton::default_tolerance(), kernel);
    for (i, row) in x.rows_mut().enumerate() {
        row.iter_mut().zip(newton.root().row_entries(i)).for_each(|(x, y)| *x = y);
    }
    let (iterations, indicator) = (newton.iterations(), newton.indicator().to_f64());
    // ||X||^p is the inverse of the smallest eigenvalue.
    let largest_root = largest_eigenvalue(x.as_ref(), rest, kernel)?.value.to_f64();
    let kappa = (lambda_max + amount).to_f64() * libm::pow(largest_root, f64::from(p));
    let whole = Scratch { root, rest };
    let promised = certify(input, p, (amount, kappa), request.certificate, whole, kernel)?;
    Ok(Report {
        method: Method::CoupledNewton,
        outcome: if promised.is_finite() { Outcome::Accepted } else { Outcome::Uncertified },
        iterations,
        indicator,
        promised,
        lambda_max: lambda_max.to_f64(),
        kappa,
        rank: n,
        ridge: amount.to_f64(),
        retries: 0,
    })
}

fn by_spectral<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    input: &Input<'_, S>,
    exponent: Exponent,
    ridge: Ridge,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) -> Result<Report, RootError> {
    let n = input.n;
    let Scratch { root, mut rest } = scratch(workspace, n)?;
    let mut x = MatMut::with_row_stride(&mut *root, n, n, row_stride(n))?;
    let (mut a, mut v) = (square(&mut rest, n)?, square(&mut rest, n)?);
    let (mut scaled, mut residual, mut b) = (square(&mut rest, n)?, square(&mut rest, n)?, square(&mut rest, n)?);
    input.load(a.reborrow(), R::zero());
    let alpha = exponent.alpha();
    let found = spectral::inverse_root(
        a.reborrow(),
        R::from_f64(alpha),
        ridge,
        v.reborrow(),
        scaled.reborrow(),
        x.reborrow(),
        kernel,
    )?;
    let (smallest, largest) = (found.smallest_kept.to_f64(), (found.lambda_max + found.ridge).to_f64());
    let kappa = if smallest > 0.0 { largest / smallest } else { f64::INFINITY };
    let mut report = Report {
        method: Method::Spectral,
        outcome: if smallest > 0.0 { Outcome::Accepted } else { Outcome::NotPositiveDefinite },
        iterations: found.jacobi.sweeps,
        indicator: found.jacobi.off_diagonal.to_f64(),
        promised: f64::INFINITY,
        lambda_max: found.lambda_max.to_f64(),
        kappa,
        rank: found.rank,
        ridge: found.ridge.to_f64(),
        retries: 0,
    };
    if report.outcome == Outcome::Accepted {
        report.promised = match exponent {
            Exponent::Root(p) if found.rank == n => {
                let whole = scratch(workspace, n)?;
                certify(input, p, (found.ridge, kappa), request.certificate, whole, kernel)?
            }
            _ => {
                input.load(b.reborrow(), found.ridge);
                let eigenvalue = |i: usize| a.as_ref().get(i, i).unwrap_or_default() + found.ridge;
                spectral::promised(
                    b.as_ref(),
                    eigenvalue,
                    v.as_ref(),
                    &found,
                    alpha,
                    [scaled, residual.reborrow()],
                    kernel,
                )
            }
        };
    }
    Ok(report)
}
