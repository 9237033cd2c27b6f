//! Largest eigenvalue of a symmetric positive semidefinite matrix by power iteration.

use super::norm::norm;
use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::linalg::{Progress, carve};
use crate::mat::MatRef;
use crate::scalar::Real;

/// Iterations at most: a spectrum without a gap stops earlier, its Rayleigh quotients stand still.
pub(super) const MAX_ITERATIONS: u32 = 300;

/// A power iteration under way, or what it found: plain data, so it can be spread over many calls.
///
/// The iterate is in the workspace, which is passed to every call, untouched between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerIteration<T> {
    /// Rayleigh quotient, at most the largest eigenvalue.
    pub value: T,
    /// Products with the matrix.
    pub iterations: u32,
    done: bool,
}

/// Numbers of workspace for an `n x n` matrix.
pub const fn largest_eigenvalue_workspace_len(n: usize) -> usize {
    n.saturating_mul(2)
}

/// Largest eigenvalue by the iteration x <- A x / ||A x|| from a fixed start.
///
/// The stop is relative and the iterates are normalised, so scaling A scales the result: an
/// absolute stop would end after one step once statistics live at 1e-8.
///
/// **Shapes**: A n x n symmetric positive semidefinite with both triangles; workspace at least
/// [`largest_eigenvalue_workspace_len`]. **Errors**: the workspace is too short. **Accuracy**: exact to a few
/// unit roundoffs where the second eigenvalue is below about 0.9 of the first; else an estimate
/// from below, usually within 1 %. A matrix that has the fixed start as an eigenvector of a smaller
/// eigenvalue gives that one: whoever relies on an upper bound takes the Frobenius norm. A zero matrix gives 0.
/// **Cost**: 2 n^2 flops an iteration, at most 300. **Reference**: Golub and Van Loan, Matrix Computations, 8.2.1.
pub fn largest_eigenvalue<T: Real, K: Kernel<T> + ?Sized>(
    a: MatRef<'_, T>,
    workspace: &mut [T],
    kernel: &K,
) -> Result<PowerIteration<T>, ShapeError> {
    let mut power = PowerIteration::start(a.nrows(), workspace)?;
    while power.step(a, workspace, kernel)? == Progress::Working {}
    Ok(power)
}

impl<T: Real> PowerIteration<T> {
    /// Sets the iterate up for an `n x n` matrix, see [`largest_eigenvalue`].
    ///
    /// **Errors**: the workspace is too short.
    pub fn start(n: usize, workspace: &mut [T]) -> Result<Self, ShapeError> {
        fill_start(vectors(n, workspace)?.0);
        Ok(Self { value: T::zero(), iterations: 0, done: false })
    }

    /// One iteration, 2 n^2 flops.
    ///
    /// **Errors**: the workspace is too short.
    pub fn step<K: Kernel<T> + ?Sized>(
        &mut self,
        a: MatRef<'_, T>,
        workspace: &mut [T],
        kernel: &K,
    ) -> Result<Progress, ShapeError> {
        let (x, y) = vectors(a.nrows(), workspace)?;
        self.done = self.done || self.iterate(a, x, y, kernel) || self.iterations >= MAX_ITERATIONS;
        Ok(if self.done { Progress::Done } else { Progress::Working })
    }

    /// Whether the iteration stands still.
    fn iterate<K: Kernel<T> + ?Sized>(&mut self, a: MatRef<'_, T>, x: &mut [T], y: &mut [T], kernel: &K) -> bool {
        let length = norm(x, kernel);
        if length == T::zero() || !length.is_finite() {
            self.value = T::zero();
            return true;
        }
        let k = length.exponent();
        let unit = T::one() / length.ldexp(-k);
        let power = T::one().ldexp(-k);
        if power.is_finite() && power >= T::MIN_POSITIVE {
            // The same numbers: a product with a power of two is as exact as a shift.
            x.iter_mut().for_each(|x| *x = *x * power * unit);
        } else {
            x.iter_mut().for_each(|x| *x = x.ldexp(-k) * unit);
        }
        for (i, y) in y.iter_mut().enumerate() {
            *y = match a.contiguous_row(i) {
                Some(row) => kernel.dot(row, x),
                None => a.row_entries(i).zip(x.iter()).fold(T::zero(), |s, (a, &x)| s + a * x),
            };
        }
        let quotient = kernel.dot(x, y);
        x.iter_mut().zip(y.iter()).for_each(|(x, &y)| *x = y);
        self.iterations += 1;
        let tolerance = T::UNIT_ROUNDOFF + T::UNIT_ROUNDOFF;
        let stands = (quotient - self.value).abs() <= tolerance * quotient.abs();
        self.value = if stands { quotient.maximum(self.value) } else { quotient };
        stands
    }
}

/// The iterate and its product.
fn vectors<T>(n: usize, workspace: &mut [T]) -> Result<(&mut [T], &mut [T]), ShapeError> {
    let short = ShapeError::Length { needed: largest_eigenvalue_workspace_len(n), found: workspace.len() };
    let mut rest = workspace;
    match (carve(&mut rest, n), carve(&mut rest, n)) {
        (Some(x), Some(y)) => Ok((x, y)),
        _ => Err(short),
    }
}

/// A start that no symmetry of the matrix is likely to be orthogonal to: 1/2 plus the fractional
/// parts of the multiples of the golden ratio.
pub fn fill_start<T: Real>(x: &mut [T]) {
    let mut fraction = 0.0;
    for x in x {
        fraction += 0.618_033_988_749_894_9;
        if fraction >= 1.0 {
            fraction -= 1.0;
        }
        *x = T::from_f64(0.5 + fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;

    #[test]
    fn it_is_scale_free_and_safe_on_zero() {
        let base = [2.0, 1.0, 1.0, 2.0];
        for scale in [1.0, 1e-8, 1e-300, 1e300] {
            let a = base.map(|x: f64| x * scale);
            let found = largest_eigenvalue(MatRef::new(&a, 2, 2).unwrap(), &mut [0.0; 4], &Portable).unwrap();
            assert!((found.value / scale - 3.0).abs() < 1e-14, "{found:?}");
        }
        let zero = largest_eigenvalue(MatRef::new(&[0.0_f32; 9], 3, 3).unwrap(), &mut [0.0; 6], &Portable).unwrap();
        assert_eq!(zero.value, 0.0);
    }
}
