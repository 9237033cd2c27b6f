//! One attempt at one ridge: a method, and the certificate of what it computed.

mod space;
mod transitions;

use super::certificate::{Full, Sign, copy};
use super::choice::{Choice, choose};
use super::coupled_newton::CoupledNewton;
use super::input::Input;
use super::newton_schulz::NewtonSchulz;
use super::rational::{Rational, State, matrix_len, row_stride};
use super::spectral::{self, Bound, Spectral};
use super::{Certificate, Exponent, Method, Report, Request, Ridge, inverse_root_workspace_len};
use crate::error::{RootError, ShapeError, UnsupportedExponent};
use crate::kernel::{Kernel, TiledTriangle};
use crate::linalg::power_iteration::PowerIteration;
use crate::linalg::{Progress, flops};
use crate::scalar::{Real, Stored};
use space::{split, split_square, view, view_mut};

/// What all attempts of a request have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) input: Input,
    pub(super) exponent: Exponent,
    pub(super) request: Request,
    pub(super) max_error: f64,
    /// What scaling back and storing add to a promise.
    pub(super) rounding: f64,
    /// By how much a probed promise exceeds that of the whole residual.
    pub(super) probe_factor: f64,
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
    /// X^2, whose largest eigenvalue takes half the iterations.
    Square,
    /// The norm of X, or with `squared` of X^2, for the condition number.
    Condition {
        power: PowerIteration<R>,
        squared: bool,
    },
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

    /// [`Outcome::Accepted`](super::Outcome::Accepted) means computed: the caller judges the promise.
    pub(super) fn report(&self) -> Report {
        self.report
    }

    /// Flops of the next step at most.
    pub(super) fn next_flops<K: Kernel<R> + ?Sized>(&self, task: &Task, kernel: &K) -> u64 {
        let n = task.input.n;
        match &self.stage {
            Stage::Begin(Method::Rational) => flops::load(n),
            Stage::Begin(_) => flops::load_scaled(n),
            Stage::Rational(rational) => rational.next_flops(),
            Stage::Largest(_) if is_coupled(kernel) => flops::power(n).saturating_add(flops::start_coupled(n)),
            Stage::CoupledNewton(newton) if kernel.computes(Method::CoupledNewton) => {
                newton.next_flops().saturating_add(flops::linear(n, 2))
            }
            Stage::NewtonSchulz(newton) if kernel.computes(Method::NewtonSchulz) => {
                newton.next_flops().saturating_add(flops::linear(n, 2))
            }
            Stage::Spectral(spectral) if kernel.computes(Method::Spectral) => spectral.next_flops(),
            Stage::Square if is_coupled(kernel) => flops::symmetric_product(n),
            Stage::Condition { .. } => flops::power(n).saturating_add(flops::OVERHEAD),
            Stage::Certify => match (task.request.certificate, task.exponent) {
                (Certificate::Probed, Exponent::Root(p)) if kernel.certifies(Certificate::Probed) => {
                    flops::probed(n, p, !p.is_multiple_of(2) || self.sign == Sign::Unknown)
                }
                _ => flops::load(n),
            },
            Stage::Full(full) => full.next_flops(n),
            Stage::Bound(bound) if kernel.computes(Method::Spectral) => bound.next_flops(),
            // There is nothing to do, or it is refused.
            _ => 0,
        }
    }

    /// Computes the root into the first rows of the workspace.
    #[inline(never)]
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
            Stage::Rational(rational) if kernel.computes(Method::Rational) => {
                let a = TiledTriangle { data: &mut *tools.root, stride: row_stride(n), order: n };
                match pace {
                    Pace::Stage => rational.run(a, tools.rest, kernel)?,
                    Pace::Step if rational.step(a, tools.rest, kernel)? == Progress::Working => {
                        return Ok(Progress::Working);
                    }
                    Pace::Step => {}
                }
                let found = rational.spectrum();
                let smallest = match found.state {
                    State::Definite => rational.smallest_eigenvalue(tools.rest)?,
                    _ => None,
                };
                self.end_rational(found, smallest, tools)?
            }
            Stage::Largest(power) if is_coupled(kernel) => {
                let x = view(tools.root, n)?;
                if pace.drive(|| power.step(x, tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                let value = power.value;
                self.begin_coupled(value, tools)?
            }
            Stage::CoupledNewton(newton) if kernel.computes(Method::CoupledNewton) => {
                if pace.drive(|| newton.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                copy(&mut view_mut(tools.root, n)?, newton.root(tools.rest));
                let (iterations, indicator) = (newton.iterations(), newton.indicator());
                self.end_coupled(iterations, indicator)
            }
            Stage::NewtonSchulz(newton) if kernel.computes(Method::NewtonSchulz) => {
                if pace.drive(|| newton.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                copy(&mut view_mut(tools.root, n)?, newton.root(tools.rest));
                let (iterations, indicator) = (newton.iterations(), newton.indicator());
                self.end_coupled(iterations, indicator)
            }
            Stage::Spectral(spectral) if kernel.computes(Method::Spectral) => {
                if pace.drive(|| spectral.step(tools.rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                copy(&mut view_mut(tools.root, n)?, spectral.root(tools.rest));
                let (found, bound) = (spectral.spectrum(), Bound::start(spectral));
                self.end_spectral(found, bound, tools)?
            }
            Stage::Square if is_coupled(kernel) => {
                let (mut square, vectors) = split_square(tools.rest, n)?;
                let x = view(tools.root, n)?;
                kernel.symm_product(square.reborrow(), x, x);
                Stage::Condition { power: PowerIteration::start(n, vectors)?.roughly(), squared: true }
            }
            Stage::Condition { power, squared } => {
                let (square, vectors) = split_square(tools.rest, n)?;
                let x = if *squared { square.as_ref() } else { view(tools.root, n)? };
                if pace.drive(|| power.step(x, vectors, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                // ||X||^p is the inverse of the smallest eigenvalue; a square beyond the range has no norm.
                let value = power.value.to_f64();
                let norm = if *squared { libm::sqrt(value) } else { value };
                let kappa = if norm > 0.0 {
                    self.largest * num_traits::pow(norm, task.order()? as usize)
                } else {
                    f64::INFINITY
                };
                self.report.set_kappa(kappa, task.exponent);
                Stage::Certify
            }
            Stage::Certify => self.certify(tools)?,
            Stage::Full(full) if kernel.certifies(Certificate::Full) => {
                let (b, rest) = split_square(tools.rest, n)?;
                let x = view(tools.root, n)?;
                if pace.drive(|| full.step(b.as_ref(), x, rest, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                self.report.promised = full.promised();
                Stage::Done
            }
            Stage::Bound(bound) if kernel.computes(Method::Spectral) => {
                let (space, rest) = split(tools.rest, spectral::workspace_len(n))?;
                let (b, _) = split_square(rest, n)?;
                if pace.drive(|| bound.step(b.as_ref(), space, kernel))? == Progress::Working {
                    return Ok(Progress::Working);
                }
                self.report.promised = bound.promised();
                Stage::Done
            }
            Stage::Done => Stage::Done,
            // `begin` has refused them.
            _ => return Err(RootError::ByKernel),
        };
        self.stage = next;
        Ok(if matches!(self.stage, Stage::Done) { Progress::Done } else { Progress::Working })
    }
}

/// Whether there is any method that begins with the largest eigenvalue.
#[inline(always)]
fn is_coupled<R: Real, K: Kernel<R> + ?Sized>(kernel: &K) -> bool {
    kernel.computes(Method::CoupledNewton) || kernel.computes(Method::NewtonSchulz)
}
