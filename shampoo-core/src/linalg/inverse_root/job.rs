//! A whole request as a machine that can be spread over many calls: attempts up the ridge ladder, each a method and a
//! certificate.

use super::attempt::{Attempt, Pace, Task};
use super::certificate::PROBE_FACTOR;
use super::input::Input;
use super::request::Factor;
use super::{Outcome, Report, Request, Ridge, inverse_root_workspace_len};
use crate::error::{RootError, ShapeError};
use crate::kernel::{Kernel, Portable};
use crate::linalg::{Progress, flops};
use crate::mat::packed::packed_len;
use crate::scalar::{Real, Stored};

/// Largest accepted error by default: with `f64` inside, with double-f32 (whose back-transform is in `f32`), with less.
const MAX_ERROR: [f64; 3] = [1e-5, 5e-3, 5e-2];

/// Factor between the ridges of two attempts.
pub(super) const LADDER: f64 = 10.0;

/// An inverse root under way: plain data, so it can be kept anywhere, copied, or dropped at any time.
///
/// Input and workspace are passed to every call, untouched between them; the output only to [`finish`](Job::finish).
/// Step by step or at once, with other work between or not, the bits are the same.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::Progress;
/// use shampoo_core::linalg::inverse_root::{Exponent, Job, Outcome, Request, inverse_root_workspace_len};
///
/// let a = [2.0_f64, 0.0, 16.0]; // diag(2, 16)
/// let mut workspace = [0.0_f64; inverse_root_workspace_len(2)];
/// let mut job = Job::start(&a, 2, &Request::new(Exponent::Root(4)))?;
/// while job.step(&a, &mut workspace, &Portable)? == Progress::Working {
///     // A tick of the firmware, or a look at a flag.
/// }
/// let mut root = [0.0_f64; 3];
/// let report = job.finish(&mut root, &workspace)?;
/// assert_eq!(report.outcome, Outcome::Accepted);
/// assert!((root[2] - 0.5).abs() < 1e-6);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Job<R> {
    task: Task,
    /// The ridge of the first attempt, in units of the scaled input.
    ridge: Ridge,
    /// The ladder: attempts after the first one so far and at most, and the factor of the ridge.
    retry: u32,
    retries: u32,
    factor: f64,
    attempt: Attempt<R>,
    report: Report,
    progress: Progress,
}

impl<R: Real> Job<R> {
    /// Looks at the input once and decides what is to be done.
    ///
    /// **Shapes**: `triangle` n (n + 1) / 2 numbers, rows of the lower triangle. **Errors**: NaN or infinity in the
    /// input, an exponent that is no root or that the method does not compute, an unusable ridge or scale.
    pub fn start<S: Stored<R>>(triangle: &[S], n: usize, request: &Request) -> Result<Self, RootError> {
        let exponent = request.validate()?;
        if !request.ridge.is_usable() {
            return Err(RootError::Ridge { value: request.ridge.figure() });
        }
        check_packed(triangle, n)?;
        let factor = Factor::new(request.scale).ok_or(RootError::Scale { value: request.scale })?;
        let input = Input::new::<R, S>(triangle, n, exponent, request.ridge, factor)?;
        let ridge = input.scaled_ridge(request.ridge);
        let nothing = n == 0 || input.zero && !matches!(ridge, Ridge::Absolute(r) if r > 0.0);
        let max_error = request.max_error.unwrap_or_else(default_max_error::<R>);
        let rounding = input.rounding::<R, S>(exponent);
        let task = Task { input, exponent, request: *request, max_error, rounding, probe_factor: PROBE_FACTOR };
        let attempt = Attempt::start(&task, ridge);
        Ok(Self {
            task,
            ridge,
            retry: 0,
            retries: if ridge.figure() > 0.0 { request.max_retries } else { 0 },
            factor: 1.0,
            attempt,
            report: attempt.report(),
            progress: if nothing { Progress::Done } else { Progress::Working },
        })
    }

