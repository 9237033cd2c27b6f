//! Many roots at once: the bits of one at a time, on any number of threads, whatever stands beside them.

use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Outcome, Request};
use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_runtime::heap::Workspace;
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{BatchError, RootBatch};
use shampoo_tests::generate::{Random, low_rank, to_packed, with_condition};

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

#[test]
fn a_batch_has_the_bits_of_single_roots_on_any_number_of_threads() {
    for (n, count) in [(1, 3), (5, 21), (16, 9), (33, 5)] {
        let triangles = triangles(n, count);
        let mut single = vec![0.0_f32; triangles.len()];
        let mut workspace = Workspace::<f64>::new(inverse_root_workspace_len(n)).expect("memory");
        for (a, root) in triangles.chunks(packed_len(n)).zip(single.chunks_mut(packed_len(n))) {
            let report = inverse_root(a, n, root, &REQUEST, workspace.numbers(), &Server::new()).expect("finite");
            assert_eq!(report.outcome, Outcome::Accepted);
        }
        for threads in [1, 2, 4] {
            let mut roots = vec![f32::NAN; triangles.len()];
            let batch = RootBatch::<f64>::new(n, Some(threads)).expect("threads");
            let results = batch.run(&triangles, &mut roots, &REQUEST);
            assert!(results.len() == count && results.iter().all(Result::is_ok));
            assert_eq!(bits(&roots), bits(&single), "n {n}, {threads} threads");
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
