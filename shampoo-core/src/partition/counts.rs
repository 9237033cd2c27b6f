//! How many blocks, factors and numbers a shape gives, each formula once, also in constant expressions.

use super::Sides;
use crate::capacity::product;
use crate::mat::packed::packed_len;

/// Bit i is set where mode i of a merged shape has a factor; see [`Partition::new`](super::Partition::new).
pub(super) const fn modes(dims: &[usize], largest: usize, vectors: bool, sides: Sides) -> u8 {
    let least_rank = if vectors { 1 } else { 2 };
    if dims.len() < least_rank || product(dims) == 0 {
        return 0;
    }
    let (mut modes, mut rest, mut bit, mut smallest) = (0, dims, 1_u8, usize::MAX);
    while let [d, more @ ..] = rest {
        if *d <= largest {
            match sides {
                Sides::All => modes |= bit,
                Sides::Smallest if *d <= smallest => (modes, smallest) = (bit, *d),
                Sides::Smallest => {}
            }
        }
        (rest, bit) = (more, bit.wrapping_shl(1));
    }
    modes
}

/// A merged shape and how it is cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut<'a> {
    pub(crate) dims: &'a [usize],
    pub(super) block_size: usize,
    pub(super) modes: u8,
}

impl<'a> Cut<'a> {
    pub(crate) const fn new(dims: &'a [usize], block_size: usize, largest: usize, vectors: bool, sides: Sides) -> Self {
        Self { dims, block_size, modes: modes(dims, largest, vectors, sides) }
    }

    #[inline(never)]
    pub(crate) const fn factors_per_block(self) -> usize {
        self.modes.count_ones() as usize
    }

    /// Size of the first piece along a mode of size d; a tensor without factors is not cut.
    const fn piece(self, d: usize) -> usize {
        if self.modes == 0 || d < self.block_size { d } else { self.block_size }
    }

    /// Pieces along a mode of size d.
    pub(crate) const fn pieces(self, d: usize) -> usize {
        let piece = self.piece(d);
        if piece == 0 { 0 } else { d.div_ceil(piece) }
    }

    pub(crate) const fn block_count(self) -> usize {
        if product(self.dims) == 0 {
            return 0;
        }
        let (mut count, mut rest) = (1_usize, self.dims);
        while let [d, more @ ..] = rest {
            (count, rest) = (count.saturating_mul(self.pieces(*d)), more);
        }
        count
    }

    pub(crate) const fn factor_count(self) -> usize {
        self.block_count().saturating_mul(self.factors_per_block())
    }

    /// Numbers in the packed triangles of all factors.
    pub(crate) const fn statistics_len(self) -> usize {
        let blocks = self.block_count();
        let (mut total, mut rest, mut modes) = (0_usize, self.dims, self.modes);
        while let [d, more @ ..] = rest {
            let (piece, pieces) = (self.piece(*d), self.pieces(*d));
            if modes & 1 == 1 && pieces > 0 {
                let last = *d - piece.saturating_mul(pieces - 1);
                let along = packed_len(piece).saturating_mul(pieces - 1).saturating_add(packed_len(last));
                total = total.saturating_add(if blocks == usize::MAX {
                    blocks
                } else {
                    along.saturating_mul(blocks / pieces)
                });
            }
            (rest, modes) = (more, modes >> 1);
        }
        total
    }

    /// Numbers of the largest block, the one at the origin.
    pub(crate) const fn block_numel(self) -> usize {
        if product(self.dims) == 0 {
            return 0;
        }
        let (mut numel, mut rest) = (1_usize, self.dims);
        while let [d, more @ ..] = rest {
            (numel, rest) = (numel.saturating_mul(self.piece(*d)), more);
        }
        numel
    }

    /// The largest order of a factor; 0 where there is none.
    #[inline(never)]
    pub(crate) const fn largest_order(self) -> usize {
        let (mut largest, mut rest, mut modes) = (0, self.dims, self.modes);
        while let [d, more @ ..] = rest {
            if modes & 1 == 1 && self.piece(*d) > largest {
                largest = self.piece(*d);
            }
            (rest, modes) = (more, modes >> 1);
        }
        largest
    }
}
