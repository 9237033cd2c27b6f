//! One attempt at one ridge: a method, and the certificate of what it computed.

use super::certificate::{self, Candidate, Full, Sign, copy};
use super::choice::{Choice, choose, choose_table};
use super::coupled::{Extent, Scaling};
use super::coupled_newton::CoupledNewton;
use super::input::Input;
use super::newton_schulz::NewtonSchulz;
use super::rational::{self, Rational, matrix_len, row_stride};
use super::spectral::{self, Bound, Spectral};
use super::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge, inverse_root_workspace_len};
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::{Kernel, SymmetricTiles, TiledTriangle};
use crate::linalg::Progress;
use crate::linalg::power_iteration::PowerIteration;
use crate::mat::{MatMut, MatRef};
use crate::scalar::{Real, Stored};

/// How far power iteration falls short of the largest eigenvalue.
const SHORTFALL: f64 = 1.01;

/// What all attempts of a request have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) input: Input,
    pub(super) exponent: Exponent,
    pub(super) request: Request,
    pub(super) max_error: f64,
}

impl Task {
    /// The integer order, for the methods that compute no other.
    fn order(&self) -> Result<u32, UnsupportedExponent> {
        match self.exponent {
            Exponent::Root(p) => Ok(p),
            Exponent::Power(_) => Err(UnsupportedExponent::ByMethod),
        }
    }
}

/// How much one call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As little as possible.
    Step,
    /// A whole stage: a row alone is too little to choose a processor's instructions for.
    Stage,
}

impl Pace {
    fn drive(self, mut step: impl FnMut() -> Result<Progress, ShapeError>) -> Result<Progress, ShapeError> {
        loop {
            let progress = step()?;
            if self == Self::Step || progress == Progress::Done {
                return Ok(progress);
            }
        }
    }
}

/// The next thing to do; every stage finds the root in the first rows of the workspace once there is one.
#[derive(Clone, Copy, Debug)]
enum Stage<R> {
    /// Load the input.
    Begin(Method),
    Rational(Rational<R>),
    /// The largest eigenvalue, for ridge and scale of a coupled iteration.
    Largest(PowerIteration<R>),
    CoupledNewton(CoupledNewton<R>),
    NewtonSchulz(NewtonSchulz<R>),
    Spectral(Spectral<R>),
    /// The norm of the root, for the condition number.
    Condition(PowerIteration<R>),
    /// Load the ridged input; a probed certificate is one step.
    Certify,
    Full(Full),
    /// The spectral method's own certificate.
    Bound(Bound<R>),
    Done,
}

/// An attempt under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt<R> {
    /// The request's, raised by the ladder.
    ridge: Ridge,
    stage: Stage<R>,
    fallback: Option<Method>,
    /// The ridge that was added, and the largest eigenvalue with it.
    amount: R,
    largest: f64,
    sign: Sign,
    report: Report,
}

/// What every call is given.
struct Tools<'a, R, S, K: ?Sized> {
    task: &'a Task,
    triangle: &'a [S],
    root: &'a mut [R],
    rest: &'a mut [R],
    kernel: &'a K,
}

impl<R: Real> Attempt<R> {
    pub(super) fn start(task: &Task, ridge: Ridge) -> Self {
        let Choice { method, fallback } = choose::<R>(task, ridge);
        Self {
            ridge,
            stage: Stage::Begin(method),
            fallback,
            amount: R::zero(),
            largest: 0.0,
            sign: Sign::Unknown,
            report: Report::nothing(method),
        }
    }

    /// [`Outcome::Accepted`] means computed: the caller judges the promise.
    pub(super) fn report(&self) -> Report {
        self.report
    }

