//! Who computes the roots: adding a contender is adding a row.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable, TiledTriangle};
use shampoo_core::linalg::inverse_root::batch::LARGEST_ORDER;
use shampoo_core::linalg::inverse_root::coupled_newton::{self, CoupledNewton};
use shampoo_core::linalg::inverse_root::rational::{self, Rational, State, matrix_len, row_stride};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Report, Request, Ridge};
use shampoo_core::linalg::inverse_root::{Extent, Scaling, Stop, tables};
use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
use shampoo_core::linalg::norm::norm;
use shampoo_core::linalg::power_iteration::largest_eigenvalue;
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::LANES;
use shampoo_runtime::RootBatch;
use shampoo_runtime::heap::Workspace;
use shampoo_runtime::kernel::{Instructions, Server};

use super::faer_root::FaerRoot;
use super::inputs::{ORDER, RIDGE};

/// A way to compute a root.
#[derive(Clone, Copy)]
pub(super) struct Contender {
    pub(super) method: &'static str,
    pub(super) kernel: &'static str,
    pub(super) certificate: &'static str,
    /// What it takes part in.
    parts: Parts,
    /// A worker for matrices of an order; `None` where the processor lacks the instructions.
    make: fn(usize) -> Option<Box<dyn Worker + Send>>,
}

/// What a contender takes part in.
#[derive(Clone, Copy, PartialEq)]
enum Parts {
    /// Single roots and batches.
    All,
    /// Single roots.
    Single,
    /// Batches of small matrices.
    SmallBatches,
}

/// Computes the roots of packed triangles in memory of its own.
pub(super) trait Worker {
    /// Whether there is a root.
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool;

    /// Whether there are all roots, of triangles of so many numbers.
    fn roots(&mut self, triangles: &[f32], roots: &mut [f32], length: usize) -> bool {
        let pairs = triangles.chunks(length).zip(roots.chunks_mut(length));
        pairs.fold(true, |found, (triangle, root)| self.root(triangle, root) && found)
    }
}

impl Contender {
    pub(super) fn worker(&self, n: usize) -> Option<Box<dyn Worker + Send>> {
        (self.make)(n)
    }

    /// Whether it takes part in so many matrices of order n at a time.
    pub(super) fn takes_part(&self, n: usize, count: usize) -> bool {
        match self.parts {
            Parts::All => true,
            Parts::Single => count == 1,
            Parts::SmallBatches => count > 1 && n <= LARGEST_ORDER,
        }
    }
}

/// All of them, the baseline first.
pub(super) const CONTENDERS: &[Contender] = &[
    contender("faer", "own dispatch", "none", Parts::All, |n| Some(Box::new(FaerRoot::new(n)))),
    contender("rational", "server", "none", Parts::All, |n| Some(Box::new(Bare::new(n, Server::new())))),
    contender("rational", "server", "probed", Parts::All, |n| certified(n, Method::Rational, Certificate::Probed)),
    contender("rational", "server", "full", Parts::All, |n| certified(n, Method::Rational, Certificate::Full)),
    contender("rational", "server, lanes", "probed", Parts::SmallBatches, |n| in_lanes(n, Certificate::Probed)),
    contender("rational", "server, lanes", "full", Parts::SmallBatches, |n| in_lanes(n, Certificate::Full)),
    contender("rational", "avx2", "none", Parts::Single, |n| {
        Some(Box::new(Bare::new(n, Server::up_to(Instructions::Avx2)?)))
    }),
    contender("rational", "portable", "none", Parts::Single, |n| Some(Box::new(Bare::new(n, Portable)))),
    contender("coupled_newton", "server", "none", Parts::All, |n| Some(Box::new(Newton::new(n)))),
    contender("coupled_newton", "server", "probed", Parts::Single, |n| {
        certified(n, Method::CoupledNewton, Certificate::Probed)
    }),
    contender("coupled_newton", "server", "full", Parts::All, |n| {
        certified(n, Method::CoupledNewton, Certificate::Full)
    }),
];

const fn contender(
    method: &'static str,
    kernel: &'static str,
    certificate: &'static str,
    parts: Parts,
    make: fn(usize) -> Option<Box<dyn Worker + Send>>,
) -> Contender {
    Contender { method, kernel, certificate, parts, make }
}

impl Worker for FaerRoot {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        Self::root(self, triangle, root).is_some()
    }
}

/// The whole request, as an optimizer makes it.
struct Certified {
    n: usize,
    request: Request,
    workspace: Workspace<f64>,
    kernel: Server,
}

const fn request(method: Method, certificate: Certificate) -> Request {
    Request { method, certificate, ridge: Ridge::Relative(RIDGE), ..Request::new(Exponent::Root(ORDER)) }
}

fn certified(n: usize, method: Method, certificate: Certificate) -> Option<Box<dyn Worker + Send>> {
    let request = request(method, certificate);
    let workspace = Workspace::new(inverse_root_workspace_len(n))?;
    Some(Box::new(Certified { n, request, workspace, kernel: Server::new() }))
}

