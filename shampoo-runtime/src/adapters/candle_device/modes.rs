//! Blocks of a tensor, and products along its modes, in candle's operations.
//!
//! What they compute is in [`shampoo_core::statistics`].

use candle_core::{Result, Tensor};
use shampoo_core::partition::{Block, Partition};

/// A block of a whole tensor; no copy where it is the whole.
pub(super) fn cut(whole: &Tensor, block: &Block) -> Result<Tensor> {
    let mut piece = whole.clone();
    for (mode, (&start, &size)) in block.start.iter().zip(block.dims.iter()).enumerate() {
        piece = piece.narrow(mode, start, size)?;
    }
    piece.contiguous()
}

/// The whole tensor of all its blocks, which are row-major.
pub(super) fn join(mut pieces: Vec<Tensor>, partition: &Partition) -> Result<Tensor> {
    let sizes = partition.largest_block().map(|block| block.dims).unwrap_or_default();
    for (mode, (&whole, &piece)) in partition.dims().iter().zip(sizes.iter()).enumerate().rev() {
        let count = whole.div_ceil(piece);
        if count > 1 {
            pieces = pieces.chunks(count).map(|run| Tensor::cat(run, mode)).collect::<Result<_>>()?;
        }
    }
    match pieces.pop() {
        Some(whole) => Ok(whole),
        None => candle_core::bail!("a tensor without blocks"),
    }
}

/// Sizes before, at and after a mode.
fn split(dims: &[usize], mode: usize) -> (usize, usize, usize) {
    (dims[..mode].iter().product(), dims[mode], dims[mode + 1..].iter().product())
}

/// mat_i(G): one row for each index along the mode, columns in any order.
fn unfolded(g: &Tensor, mode: usize) -> Result<Tensor> {
    match split(g.dims(), mode) {
        (1, size, after) => g.reshape((size, after)),
        (before, size, 1) => g.reshape((before, size))?.t(),
        (before, size, after) => {
            g.reshape((before, size, after))?.transpose(0, 1)?.contiguous()?.reshape((size, before * after))
        }
    }
}

/// mat_i(G) mat_i(G)^T.
pub(super) fn gram(g: &Tensor, mode: usize) -> Result<Tensor> {
    let rows = unfolded(g, mode)?;
    rows.matmul(&rows.t()?)
}

/// The tensor whose mode-i unfolding is X mat_i(G), for symmetric X.
pub(super) fn product(x: &Tensor, g: &Tensor, mode: usize) -> Result<Tensor> {
    let product = match split(g.dims(), mode) {
        (1, ..) => x.matmul(&unfolded(g, mode)?)?,
        (before, size, 1) => g.reshape((before, size))?.matmul(x)?,
        (before, size, after) => {
            let product = x.matmul(&unfolded(g, mode)?)?;
            product.reshape((size, before, after))?.transpose(0, 1)?.contiguous()?
        }
    };
    product.reshape(g.dims())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use shampoo_core::capacity::Dims;
    use shampoo_core::partition::Sides;

    use super::*;

    fn counting(dims: &[usize]) -> Result<Tensor> {
        let numel: usize = dims.iter().product();
        Tensor::arange(0.0_f32, numel as f32, &Device::Cpu)?.reshape(dims)
    }

    #[test]
    fn blocks_join_to_the_whole() -> Result<()> {
        for dims in [&[5, 7][..], &[4, 4], &[3, 5, 2], &[2, 3, 3, 4]] {
            let shape = Dims::from_slice(dims).expect("a legal rank");
            let partition = Partition::new(shape, 2, usize::MAX, false, Sides::All).expect("a legal block size");
            let whole = counting(dims)?;
            let pieces = partition.blocks(0..partition.block_count()).map(|block| cut(&whole, &block));
            let again = join(pieces.collect::<Result<_>>()?, &partition)?;
            let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
            assert_eq!((again.dims(), flat(&again)?), (dims, flat(&whole)?));
        }
        Ok(())
    }

    /// Small integers, so that every order of summation gives the same.
    #[test]
    fn every_mode_is_that_of_core() -> Result<()> {
        use shampoo_core::kernel::Portable;
        use shampoo_core::mat::{MatMut, MatRef};
        use shampoo_core::statistics::{mode_gram, mode_product};

        for dims in [&[3, 4][..], &[6], &[2, 3, 4], &[3, 2, 2, 3]] {
            let g = counting(dims)?;
            let numbers = g.flatten_all()?.to_vec1::<f32>()?;
            for (mode, &n) in dims.iter().enumerate() {
                let mut square = vec![0.0_f32; n * n];
                let mut view = MatMut::new(&mut square, n, n).expect("n x n");
                mode_gram(view.reborrow(), &numbers, dims, mode, &Portable);
                view.mirror_lower();
                assert_eq!(gram(&g, mode)?.flatten_all()?.to_vec1::<f32>()?, square);
                let symmetric: Vec<f32> = (0..n * n).map(|k| (k / n + k % n) as f32).collect();
                let mut out = vec![0.0; numbers.len()];
                let x = MatRef::new(&symmetric, n, n).expect("n x n");
                mode_product(&mut out, x, &numbers, dims, mode, &Portable);
                let found = product(&Tensor::from_slice(&symmetric, (n, n), &Device::Cpu)?, &g, mode)?;
                assert_eq!((found.dims(), found.flatten_all()?.to_vec1::<f32>()?), (dims, out));
            }
        }
        Ok(())
    }
}
