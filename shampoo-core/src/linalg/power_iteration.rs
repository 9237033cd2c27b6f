//! Largest eigenvalue of a symmetric positive semidefinite matrix by power iteration.

use super::norm::norm;
use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::linalg::{Progress, carve};
use crate::mat::MatRef;
use crate::scalar::Real;

/// Iterations at most: a spectrum without a gap stops earlier, its Rayleigh quotients stand still.
pub(super) const MAX_ITERATIONS: u32 = 300;

/// What a rough value may fall short, relative to itself.
const ROUGH: f64 = 1.0 / 4096.0;

/// The square of the length up to which an iterate is too short, and its digits may be lost.
const SHORT: f64 = 1e-6;

/// A power iteration under way, or what it found: plain data, so it can be spread over many calls.
///
/// The iterate is in the workspace, which is passed to every call, untouched between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerIteration<T> {
    /// Rayleigh quotient, at most the largest eigenvalue.
    pub value: T,
    /// Products with the matrix.
    pub iterations: u32,
    /// By how much of itself the value may fall short where the iteration ends, as far as its changes tell.
    shortfall: T,
    /// The last change of the value.
    change: T,
    done: bool,
}

/// Numbers of workspace for an `n x n` matrix.
pub const fn largest_eigenvalue_workspace_len(n: usize) -> usize {
    n.saturating_mul(2)
}

/// Largest eigenvalue by the iteration x <- A x from a fixed start; powers of two keep the length of x below 1.
///
/// The stop is relative, so scaling A scales the result: an absolute stop would end after one step once statistics live
/// at 1e-8.
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
        Ok(Self { value: T::zero(), iterations: 0, shortfall: T::zero(), change: T::zero(), done: false })
    }

    /// Ends where what the value still gains is about 2^-12 of it, for a condition number: changes d and then d r leave
    /// d r^2 / (1 - r), if they go on to fall so.
    pub(super) fn roughly(mut self) -> Self {
        self.shortfall = T::from_f64(ROUGH);
        self
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
        let mut square = kernel.dot(x, x);
        if !(square > T::from_f64(SHORT) && square <= T::one()) {
            let length = norm(x, kernel);
            if length == T::zero() || !length.is_finite() {
                self.value = T::zero();
                return true;
            }
            let k = length.exponent();
            x.iter_mut().for_each(|x| *x = x.ldexp(-k - 1));
            square = kernel.dot(x, x);
        }
        match a.contiguous_rows() {
            Some(rows) => y.iter_mut().zip(rows).for_each(|(y, row)| *y = kernel.dot(row, x)),
            None => y.iter_mut().enumerate().for_each(|(i, y)| {
                *y = a.row_entries(i).zip(x.iter()).fold(T::zero(), |s, (a, &x)| s + a * x);
            }),
        }
        let product = kernel.dot(x, y);
        // The next iterate is as long as that, or longer where this one is far from an eigenvector.
        let known = product.is_finite() && product != T::zero();
        let length = if known { product.exponent() - square.exponent().div_euclid(2) } else { 0 };
        let power = T::one().ldexp(-length - 2);
        // Of a length that has no reciprocal the next call takes care.
        let power = if power.is_finite() && power >= T::MIN_POSITIVE { power } else { T::one() };
        x.iter_mut().zip(y.iter()).for_each(|(x, &y)| *x = power * y);
        let quotient = product / square;
        self.iterations += 1;
        let change = (quotient - self.value).abs();
        let limit = (T::UNIT_ROUNDOFF + T::UNIT_ROUNDOFF) * quotient.abs();
        let falls = change < self.change && change / (self.change - change) * change <= self.shortfall * quotient.abs();
        let stands = change <= limit || falls;
        // The first value is no change.
        self.change = if self.iterations > 1 { change } else { T::zero() };
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
/// parts of the multiples of the golden ratio, to 24 bits.
pub fn fill_start<T: Real>(x: &mut [T]) {
    let (unit, half) = (T::one().ldexp(-24), T::from_f64(0.5));
    let mut fraction = 0_u32;
    for x in x {
        fraction = fraction.wrapping_add(GOLDEN);
        *x = T::from_count((fraction >> 8) as usize) * unit + half;
    }
}

/// (sqrt(5) - 1) / 2 of 2^32.
const GOLDEN: u32 = 0x9E37_79B9;

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
        for scale in [f32::MIN_POSITIVE, 1e-30, 1e30, 3e38] {
            let a = [scale, 0.0, 0.0, scale];
            let found = largest_eigenvalue(MatRef::new(&a, 2, 2).unwrap(), &mut [0.0; 4], &Portable).unwrap();
            assert!((found.value / scale - 1.0).abs() < 1e-5, "{found:?}");
        }
        let zero = largest_eigenvalue(MatRef::new(&[0.0_f32; 9], 3, 3).unwrap(), &mut [0.0; 6], &Portable).unwrap();
        assert_eq!(zero.value, 0.0);
    }
}
