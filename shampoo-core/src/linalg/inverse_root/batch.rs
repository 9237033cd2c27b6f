//! Many roots of one order: eight at a time, each in a lane of its own, where that is what they need.

use super::attempt::Task;
use super::certificate::{self, BATCH_FACTOR, BATCH_PROBES, Uniform};
use super::choice::{choose, choose_table};
use super::input::Input;
use super::job::default_max_error;
use super::request::Factor;
use super::tables::Table;
use super::{Certificate, Exponent, Method, Outcome, Report, Request};
use super::{inverse_root, inverse_root_workspace_len};
use crate::error::RootError;
use crate::kernel::{Evaluation, Kernel, Lanewise, Residual, Terms, lanewise};
use crate::linalg::carve;
use crate::mat::packed::{packed_len, rows_mut};
use crate::scalar::{LANES, Real, Stored, Tile, inverse_radical, radical_4096};

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
pub struct Member<'a, S> {
    /// The packed triangle of the matrix.
    pub triangle: &'a [S],
    /// Where the packed triangle of its root goes.
    pub root: &'a mut [S],
    /// What [`inverse_root`] returns for it.
    pub report: Result<Report, RootError>,
}

impl<'a, S> Member<'a, S> {
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
/// computes and what the first attempt does not settle goes one by one. In lanes the report is that of [`inverse_root`]
/// but for rounding, and for the promise of the probed certificate, which comes from twelve vectors; for even p no
/// factorisation is needed, since the root of positive pivots is positive definite. A matrix that has no root does not disturb the others.
///
/// **Shapes**: triangles and roots n (n + 1) / 2 numbers each; workspace at least [`inverse_roots_workspace_len`] (with
/// less, all go one by one). **Errors**: in each report, as of [`inverse_root`]. **Accuracy**: [`Report::promised`].
/// **Cost**: of eight in lanes on a server that of 1.1 (order 8) to 2.8 (order 32) single ones.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots, inverse_roots_workspace_len};
/// use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Request, Ridge};
///
/// let matrices = [[16.0_f64, 0.0, 1.0], [1.0, 0.0, 81.0], [1.0, 0.0, 1.0], [4.0, 0.0, f64::NAN]];
/// let mut roots = [[0.0; 3]; 4];
/// let mut workspace = [0.0; inverse_roots_workspace_len(2)];
/// let request = Request { ridge: Ridge::Absolute(0.0), ..Request::new(Exponent::Root(4)) };
/// let [a, b, c, d] = &mut roots;
/// let [e, f, g, h] = &matrices;
/// let mut members = [Member::new(e, a), Member::new(f, b), Member::new(g, c), Member::new(h, d)];
/// inverse_roots(&mut members, 2, &request, &mut workspace, &Portable);
/// let [first, second, _, last] = members.map(|member| member.report);
/// assert!(first?.outcome == Outcome::Accepted && second?.outcome == Outcome::Accepted && last.is_err());
/// assert!((roots[0][0] - 0.5).abs() < 1e-6 && (roots[1][2] - 1.0 / 3.0).abs() < 1e-6);
/// # Ok::<(), shampoo_core::error::RootError>(())
/// ```
pub fn inverse_roots<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    members: &mut [Member<'_, S>],
    n: usize,
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
) {
    let worthwhile = members.len() >= FEWEST && workspace.len() >= inverse_roots_workspace_len(n);
    let plan = if worthwhile { Plan::new::<R, S>(n, request) } else { None };
    let Some(plan) = plan else {
        for member in members {
            member.report = inverse_root(member.triangle, n, member.root, request, workspace, kernel);
        }
        return;
    };
    let (probes, workspace) = aligned(workspace).split_at_mut_checked(probes_len(n)).unwrap_or_default();
    let columns = columns(request.certificate, n);
    let probes = probes.get_mut(..n * columns).unwrap_or_default();
    match request.certificate {
        Certificate::Full => identity(probes, n),
        Certificate::Probed => Uniform::new().fill(probes),
    }
    for members in members.chunks_mut(LANES) {
        let mut settled = [false; LANES];
        if members.len() >= FEWEST {
            settled = plan.run(members, probes, workspace, kernel).unwrap_or_default();
        }
        for (member, settled) in members.iter_mut().zip(settled) {
            if !settled {
                member.report = inverse_root(member.triangle, n, member.root, request, workspace, kernel);
            }
        }
    }
}

/// Probes of a certificate; those of the full one are the unit vectors, so that its residual is the matrix itself.
const fn columns(certificate: Certificate, n: usize) -> usize {
    match certificate {
        Certificate::Full => n,
        Certificate::Probed => BATCH_PROBES,
    }
}

/// Numbers for the probes, up to the end of a cache line.
const fn probes_len(n: usize) -> usize {
    n.saturating_mul(if n > BATCH_PROBES { n } else { BATCH_PROBES }).div_ceil(LINE).saturating_mul(LINE)
}

fn identity<R: Real>(square: &mut [R], n: usize) {
    square.fill(R::zero());
    square.iter_mut().step_by(n.saturating_add(1)).for_each(|x| *x = R::one());
}

/// The part of a workspace that begins with a cache line, if there is one.
fn aligned<R>(workspace: &mut [R]) -> &mut [R] {
    let offset = workspace.as_ptr().align_offset(LINE_BYTES);
    workspace.get_mut(if offset < LINE { offset } else { 0 }..).unwrap_or_default()
}

/// What all groups of eight have in common.
#[derive(Clone, Copy)]
struct Plan {
    n: usize,
    p: u32,
    table: &'static Table,
    task: Task,
}

/// One lane on its way.
#[derive(Clone, Copy)]
struct Lane {
    input: Input,
    /// Largest eigenvalue without the ridge, of the scaled input.
    lambda_max: f64,
    /// Of the scaled input.
    ridge: f64,
}

impl Plan {
    /// `None` where lanes are not what the request needs.
    fn new<R: Real, S: Stored<R>>(n: usize, request: &Request) -> Option<Self> {
        let exponent = request.validate().ok()?;
        let factor = Factor::new(request.scale)?;
        let Exponent::Root(p) = exponent else { return None };
        let max_error = request.max_error.unwrap_or_else(default_max_error::<R>);
        // The method depends on the order of the input, not on its numbers.
        let input = Input { n, shift: 0, factor, zero: false };
        let rounding = input.rounding::<R, S>(exponent);
        let task = Task { input, exponent, request: *request, max_error, rounding, probe_factor: BATCH_FACTOR };
        let rational = choose::<R>(&task, request.ridge).method == Method::Rational;
        // Alone, double-f32 has a way back in `f32`, which eight lanes do not make up for.
        if !rational || !request.ridge.is_usable() || !(1..=LARGEST_ORDER).contains(&n) || !R::TRANSFORM_IS_PLAIN {
            return None;
        }
        Some(Self { n, p, table: choose_table::<R>(p, &task)?, task })
    }

