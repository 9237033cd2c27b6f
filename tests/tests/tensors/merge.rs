//! Merging and cutting: the table of NUMERICS section 2, and blocks that never see their neighbours.

use crate::common::run::{PLAIN, Run};
use crate::common::{bits, generated};
use proptest::prelude::*;
use shampoo_core::capacity::MAX_RANK;
use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ShapeError};
use shampoo_core::linalg::inverse_root::{Method, Ridge};
use shampoo_core::momentum::Momentum;
use shampoo_core::partition::Merge::{self, Forward, ForwardUnguarded, Keep, Reverse, ReverseUnguarded};
use shampoo_core::partition::{Partition, Sides, merge_small_dims};
use shampoo_core::scalar::{F32, F32RootF64, F64, Precision};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;

#[test]
fn forward_table() {
    let table: [(&[usize], usize, &[usize]); 9] = [
        (&[1, 2, 512, 1, 2048, 1, 3, 4], 1024, &[1024, 2048, 12]),
        (&[1, 2, 768, 1, 2048], 1024, &[2, 768, 2048]),
        (&[3, 3, 128, 128], 128, &[9, 128, 128]),
        (&[32, 3, 64, 64], 8192, &[6144, 64]),
        (&[1, 1, 1], 128, &[1]),
        (&[], 128, &[]),
        (&[1], 1, &[1]),
        (&[7], 4, &[7]),
        (&[5, 7], 4, &[5, 7]),
    ];
    for (shape, limit, right) in table {
        for merge in [Forward, ForwardUnguarded] {
            assert_eq!(&*merge_small_dims(shape, limit, merge).unwrap(), right, "{shape:?} {limit} {merge:?}");
        }
    }
}

#[test]
fn the_guard_keeps_rank_two() {
    type Case<'a> = (&'a [usize], usize, &'a [usize], &'a [usize]);
    let table: [Case<'_>; 6] = [
        (&[64, 64], 4096, &[64, 64], &[4096]),
        (&[2, 3, 4], 4096, &[6, 4], &[24]),
        (&[1, 64], 4096, &[64], &[64]),
        (&[64, 1, 1], 4096, &[64], &[64]),
        (&[1, 1], 4096, &[1], &[1]),
        (&[2, 2, 2, 2], 8, &[8, 2], &[8, 2]),
    ];
    for (shape, limit, guarded, unguarded) in table {
        assert_eq!(&*merge_small_dims(shape, limit, Forward).unwrap(), guarded, "{shape:?}");
        assert_eq!(&*merge_small_dims(shape, limit, ForwardUnguarded).unwrap(), unguarded, "{shape:?}");
        assert_eq!(&*merge_small_dims(shape, limit, Keep).unwrap(), shape);
    }
}

#[test]
fn reverse_table() {
    type Case<'a> = (&'a [usize], usize, usize, &'a [usize], &'a [usize]);
    let table: [Case<'_>; 13] = [
        (&[32, 3, 64, 64], 200, 1, &[32, 192, 64], &[32, 192, 64]),
        (&[32, 3, 64, 64], 8192, 1, &[96, 4096], &[96, 4096]),
        (&[32, 3, 64, 64], 8192, 3, &[32, 3, 4096], &[32, 3, 4096]),
        (&[32, 3, 64, 64], 1_000_000, 2, &[32, 12288], &[32, 12288]),
        (&[32, 3, 64, 64], 1_000_000, 1, &[32, 12288], &[393_216]),
        (&[32, 3, 64, 64], 1_000_000, 9, &[32, 3, 64, 64], &[32, 3, 64, 64]),
        (&[2, 3, 4], 4096, 1, &[2, 12], &[24]),
        (&[2, 3, 4], 4096, 0, &[2, 12], &[24]),
        (&[64, 64], 4096, 1, &[64, 64], &[4096]),
        (&[64, 1, 1], 4096, 1, &[64], &[64]),
        (&[1, 1], 4096, 2, &[1], &[1]),
        (&[], 4096, 1, &[1], &[1]),
        (&[5, 7], 4, 1, &[5, 7], &[5, 7]),
    ];
    for (shape, limit, target_rank, guarded, published) in table {
        let merged = |merge| merge_small_dims(shape, limit, merge).expect("few dimensions").to_vec();
        assert_eq!(merged(Reverse { target_rank }), guarded, "{shape:?} {limit} {target_rank}");
        assert_eq!(merged(ReverseUnguarded { target_rank }), published, "{shape:?} {limit} {target_rank}");
    }
}