    /// The next piece of work, at most about 2 n^3 flops: a row of a reduction or of a back-transform, a sweep, an
    /// iteration with a vector, a product, a factorisation. A probed certificate is one piece, of up to 32 (p + 1) n^2.
    /// [`next_flops`](Job::next_flops) says what it costs.
    ///
    /// **Shapes**: the input as at the start, workspace at least [`inverse_root_workspace_len`]. **Errors**: a buffer
    /// is too short.
    pub fn step<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        triangle: &[S],
        workspace: &mut [R],
        kernel: &K,
    ) -> Result<Progress, RootError> {
        self.advance(triangle, workspace, kernel, Pace::Step)
    }

    /// Flops of the next [`step`](Job::step) at most; 0 where there is none.
    ///
    /// Sums and products count as one, quotients and square roots as 8, powers as 64; a bound, and close to what is done
    /// where the order is far above 8. [`Request::largest_piece`] is the largest that there can be.
    ///
    /// ```
    /// use shampoo_core::linalg::inverse_root::{Exponent, Job, Request};
    /// const REQUEST: Request = Request::new(Exponent::Root(4));
    /// const LARGEST: u64 = REQUEST.largest_piece(2);
    /// let job = Job::<f32>::start(&[2.0_f32, 0.0, 16.0], 2, &REQUEST)?;
    /// assert!(job.next_flops() > 0 && job.next_flops() <= LARGEST);
    /// # Ok::<(), shampoo_core::error::RootError>(())
    /// ```
    pub fn next_flops(&self) -> u64 {
        self.next_flops_by(&Portable)
    }

    /// The same for steps of a kernel that does not [compute](Kernel::computes) everything.
    pub(crate) fn next_flops_by<K: Kernel<R> + ?Sized>(&self, kernel: &K) -> u64 {
        match self.progress {
            Progress::Working => self.attempt.next_flops(&self.task, kernel).saturating_add(flops::OVERHEAD),
            Progress::Done => 0,
        }
    }

    /// Whether there is work left.
    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }

    /// All that is left, see [`step`](Job::step).
    pub fn run<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        triangle: &[S],
        workspace: &mut [R],
        kernel: &K,
    ) -> Result<(), RootError> {
        while self.advance(triangle, workspace, kernel, Pace::Stage)? == Progress::Working {}
        Ok(())
    }

    /// Writes the root, if it is accepted, and reports; [`Outcome::Cancelled`] where there is work left.
    ///
    /// **Errors**: `root` or the workspace has another length than it must have.
    #[inline(never)]
    pub fn finish<S: Stored<R>>(&self, root: &mut [S], workspace: &[R]) -> Result<Report, RootError> {
        let input = &self.task.input;
        check_packed(root, input.n)?;
        let mut report = self.report;
        if self.progress == Progress::Working {
            report.outcome = Outcome::Cancelled;
        } else if report.outcome == Outcome::Accepted {
            let needed = inverse_root_workspace_len(input.n);
            let workspace = workspace.get(..needed).ok_or(length(needed, workspace.len()))?;
            report.outcome = input.store(workspace, self.task.exponent, root);
        }
        report.lambda_max = input.unscaled(report.lambda_max);
        report.ridge = input.unscaled(report.ridge);
        Ok(report)
    }

    fn advance<S: Stored<R>, K: Kernel<R> + ?Sized>(
        &mut self,
        triangle: &[S],
        workspace: &mut [R],
        kernel: &K,
        pace: Pace,
    ) -> Result<Progress, RootError> {
        if self.progress == Progress::Done {
            return Ok(Progress::Done);
        }
        check_packed(triangle, self.task.input.n)?;
        let (needed, found) = (inverse_root_workspace_len(self.task.input.n), workspace.len());
        let workspace = workspace.get_mut(..needed).ok_or(length(needed, found))?;
        if self.attempt.advance(&self.task, triangle, workspace, kernel, pace)? == Progress::Done {
            self.judge();
        }
        Ok(self.progress)
    }

    /// Accepts what the attempt computed, or goes up the ladder.
    #[inline(never)]
    fn judge(&mut self) {
        let attempt = self.attempt.report();
        let promised = attempt.promised + self.task.rounding;
        self.report = Report { retries: self.retry, promised, ..attempt };
        // Written so that a limit of NaN or infinity accepts nothing that has no bound.
        let kept = promised.is_finite() && promised <= self.task.max_error;
        if attempt.outcome == Outcome::Accepted && kept {
            self.progress = Progress::Done;
            return;
        }
        if attempt.outcome == Outcome::Accepted {
            self.report.outcome = Outcome::Uncertified;
        }
        self.factor *= LADDER;
        let raised = self.ridge.times(self.factor);
        // An infinite ridge would make any matrix one without a root.
        let amount = raised.amount(attempt.lambda_max);
        let in_range = R::from_f64(amount).is_finite() && self.task.input.unscaled(amount).is_finite();
        if self.retry < self.retries && raised.is_usable() && in_range {
            self.retry += 1;
            self.attempt = Attempt::start(&self.task, raised);
        } else {
            self.progress = Progress::Done;
        }
    }
}

fn length(needed: usize, found: usize) -> RootError {
    RootError::Shape(ShapeError::Length { needed, found })
}

/// Whether this is the packed triangle of a matrix of order n.
pub(super) fn check_packed<S>(triangle: &[S], n: usize) -> Result<(), RootError> {
    let (needed, found) = (packed_len(n), triangle.len());
    if found == needed { Ok(()) } else { Err(length(needed, found)) }
}

pub(super) fn default_max_error<R: Real>() -> f64 {
    let [double, double_f32, single] = MAX_ERROR;
    match R::UNIT_ROUNDOFF.to_f64() {
        u if u <= f64::EPSILON => double,
        u if u < 1e-12 => double_f32,
        _ => single,
    }
}
