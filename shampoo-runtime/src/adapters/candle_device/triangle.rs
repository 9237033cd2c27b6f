//! A symmetric matrix on a device, and its packed triangle on the host: only that travels.

use candle_core::{Device, Result, Tensor};
use shampoo_core::mat::packed::packed_len;

/// Where the entries of a triangle lie in the square, and the other way round; one for all matrices of an order.
#[derive(Debug)]
pub(super) struct Triangle {
    order: usize,
    /// For each entry of the packed triangle, its place in the square.
    packed: Tensor,
    /// For each entry of the square, its place in the packed triangle.
    square: Tensor,
}

impl Triangle {
    /// **Ranges**: an order below 2^16, whose square a place can count.
    pub(super) fn new(order: usize, device: &Device) -> Result<Self> {
        if order > usize::from(u16::MAX) {
            candle_core::bail!("a factor of order {order}, at most {} on a device", u16::MAX);
        }
        let packed = (0..order).flat_map(|i| (0..=i).map(move |j| (i * order + j) as u32));
        let place = |i: usize, j: usize| (packed_len(i.max(j)) + i.min(j)) as u32;
        let square = (0..order).flat_map(|i| (0..order).map(move |j| place(i, j)));
        let [packed, square] = [packed.collect::<Vec<_>>(), square.collect()];
        let on_device = |places: Vec<u32>| {
            let length = places.len();
            Tensor::from_vec(places, length, device)
        };
        Ok(Self { order, packed: on_device(packed)?, square: on_device(square)? })
    }

    /// Order of the matrices.
    pub(super) fn order(&self) -> usize {
        self.order
    }

    /// The lower triangle of a matrix, brought to the host.
    pub(super) fn fetch(&self, matrix: &Tensor, triangle: &mut [f32]) -> Result<()> {
        let packed = matrix.flatten_all()?.index_select(&self.packed, 0)?.to_vec1()?;
        triangle.copy_from_slice(&packed);
        Ok(())
    }

    /// The matrix of a triangle, brought to the device.
    pub(super) fn send(&self, triangle: &[f32]) -> Result<Tensor> {
        let packed = Tensor::from_slice(triangle, triangle.len(), self.square.device())?;
        packed.index_select(&self.square, 0)?.reshape((self.order, self.order))
    }
}
