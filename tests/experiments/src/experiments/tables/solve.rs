//! Linear equations by Gaussian elimination.

use super::numbers::{Big, abs, big};

/// The solution of A x = b with the larger pivots first; each row holds a row of A and then b. `None` where A is
/// singular.
pub(super) fn solve(mut rows: Vec<Vec<Big>>) -> Option<Vec<Big>> {
    let order = rows.len();
    for column in 0..order {
        let pivot = (column..order).max_by(|&i, &j| abs(&rows[i][column]).cmp(&abs(&rows[j][column])))?;
        rows.swap(column, pivot);
        let (done, below) = rows.split_at_mut(column + 1);
        let row = &done[column];
        if row[column] == big(0.0) {
            return None;
        }
        for other in below {
            let factor = &other[column] / &row[column];
            for (to, from) in other.iter_mut().zip(row).skip(column + 1) {
                *to -= &factor * from;
            }
        }
    }
    let mut x = vec![big(0.0); order];
    for i in (0..order).rev() {
        let row = &rows[i];
        let rest = (i + 1..order).fold(row[order].clone(), |rest, j| rest - &row[j] * &x[j]);
        x[i] = rest / &row[i];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::super::numbers::{abs, big};
    use super::solve;

    #[test]
    fn a_hilbert_matrix_keeps_its_digits() {
        let n = 12;
        let entry = |i: usize, j: usize| big(1.0) / big((i + j + 1) as f64);
        let right = |i| (0..n).fold(big(0.0), |sum, j| sum + entry(i, j));
        let rows = (0..n).map(|i| (0..n).map(|j| entry(i, j)).chain([right(i)]).collect()).collect();
        let x = solve(rows).expect("a regular matrix");
        assert!(x.iter().all(|x| abs(&(x - big(1.0))) < big(1e-75)));
    }

    #[test]
    fn a_pivot_may_be_zero_and_a_matrix_singular() {
        let rows = |a: [[f64; 3]; 2]| a.map(|row| row.map(big).to_vec()).to_vec();
        assert_eq!(solve(rows([[0.0, 2.0, 6.0], [4.0, 0.0, 4.0]])), Some(vec![big(1.0), big(3.0)]));
        assert_eq!(solve(rows([[1.0, 2.0, 6.0], [2.0, 4.0, 4.0]])), None);
    }
}
