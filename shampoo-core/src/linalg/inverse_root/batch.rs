//! Many roots of one order: eight at a time, each in a lane of its own, where that is what they need.

use super::attempt::choose;
use super::certificate::{self, PROBE_FACTOR, PROBES, fill_gaussian};
use super::input::Input;
use super::tables::{self, Table};
use super::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};
use super::{default_max_error, inverse_root, inverse_root_workspace_len};
use crate::error::RootError;
use crate::kernel::{Evaluation, Kernel, Lanewise, Residual, Terms, lanewise};
use crate::linalg::carve;
use crate::mat::MatMut;
use crate::mat::packed::{packed_len, rows_mut};
use crate::scalar::{LANES, Real, Stored, Tile};

/// Orders up to this one are computed in lanes: beyond, eight triangles outgrow the nearest cache.
pub const LARGEST_ORDER: usize = 32;

/// Fewer matrices than this are computed one by one: eight lanes take as long as two to three of them.
const FEWEST: usize = 3;

/// Numbers from one cache line to the next, at most.
const LINE: usize = 16;

/// Bytes of a cache line: a tile that straddles two of them costs two loads.
const LINE_BYTES: usize = 64;

/// One of many roots.
#[derive(Debug)]
pub struct Job<'a, S> {
    /// The packed triangle of the matrix.
    pub triangle: &'a [S],
    /// Where the packed triangle of its root goes.
    pub root: &'a mut [S],
    /// What [`inverse_root`] returns for it.
    pub report: Result<Report, RootError>,
}

impl<'a, S> Job<'a, S> {
    /// A root to be computed.
    pub const fn new(triangle: &'a [S], root: &'a mut [S]) -> Self {
        Self { triangle, root, report: Ok(Report::nothing(Method::Auto)) }
    }
}

/// Numbers of workspace for [`inverse_roots`] of order n; saturates where it overflows.
pub const fn inverse_roots_workspace_len(n: usize) -> usize {
    let single = inverse_root_workspace_len(n);
    if n > LARGEST_ORDER {
        return single;
    }
    let lanes = tiles(n).saturating_mul(LANES);
    let larger = if lanes > single { lanes } else { single };
    larger.saturating_add(probes_len(n)).saturating_add(LINE)
}

/// Tiles for eight roots.
const fn tiles(n: usize) -> usize {
    let triangles = packed_len(n).saturating_mul(3);
    triangles.saturating_add(lanewise::scratch_len(n)).saturating_add(lanewise::residual_len(n))
}

/// The roots (A + r I)^(-alpha) of many packed triangles of one order, each as [`inverse_root`] computes it.
///
/// Eight at a time where the method is the rational one and the order small; what is left over, what another method
/// computes and what the first attempt does not settle goes one by one. In lanes the promise and the rest of the report
/// are those of [`inverse_root`] but for rounding; no factorisation is needed, since the root of positive pivots is
/// positive definite. A matrix that has no root does not disturb the others.
///
/// **Shapes**: triangles and roots n (n + 1) / 2 numbers each; workspace at least [`inverse_roots_workspace_len`] (with
/// less, all go one by one). **Errors**: in each report, as of [`inverse_root`]. **Accuracy**: [`Report::promised`].
/// **Cost**: of eight in lanes on a server about that of two to three.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::batch::{Job, inverse_roots, inverse_roots_workspace_len};
/// use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Request, Ridge};
///
/// let matrices = [[16.0_f64, 0.0, 1.0], [1.0, 0.0, 81.0], [1.0, 0.0, 1.0], [4.0, 0.0, f64::NAN]];
/// let mut roots = [[0.0; 3]; 4];
/// let mut workspace = [0.0; inverse_roots_workspace_len(2)];
/// let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(4)) };
/// let [a, b, c, d] = &mut roots;
/// let [e, f, g, h] = &matrices;
/// let mut jobs = [Job::new(e, a), Job::new(f, b), Job::new(g, c), Job::new(h, d)];
/// inverse_roots(&mut jobs, 2, &request, &mut workspace, &Portable);
/// let [first, second, _, last] = jobs.map(|job| job.report);
/// assert!(first?.outcome == Outcome::Accepted && second?.outcome == Outcome::Accepted && last.is_err());
/// assert!((roots[0][0] - 0.5).abs() < 1e-6 && (roots[1][2] - 1.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
pub fn inverse_roots<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    jobs: &mut [Job<'_, S>],
    n: usize,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) {
    let worthwhile = jobs.len() >= FEWEST && workspace.len() >= inverse_roots_workspace_len(n);
    let plan = if worthwhile { Plan::new::<R>(n, request) } else { None };
    let Some(plan) = plan else {
        for job in jobs {
            job.report = inverse_root(job.triangle, n, job.root, request, workspace, kernel);
        }
        return;
    };
    let (probes, workspace) = aligned(workspace).split_at_mut_checked(probes_len(n)).unwrap_or_default();
    let columns = columns(request.certificate, n);
    let probes = probes.get_mut(..n * columns).unwrap_or_default();
    if let Ok(mut probes) = MatMut::new(&mut *probes, n, columns) {
        match request.certificate {
            Certificate::Full => identity(&mut probes),
            Certificate::Probed => fill_gaussian(&mut probes),
        }
    }
    for jobs in jobs.chunks_mut(LANES) {
        let mut settled = [false; LANES];
        if jobs.len() >= FEWEST {
            settled = plan.run(jobs, probes, workspace, kernel).unwrap_or_default();
        }
        for (job, settled) in jobs.iter_mut().zip(settled) {
            if !settled {
                job.report = inverse_root(job.triangle, n, job.root, request, workspace, kernel);
            }
        }
    }
}