fn policies() -> impl Strategy<Value = Merge> {
    (0..6_usize, 0..5_usize).prop_map(|(policy, target_rank)| match policy {
        0 => Keep,
        1 => Forward,
        2 => ForwardUnguarded,
        3 | 4 => Reverse { target_rank },
        _ => ReverseUnguarded { target_rank },
    })
}

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![Just(1_usize), 2..5_usize, 2..40_usize, Just(0)];
    proptest::collection::vec(size, 0..7)
}

proptest! {
    #![proptest_config(generated())]

    #[test]
    fn laws_of_merging(shape in shapes(), limit in 0..200_usize, merge in policies()) {
        let merged = merge_small_dims(&shape, limit, merge).expect("few dimensions");
        prop_assert_eq!(merged.product(), shape.iter().product::<usize>());
        if merge == Keep {
            prop_assert_eq!(&*merged, &shape[..]);
            return Ok(());
        }
        let kept: Vec<usize> = shape.iter().copied().filter(|&d| d != 1).collect();
        // A size of 0 takes any other in: then only the laws of ranks hold.
        if !kept.contains(&0) {
            // Each size is one of the original ones, or a product within the limit, of neighbours in order.
            let mut rest = &kept[..];
            for &size in merged.iter().filter(|_| !kept.is_empty()) {
                let products = rest.iter().scan(1, |product, &d| { *product *= d; Some(*product) });
                let count = 1 + products.take_while(|&product| product != size).count();
                prop_assert!(count <= rest.len() && (count == 1 || size <= limit), "{:?} of {:?}", merged, shape);
                rest = &rest[count..];
            }
            prop_assert!(rest.is_empty());
            prop_assert_eq!(merge_small_dims(&merged, limit, merge).expect("fewer still"), merged.clone());
        }
        let guarded = matches!(merge, Forward | Reverse { .. });
        prop_assert!(!guarded || kept.len() < 2 || merged.len() >= 2, "{:?} of {:?}", merged, shape);
        if let Reverse { target_rank } | ReverseUnguarded { target_rank } = merge {
            prop_assert!(merged.len() >= target_rank.min(kept.len()).max(1));
        }
        // Forward and reverse are mirror images.
        let mirrored: Vec<usize> = shape.iter().rev().copied().collect();
        let back = if matches!(merge, Forward) { Some(Reverse { target_rank: 1 }) } else { None };
        if let Some(back) = back.filter(|_| !shape.is_empty()) {
            let mut reversed = merge_small_dims(&mirrored, limit, back).expect("few dimensions").to_vec();
            reversed.reverse();
            prop_assert_eq!(&reversed[..], &*merged);
        }
    }
}

#[test]
fn products_that_overflow_are_not_merged() {
    let huge = [usize::MAX, 2, usize::MAX];
    assert_eq!(&*merge_small_dims(&huge, usize::MAX, Forward).unwrap(), &huge);
}

#[test]
fn nine_dimensions_fit_only_where_ones_are_dropped() {
    let shape = [2, 1, 2, 1, 2, 1, 2, 1, 2];
    assert_eq!(&*merge_small_dims(&shape, 4, Forward).unwrap(), &[4, 4, 2]);
    assert_eq!(merge_small_dims(&shape, 4, Keep), Err(ShapeError::Rank { rank: 9, capacity: 8 }));
}

#[test]
fn last_pieces_are_short_never_empty() {
    let cut = |dims: &[usize], block: usize| {
        let dims = merge_small_dims(dims, 1, Keep).unwrap();
        Partition::new(dims, block, usize::MAX, true, Sides::All).unwrap()
    };
    for (dims, block) in [(&[7_usize, 6][..], 3), (&[4, 5, 3], 2), (&[9], 4), (&[3, 3], 3), (&[3, 3], 4)] {
        let partition = cut(dims, block);
        let mut seen = vec![0; partition.numel()];
        for piece in partition.blocks(0..partition.block_count()) {
            assert!(piece.dims.iter().all(|d| (1..=block).contains(d)), "{piece:?}");
            assert!(piece.start.iter().all(|start| start % block == 0));
            piece.runs(partition.dims()).flatten().for_each(|k| seen[k] += 1);
        }
        assert!(seen.iter().all(|&n| n == 1), "every entry in one block: {seen:?}");
        let blocks = partition.blocks(0..partition.block_count());
        assert_eq!(partition.statistics_len(), blocks.map(|b| b.statistics_len()).sum::<usize>());
    }
    assert_eq!(cut(&[7, 6], 3).block_count(), 6);
    let starts: Vec<_> = cut(&[3, 3], 2).blocks(0..4).map(|b| b.start.to_vec()).collect();
    assert_eq!(starts, [[0, 0], [0, 2], [2, 0], [2, 2]], "row-major");
}

