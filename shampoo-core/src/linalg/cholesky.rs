//! Cholesky factorisation of a symmetric positive definite matrix, in place.

use crate::kernel::Kernel;
use crate::mat::MatMut;
use crate::scalar::Real;

/// The matrix is not positive definite to working accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPositiveDefinite {
    /// Index of the first pivot that is not positive.
    pub pivot: usize,
}

/// A = C C^T: the lower triangle of A is replaced by C, the upper one by zeros.
///
/// **Shapes**: A n x n, only its lower triangle is read. **Errors**: [`NotPositiveDefinite`] at the
/// first pivot that is not positive (A is then partly overwritten).
/// **Accuracy**: backward stable, `n u` relative to the diagonal. **Cost**: n^3 / 3 flops.
/// **Reference**: Higham, Accuracy and Stability of Numerical Algorithms, 10.1.
///
/// ```
/// use shampoo_core::{kernel::Portable, linalg::cholesky::cholesky_in_place, mat::MatMut};
/// let mut a = [4.0_f64, 0.0, 2.0, 10.0];
/// cholesky_in_place(MatMut::new(&mut a, 2, 2).unwrap(), &Portable).unwrap();
/// assert_eq!(a, [2.0, 0.0, 1.0, 3.0]);
/// ```
pub fn cholesky_in_place<T: Real, K: Kernel<T> + ?Sized>(
    mut a: MatMut<'_, T>,
    kernel: &K,
) -> Result<(), NotPositiveDefinite> {
    let n = a.nrows().min(a.ncols());
    let (data, stride) = a.parts_mut();
    let stride = stride.max(1);
    for i in 0..n {
        let failed = NotPositiveDefinite { pivot: i };
        let (above, rest) = data.split_at_mut_checked(i * stride).ok_or(failed)?;
        let row = rest.get_mut(..n).ok_or(failed)?;
        for (j, factor_row) in above.chunks(stride).enumerate() {
            let (left, right) = row.split_at_mut_checked(j).ok_or(failed)?;
            let (factor_left, factor_right) = factor_row.split_at_checked(j).ok_or(failed)?;
            if let (Some(entry), Some(&pivot)) = (right.first_mut(), factor_right.first()) {
                *entry = (*entry - kernel.dot(left, factor_left)) / pivot;
            }
        }
        let (left, right) = row.split_at_mut_checked(i).ok_or(failed)?;
        let (pivot, upper) = right.split_first_mut().ok_or(failed)?;
        let square = *pivot - kernel.dot(left, left);
        if !(square > T::zero() && square.is_finite()) {
            return Err(failed);
        }
        *pivot = square.sqrt();
        upper.fill(T::zero());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Portable;

    #[test]
    fn indefinite_and_non_finite_matrices_are_refused() {
        for (mut a, pivot) in [([1.0, 0.0, 2.0, 1.0], 1), ([0.0, 0.0, 0.0, 1.0], 0), ([f64::NAN, 0.0, 0.0, 1.0], 0)] {
            let result = cholesky_in_place(MatMut::new(&mut a, 2, 2).unwrap(), &Portable);
            assert_eq!(result, Err(NotPositiveDefinite { pivot }));
        }
    }
}
