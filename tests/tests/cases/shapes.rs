//! CASES A36 to A39: scalars, empty tensors, thin matrices, convolutions.

use crate::common::run::{PLAIN, PSEUDO, Run};
use crate::common::{U32, U64, assert_relative, bits};
use shampoo_core::config::Config;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::{Exponent, Request};
use shampoo_core::momentum::Momentum;
use shampoo_core::partition::Merge;
use shampoo_core::scalar::{F32, F32RootF64, F64};
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::{Lengths, lengths};
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

#[test]
fn a36_scalar_parameter() {
    for graft in
        [Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 }, Graft::AdaGrad { epsilon: 0.0 }]
    {
        for config in [Config::diagonal(graft), Config { graft, ..Config::DEFAULT }] {
            let config = Config { momentum: Momentum::NONE, ..config };
            let mut run = Run::<F32>::new(&[], config);
            for (g, right, nu) in [(2.0, 1.0, 4.0), (1.0, 0.447213595, 5.0)] {
                assert_relative(&run.direction(&[g]), &[right], Check::Case.bound(U32), 0.0);
                assert_eq!(run.tensor.graft_state(), [nu]);
            }
        }
    }
}

#[test]
fn a37_empty_tensors_have_no_blocks_and_no_state() {
    let sm3 = Config {
        graft: Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 },
        ..Config::DEFAULT
    };
    let vectors = Config { precondition_vectors: true, merge: Merge::Keep, ..Config::DEFAULT };
    for shape in [&[0][..], &[0, 5], &[3, 0], &[2, 0, usize::MAX]] {
        for config in [Config::DEFAULT, Config::talk_2021(), vectors, sm3] {
            let need = lengths::<F32>(shape, &config).unwrap();
            let Lengths { numel, statistics, slots, momentum, root, .. } = need;
            assert_eq!((numel, statistics, slots, momentum, root), (0, 0, 0, 0, 0), "{shape:?}");
        }
    }
    let mut run = Run::<F32>::new(&[0, 5], Config::DEFAULT);
    assert_eq!(run.tensor.partition().block_count(), 0);
    assert!(run.step(&[], 0.1).is_empty());
    assert_eq!(run.tensor.count(), 1);
}

#[test]
fn a38_thin_matrices() {
    let (gradient, kept, diagonal) = ([3., 0., 4.], [0.6, 0., 0.8], [1., 0., 1.]);
    for shape in [[1, 3], [3, 1]] {
        // Kept as a matrix, or merged into a vector, whose step is the graft's alone.
        let matrix = Config { ridge: PSEUDO, ..PLAIN };
        let found = Run::<F64>::new(&shape, matrix).direction(&gradient);
        assert_relative(&found, &kept, Check::Case.bound(U64), 0.0);
        let found = Run::<F32RootF64>::new(&shape, matrix).direction(&gradient);
        assert_relative(&found, &kept, Check::Case.bound(U32), 0.0);
        let vector = Config { merge: Merge::Forward, graft: Graft::AdaGrad { epsilon: 0.0 }, ..PLAIN };
        let found = Run::<F32>::new(&shape, vector).direction(&gradient);
        assert_relative(&found, &diagonal, Check::Case.bound(U32), 0.0);
        assert_eq!(lengths::<F32>(&shape, &vector).unwrap().statistics, 0);
    }
}

#[test]
fn a39_convolutions_merge_into_matrices() {
    for (shape, limit, merged) in
        [(&[64, 32, 1, 1][..], 64, [64, 32]), (&[16, 1, 3, 3], 16, [16, 9]), (&[8, 4, 3, 3], 36, [32, 9])]
    {
        let config = Config { merge_limit: limit, ..Config::DEFAULT };
        let run = Run::<F32>::new(shape, config);
        let partition = run.tensor.partition();
        assert_eq!(&**partition.dims(), merged);
        let Request { exponent, .. } = config.request(partition.factors_per_block());
        assert_eq!(exponent, Exponent::Root(4));
    }
}

#[test]
fn a39_a_pointwise_convolution_is_a_linear_layer() {
    let config = Config { merge_limit: 64, block_size: 64, ..Config::DEFAULT };
    let mut kernel = Run::<F32>::new(&[64, 32, 1, 1], config);
    let mut linear = Run::<F32>::new(&[64, 32], config);
    let mut random = Random::new(39);
    for _ in 0..2 {
        let gradient = random.gaussians(64 * 32);
        assert_eq!(bits(&kernel.step(&gradient, 0.1)), bits(&linear.step(&gradient, 0.1)));
    }
    assert_eq!(kernel.state(), linear.state());
}

#[test]
fn one_sided_where_a_side_is_too_large() {
    // Embedding: G R^(-1/2), one factor and p = 2.
    let config = Config { max_preconditioned_dim: 2, ..PLAIN };
    let mut run = Run::<F64>::new(&[5, 2], config);
    assert_eq!(run.tensor.lengths().statistics, 3);
    let gradient = [3., 0., 0., 0., 0., 0., 0., 0., 0., 4.];
    let right = [1., 0., 0., 0., 0., 0., 0., 0., 0., 1.];
    assert_relative(&run.direction(&gradient), &right, Check::Case.bound(U64), 0.0);
    let none = Config { max_preconditioned_dim: 1, ..PLAIN };
    assert_eq!(lengths::<F64>(&[5, 2], &none).unwrap().statistics, 0);
    assert_eq!(Run::<F64>::new(&[5, 2], none).direction(&gradient), gradient);
}

#[test]
fn the_largest_rank() {
    // p = 16: one entry stands alone in every mode, P = 8 / 8^(8 * 2 / 16) = 1.
    let mut gradient = [0.0; 256];
    gradient[137] = 8.0;
    let found = Run::<F64>::new(&[2; 8], Config { ridge: PSEUDO, ..PLAIN }).direction(&gradient);
    let mut right = [0.0; 256];
    right[137] = 1.0;
    assert_relative(&found, &right, Check::Case.bound(U64), 0.0);
}
