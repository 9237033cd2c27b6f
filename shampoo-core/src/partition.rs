//! How a tensor is cut: small dimensions merged, large ones cut into blocks, each with statistics of
//! its own.

mod counts;
mod merge;

pub(crate) use counts::Cut;
pub(crate) use merge::merged;
pub use merge::{Merge, merge_small_dims};

use core::num::NonZeroUsize;
use core::ops::Range;

use crate::capacity::{Dims, MAX_RANK};
use crate::error::ConfigError;
use crate::mat::packed::packed_len;
use crate::mat::{MatRef, copy};

/// Which modes have factors, of those that are small enough for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Sides {
    /// All of them: L^{-1/4} G R^{-1/4} for a matrix.
    All,
    /// The smallest alone, of equal ones the last, with p = 2: G R^{-1/2} for a tall or square matrix.
    #[doc(alias = "one_sided")]
    Smallest,
}

/// A tensor cut into blocks, enumerated row-major.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    dims: Dims,
    block_size: NonZeroUsize,
    /// Bit i is set where mode i is preconditioned.
    modes: u8,
}

const _: () = assert!(MAX_RANK <= u8::BITS as usize, "one bit a mode");

/// One block: where it starts and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// First index along each mode.
    pub start: Dims,
    /// Sizes; the last piece of a mode is short, never empty, never padded.
    pub dims: Dims,
    modes: u8,
}

impl Partition {
    /// Cuts a merged shape at `block_size`, 2 `block_size`, ...; sides above `max_preconditioned_dim`
    /// get no factor. Rank 0, and rank 1 unless `vectors`, get none either.
    ///
    /// **Errors**: a block size of 0 (`usize::MAX` is legal: one block).
    pub fn new(
        dims: Dims,
        block_size: usize,
        max_preconditioned_dim: usize,
        vectors: bool,
        sides: Sides,
    ) -> Result<Self, ConfigError> {
        let block_size = NonZeroUsize::new(block_size).ok_or(ConfigError::BlockSizeZero)?;
        let modes = counts::modes(&dims, max_preconditioned_dim, vectors, sides);
        Ok(Self { dims, block_size, modes })
    }

    /// What counts and lengths follow from.
    pub(crate) fn cut(&self) -> Cut<'_> {
        Cut { dims: &self.dims, block_size: self.block_size.get(), modes: self.modes }
    }

    /// The merged shape.
    pub fn dims(&self) -> &Dims {
        &self.dims
    }

    /// Number of entries.
    pub fn numel(&self) -> usize {
        self.dims.product()
    }

    /// Factors of one block, the number of preconditioned modes.
    pub fn factors_per_block(&self) -> usize {
        self.cut().factors_per_block()
    }

    /// Number of blocks; 1 where nothing is preconditioned, 0 for an empty tensor.
    pub fn block_count(&self) -> usize {
        self.cut().block_count()
    }

    /// Number of factors of all blocks.
    #[inline(never)]
    pub fn factor_count(&self) -> usize {
        self.cut().factor_count()
    }

    /// Order of the largest factor; 0 without any.
    pub fn largest_order(&self) -> usize {
        self.cut().largest_order()
    }

    /// The block of this number, if there is one.
    pub fn block(&self, index: usize) -> Option<Block> {
        if index >= self.block_count() {
            return None;
        }
        let mut rest = index;
        let mut block = Block { start: Dims::new(), dims: Dims::new(), modes: self.modes };
        for &d in self.dims.iter().rev() {
            let pieces = self.cut().pieces(d).max(1);
            let size = if pieces == 1 { d } else { self.block_size.get() };
            let start = (rest % pieces).saturating_mul(size);
            rest /= pieces;
            block.start.push(start).ok()?;
            block.dims.push(size.min(d - start)).ok()?;
        }
        block.start.reverse();
        block.dims.reverse();
        Some(block)
    }

    /// The blocks of these numbers.
    pub fn blocks(&self, range: Range<usize>) -> impl Iterator<Item = Block> {
        range.filter_map(|index| self.block(index))
    }

    /// Mode and order of each factor of these numbers, with the number of its block.
    pub fn factors(&self, range: Range<usize>) -> impl Iterator<Item = Factor> {
        range.map_while(|index| self.factor(index))
    }

    pub(crate) fn factor(&self, index: usize) -> Option<Factor> {
        let each = NonZeroUsize::new(self.factors_per_block())?;
        let block = self.block(index / each)?;
        let (mode, order) = block.factors().nth(index % each)?;
        Some(Factor { block, mode, order })
    }

    /// Numbers in the packed triangles of all factors; saturates.
    pub fn statistics_len(&self) -> usize {
        self.cut().statistics_len()
    }

    /// The largest block: the one at the origin.
    pub fn largest_block(&self) -> Option<Block> {
        self.block(0)
    }
}

/// One factor: a block, one of its modes and the size along it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The block that it belongs to.
    pub block: Block,
    /// The mode.
    pub mode: usize,
    /// Order of the statistic and of its root.
    pub order: usize,
}

impl Block {
    /// Number of entries.
    pub fn numel(&self) -> usize {
        self.dims.product()
    }

    /// Preconditioned modes and their sizes.
    pub fn factors(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.dims.iter().copied().enumerate().filter(|(i, _)| self.modes >> i & 1 == 1)
    }

    /// The largest size along a preconditioned mode.
    pub fn largest_order(&self) -> usize {
        self.factors().fold(0, |n, (_, d)| n.max(d))
    }

    /// Numbers in the packed triangles of its factors.
    pub fn statistics_len(&self) -> usize {
        self.factors().fold(0, |sum, (_, d)| sum.saturating_add(packed_len(d)))
    }

    /// The runs of entries that lie side by side in the whole tensor, in row-major order of the block.
    pub fn runs<'a>(&'a self, tensor: &'a Dims) -> impl Iterator<Item = Range<usize>> + 'a {
        let length = self.dims.last().copied().unwrap_or(1);
        let runs = self.numel().checked_div(length).unwrap_or(0);
        (0..runs).map(move |run| {
            let start = self.offset(tensor, run);
            start..start + length
        })
    }

    /// Where run number `run` starts in the whole tensor.
    #[inline(never)]
    fn offset(&self, tensor: &Dims, run: usize) -> usize {
        let mut rest = run;
        let mut stride = tensor.last().copied().unwrap_or(1);
        let mut offset = self.start.last().copied().unwrap_or(0);
        let outer = self.start.iter().zip(self.dims.iter()).zip(tensor.iter()).rev().skip(1);
        for ((&start, &size), &whole) in outer {
            offset += (start + rest % size.max(1)) * stride;
            rest /= size.max(1);
            stride *= whole;
        }
        offset
    }

    /// The block of a rank-2 tensor as a view.
    pub fn matrix<'a, T: Copy>(&self, data: &'a [T], tensor: &Dims) -> Option<MatRef<'a, T>> {
        let (&[i, j], &[nrows, ncols], &[_, width]) = (&*self.start, &*self.dims, &**tensor) else { return None };
        let data = data.get(i * width + j..)?;
        MatRef::with_strides(data, nrows, ncols, width, 1).ok()
    }

    /// Copies the block out of the whole tensor.
    pub fn gather<T: Copy>(&self, data: &[T], tensor: &Dims, out: &mut [T]) {
        let length = self.dims.last().copied().unwrap_or(1).max(1);
        for (run, out) in self.runs(tensor).zip(out.chunks_exact_mut(length)) {
            if let Some(run) = data.get(run) {
                copy(out, run);
            }
        }
    }
}