/// Probes of a certificate; those of the full one are the unit vectors, so that its residual is the matrix itself.
const fn columns(certificate: Certificate, n: usize) -> usize {
    match certificate {
        Certificate::Full => n,
        Certificate::Probed => PROBES,
    }
}

/// Numbers for the probes, up to the end of a cache line.
const fn probes_len(n: usize) -> usize {
    n.saturating_mul(if n > PROBES { n } else { PROBES }).next_multiple_of(LINE)
}

fn identity<R: Real>(square: &mut MatMut<'_, R>) {
    for (i, row) in square.rows_mut().enumerate() {
        row.fill(R::zero());
        if let Some(x) = row.get_mut(i) {
            *x = R::one();
        }
    }
}

/// The part of a workspace that begins with a cache line, if there is one.
fn aligned<R>(workspace: &mut [R]) -> &mut [R] {
    let offset = workspace.as_ptr().align_offset(LINE_BYTES);
    workspace.get_mut(if offset < LINE { offset } else { 0 }..).unwrap_or_default()
}

/// What all groups of eight have in common.
#[derive(Clone, Copy)]
struct Plan<'a> {
    n: usize,
    p: u32,
    table: &'static Table,
    request: &'a Request,
}

/// One lane on its way.
struct Lane<'a, S> {
    input: Input<'a, S>,
    /// Largest eigenvalue without the ridge, of the scaled input.
    lambda_max: f64,
    /// Of the scaled input.
    ridge: f64,
}

impl<'a> Plan<'a> {
    /// `None` where lanes are not what the request needs.
    fn new<R: Real>(n: usize, request: &'a Request) -> Option<Self> {
        let exponent = request.validate().ok()?;
        let Exponent::Root(p) = exponent else { return None };
        let rational = choose(request, exponent, request.ridge).0 == Method::Rational;
        // Alone, double-f32 has a way back in `f32`, which eight lanes do not make up for.
        if !rational || !request.ridge.is_usable() || !(1..=LARGEST_ORDER).contains(&n) || !R::TRANSFORM_IS_PLAIN {
            return None;
        }
        Some(Self { n, p, table: tables::table(p)?, request })
    }

    /// Up to eight roots; whether each is settled. `None` where the workspace is too short.
    fn run<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
        &self,
        jobs: &mut [Job<'_, S>],
        probes: &[R],
        workspace: &mut [R],
        kernel: &K,
    ) -> Option<[bool; LANES]> {
        let mut settled = [false; LANES];
        let mut lanes = [const { None }; LANES];
        for ((job, lane), settled) in jobs.iter_mut().zip(&mut lanes).zip(&mut settled) {
            if job.triangle.len() != packed_len(self.n) || job.root.len() != packed_len(self.n) {
                continue;
            }
            match Input::new::<R>(job.triangle, self.n, Exponent::Root(self.p), self.request.ridge) {
                Ok(input) if input.zero => {}
                Ok(input) => *lane = Some(Lane { input, lambda_max: 0.0, ridge: 0.0 }),
                Err(error) => (job.report, *settled) = (Err(error), true),
            }
        }

        let mut rest = workspace.as_chunks_mut::<LANES>().0;
        let triangle = packed_len(self.n);
        let matrices = carve(&mut rest, triangle)?;
        let kept = carve(&mut rest, triangle)?;
        let roots = carve(&mut rest, triangle)?;
        let scratch = carve(&mut rest, lanewise::scratch_len(self.n))?;
        let residual = carve(&mut rest, lanewise::residual_len(self.n))?;
        self.load(&lanes, kept);
        for (to, from) in matrices.iter_mut().zip(kept.iter()) {
            *to = *from;
        }

        let mut work = Lanewise { order: self.n, matrices, roots, scratch };
        let largest = kernel.reduce_lanes(&mut work);
        let terms = Terms::new(self.table.shifts, self.table.weights, R::one());
        let evaluation = self.evaluation(&mut lanes, largest, &terms);
        let smallest = kernel.roots_of_lanes(&mut work, &evaluation);
        let Lanewise { matrices, roots, .. } = work;
        for tile in diagonal(kept) {
            for (x, &ridge) in tile.iter_mut().zip(&evaluation.ridges) {
                *x += ridge;
            }
        }
        let squares = kernel.residuals_of_lanes(Residual {
            order: self.n,
            root: self.p,
            matrices: kept,
            roots,
            factors: matrices,
            probes,
            columns: columns(self.request.certificate, self.n),
            scratch: residual,
        });
        let found = smallest.into_iter().zip(squares).zip(magnitudes(roots)).enumerate();
        for (((job, lane), settled), (at, ((smallest, square), magnitude))) in
            jobs.iter_mut().zip(&lanes).zip(&mut settled).zip(found)
        {
            let Some(lane) = lane else { continue };
            if smallest.is_nan() || smallest <= R::zero() {
                continue;
            }
            let kappa = (lane.lambda_max + lane.ridge) / smallest.to_f64();
            let Some(report) = self.judge(lane, kappa, square) else { continue };
            let entries = roots.iter().filter_map(|tile| tile.get(at)).copied();
            let stored = lane.input.store_entries(entries, magnitude, Exponent::Root(self.p), job.root);
            if stored == Outcome::Accepted {
                (job.report, *settled) = (Ok(report), true);
            }
        }
        Some(settled)
    }