    /// Computes the root into the first rows of the workspace.
    pub(super) fn advance<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        task: &Task,
        triangle: &[S],
        workspace: &mut [R],
        kernel: &K,
        pace: Pace,
    ) -> Result<Progress, RootError> {
        let n = task.input.n;
        let short = ShapeError::Length { needed: inverse_root_workspace_len(n), found: workspace.len() };
        let (root, rest) = workspace.split_at_mut_checked(matrix_len(n)).ok_or(short)?;
        let tools = Tools { task, triangle, root, rest, kernel };
        let next = match &mut self.stage {
            &mut Stage::Begin(method) => self.begin(method, tools)?,
            Stage::Rational(rational) => {
                let a = TiledTriangle { data: &mut *tools.root, stride: row_stride(n), order: n };
                match pace {
                    Pace::Stage => rational.run(a, tools.rest, kernel)?,
                    Pace::Step if rational.step(a, tools.rest, kernel)? == Progress::Working => {
                        return Ok(Progress::Working);
                    }
                    Pace::Step => {}
                }
                let rational = *rational;
                self.end_rational(&rational, tools)?
            }
            Stage::Largest(power) => {
                let x = view(tools.root, n)?;
                if pace.drive(|| power.step(x, tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                let value = power.value;
                self.begin_coupled(value, tools)?
            }
            Stage::CoupledNewton(newton) => {
                if pace.drive(|| newton.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                let newton = *newton;
                copy(&mut view_mut(tools.root, n)?, newton.root(tools.rest));
                self.end_coupled(newton.iterations(), newton.indicator(), tools)?
            }
            Stage::NewtonSchulz(newton) => {
                if pace.drive(|| newton.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                let newton = *newton;
                copy(&mut view_mut(tools.root, n)?, newton.root(tools.rest));
                self.end_coupled(newton.iterations(), newton.indicator(), tools)?
            }
            Stage::Spectral(spectral) => {
                if pace.drive(|| spectral.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                let spectral = *spectral;
                self.end_spectral(&spectral, tools)?
            }
            Stage::Condition(power) => {
                let x = view(tools.root, n)?;
                if pace.drive(|| power.step(x, tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                // ||X||^p is the inverse of the smallest eigenvalue.
                let kappa = self.largest * libm::pow(power.value.to_f64(), f64::from(task.order()?));
                self.report = self.report.with_kappa(kappa, task.exponent);
                Stage::Certify
            }
            Stage::Certify => self.certify(tools)?,
            Stage::Full(full) => {
                let (b, rest) = split_square(tools.rest, n)?;
                let x = view(tools.root, n)?;
                if pace.drive(|| full.step(b.as_ref(), x, rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                self.report.promised = full.promised();
                Stage::Done
            }
            Stage::Bound(bound) => {
                let (space, rest) = split(tools.rest, spectral::workspace_len(n))?;
                let (b, _) = split_square(rest, n)?;
                if pace.drive(|| bound.step(b.as_ref(), space, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                self.report.promised = bound.promised();
                Stage::Done
            }
            Stage::Done => Stage::Done,
        };
        self.stage = next;
        Ok(if matches!(self.stage, Stage::Done) { Progress::Done } else { Progress::Working })
    }

    /// Loads the input for a method.
    fn begin<S: Stored<R>, K: ?Sized>(
        &mut self,
        method: Method,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, .. } = tools;
        let n = task.input.n;
        self.report = Report { rank: n, ..Report::nothing(method) };
        task.input.load_tiles(triangle, root, R::zero());
        if method != Method::Rational {
            view_mut(root, n)?.mirror_lower();
        }
        Ok(match method {
            Method::Rational => {
                let table = choose_table::<R>(task.order()?, task);
                let table = table.ok_or(UnsupportedExponent::ByMethod)?;
                self.report.iterations = u32::try_from(table.poles().len()).unwrap_or(u32::MAX);
                self.report.indicator = table.sup_relative_error();
                Stage::Rational(Rational::start(n, table, self.ridge))
            }
            Method::CoupledNewton | Method::NewtonSchulz => Stage::Largest(PowerIteration::start(n, rest)?),
            Method::Auto | Method::Spectral => {
                Stage::Spectral(Spectral::start(view(root, n)?, task.exponent.alpha(), self.ridge, rest)?)
            }
        })
    }

    fn end_rational<S, K: ?Sized>(
        &mut self,
        rational: &Rational<R>,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let found = rational.spectrum();
        self.found(found.lambda_max, found.ridge);
        self.sign = Sign::ByConstruction;
        self.report.outcome = match found.state {
            rational::State::Definite => Outcome::Accepted,
            rational::State::NotPositiveDefinite => Outcome::NotPositiveDefinite,
            rational::State::OutOfRange => Outcome::OutOfRange,
        };
        let Tools { task, root, rest, .. } = tools;
        match found.state {
            rational::State::Definite => {
                if task.request.certificate == Certificate::Full {
                    view_mut(root, task.input.n)?.mirror_lower();
                }
                let Some(smallest) = rational.smallest_eigenvalue(rest)? else {
                    view_mut(root, task.input.n)?.mirror_lower();
                    return Ok(Stage::Condition(PowerIteration::start(task.input.n, rest)?));
                };
                self.report = self.report.with_kappa(self.largest / smallest.to_f64(), task.exponent);
                Ok(Stage::Certify)
            }
            rational::State::OutOfRange => Ok(self.fallback.take().map_or(Stage::Done, Stage::Begin)),
            rational::State::NotPositiveDefinite => Ok(Stage::Done),
        }
    }

    /// Adds the ridge and scales.
    fn begin_coupled<S: Stored<R>, K: Kernel<R> + ?Sized>(
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
            _ => Stage::CoupledNewton(CoupledNewton::start(x, p, scaling.factor(p, known), rest)?),
        })
    }

    /// Whatever ended the iteration: the certificate judges what is there.
    fn end_coupled<S, K: ?Sized>(
        &mut self,
        iterations: u32,
        indicator: R,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        (self.report.iterations, self.report.indicator) = (iterations, indicator.to_f64());
        self.report.outcome = Outcome::Accepted;
        Ok(Stage::Condition(PowerIteration::start(tools.task.input.n, tools.rest)?))
    }

    fn end_spectral<S: Stored<R>, K: ?Sized>(
        &mut self,
        spectral: &Spectral<R>,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, .. } = tools;
        let n = task.input.n;
        let found = spectral.spectrum();
        self.found(found.lambda_max, found.ridge);
        let smallest = found.smallest_kept.to_f64();
        let kappa = if smallest > 0.0 { self.largest / smallest } else { f64::INFINITY };
        self.report = Report {
            iterations: found.jacobi.sweeps,
            indicator: found.jacobi.off_diagonal.to_f64(),
            rank: found.rank,
            ..self.report.with_kappa(kappa, task.exponent)
        };
        if found.rank == 0 || smallest <= 0.0 {
            self.report.outcome = Outcome::NotPositiveDefinite;
            return Ok(Stage::Done);
        }
        self.report.outcome = Outcome::Accepted;
        copy(&mut view_mut(root, n)?, spectral.root(rest));
        if matches!(task.exponent, Exponent::Root(_)) && !matches!(self.ridge, Ridge::PseudoInverse { .. }) {
            return Ok(Stage::Certify);
        }
        let (_, rest) = split(rest, spectral::workspace_len(n))?;
        task.input.load(triangle, split_square(rest, n)?.0, self.amount);
        Ok(Stage::Bound(Bound::start(spectral)))
    }

    /// Begins the certificate for an integer order.
    fn certify<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        tools: Tools<'_, R, S, K>,
    ) -> Result<Stage<R>, RootError> {
        let Tools { task, triangle, root, rest, kernel } = tools;
        let (n, p, kappa) = (task.input.n, task.order()?, self.report.kappa);
        match task.request.certificate {
            Certificate::Full => {
                task.input.load(triangle, split_square(rest, n)?.0, self.amount);
                Ok(Stage::Full(Full::start(p, kappa)))
            }
            Certificate::Probed => {
                let (b, rest) = split(rest, matrix_len(n))?;
                task.input.load_tiles(triangle, b, self.amount);
                let tiles = |data| SymmetricTiles { data, stride: row_stride(n), order: n };
                let candidate = Candidate { b: tiles(&*b), x: tiles(&*root), p, kappa, sign: self.sign };
                self.report.promised = certificate::probed(candidate, task.max_error, rest, kernel);
                Ok(Stage::Done)
            }
        }
    }

    /// Notes the largest eigenvalue and the ridge.
    fn found(&mut self, lambda_max: R, amount: R) {
        (self.amount, self.largest) = (amount, (lambda_max + amount).to_f64());
        (self.report.lambda_max, self.report.ridge) = (lambda_max.to_f64(), amount.to_f64());
    }
}

/// The root at the front of the workspace, in rows of [`row_stride`].
fn view<R: Real>(root: &[R], n: usize) -> Result<MatRef<'_, R>, ShapeError> {
    MatRef::with_strides(root, n, n, row_stride(n), 1)
}

/// The same to write.
fn view_mut<R: Real>(root: &mut [R], n: usize) -> Result<MatMut<'_, R>, ShapeError> {
    MatMut::with_row_stride(root, n, n, row_stride(n))
}

fn split<R>(rest: &mut [R], length: usize) -> Result<(&mut [R], &mut [R]), ShapeError> {
    let short = ShapeError::Length { needed: length, found: rest.len() };
    rest.split_at_mut_checked(length).ok_or(short)
}

fn split_square<R: Real>(rest: &mut [R], n: usize) -> Result<(MatMut<'_, R>, &mut [R]), ShapeError> {
    let (square, rest) = split(rest, n.saturating_mul(n))?;
    Ok((MatMut::new(square, n, n)?, rest))
}