/// Nothing that couples blocks: no graft, whose norms are taken over the tensor. Momentum and averages are entry by
/// entry and factor by factor, so they stay.
const UNCOUPLED: Config = Config {
    averaging: Averaging::Ema { beta2: 0.9 },
    ridge: Ridge::Relative(1e-6),
    method: Method::Auto,
    momentum: Momentum::heavy_ball(0.9),
    schedule: Schedule { precondition_every: 2, ..Schedule::EVERY_STEP },
    ..PLAIN
};

/// Steps of the whole tensor against steps of one tensor a block, in bits.
fn assert_blocks_are_independent<P: Precision>(shape: &[usize], block_size: usize) {
    let mut whole = Run::<P>::new(shape, Config { block_size, ..UNCOUPLED });
    let partition = whole.tensor.partition().clone();
    let blocks: Vec<_> = partition.blocks(0..partition.block_count()).collect();
    let mut parts: Vec<_> = blocks.iter().map(|block| Run::<P>::new(&block.dims, UNCOUPLED)).collect();
    let mut random = Random::new(31);
    for _ in 0..5 {
        let gradient = random.gaussians(partition.numel());
        let update = whole.step(&gradient, 0.1);
        for (block, part) in blocks.iter().zip(&mut parts) {
            let cut =
                |x: &[f64]| -> Vec<f64> { block.runs(partition.dims()).flat_map(|run| x[run].to_vec()).collect() };
            assert_eq!(bits(&part.step(&cut(&gradient), 0.1)), bits(&cut(&update)), "{shape:?}: {block:?}");
        }
        assert_eq!(whole.refresh.rejected, 0);
    }
    let together = |of: fn(&Run<P>) -> Vec<f64>| parts.iter().flat_map(of).collect::<Vec<f64>>();
    assert_eq!(bits(&whole.statistics()), bits(&together(Run::statistics)));
    assert_eq!(bits(&whole.roots()), bits(&together(Run::roots)));
}

#[test]
fn blocked_equals_independent() {
    for (shape, block) in [(&[7_usize, 5][..], 3), (&[4, 5, 3], 2), (&[6, 6], 3), (&[3, 2, 2, 5], 2)] {
        assert_blocks_are_independent::<F64>(shape, block);
        assert_blocks_are_independent::<F32RootF64>(shape, block);
        assert_blocks_are_independent::<F32>(shape, block);
    }
}

#[test]
fn a41_no_limit_is_one_block() {
    for shape in [&[3_usize, 5][..], &[5], &[2, 3, 4]] {
        let config = Config { precondition_vectors: true, ..UNCOUPLED };
        let mut unlimited = Run::<F32>::new(shape, Config { block_size: usize::MAX, ..config });
        let mut exact = Run::<F32>::new(shape, Config { block_size: 5, ..config });
        assert_eq!(unlimited.tensor.partition().block_count(), 1);
        let mut random = Random::new(32);
        for _ in 0..3 {
            let gradient = random.gaussians(unlimited.weights.len());
            assert_eq!(bits(&unlimited.step(&gradient, 0.1)), bits(&exact.step(&gradient, 0.1)));
        }
        assert_eq!(unlimited.state(), exact.state());
    }
}

#[test]
fn a42_sizes_that_overflow_are_errors_or_saturate() {
    use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
    use shampoo_core::mat::packed::packed_len;
    use shampoo_core::tensor::lengths;
    let half = 1_usize << (usize::BITS / 2);
    assert_eq!(inverse_root_workspace_len(half), usize::MAX);
    assert_eq!(inverse_root_workspace_len(usize::MAX), usize::MAX);
    assert_eq!(packed_len(half << 1), usize::MAX);
    let too_large = Err(ConfigError::Shape(ShapeError::TooLarge));
    assert_eq!(lengths::<F32>(&[half, half], &Config::DEFAULT), too_large);
    let one_side = Config { block_size: usize::MAX, ..Config::DEFAULT };
    assert_eq!(lengths::<F32>(&[half, 2], &one_side), too_large);
}

#[test]
fn a_rank_that_is_not_held_is_named() {
    let mut shape = [3; 12];
    shape[5] = 1;
    for (merge, rank) in [(Keep, 12), (Forward, 11), (Reverse { target_rank: 2 }, 11)] {
        let right = Err(ShapeError::Rank { rank, capacity: MAX_RANK });
        assert_eq!(merge_small_dims(&shape, usize::MAX, merge).map(|_| ()), right, "{merge:?}");
    }
}
