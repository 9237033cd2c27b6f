//! Lengths known only at run time under a fixed capacity: the one file that names `heapless`.

use core::ops::Deref;

use crate::error::ShapeError;

/// Dimensions of a tensor at most.
pub const MAX_RANK: usize = 8;

/// Up to [`MAX_RANK`] sizes, one for each dimension.
///
/// ```
/// use shampoo_core::capacity::Dims;
/// let dims = Dims::from_slice(&[3, 5])?;
/// assert_eq!(dims.len(), 2);
/// assert_eq!(dims.product(), 15);
/// # Ok::<(), shampoo_core::error::ShapeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dims(heapless::Vec<usize, MAX_RANK>);

impl Dims {
    /// No dimension: the shape of a scalar.
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    /// The sizes in `shape`.
    ///
    /// **Errors**: [`ShapeError::Rank`] above [`MAX_RANK`] sizes.
    pub fn from_slice(shape: &[usize]) -> Result<Self, ShapeError> {
        let mut dims = Self::new();
        for &d in shape {
            dims.push(d)?;
        }
        Ok(dims)
    }

    /// Appends one size.
    ///
    /// **Errors**: [`ShapeError::Rank`] where [`MAX_RANK`] sizes are held already.
    pub fn push(&mut self, d: usize) -> Result<(), ShapeError> {
        self.0.push(d).map_err(|_| ShapeError::Rank { rank: MAX_RANK + 1, capacity: MAX_RANK })
    }

    /// Number of entries; 1 for a scalar, `usize::MAX` on overflow.
    pub fn product(&self) -> usize {
        product(self)
    }

    /// Reverses the order of the sizes.
    pub fn reverse(&mut self) {
        self.0.reverse();
    }
}

/// [`Dims`] for constant expressions, in which a `heapless::Vec` cannot be filled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    sizes: [usize; MAX_RANK],
    len: usize,
}

impl Sizes {
    pub(crate) const EMPTY: Self = Self { sizes: [0; MAX_RANK], len: 0 };

    /// With one size more; `None` where [`MAX_RANK`] are held already.
    pub(crate) const fn with(mut self, d: usize) -> Option<Self> {
        match self.sizes.split_at_mut_checked(self.len) {
            Some((_, [free, ..])) => {
                *free = d;
                self.len += 1;
                Some(self)
            }
            _ => None,
        }
    }

    /// In the opposite order.
    pub(crate) const fn reversed(mut self) -> Self {
        if let Some((held, _)) = self.sizes.split_at_mut_checked(self.len) {
            held.reverse();
        }
        self
    }

    pub(crate) const fn as_slice(&self) -> &[usize] {
        match self.sizes.split_at_checked(self.len) {
            Some((held, _)) => held,
            None => &[],
        }
    }
}

impl Deref for Dims {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        &self.0
    }
}

/// Product of sizes; 1 for none, `usize::MAX` on overflow.
///
/// A size of 0 wins over an overflow elsewhere in the shape: the tensor is empty.
#[inline(never)]
pub const fn product(sizes: &[usize]) -> usize {
    let (mut product, mut rest) = (1_usize, sizes);
    while let [d, more @ ..] = rest {
        if *d == 0 {
            return 0;
        }
        (product, rest) = (product.saturating_mul(*d), more);
    }
    product
}
