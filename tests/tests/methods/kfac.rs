//! K-FAC factors: NUMERICS section 7, how they relate to Shampoo's statistics, and the update against an oracle.

use crate::common::{U32, U64, assert_relative, generated, largest};
use proptest::prelude::*;
use shampoo_core::error::{RowsError, ShapeError};
use shampoo_core::kernel::Portable;
use shampoo_core::kfac::{Terms, accumulate, request, update, update_workspace_len};
use shampoo_core::linalg::inverse_root::{Outcome, Ridge, inverse_root, inverse_root_workspace_len};
use shampoo_core::mat::MatRef;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{Real, Stored};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::{Random, to_packed};
use shampoo_tests::oracle::naive::{gram, matmul, transpose};
use shampoo_tests::oracle::{narrow, root as oracle};
use shampoo_tests::tolerance::{Check, Size};

/// The factor after some batches of rows of n numbers.
fn factor<R: Real, S: Stored<R>>(n: usize, batches: &[Vec<f64>], averaging: Averaging, terms: Terms) -> Vec<f64> {
    let mut triangle = vec![S::default(); packed_len(n)];
    let mut workspace = vec![R::from_f64(f64::NAN); n * n];
    for batch in batches {
        let rows: Vec<R> = batch.iter().map(|&x| R::from_f64(x)).collect();
        let view = MatRef::new(&rows, rows.len() / n, n).expect("whole rows");
        accumulate(&mut triangle, view, averaging, terms, &mut workspace, &Portable).expect("a legal batch");
    }
    triangle.iter().map(|x| x.load().to_f64()).collect()
}

/// sum_t G_t G_t^T / c_t (left) or G_t^T G_t / c_t with G = sum_b d_b x_b^T, packed; terms with c = 0 are left out.
fn shampoo(
    [rows, inputs]: [usize; 2],
    batches: &[(Vec<f64>, Vec<f64>)],
    left: bool,
    weight: impl Fn(&[f64], &[f64]) -> f64,
) -> Vec<f64> {
    let order = if left { rows } else { inputs };
    let mut sum = vec![0.0; order * order];
    for (d, x) in batches {
        let b = d.len() / rows;
        let g = matmul([rows, b, inputs], &transpose(rows, d), x);
        let square = if left { gram(rows, &g) } else { gram(inputs, &transpose(inputs, &g)) };
        let c = weight(d, x);
        if c > 0.0 {
            sum.iter_mut().zip(square).for_each(|(s, q)| *s += q / c);
        }
    }
    to_packed(order, &sum)
}

fn square(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}

/// The bound for two ways to sum the same products.
fn close(found: &[f64], right: &[f64], terms: usize) {
    let size = Size { order: terms.max(2), ..Size::default() };
    assert_relative(found, right, Check::KroneckerLaw.bound_at(U64, size), largest(right));
}

#[test]
fn at_batch_1_the_factors_are_shampoos_statistics_without_the_other_sides_length() {
    let random = &mut Random::new(71);
    let (rows, inputs) = (3, 5);
    let mut batches: Vec<_> = (0..20).map(|_| (random.gaussians(rows), random.gaussians(inputs))).collect();
    // Terms whose other side is 0 say nothing of this one.
    batches.push((vec![0.0; rows], vec![0.0; inputs]));
    let outputs: Vec<_> = batches.iter().map(|(d, _)| d.clone()).collect();
    let read: Vec<_> = batches.iter().map(|(_, x)| x.clone()).collect();
    for terms in [Terms::Mean, Terms::Sum, Terms::MeanLoss] {
        let d = factor::<f64, f64>(rows, &outputs, Averaging::Sum, terms);
        close(&d, &shampoo([rows, inputs], &batches, true, |_, x| square(x)), 25);
        let x = factor::<f64, f64>(inputs, &read, Averaging::Sum, terms);
        close(&x, &shampoo([rows, inputs], &batches, false, |d, _| square(d)), 25);
    }
    // An x of 0 makes G vanish, and its d must then not be in D either.
    batches.push((vec![1.0; rows], vec![0.0; inputs]));
    let seen: Vec<_> = batches.iter().filter(|(_, x)| square(x) > 0.0).map(|(d, _)| d.clone()).collect();
    let d = factor::<f64, f64>(rows, &seen, Averaging::Sum, Terms::Sum);
    close(&d, &shampoo([rows, inputs], &batches, true, |_, x| square(x)), 25);
}

