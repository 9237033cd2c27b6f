//! Many roots at once: the same bits on any number of threads, and what one at a time gives.

mod common;

use common::{U32, U64};
use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::batch::LARGEST_ORDER;
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Outcome, Report, Request};
use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_runtime::heap::Workspace;
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{BatchError, RootBatch};
use shampoo_tests::generate::{Random, low_rank, packed_to_full, to_packed, with_condition};
use shampoo_tests::oracle::root::relative_error;
use shampoo_tests::tolerance::{Check, Size};

const REQUEST: Request = Request { certificate: Certificate::Probed, ..Request::new(Exponent::Root(4)) };

/// Packed triangles of order n, every third one rank-deficient.
fn triangles(n: usize, count: usize) -> Vec<f32> {
    let mut random = Random::new(91);
    let matrix = |i: usize| match i % 3 {
        0 => low_rank(&mut random, n, n.div_ceil(3)),
        _ => with_condition(&mut random, n, 1e5),
    };
    (0..count).map(matrix).flat_map(|full| to_packed(n, &full)).map(|x| x as f32).collect()
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| f64::from(x)).collect()
}

/// Two roots of a matrix, both as near to the true one as the row says; beyond the orders in lanes the same bits.
fn assert_same(n: usize, found: &[f32], single: &[f32], report: &Report) {
    if n > LARGEST_ORDER {
        assert_eq!(bits(found), bits(single), "n {n}");
        return;
    }
    let size = Size { order: n, kappa: report.kappa, root: 4.0, ..Size::default() };
    let bound = 2.0 * Check::RationalRoot.bound_at(U64, size).max(Check::RationalRoot.bound(U32));
    let error = relative_error(n, &packed_to_full(n, found), &wide(&packed_to_full(n, single)));
    assert!(error <= bound, "n {n}: {error:e} above {bound:e}, {report:?}");
}

#[test]
fn a_batch_has_the_same_bits_on_any_number_of_threads_and_the_roots_of_one_at_a_time() {
    for (n, count) in [(1, 3), (5, 21), (16, 9), (32, 18), (33, 9)] {
        let triangles = triangles(n, count);
        let batch = |threads: usize| {
            let mut roots = vec![f32::NAN; triangles.len()];
            let batch = RootBatch::<f64>::new(n, Some(threads)).expect("threads");
            let results = batch.run(&triangles, &mut roots, &REQUEST);
            (roots, results)
        };
        let (roots, results) = batch(1);
        assert_eq!(results.len(), count);
        for threads in [2, 3, 4] {
            let (others, reports) = batch(threads);
            assert_eq!((bits(&others), reports), (bits(&roots), results.clone()), "n {n}, {threads} threads");
        }
        let mut workspace = Workspace::<f64>::new(inverse_root_workspace_len(n)).expect("memory");
        let pieces = triangles.chunks(packed_len(n)).zip(roots.chunks(packed_len(n)));
        for ((triangle, root), result) in pieces.zip(results) {
            let mut single = vec![0.0_f32; triangle.len()];
            let kernel = Server::new();
            let report =
                inverse_root(triangle, n, &mut single, &REQUEST, workspace.numbers(), &kernel).expect("finite");
            let found = result.expect("finite");
            assert_eq!((found.outcome, found.retries), (Outcome::Accepted, 0));
            assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0));
            assert_same(n, root, &single, &report);
        }
    }
}

#[test]
fn one_matrix_that_is_not_finite_spoils_no_other() {
    let n = 6;
    let mut triangles = triangles(n, 7);
    triangles[2 * packed_len(n) + 4] = f32::NAN;
    let mut roots = vec![7.0; triangles.len()];
    let batch = RootBatch::<f64>::new(n, Some(2)).expect("threads");
    let results = batch.run(&triangles, &mut roots, &REQUEST);
    for (i, (result, root)) in results.iter().zip(roots.chunks(packed_len(n))).enumerate() {
        if i == 2 {
            assert_eq!(*result, Err(BatchError::Root(RootError::NonFinite { row: 2, column: 1 })));
            assert!(root.iter().all(|&x| x == 7.0));
        } else {
            assert_eq!(result.map(|report| report.outcome), Ok(Outcome::Accepted), "matrix {i}");
        }
    }
}

#[test]
fn what_is_incomplete_is_left_alone() {
    let batch = RootBatch::<f64>::new(2, Some(1)).expect("threads");
    let mut roots = [7.0_f32; 4];
    let results = batch.run(&[1.0, 0.0, 1.0, 1.0, 0.0], &mut roots, &REQUEST);
    assert_eq!((results.len(), roots[3]), (1, 7.0));
    assert!(batch.run(&[] as &[f32], &mut [], &REQUEST).is_empty());
}

#[test]
fn workspaces_begin_a_cache_line() {
    for length in [0, 1, 1000] {
        let mut workspace = Workspace::<f64>::new(length).expect("memory");
        assert_eq!(workspace.numbers().len(), length);
        assert_eq!(workspace.numbers().as_ptr().addr() % 64, 0);
    }
}
