//! The peer: faer's eigendecomposition and a product, in `f64`, with memory reused.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, Mat, Par};

use super::inputs::{ORDER, RIDGE};

/// One matrix at a time, on the calling thread.
pub(super) struct FaerRoot {
    n: usize,
    a: Mat<f64>,
    vectors: Mat<f64>,
    scaled: Mat<f64>,
    x: Mat<f64>,
    values: Diag<f64>,
    memory: MemBuffer,
}

impl FaerRoot {
    pub(super) fn new(n: usize) -> Self {
        let square = || Mat::zeros(n, n);
        let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
        let (a, vectors, scaled, x) = (square(), square(), square(), square());
        Self { n, a, vectors, scaled, x, values: Diag::zeros(n), memory: MemBuffer::new(scratch) }
    }

    /// (A + r I)^(-1/p) of a packed triangle; `None` where the decomposition does not converge.
    pub(super) fn root(&mut self, triangle: &[f32], root: &mut [f32]) -> Option<()> {
        let n = self.n;
        let mut entries = triangle.iter();
        for i in 0..n {
            for (j, &x) in (0..=i).zip(&mut entries) {
                // The library reads the lower triangle.
                self.a[(i, j)] = f64::from(x);
            }
        }
        let stack = MemStack::new(&mut self.memory);
        let vectors = Some(self.vectors.as_mut());
        self_adjoint_evd(self.a.as_ref(), self.values.as_mut(), vectors, Par::Seq, stack, Default::default()).ok()?;
        let values = self.values.column_vector();
        let largest = (0..n).map(|i| values[i]).fold(0.0, f64::max);
        for j in 0..n {
            let factor = (values[j] + RIDGE * largest).powf(-1.0 / f64::from(ORDER));
            for i in 0..n {
                self.scaled[(i, j)] = self.vectors[(i, j)] * factor;
            }
        }
        let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        let (left, right) = (self.scaled.as_ref(), self.vectors.transpose());
        triangular::matmul(self.x.as_mut(), lower, Accum::Replace, left, whole, right, whole, 1.0, Par::Seq);
        let mut entries = root.iter_mut();
        for i in 0..n {
            for (j, x) in (0..=i).zip(&mut entries) {
                *x = self.x[(i, j)] as f32;
            }
        }
        Some(())
    }
}