/// Layers written s = x W have G = x^T d: L pairs with X and R with D, and the inverses change places.
#[test]
fn where_inputs_stand_left_the_factors_change_sides() {
    let random = &mut Random::new(72);
    let (rows, inputs) = (3, 5);
    let batches: Vec<_> = (0..20).map(|_| (random.gaussians(rows), random.gaussians(inputs))).collect();
    let [outputs, read] = [true, false].map(|left| -> Vec<Vec<f64>> {
        batches.iter().map(|(d, x)| if left { d.clone() } else { x.clone() }).collect()
    });
    let d = factor::<f64, f64>(rows, &outputs, Averaging::Sum, Terms::Mean);
    let x = factor::<f64, f64>(inputs, &read, Averaging::Sum, Terms::Mean);
    // The gradient's rows are inputs now.
    let turned: Vec<_> = batches.iter().map(|(d, x)| (x.clone(), d.clone())).collect();
    close(&x, &shampoo([inputs, rows], &turned, true, |_, d| square(d)), 25);
    close(&d, &shampoo([inputs, rows], &turned, false, |x, _| square(x)), 25);
    let g = random.gaussians(rows * inputs);
    let damping = Ridge::Relative(1e-2);
    let upright = step::<f64, f64>([rows, inputs], &d, &x, &g, damping);
    let found = step::<f64, f64>([inputs, rows], &x, &d, &transpose(inputs, &g), damping);
    close(&found, &transpose(inputs, &upright), 25);
}

/// Both sides of the relations for one batch whose inputs, or gradients, all have length 1.
fn batch_relations(d: &[f64], x: &[f64], [rows, inputs]: [usize; 2]) -> [f64; 2] {
    let one = [(d.to_vec(), x.to_vec())];
    let distance = |n: usize, v: &[f64], left: bool| {
        let own = factor::<f64, f64>(n, &[v.to_vec()], Averaging::Sum, Terms::Sum);
        let other = shampoo([rows, inputs], &one, left, |_, _| 1.0);
        own.iter().zip(&other).fold(0.0_f64, |m, (a, b)| m.max((a - b).abs())) / largest(&other)
    };
    [distance(rows, d, true), distance(inputs, x, false)]
}

#[test]
fn in_a_batch_orthogonal_inputs_give_the_left_relation_and_orthogonal_gradients_the_right_one() {
    let basis = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let slanted = [0.6, 0.8, 0.0, 0.8, 0.0, 0.6];
    let equal = Check::KroneckerLaw.bound_at(U64, Size { order: 3, ..Size::default() });
    let cases =
        [(&slanted, &basis, [true, false]), (&basis, &slanted, [false, true]), (&slanted, &slanted, [false; 2])];
    for (d, x, holds) in cases {
        for (found, holds) in batch_relations(d, x, [3, 3]).into_iter().zip(holds) {
            // What fails, fails by far: cross terms of a cosine of 0.48.
            assert!(if holds { found <= equal } else { found > 0.1 }, "{d:?} {x:?}: {found:e}");
        }
    }
}

#[test]
fn examples_in_columns_are_the_transposed_view() {
    let rows = Random::new(5).gaussians(12);
    let columns = transpose(3, &rows);
    let (mut from_rows, mut from_columns, mut workspace) = ([0.0; 6], [0.0; 6], [0.0; 9]);
    let (averaging, terms) = (Averaging::Ema { beta2: 0.9 }, Terms::Mean);
    let view = MatRef::new(&rows, 4, 3).unwrap();
    accumulate::<f64, f64, _>(&mut from_rows, view, averaging, terms, &mut workspace, &Portable).unwrap();
    let view = MatRef::new(&columns, 3, 4).unwrap().transpose();
    accumulate::<f64, f64, _>(&mut from_columns, view, averaging, terms, &mut workspace, &Portable).unwrap();
    close(&from_columns, &from_rows, 4);
    let right: Vec<f64> = to_packed(3, &gram(3, &columns)).iter().map(|x| (1.0 - 0.9) / 4.0 * x).collect();
    close(&from_rows, &right, 4);
}

#[test]
fn the_gradient_of_a_mean_loss_gives_the_same_factor() {
    let d = Random::new(6).gaussians(12);
    let averaged: Vec<f64> = d.iter().map(|x| x / 4.0).collect();
    let own = factor::<f64, f64>(3, &[d], Averaging::Sum, Terms::Mean);
    let found = factor::<f64, f64>(3, &[averaged], Averaging::Sum, Terms::MeanLoss);
    // Powers of two: exact.
    assert_eq!(found, own);
}