    /// The scaled matrices side by side; the identity where there is none.
    fn load<R: Real, S: Stored<R>>(&self, lanes: &[Option<Lane<'_, S>>; LANES], triangles: &mut [Tile<R>]) {
        for (at, lane) in lanes.iter().enumerate() {
            match lane {
                Some(lane) => lane.input.load_lane(triangles, at),
                None => {
                    triangles.iter_mut().filter_map(|tile| tile.get_mut(at)).for_each(|x| *x = R::zero());
                    diagonal(triangles).filter_map(|tile| tile.get_mut(at)).for_each(|x| *x = R::one());
                }
            }
        }
    }

    /// Ridges and bounds; a lane without a bound is left out.
    fn evaluation<'t, R: Real, S: Stored<R>>(
        &self,
        lanes: &mut [Option<Lane<'_, S>>; LANES],
        [values, bounds]: [Tile<R>; 2],
        terms: &'t Terms<R>,
    ) -> Evaluation<'t, R> {
        let lowest = R::from_f64(self.table.lower).maximum(R::UNIT_ROUNDOFF);
        let mut evaluation = Evaluation {
            ridges: [R::zero(); LANES],
            bounds: [R::one(); LANES],
            factors: [R::one(); LANES],
            constant: R::from_f64(self.table.constant),
            terms,
            lowest,
            fine: (R::one() / lowest).powf(R::from_f64(1.0 / 4096.0)),
        };
        let to = evaluation.ridges.iter_mut().zip(&mut evaluation.bounds).zip(&mut evaluation.factors);
        let found = values.into_iter().zip(bounds);
        for ((lane, (value, bound)), ((to_ridge, to_bound), to_factor)) in lanes.iter_mut().zip(found).zip(to) {
            let Some(own) = lane else { continue };
            let ridge = match self.request.ridge {
                Ridge::Absolute(r) => libm::scalbn(r, -own.input.shift),
                relative => relative.amount(value.to_f64()),
            };
            let ridge = R::from_f64(ridge);
            let bound = bound + ridge;
            if !bound.is_finite() || bound <= R::zero() {
                *lane = None;
                continue;
            }
            (own.lambda_max, own.ridge) = (value.to_f64(), ridge.to_f64());
            (*to_ridge, *to_bound) = (ridge, bound);
            *to_factor = bound.powf(-R::from_f64(1.0 / f64::from(self.p)));
        }
        evaluation
    }

    /// The report of a root that is promised to be good enough.
    fn judge<R: Real, S: Stored<R>>(&self, lane: &Lane<'_, S>, kappa: f64, square: R) -> Option<Report> {
        let Lane { input, lambda_max, ridge } = lane;
        let residual = match self.request.certificate {
            Certificate::Full => libm::sqrt(square.to_f64()),
            Certificate::Probed => PROBE_FACTOR * libm::sqrt(square.to_f64() / PROBES as f64),
        };
        let residual = residual + certificate::allowance::<R>(self.n, self.p, kappa);
        let promised = certificate::promise(residual, self.p) + input.rounding::<R>(Exponent::Root(self.p));
        let max_error = self.request.max_error.unwrap_or_else(default_max_error::<R>);
        // Written so that a limit of NaN accepts nothing.
        (promised.is_finite() && promised <= max_error).then(|| Report {
            outcome: Outcome::Accepted,
            iterations: u32::try_from(self.table.shifts.len()).unwrap_or(u32::MAX),
            indicator: self.table.sup_relative_error,
            promised,
            lambda_max: libm::scalbn(*lambda_max, input.shift),
            kappa,
            rank: self.n,
            ridge: libm::scalbn(*ridge, input.shift),
            ..Report::nothing(Method::Rational)
        })
    }
}

/// Largest magnitude in each lane, of numbers of which none is NaN.
fn magnitudes<R: Real>(triangles: &[Tile<R>]) -> Tile<R> {
    let mut largest = [R::zero(); LANES];
    for tile in triangles {
        for (largest, x) in largest.iter_mut().zip(tile) {
            *largest = largest.maximum(x.abs());
        }
    }
    largest
}

/// The diagonal entries of a triangle.
fn diagonal<T>(triangle: &mut [Tile<T>]) -> impl Iterator<Item = &mut Tile<T>> {
    rows_mut(triangle).filter_map(<[_]>::last_mut)
}
