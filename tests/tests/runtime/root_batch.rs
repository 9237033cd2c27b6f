//! Many roots at once: the same bits on any number of threads, and what one at a time gives.

use crate::common::root::root_bound;
use crate::common::{U32, U64};
use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::batch::LARGEST_ORDER;
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Report, Request};
use shampoo_core::linalg::inverse_root::{inverse_root, inverse_root_workspace_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{LANES, Stored};
use shampoo_runtime::heap::Workspace;
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{BatchError, RootBatch};
use shampoo_tests::generate::{Random, low_rank, packed_to_full, to_packed, with_condition};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::{self as oracle, relative_error};
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
fn assert_same(n: usize, triangle: &[f32], found: &[f32], single: &[f32], report: &Report) {
    if n > LARGEST_ORDER {
        assert_eq!(bits(found), bits(single), "n {n}");
        return;
    }
    let spectrum = narrow::decompose(n, &wide(&packed_to_full(n, triangle)));
    let kappa = spectrum.condition(oracle::Ridge::Absolute(report.ridge));
    let size = Size { order: n, kappa, root: 4.0, ..Size::default() };
    let bound = 2.0 * root_bound(Method::Rational, U64, size).max(Check::RationalRoot.bound(U32));
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
            assert_same(n, triangle, root, &single, &report);
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

/// A number that cannot be read where it is the one below.
#[derive(Clone, Copy, Debug, Default)]
struct Bomb(f32);

impl Bomb {
    const LIT: f32 = 13.0;
}

impl Stored<f64> for Bomb {
    const LARGEST: f64 = <f32 as Stored<f64>>::LARGEST;
    const SMALLEST: f64 = <f32 as Stored<f64>>::SMALLEST;
    const ROUNDOFF: f64 = <f32 as Stored<f64>>::ROUNDOFF;

    fn load(self) -> f64 {
        assert!(self.0 != Self::LIT, "a test's own panic");
        f64::from(self.0)
    }

    fn store(x: f64) -> Self {
        Self(x as f32)
    }
}

#[test]
fn a_panic_is_told_by_the_matrices_beside_it_and_by_no_other() {
    let (n, count) = (6, 3 * LANES);
    let length = packed_len(n);
    let sound = triangles(n, count);
    let mut lit: Vec<Bomb> = sound.iter().map(|&x| Bomb(x)).collect();
    lit[(LANES + 2) * length + 4] = Bomb(Bomb::LIT);
    for threads in [1, 2, 3] {
        let batch = RootBatch::<f64>::new(n, Some(threads)).expect("threads");
        let mut right = vec![0.0_f32; sound.len()];
        let reports = batch.run(&sound, &mut right, &REQUEST);
        // The workspace that was left by a panic is as good as new.
        for _ in 0..2 {
            let mut roots = vec![Bomb::default(); lit.len()];
            let found = batch.run(&lit, &mut roots, &REQUEST);
            for (i, (found, report)) in found.iter().zip(&reports).enumerate() {
                if i / LANES == 1 {
                    assert_eq!(*found, Err(BatchError::Panicked), "matrix {i}, {threads} threads");
                } else {
                    let root: Vec<f32> = roots[i * length..][..length].iter().map(|x| x.0).collect();
                    assert_eq!((found, bits(&root)), (report, bits(&right[i * length..][..length])), "matrix {i}");
                }
            }
            let mut again = vec![0.0_f32; sound.len()];
            assert_eq!((batch.run(&sound, &mut again, &REQUEST), bits(&again)), (reports.clone(), bits(&right)));
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