/// D^{-1} G X^{-1}, both inverses certified.
fn step<R: Real, S: Stored<R>>(shape: [usize; 2], d: &[f64], x: &[f64], g: &[f64], damping: Ridge) -> Vec<f64> {
    let narrow = |x: &[f64]| -> Vec<R> { x.iter().map(|&x| R::from_f64(x)).collect() };
    let inverse = |n: usize, packed: &[f64]| {
        let kept: Vec<S> = packed.iter().map(|&x| S::store(R::from_f64(x))).collect();
        let mut root = kept.clone();
        let mut workspace = vec![R::default(); inverse_root_workspace_len(n)];
        let report = inverse_root(&kept, n, &mut root, &request(damping), &mut workspace, &Portable).expect("finite");
        assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
        root
    };
    let (left, right) = (inverse(shape[0], d), inverse(shape[1], x));
    let mut out = vec![R::default(); g.len()];
    let mut workspace = vec![R::from_f64(f64::NAN); update_workspace_len(shape[0], shape[1])];
    update(&mut out, &narrow(g), (shape[0], shape[1]), &left, &right, &mut workspace, &Portable).expect("it fits");
    out.iter().map(|x| x.to_f64()).collect()
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn the_update_is_that_of_the_oracle(seed in any::<u64>(), rows in 1_usize..9, inputs in 1_usize..9, b in 1_usize..12) {
        let random = &mut Random::new(seed);
        let d = factor::<f64, f64>(rows, &[random.gaussians(b * rows)], Averaging::Sum, Terms::Mean);
        let x = factor::<f64, f64>(inputs, &[random.gaussians(b * inputs)], Averaging::Sum, Terms::Mean);
        let g = random.gaussians(rows * inputs);
        let exact = |n: usize, packed: &[f64]| {
            let spectrum = narrow::decompose(n, &shampoo_tests::generate::packed_to_full(n, packed));
            let ridge = oracle::Ridge::Relative(1e-2);
            (spectrum.inverse_root(1, ridge), spectrum.condition(ridge))
        };
        let ((left, left_kappa), (right, right_kappa)) = (exact(rows, &d), exact(inputs, &x));
        let truth = matmul([rows, inputs, inputs], &matmul([rows, rows, inputs], &left, &g), &right);
        let size = Size { order: rows.max(inputs), kappa: left_kappa * right_kappa, ..Size::default() };
        let scale = left.iter().map(|x| x * x).sum::<f64>().sqrt() * square(&g).sqrt() * square(&right).sqrt();
        for (found, u) in [
            (step::<f64, f64>([rows, inputs], &d, &x, &g, Ridge::Relative(1e-2)), U64),
            (step::<f32, f32>([rows, inputs], &d, &x, &g, Ridge::Relative(1e-2)), U32),
        ] {
            assert_relative(&found, &truth, Check::StepVsNaive.bound_at(u, size), scale);
        }
    }
}

#[test]
fn an_error_changes_nothing() {
    let (mut triangle, mut workspace) = ([1.0_f32, 2.0, 5.0], [0.0_f32; 4]);
    let before = triangle;
    let mut take = |batch: &[f32], triangle: &mut [f32], averaging| {
        let view = MatRef::new(batch, batch.len() / 2, 2).unwrap();
        accumulate(triangle, view, averaging, Terms::Sum, &mut workspace, &Portable)
    };
    for averaging in [Averaging::Sum, Averaging::Ema { beta2: 0.9 }] {
        let error = take(&[1.0, 2.0, 3.0, f32::NAN], &mut triangle, averaging);
        assert_eq!(error, Err(RowsError::NonFinite { row: 1, column: 1 }));
        assert!(matches!(take(&[2e19, 1.0], &mut triangle, averaging), Err(RowsError::TooLarge { .. })));
        assert_eq!(
            take(&[1.0, 1.0], &mut triangle[..2], averaging),
            Err(ShapeError::Length { needed: 3, found: 2 }.into())
        );
        assert_eq!(take(&[], &mut triangle, averaging), Ok(()));
        assert_eq!(triangle, before);
    }
    // Sums are refused before they leave the range, not when they have left it.
    let mut accepted = 0;
    while take(&[9e18, 9e18], &mut triangle, Averaging::Sum).is_ok() {
        accepted += 1;
        assert!(triangle.iter().all(|x| x.is_finite()) && accepted < 5);
    }
    assert_eq!(accepted, 2);
}
