//! How tensors are merged and cut.

use core::ops::Range;

use shampoo_core::block::work_len;
use shampoo_core::capacity::Dims;
use shampoo_core::partition::{Block, Partition, merge_small_dims};

use crate::entries::exhaust;

entries! { partitions: [
    merge_small_dims,
    work_len,
    Partition::new,
    Partition::dims,
    Partition::numel,
    Partition::factors_per_block,
    Partition::block_count,
    Partition::factor_count,
    Partition::largest_order,
    Partition::block,
    Partition::statistics_len,
    Partition::largest_block,
    <Partition as Clone>::clone,
    <Partition as PartialEq>::eq,
    blocks,
    factors,
    Block::numel,
    Block::largest_order,
    Block::statistics_len,
    block_factors,
    runs,
    Block::matrix::<f32>,
    Block::matrix::<f64>,
    Block::gather::<f32>,
    Block::gather::<f64>,
] }

fn blocks(partition: &Partition, range: Range<usize>) {
    exhaust(partition.blocks(range));
}

fn factors(partition: &Partition, range: Range<usize>) {
    exhaust(partition.factors(range));
}

fn block_factors(block: &Block) {
    exhaust(block.factors());
}

fn runs(block: &Block, tensor: &Dims) {
    exhaust(block.runs(tensor));
}
