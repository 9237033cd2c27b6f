//! Q F Q^T of eight matrices.
//!
//! Step m reflects the leading m rows from both sides, in the fused pass, and the m columns of the rows below from one;
//! there the reflection is one with the products for the next.

use super::fused::{rank_two_symv, reflection};
use super::spectrum::smallest_eigenvalues;
use super::sum::sum_of_inverses;
use super::{Evaluation, Lanewise, parts, row_start};
use crate::kernel::tiles::Columns;
use crate::scalar::{LANES, Lanes, Real, Tile};

/// The roots b^-alpha Q F Q^T of what [`reduce`](super::reduce) left, and the smallest ridged eigenvalues, from below
/// within a factor of 1.01: 0 where that is below the evaluation's lowest or a pivot is not positive, and nothing useful
/// is in the root.
///
/// **Shapes**: [`Lanewise`]. **Accuracy**: the table's, and a few `u` times kappa / p. **Cost**: 2 n^3 flops, (N + 13) n
/// divisions and N n^2 flops for N poles, each of eight numbers.
#[inline(always)]
pub fn roots<T: Real, L: Lanes<T>>(lanes: L, work: &mut Lanewise<'_, T>, evaluation: &Evaluation<'_, T>) -> Tile<T> {
    try_roots(lanes, work, evaluation).unwrap_or([T::zero(); LANES])
}

#[inline(always)]
fn try_roots<T: Real, L: Lanes<T>>(
    lanes: L,
    work: &mut Lanewise<'_, T>,
    evaluation: &Evaluation<'_, T>,
) -> Option<Tile<T>> {
    let n = work.order;
    let parts = parts(work.scratch, n)?;
    let (diagonal, off_diagonal, tau) = (&*parts.diagonal, &*parts.off_diagonal, &*parts.tau);
    let (v, w, y, dots) = (parts.v, parts.w, parts.y, parts.dots);
    let ridge = lanes.load(&evaluation.ridges);
    let low = lanes.mul(lanes.load(&evaluation.bounds), lanes.splat(evaluation.lowest));
    let smallest = smallest_eigenvalues(lanes, diagonal, off_diagonal, ridge, low, evaluation.fine)?;
    let t = (diagonal, off_diagonal);
    let positive = sum_of_inverses(lanes, t, evaluation, parts.ratios, parts.gains, work.roots)?;
    let zero = lanes.splat(T::zero());
    let mut found = [T::zero(); LANES];
    lanes.store(&mut found, lanes.choose(positive, smallest, zero));

    for vector in [&mut *v, &mut *w, &mut *dots] {
        vector.fill([T::zero(); LANES]);
    }
    let mut reflectors = work.matrices.get(row_start(1)..)?;
    for m in 1..n {
        let (row, rest) = reflectors.split_at_checked(m + 1)?;
        reflectors = rest;
        let x = row.get(..m)?;
        let tau = lanes.load(tau.get(m)?);
        let (leading, below) = work.roots.split_at_mut_checked(row_start(m))?;
        let columns = Columns { v: v.get(..m)?, w: w.get(..m)?, x };
        rank_two_symv(lanes, leading, m, columns, y)?;
        reflection(lanes, x, y, tau, w);
        for (v, x) in v.iter_mut().zip(x) {
            *v = *x;
        }
        from_one_side(lanes, below, x, reflectors.get(..=m), tau, dots.get_mut(m..)?)?;
    }
    // What is pending after the last row.
    let mut triangle = &mut *work.roots;
    for i in 0..n.saturating_sub(1) {
        let (row, rest) = triangle.split_at_mut_checked(i + 1)?;
        triangle = rest;
        let (v_i, w_i) = (lanes.load(v.get(i)?), lanes.load(w.get(i)?));
        for (q, (v, w)) in row.iter_mut().zip(v.iter().zip(w.iter())) {
            let across = lanes.mul_add(v_i, lanes.load(w), lanes.load(q));
            lanes.store(q, lanes.mul_add(w_i, lanes.load(v), across));
        }
    }
    Some(found)
}

