//! Merging and cutting: nothing is lost, blocks tile a tensor exactly once, and lengths agree.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::capacity::MAX_RANK;
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::momentum::Momentum;
use shampoo_core::partition::{Merge, Partition, Sides, merge_small_dims};
use shampoo_core::scalar::F32;
use shampoo_core::tensor::lengths;
use shampoo_fuzz::settings::{merge, size};

#[derive(Debug)]
struct Case {
    shape: Vec<usize>,
    merge: Merge,
    limit: usize,
    block_size: usize,
    largest: usize,
    vectors: bool,
    sides: Sides,
    index: usize,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let rank = usize::from(u8::arbitrary(u)?) % (MAX_RANK + 3);
        let huge = u.ratio(1, 8)?;
        let shape = (0..rank).map(|_| if huge { usize::arbitrary(u) } else { size(u) }).collect::<Result<_>>()?;
        Ok(Self {
            shape,
            merge: merge(u)?,
            limit: if bool::arbitrary(u)? { size(u)? } else { usize::from(u16::arbitrary(u)?) },
            block_size: size(u)?,
            largest: size(u)?,
            vectors: bool::arbitrary(u)?,
            sides: *u.choose(&[Sides::All, Sides::Smallest])?,
            index: usize::arbitrary(u)?,
        })
    }
}

/// Entries of a shape, where these are few enough to be looked at.
fn few(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d))?;
    (product <= 4096).then_some(product)
}

fuzz_target!(|case: Case| {
    let Ok(dims) = merge_small_dims(&case.shape, case.limit, case.merge) else {
        let kept = case.shape.iter().filter(|&&d| d != 1 || case.merge == Merge::Keep).count();
        assert!(kept > MAX_RANK, "{kept}");
        return;
    };
    let exact = |sizes: &[usize]| {
        // None where it overflows, unless it is 0 all the same.
        let product = sizes.iter().try_fold(1_u128, |n, &d| n.checked_mul(d as u128));
        if sizes.contains(&0) { Some(0) } else { product }
    };
    assert_eq!(exact(&case.shape), exact(&dims), "{dims:?}");
    let others: Vec<usize> = case.shape.iter().copied().filter(|&d| d != 1).collect();
    if case.merge == Merge::Keep {
        assert_eq!(&*dims, &case.shape[..]);
    } else {
        let merged = |d: &usize| *d <= case.limit.max(1) || others.contains(d);
        assert!(dims.len() <= others.len().max(1) && dims.iter().all(merged), "{dims:?}");
    }
    let guarded = !matches!(case.merge, Merge::ForwardUnguarded | Merge::ReverseUnguarded { .. });
    if guarded && others.len() > 1 {
        assert!(dims.len() > 1, "{dims:?}");
    }
    let Ok(partition) = Partition::new(dims, case.block_size, case.largest, case.vectors, case.sides) else {
        assert_eq!(case.block_size, 0);
        return;
    };
    // What is far outside is none.
    let block = partition.block(case.index);
    assert_eq!(block.is_some(), case.index < partition.block_count());
    let config = Config {
        merge: case.merge,
        merge_limit: case.limit,
        block_size: case.block_size,
        max_preconditioned_dim: case.largest,
        precondition_vectors: case.vectors,
        sides: case.sides,
        graft: Graft::Sgd,
        momentum: Momentum::NONE,
        ..Config::DEFAULT
    };
    if let Ok(need) = lengths::<F32>(&case.shape, &config) {
        assert_eq!(need.numel, partition.numel());
        if need.numel > 0 {
            assert_eq!((need.statistics, need.slots), (partition.statistics_len(), partition.factor_count()));
        }
    }
    if let Some(numel) = few(&case.shape) {
        tiles(&partition, numel);
    }
});

/// Every entry is in one block, and blocks put back together are the tensor.
fn tiles(partition: &Partition, numel: usize) {
    assert_eq!(partition.numel(), numel);
    let tensor: Vec<usize> = (0..numel).collect();
    let mut whole = vec![usize::MAX; numel];
    let (mut statistics, mut factors, mut largest) = (0, 0, (0, 0));
    for index in 0..partition.block_count() {
        let block = partition.block(index).expect("a block of every number");
        assert!(block.dims.iter().all(|&d| d > 0), "{block:?}");
        let mut own = vec![usize::MAX; block.numel()];
        block.gather(&tensor, partition.dims(), &mut own);
        if let Some(matrix) = block.matrix(&tensor, partition.dims()) {
            assert!((0..matrix.nrows()).flat_map(|i| matrix.row_entries(i)).eq(own.iter().copied()));
        }
        let width = block.dims.last().copied().unwrap_or(1);
        assert_eq!(block.runs(partition.dims()).count() * width, own.len());
        for (run, own) in block.runs(partition.dims()).zip(own.chunks(width)) {
            for (to, &x) in whole[run].iter_mut().zip(own) {
                assert_eq!(*to, usize::MAX, "an entry in two blocks");
                *to = x;
            }
        }
        statistics += block.statistics_len();
        factors += block.factors().count();
        largest = (largest.0.max(block.largest_order()), largest.1.max(block.numel()));
        assert_eq!(block.factors().count(), partition.factors_per_block());
    }
    assert_eq!(whole, tensor);
    assert_eq!((statistics, factors), (partition.statistics_len(), partition.factor_count()));
    assert_eq!(partition.factors(0..factors).count(), factors);
    let first = partition.largest_block().map_or((0, 0), |block| (block.largest_order(), block.numel()));
    assert_eq!(first, largest);
}
