//! What happens between the stages of an attempt: load, note what was found, choose what comes next.
//!
//! None of it is inlined: a stage needs all of the stack that there is.

use super::space::{split, split_square, view, view_mut};
use super::{Attempt, Stage, Tools, is_coupled};
use crate::error::{RootError, UnsupportedExponent};
use crate::kernel::{Kernel, SymmetricTiles};
use crate::linalg::inverse_root::certificate::{self, Candidate, Full, Sign};
use crate::linalg::inverse_root::choice::{choose_table, needs_precision};
use crate::linalg::inverse_root::coupled::{Extent, Scaling};
use crate::linalg::inverse_root::coupled_newton::CoupledNewton;
use crate::linalg::inverse_root::newton_schulz::NewtonSchulz;
use crate::linalg::inverse_root::rational::{self, Rational, Spectrum, matrix_len, row_stride};
use crate::linalg::inverse_root::spectral::{self, Bound, Spectral};
use crate::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Report, Ridge};
use crate::linalg::power_iteration::PowerIteration;
use crate::scalar::{Real, Stored};

/// How far power iteration falls short of the largest eigenvalue.
const SHORTFALL: f64 = 1.01;

impl<R: Real> Attempt<R> {
    /// Loads the input for a method.
    #[inline(never)]
    pub(super) fn begin<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        method: Method,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, kernel } = tools;
        if !kernel.certifies(task.request.certificate) {
            return Err(RootError::ByKernel);
        }
        let n = task.input.n;
        self.report = Report { rank: n, ..Report::nothing(method) };
        task.input.load_tiles(triangle, root, R::zero());
        if method != Method::Rational {
            view_mut(root, n)?.mirror_lower();
        }
        Ok(match method {
            Method::Rational if kernel.computes(Method::Rational) => {
                let table = choose_table::<R>(task.order()?, task).ok_or(UnsupportedExponent::ByMethod)?;
                self.report.iterations = u32::try_from(table.poles().len()).unwrap_or(u32::MAX);
                self.report.indicator = table.sup_relative_error();
                let rational = Rational::start(n, table, self.ridge);
                Stage::Rational(if needs_precision::<R>(task) { rational.precise() } else { rational })
            }
            Method::CoupledNewton | Method::NewtonSchulz if is_coupled(kernel) => {
                Stage::Largest(PowerIteration::start(n, rest)?)
            }
            Method::Spectral if kernel.computes(Method::Spectral) => {
                Stage::Spectral(Spectral::start(view(root, n)?, task.exponent.alpha(), self.ridge, rest)?)
            }
            _ => return Err(RootError::ByKernel),
        })
    }

    /// With the smallest eigenvalue, where the root was computed and it is known.
    #[inline(never)]
    pub(super) fn end_rational<S, K: Kernel<R> + ?Sized>(
        &mut self,
        found: Spectrum<R>,
        smallest: Option<R>,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        self.found(found.lambda_max, found.ridge);
        self.report.outcome = match found.state {
            rational::State::Definite => Outcome::Accepted,
            rational::State::NotPositiveDefinite => Outcome::NotPositiveDefinite,
            rational::State::OutOfRange => Outcome::OutOfRange,
        };
        let Tools { task, root, rest, kernel, .. } = tools;
        match found.state {
            rational::State::Definite => {
                self.sign = Sign::ByConstruction;
                if task.request.certificate == Certificate::Full {
                    view_mut(root, task.input.n)?.mirror_lower();
                }
                let Some(smallest) = smallest else {
                    view_mut(root, task.input.n)?.mirror_lower();
                    let (_, vectors) = split_square(rest, task.input.n)?;
                    let power = PowerIteration::start(task.input.n, vectors)?.roughly();
                    return Ok(Stage::Condition { power, squared: false });
                };
                self.report.set_kappa(self.largest / smallest.to_f64(), task.exponent);
                Ok(Stage::Certify)
            }
            rational::State::OutOfRange => {
                let fallback = self.fallback.take().filter(|&method| kernel.computes(method));
                Ok(fallback.map_or(Stage::Done, Stage::Begin))
            }
            rational::State::NotPositiveDefinite => Ok(Stage::Done),
        }
    }

    /// Adds the ridge and scales.
    #[inline(never)]
    pub(super) fn begin_coupled<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        lambda_max: R,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, kernel } = tools;
        let (n, p) = (task.input.n, task.order()?);
        self.found(lambda_max, R::from_f64(self.ridge.amount(lambda_max.to_f64())));
        task.input.load(triangle, view_mut(root, n)?, self.amount);
        let mut x = view_mut(root, n)?;
        let scaling = task.request.scaling;
        // The best scale is on the edge where the largest eigenvalue is found too small.
        let margin = if scaling == Scaling::Optimal { SHORTFALL } else { 1.0 };
        let known = Extent {
            frobenius: certificate::frobenius(&mut x, kernel),
            largest: Some(margin * self.largest),
            smallest: self.amount.to_f64(),
        };
        let x = x.as_ref();
        Ok(match self.report.method {
            Method::NewtonSchulz => Stage::NewtonSchulz(NewtonSchulz::start(x, p, scaling.factor(2, known), rest)?),
            _ => Stage::CoupledNewton(CoupledNewton::start(x, p, scaling.factor(p, known), rest)?.rescaled()),
        })
    }

    /// Whatever ended the iteration: the certificate judges what is there.
    pub(super) fn end_coupled(&mut self, iterations: u32, indicator: R) -> Stage<R> {
        (self.report.iterations, self.report.indicator) = (iterations, indicator.to_f64());
        self.report.outcome = Outcome::Accepted;
        Stage::Square
    }

    /// With the root at its place, and its own certificate.
    #[inline(never)]
    pub(super) fn end_spectral<S: Stored<R>, K: ?Sized>(
        &mut self,
        found: spectral::Spectrum<R>,
        bound: Bound<R>,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, rest, .. } = tools;
        let n = task.input.n;
        self.found(found.lambda_max, found.ridge);
        let smallest = found.smallest_kept.to_f64();
        let kappa = if smallest > 0.0 { self.largest / smallest } else { f64::INFINITY };
        self.report.set_kappa(kappa, task.exponent);
        self.report = Report {
            iterations: found.ql.sweeps,
            indicator: found.ql.off_diagonal.to_f64(),
            rank: found.rank,
            ..self.report
        };
        if found.rank == 0 || smallest <= 0.0 {
            self.report.outcome = Outcome::NotPositiveDefinite;
            return Ok(Stage::Done);
        }
        self.report.outcome = Outcome::Accepted;
        if matches!(task.exponent, Exponent::Root(_)) && !matches!(self.ridge, Ridge::PseudoInverse { .. }) {
            return Ok(Stage::Certify);
        }
        let (_, rest) = split(rest, spectral::workspace_len(n))?;
        task.input.load(triangle, split_square(rest, n)?.0, self.amount);
        Ok(Stage::Bound(bound))
    }

    /// Begins the certificate for an integer order.
    #[inline(never)]
    pub(super) fn certify<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, kernel } = tools;
        let (n, p, kappa) = (task.input.n, task.order()?, self.report.kappa);
        match task.request.certificate {
            Certificate::Full if kernel.certifies(Certificate::Full) => {
                task.input.load(triangle, split_square(rest, n)?.0, self.amount);
                Ok(Stage::Full(Full::start(p, kappa)))
            }
            Certificate::Probed if kernel.certifies(Certificate::Probed) => {
                let (b, rest) = split(rest, matrix_len(n))?;
                task.input.load_tiles(triangle, b, self.amount);
                let tiles = |data| SymmetricTiles { data, stride: row_stride(n), order: n };
                let candidate = Candidate { b: tiles(&*b), x: tiles(&*root), p, kappa, sign: self.sign };
                self.report.promised = certificate::probed(candidate, task.max_error, rest, kernel);
                Ok(Stage::Done)
            }
            _ => Err(RootError::ByKernel),
        }
    }

    /// Notes the largest eigenvalue and the ridge.
    pub(super) fn found(&mut self, lambda_max: R, amount: R) {
        (self.amount, self.largest) = (amount, (lambda_max + amount).to_f64());
        (self.report.lambda_max, self.report.ridge) = (lambda_max.to_f64(), amount.to_f64());
    }
}