/// Reflects the first m columns of rows m, m + 1, ...: row + s x with s = -tau (row . x) from `dots`, which then hold the
/// products with the `next` reflector, of one number more.
#[inline(always)]
fn from_one_side<T: Real, L: Lanes<T>>(
    lanes: L,
    rows: &mut [Tile<T>],
    x: &[Tile<T>],
    next: Option<&[Tile<T>]>,
    tau: L::Vector,
    dots: &mut [Tile<T>],
) -> Option<()> {
    let m = x.len();
    let minus_tau = lanes.sub(lanes.splat(T::zero()), tau);
    let (own_dot, mut dots) = dots.split_first_mut()?;
    let (own_row, mut rest) = rows.split_at_mut_checked(m + 1)?;
    let s = lanes.mul(minus_tau, lanes.load(own_dot));
    for (q, x) in own_row.iter_mut().zip(x) {
        lanes.store(q, lanes.mul_add(s, lanes.load(x), lanes.load(q)));
    }
    let Some(next) = next else { return Some(()) };
    let mut length = m + 2;
    while dots.len() >= 4 {
        let (four, more) = dots.split_first_chunk_mut()?;
        dots = more;
        let [dot_a, dot_b, dot_c, dot_d] = four;
        let (row_a, after) = rest.split_at_mut_checked(length)?;
        let (row_b, after) = after.split_at_mut_checked(length + 1)?;
        let (row_c, after) = after.split_at_mut_checked(length + 2)?;
        let (row_d, after) = after.split_at_mut_checked(length + 3)?;
        rest = after;
        length += 4;
        let (s_a, s_b) = (lanes.mul(minus_tau, lanes.load(dot_a)), lanes.mul(minus_tau, lanes.load(dot_b)));
        let (s_c, s_d) = (lanes.mul(minus_tau, lanes.load(dot_c)), lanes.mul(minus_tau, lanes.load(dot_d)));
        // The last number of the next reflector is 1.
        let (mut sum_a, mut sum_b) = (lanes.load(row_a.get(m)?), lanes.load(row_b.get(m)?));
        let (mut sum_c, mut sum_d) = (lanes.load(row_c.get(m)?), lanes.load(row_d.get(m)?));
        let entries = row_a.iter_mut().zip(row_b.iter_mut()).zip(row_c.iter_mut().zip(row_d.iter_mut()));
        for (((qa, qb), (qc, qd)), (x, next)) in entries.zip(x.iter().zip(next)) {
            let (x, next) = (lanes.load(x), lanes.load(next));
            let q = lanes.mul_add(s_a, x, lanes.load(qa));
            lanes.store(qa, q);
            sum_a = lanes.mul_add(q, next, sum_a);
            let q = lanes.mul_add(s_b, x, lanes.load(qb));
            lanes.store(qb, q);
            sum_b = lanes.mul_add(q, next, sum_b);
            let q = lanes.mul_add(s_c, x, lanes.load(qc));
            lanes.store(qc, q);
            sum_c = lanes.mul_add(q, next, sum_c);
            let q = lanes.mul_add(s_d, x, lanes.load(qd));
            lanes.store(qd, q);
            sum_d = lanes.mul_add(q, next, sum_d);
        }
        lanes.store(dot_a, sum_a);
        lanes.store(dot_b, sum_b);
        lanes.store(dot_c, sum_c);
        lanes.store(dot_d, sum_d);
    }
    for dot in dots {
        let (row, after) = rest.split_at_mut_checked(length)?;
        rest = after;
        length += 1;
        let s = lanes.mul(minus_tau, lanes.load(dot));
        let mut sum = lanes.load(row.get(m)?);
        for (q, (x, next)) in row.iter_mut().zip(x.iter().zip(next)) {
            let entry = lanes.mul_add(s, lanes.load(x), lanes.load(q));
            lanes.store(q, entry);
            sum = lanes.mul_add(entry, lanes.load(next), sum);
        }
        lanes.store(dot, sum);
    }
    Some(())
}
