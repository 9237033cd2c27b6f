//! Who computes the roots: adding a contender is adding a row.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable, TiledTriangle};
use shampoo_core::linalg::inverse_root::coupled_newton::{self, CoupledNewton};
use shampoo_core::linalg::inverse_root::rational::{self, Rational, State, matrix_len, row_stride};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Request, Ridge};
use shampoo_core::linalg::inverse_root::{Extent, Scaling, Stop, tables};
use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
use shampoo_core::linalg::norm::norm;
use shampoo_core::linalg::power_iteration::largest_eigenvalue;
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::LANES;
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
    /// Whether it takes part in batches.
    pub(super) in_batches: bool,
    /// A worker for matrices of an order; `None` where the processor lacks the instructions.
    make: fn(usize) -> Option<Box<dyn Worker + Send>>,
}

/// Computes the root of one packed triangle after the other in memory of its own.
pub(super) trait Worker {
    /// Whether there is a root.
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool;
}

impl Contender {
    pub(super) fn worker(&self, n: usize) -> Option<Box<dyn Worker + Send>> {
        (self.make)(n)
    }
}

/// All of them, the baseline first.
pub(super) const CONTENDERS: &[Contender] = &[
    contender("faer", "own dispatch", "none", true, |n| Some(Box::new(FaerRoot::new(n)))),
    contender("rational", "server", "none", true, |n| Some(Box::new(Bare::new(n, Server::new())))),
    contender("rational", "server", "probed", true, |n| certified(n, Method::Rational, Certificate::Probed)),
    contender("rational", "server", "full", false, |n| certified(n, Method::Rational, Certificate::Full)),
    contender("rational", "avx2", "none", false, |n| Some(Box::new(Bare::new(n, Server::up_to(Instructions::Avx2)?)))),
    contender("rational", "portable", "none", false, |n| Some(Box::new(Bare::new(n, Portable)))),
    contender("coupled_newton", "server", "none", false, |n| Some(Box::new(Newton::new(n)))),
    contender("coupled_newton", "server", "probed", false, |n| {
        certified(n, Method::CoupledNewton, Certificate::Probed)
    }),
    contender("coupled_newton", "server", "full", false, |n| certified(n, Method::CoupledNewton, Certificate::Full)),
];

const fn contender(
    method: &'static str,
    kernel: &'static str,
    certificate: &'static str,
    in_batches: bool,
    make: fn(usize) -> Option<Box<dyn Worker + Send>>,
) -> Contender {
    Contender { method, kernel, certificate, in_batches, make }
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

fn certified(n: usize, method: Method, certificate: Certificate) -> Option<Box<dyn Worker + Send>> {
    let request = Request { method, certificate, ridge: Ridge::Relative(RIDGE), ..Request::new(Exponent::Root(ORDER)) };
    let workspace = Workspace::new(inverse_root_workspace_len(n))?;
    Some(Box::new(Certified { n, request, workspace, kernel: Server::new() }))
}

impl Worker for Certified {
    fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> bool {
        let report = inverse_root(triangle, self.n, root, &self.request, self.workspace.numbers(), &self.kernel);
        report.is_ok_and(|report| report.outcome == Outcome::Accepted && report.retries == 0)
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
        let mut newton = CoupledNewton::start(MatRef::new(matrix, n, n)?, ORDER, z, workspace)?;
        newton.run(workspace, kernel)?;
        let mut entries = root.iter_mut();
        let x = newton.root(workspace);
        for i in 0..n {
            x.row_entries(i).take(i + 1).zip(&mut entries).for_each(|(x, to)| *to = x as f32);
        }
        Ok(newton.stop() == Some(Stop::Tolerance))
    }
}
