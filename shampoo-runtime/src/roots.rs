//! Many inverse roots of one order at once: one matrix a thread, or eight in lanes, every thread with a workspace of its
//! own.

use std::sync::{Mutex, PoisonError};

use shampoo_core::error::RootError;
use shampoo_core::kernel::Kernel;
use shampoo_core::linalg::inverse_root::batch::{LARGEST_ORDER, Member, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::{Report, Request};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{LANES, Real, Stored};

use crate::error::Error;
use crate::executor::{Executor, Halve};
use crate::heap::Workspace;
use crate::kernel::Server;

/// Matrices in a piece of work: those that are computed side by side in lanes, whoever computes them; else one.
const fn piece(n: usize) -> usize {
    if n <= LARGEST_ORDER { LANES } else { 1 }
}

/// Why a root of a batch was not computed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum BatchError {
    /// The matrix or the request cannot work.
    #[error("{0}")]
    Root(#[from] RootError),
    /// The worker panicked, here or at a matrix beside it; the root is unchanged, half written or complete.
    #[error("the worker panicked")]
    Panicked,
}

/// Threads and workspaces for roots of matrices of one order.
///
/// ```
/// use shampoo_runtime::RootBatch;
/// use shampoo_runtime::shampoo_core::linalg::inverse_root::{Exponent, Request};
/// // diag(1, 16) and diag(16, 1) as packed triangles.
/// let triangles = [1.0_f32, 0.0, 16.0, 16.0, 0.0, 1.0];
/// let mut roots = [0.0; 6];
/// let batch = RootBatch::<f64>::new(2, Some(1))?;
/// let results = batch.run(&triangles, &mut roots, &Request::new(Exponent::Root(4)));
/// assert!(results.iter().all(Result::is_ok));
/// assert!((roots[2] - 0.5).abs() < 1e-6 && (roots[3] - 0.5).abs() < 1e-6);
/// # Ok::<(), shampoo_runtime::Error>(())
/// ```
#[derive(Debug)]
pub struct RootBatch<R> {
    n: usize,
    executor: Executor,
    workspaces: Vec<Mutex<Workspace<R>>>,
    kernel: Server,
}

impl<R: Real> RootBatch<R>
where
    Server: Kernel<R>,
{
    /// A private pool of so many threads, or as many as the machine offers, for matrices of order n.
    ///
    /// **Errors**: [`Error::Threads`]; [`Error::Scratch`] where there is no memory for the workspaces.
    pub fn new(n: usize, threads: Option<usize>) -> Result<Self, Error> {
        let executor = Executor::threads(threads, "shampoo-batch")?;
        let length = inverse_roots_workspace_len(n);
        let workspace = |_| Workspace::new(length).map(Mutex::new).ok_or(Error::Scratch { numbers: length });
        let workspaces = (0..executor.workers()).map(workspace).collect::<Result<_, _>>()?;
        Ok(Self { n, executor, workspaces, kernel: Server::new() })
    }

    /// The roots of packed triangles, and what [`inverse_roots`] says of each. The results do not depend on the number of
    /// threads.
    ///
    /// **Shapes**: n (n + 1) / 2 numbers a triangle, one after the other in `triangles` and in `roots`; what is incomplete
    /// at the end of either is left alone, and of order 0 there are none. **Errors**: one a matrix, [`BatchError`].
    /// **Accuracy**: as the request promises. **Cost**: that of the single roots over the threads; up to order 32 eight take
    /// the time of 1.1 to 2.8 single ones. Calls at the same time take turns at the workspaces.
    pub fn run<S: Stored<R>>(
        &self,
        triangles: &[S],
        roots: &mut [S],
        request: &Request,
    ) -> Vec<Result<Report, BatchError>> {
        let length = packed_len(self.n).max(1);
        let mut results = vec![Err(BatchError::Panicked); (triangles.len() / length).min(roots.len() / length)];
        let piece = Piece { triangles, roots, results: &mut results, length, size: piece(self.n) };
        let leaf = |piece: Piece<'_, S>, worker: usize| {
            let workspace = &self.workspaces[worker % self.workspaces.len()];
            let mut workspace = workspace.lock().unwrap_or_else(PoisonError::into_inner);
            let pairs = piece.triangles.chunks_exact(length).zip(piece.roots.chunks_exact_mut(length));
            let mut members: Vec<_> = pairs.map(|(triangle, root)| Member::new(triangle, root)).collect();
            inverse_roots(&mut members, self.n, request, workspace.numbers(), &self.kernel);
            for (member, result) in members.into_iter().zip(piece.results) {
                *result = member.report.map_err(Into::into);
            }
        };
        self.executor.enter(|| self.executor.split(piece, &leaf, &|| (), &|(), ()| ()));
        results
    }
}

/// Some of the matrices of a batch.
struct Piece<'a, S> {
    triangles: &'a [S],
    roots: &'a mut [S],
    results: &'a mut [Result<Report, BatchError>],
    /// Numbers of one triangle.
    length: usize,
    /// Matrices that stay together.
    size: usize,
}

impl<S: Send + Sync> Halve for Piece<'_, S> {
    fn pieces(&self) -> usize {
        self.results.len().div_ceil(self.size)
    }

    fn cut(self) -> (Self, Self) {
        let Self { triangles, roots, results, length, size } = self;
        let matrices = (results.len().div_ceil(size) / 2) * size;
        let (triangles, other_triangles) = triangles.split_at(matrices * length);
        let (roots, other_roots) = roots.split_at_mut(matrices * length);
        let (results, other_results) = results.split_at_mut(matrices);
        let other = Self { triangles: other_triangles, roots: other_roots, results: other_results, length, size };
        (Self { triangles, roots, results, length, size }, other)
    }
}