impl Worker for Certified {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        let report = inverse_root(triangle, self.n, root, &self.request, self.workspace.numbers(), &self.kernel);
        report.is_ok_and(|report| report.outcome == Outcome::Accepted && report.retries == 0)
    }
}

/// The same eight at a time, by the runtime's batch on one thread.
struct InLanes {
    batch: RootBatch<f64>,
    request: Request,
}

fn in_lanes(n: usize, certificate: Certificate) -> Option<Box<dyn Worker + Send>> {
    let (batch, request) = (RootBatch::new(n, Some(1)).ok()?, request(Method::Rational, certificate));
    Some(Box::new(InLanes { batch, request }))
}

impl Worker for InLanes {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        let length = triangle.len();
        self.roots(triangle, root, length)
    }

    fn roots(&mut self, triangles: &[f32], roots: &mut [f32], _: usize) -> bool {
        let reports = self.batch.run(triangles, roots, &self.request);
        let found = |report: &Report| report.outcome == Outcome::Accepted && report.retries == 0;
        reports.iter().all(|report| report.as_ref().is_ok_and(found))
    }
}

/// The rational root without a certificate.
struct Bare<K> {
    n: usize,
    matrix: Workspace<f64>,
    workspace: Workspace<f64>,
    kernel: K,
}

impl<K> Bare<K> {
    fn new(n: usize, kernel: K) -> Self {
        let make = |length| Workspace::new(length).unwrap_or_else(|| panic!("no memory for {length} numbers"));
        Self { n, matrix: make(matrix_len(n)), workspace: make(rational::workspace_len(n, tables::MAX_POLES)), kernel }
    }
}

impl<K: Kernel<f64>> Worker for Bare<K> {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        let (n, stride) = (self.n, row_stride(self.n));
        let Some(table) = tables::table(ORDER) else { return false };
        let data = self.matrix.numbers();
        let mut entries = triangle.iter();
        for (i, row) in data.chunks_mut(stride).take(n).enumerate() {
            row.iter_mut().take(i + 1).zip(&mut entries).for_each(|(to, &x)| *to = f64::from(x));
        }
        for start in (0..n).step_by(LANES) {
            for (i, j) in (start..n.min(start + LANES)).flat_map(|i| (start..i).map(move |j| (i, j))) {
                data[j * stride + i] = data[i * stride + j];
            }
        }
        let mut rational = Rational::start(n, table, Ridge::Relative(RIDGE));
        let matrix = TiledTriangle { data, stride, order: n };
        if rational.run(matrix, self.workspace.numbers(), &self.kernel).is_err() {
            return false;
        }
        let mut entries = root.iter_mut();
        for (i, row) in self.matrix.numbers().chunks(stride).take(n).enumerate() {
            row.iter().take(i + 1).zip(&mut entries).for_each(|(&x, to)| *to = x as f32);
        }
        rational.spectrum().state == State::Definite
    }
}

/// Coupled Newton without a certificate, scaled by the largest eigenvalue.
struct Newton {
    n: usize,
    matrix: Workspace<f64>,
    workspace: Workspace<f64>,
    kernel: Server,
}

impl Newton {
    fn new(n: usize) -> Self {
        let make = |length| Workspace::new(length).unwrap_or_else(|| panic!("no memory for {length} numbers"));
        let length = coupled_newton::workspace_len(n);
        Self { n, matrix: make(n * n), workspace: make(length), kernel: Server::new() }
    }
}

impl Worker for Newton {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        self.try_root(triangle, root).is_ok_and(|converged| converged)
    }
}

impl Newton {
    fn try_root(&mut self, triangle: &[f32], root: &mut [f32]) -> Result<bool, RootError> {
        let (n, kernel) = (self.n, &self.kernel);
        let (matrix, workspace) = (self.matrix.numbers(), self.workspace.numbers());
        let mut entries = triangle.iter();
        for (i, row) in matrix.chunks_mut(n).enumerate() {
            row.iter_mut().take(i + 1).zip(&mut entries).for_each(|(to, &x)| *to = f64::from(x));
        }
        MatMut::new(&mut *matrix, n, n)?.mirror_lower();
        let largest = largest_eigenvalue(MatRef::new(matrix, n, n)?, workspace, kernel)?.value;
        matrix.iter_mut().step_by(n + 1).for_each(|x| *x += RIDGE * largest);
        let frobenius = norm(matrix, kernel);
        let known = Extent { frobenius, largest: Some(largest * (1.0 + RIDGE)), smallest: RIDGE * largest };
        let z = Scaling::Auto.factor(ORDER, known);
        let mut newton = CoupledNewton::start(MatRef::new(matrix, n, n)?, ORDER, z, workspace)?.rescaled();
        newton.run(workspace, kernel)?;
        let mut entries = root.iter_mut();
        let x = newton.root(workspace);
        for i in 0..n {
            x.row_entries(i).take(i + 1).zip(&mut entries).for_each(|(x, to)| *to = x as f32);
        }
        Ok(newton.stop() == Some(Stop::Tolerance))
    }
}
