//! Cyclic Jacobi in any of the oracles' arithmetics.

use super::number::Number;

/// Eigenvalues, ascending, and orthonormal eigenvectors of a symmetric matrix.
#[derive(Clone, Debug)]
pub struct Spectrum<N> {
    /// Number of rows of the matrix.
    pub order: usize,
    /// Eigenvalues, smallest first.
    pub values: Vec<N>,
    /// Row `i` is the eigenvector of `values[i]`.
    pub vectors: Vec<N>,
}

/// Diagonalises `matrix` by plane rotations and applies them to the rows of `basis`.
///
/// The skip test is relative, so that small eigenvalues of graded positive matrices keep their
/// digits; its floor ends the cascade of noise of noise in singular ones.
pub(super) fn diagonalise<N: Number>(mut matrix: Vec<N>, mut basis: Vec<N>) -> Spectrum<N> {
    let order = basis.len().isqrt();
    let largest = matrix.iter().fold(0.0_f64, |max, x| max.max(x.narrow().abs()));
    let floor = N::EPSILON * largest;
    let mut rotated = true;
    // Log-spaced spectra to 1e18 and clusters took up to 22.
    let mut sweeps_left = 100;
    while rotated {
        assert!(sweeps_left > 0, "Jacobi did not converge: non-finite input?");
        sweeps_left -= 1;
        rotated = false;
        for p in 0..order {
            for q in p + 1..order {
                let diagonal = |i: usize| matrix[i * order + i].narrow().abs().sqrt();
                let negligible = N::EPSILON * floor.max(diagonal(p) * diagonal(q));
                if matrix[p * order + q].narrow().abs() > negligible {
                    rotate(&mut matrix, &mut basis, order, p, q);
                    rotated = true;
                }
            }
        }
    }
    sorted(order, &matrix, &basis)
}

/// Makes entry `(p, q)` zero by the smaller of the two possible angles.
fn rotate<N: Number>(matrix: &mut [N], basis: &mut [N], order: usize, p: usize, q: usize) {
    let (one, zero) = (N::widen(1.0), N::widen(0.0));
    let off = matrix[p * order + q];
    let (app, aqq) = (matrix[p * order + p], matrix[q * order + q]);
    let theta = (aqq - app).divide(off + off);
    let magnitude = if theta < zero { -theta } else { theta };
    // Beyond this, theta^2 may overflow and 1 is lost in it anyway.
    let tangent = if magnitude.narrow() > 1e100 {
        one.divide(magnitude + magnitude)
    } else {
        one.divide(magnitude + (magnitude * magnitude + one).square_root())
    };
    let tangent = if theta < zero { -tangent } else { tangent };
    let cosine = one.divide((tangent * tangent + one).square_root());
    let sine = tangent * cosine;
    turn_rows(matrix, order, p, q, cosine, sine);
    turn_rows(basis, order, p, q, cosine, sine);
    matrix[p * order + p] = app - tangent * off;
    matrix[q * order + q] = aqq + tangent * off;
    matrix[p * order + q] = zero;
    matrix[q * order + p] = zero;
    for k in (0..order).filter(|&k| k != p && k != q) {
        matrix[k * order + p] = matrix[p * order + k];
        matrix[k * order + q] = matrix[q * order + k];
    }
}

fn turn_rows<N: Number>(rows: &mut [N], order: usize, p: usize, q: usize, cosine: N, sine: N) {
    let (head, tail) = rows.split_at_mut(q * order);
    let upper = &mut head[p * order..(p + 1) * order];
    for (x, y) in upper.iter_mut().zip(&mut tail[..order]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

fn sorted<N: Number>(order: usize, matrix: &[N], basis: &[N]) -> Spectrum<N> {
    let value = |i: usize| matrix[i * order + i];
    let mut ranks: Vec<usize> = (0..order).collect();
    ranks.sort_by(|&i, &j| value(i).narrow().total_cmp(&value(j).narrow()));
    Spectrum {
        order,
        values: ranks.iter().map(|&i| value(i)).collect(),
        vectors: ranks.iter().flat_map(|&i| basis[i * order..(i + 1) * order].iter().copied()).collect(),
    }
}