    /// Up to eight roots; whether each is settled. `None` where the workspace is too short.
    fn run<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
        &self,
        members: &mut [Member<'_, S>],
        probes: &[R],
        workspace: &mut [R],
        kernel: &K,
    ) -> Option<[bool; LANES]> {
        let mut settled = [false; LANES];
        let mut lanes = [None; LANES];
        for ((member, lane), settled) in members.iter_mut().zip(&mut lanes).zip(&mut settled) {
            if member.triangle.len() != packed_len(self.n) || member.root.len() != packed_len(self.n) {
                continue;
            }
            let Task { input, exponent, request, .. } = &self.task;
            match Input::new::<R, S>(member.triangle, self.n, *exponent, request.ridge, input.factor) {
                Ok(input) if input.zero => {}
                Ok(input) => *lane = Some(Lane { input, lambda_max: 0.0, ridge: 0.0 }),
                Err(error) => (member.report, *settled) = (Err(error), true),
            }
        }

        let mut rest = workspace.as_chunks_mut::<LANES>().0;
        let triangle = packed_len(self.n);
        let matrices = carve(&mut rest, triangle)?;
        let kept = carve(&mut rest, triangle)?;
        let roots = carve(&mut rest, triangle)?;
        let scratch = carve(&mut rest, lanewise::scratch_len(self.n))?;
        let residual = carve(&mut rest, lanewise::residual_len(self.n))?;
        self.load(members, &lanes, kept);
        for (to, from) in matrices.iter_mut().zip(kept.iter()) {
            *to = *from;
        }

        let mut work = Lanewise { order: self.n, matrices, roots, scratch };
        let largest = kernel.reduce_lanes(&mut work);
        let terms = Terms::new(self.table.poles(), R::one())?;
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
            columns: columns(self.task.request.certificate, self.n),
            scratch: residual,
        });
        let found = smallest.into_iter().zip(squares).zip(magnitudes(roots)).enumerate();
        for (((member, lane), settled), (at, ((smallest, square), magnitude))) in
            members.iter_mut().zip(&lanes).zip(&mut settled).zip(found)
        {
            let Some(lane) = lane else { continue };
            if smallest.is_nan() || smallest <= R::zero() {
                continue;
            }
            let kappa = (lane.lambda_max + lane.ridge) / smallest.to_f64();
            let Some(report) = self.judge::<R, S, K>(lane, kappa, square, kernel) else { continue };
            let entries = roots.iter().filter_map(|tile| tile.get(at)).copied();
            let stored = lane.input.store_entries(entries, magnitude, self.task.exponent, member.root);
            if stored == Outcome::Accepted {
                (member.report, *settled) = (Ok(report), true);
            }
        }
        Some(settled)
    }

    /// The scaled matrices side by side; the identity where there is none.
    fn load<R: Real, S: Stored<R>>(
        &self,
        members: &[Member<'_, S>],
        lanes: &[Option<Lane>; LANES],
        triangles: &mut [Tile<R>],
    ) {
        let mut members = members.iter();
        for (at, lane) in lanes.iter().enumerate() {
            match (lane, members.next()) {
                (Some(lane), Some(member)) => lane.input.load_lane(member.triangle, triangles, at),
                _ => {
                    triangles.iter_mut().filter_map(|tile| tile.get_mut(at)).for_each(|x| *x = R::zero());
                    diagonal(triangles).filter_map(|tile| tile.get_mut(at)).for_each(|x| *x = R::one());
                }
            }
        }
    }

    /// Ridges and bounds; a lane without a bound is left out.
    fn evaluation<'t, R: Real>(
        &self,
        lanes: &mut [Option<Lane>; LANES],
        [values, bounds]: [Tile<R>; 2],
        terms: &'t Terms<R>,
    ) -> Evaluation<'t, R> {
        let lowest = R::from_f64(self.table.lower()).maximum(R::UNIT_ROUNDOFF);
        let mut evaluation = Evaluation {
            ridges: [R::zero(); LANES],
            bounds: [R::one(); LANES],
            factors: [R::one(); LANES],
            constant: R::from_f64(self.table.constant()),
            terms,
            lowest,
            fine: radical_4096(R::one() / lowest),
        };
        let to = evaluation.ridges.iter_mut().zip(&mut evaluation.bounds).zip(&mut evaluation.factors);
        let found = values.into_iter().zip(bounds);
        for ((lane, (value, bound)), ((to_ridge, to_bound), to_factor)) in lanes.iter_mut().zip(found).zip(to) {
            let Some(own) = lane else { continue };
            let ridge = own.input.scaled_ridge(self.task.request.ridge).amount(value.to_f64());
            let ridge = R::from_f64(ridge);
            let bound = bound + ridge;
            if !bound.is_finite() || bound <= R::zero() {
                *lane = None;
                continue;
            }
            (own.lambda_max, own.ridge) = (value.to_f64(), ridge.to_f64());
            (*to_ridge, *to_bound) = (ridge, bound);
            *to_factor = inverse_radical(bound, self.p);
        }
        evaluation
    }

    /// The report of a root that is promised to be good enough.
    fn judge<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
        &self,
        lane: &Lane,
        kappa: f64,
        square: R,
        kernel: &K,
    ) -> Option<Report> {
        let Lane { input, lambda_max, ridge } = lane;
        let residual = match self.task.request.certificate {
            Certificate::Full => libm::sqrt(square.to_f64()),
            Certificate::Probed => BATCH_FACTOR * libm::sqrt(square.to_f64() / BATCH_PROBES as f64),
        };
        let residual = residual + certificate::allowance(self.n, self.p, kappa, kernel);
        let promised = certificate::promise(residual, self.p) + input.rounding::<R, S>(self.task.exponent);
        // Written so that a limit of NaN accepts nothing.
        (promised.is_finite() && promised <= self.task.max_error).then(|| {
            let mut report = Report {
                outcome: Outcome::Accepted,
                iterations: u32::try_from(self.table.poles().len()).unwrap_or(u32::MAX),
                indicator: self.table.sup_relative_error(),
                promised,
                lambda_max: input.unscaled(*lambda_max),
                rank: self.n,
                ridge: input.unscaled(*ridge),
                ..Report::nothing(Method::Rational)
            };
            report.set_kappa(kappa, self.task.exponent);
            report
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
