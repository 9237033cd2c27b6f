//! Data sets of images, and the order in which training sees them; texts.

pub mod batches;
pub mod curves;
pub mod idx;
pub mod tokens;

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};

/// Pixels of one image; all data sets here are of 28 x 28.
pub const PIXELS: usize = 784;

/// What can be wrong with a data file.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file is not there, neither plain nor compressed.
    #[error("{} is missing, and so is {}.gz", file.display(), file.display())]
    Missing {
        /// The file, by its name without `.gz`.
        file: PathBuf,
    },
    /// The file cannot be read or its compression is damaged.
    #[error("{} cannot be read", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not an IDX file of images.
    #[error("{} begins with {found:#010x}; an IDX file of images begins with {expected:#010x}", file.display())]
    Magic {
        /// The file.
        file: PathBuf,
        /// What an IDX file of images begins with.
        expected: u32,
        /// What this one begins with.
        found: u32,
    },
    /// The file ends before its header says.
    #[error("{} is truncated: {found} bytes of {expected}", file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// The bytes, uncompressed, that the header announces.
        expected: u64,
        /// The bytes there are.
        found: u64,
    },
    /// The file goes on after its last image.
    #[error("{} goes on after the {expected} bytes that its header announces", file.display())]
    Trailing {
        /// The file.
        file: PathBuf,
        /// The bytes, uncompressed, that the header announces.
        expected: u64,
    },
    /// The text is shorter than what is cut from it.
    #[error("{} holds {found} tokens; at least {expected} are needed", file.display())]
    Short {
        /// The file.
        file: PathBuf,
        /// The tokens needed.
        expected: usize,
        /// The tokens there are.
        found: usize,
    },
    /// The images are not of 28 x 28, or there are none.
    #[error("{} holds {count} images of {nrows} x {ncols}; at least one of 28 x 28 is needed", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The number of images.
        count: u32,
        /// Rows of an image.
        nrows: u32,
        /// Columns of an image.
        ncols: u32,
    },
}

/// Images with pixels in [0, 1], one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Images(Vec<f32>);

impl Images {
    /// Takes pixels, image by image; what is left over after the last whole image is dropped.
    #[must_use]
    pub fn new(mut pixels: Vec<f32>) -> Self {
        pixels.truncate(pixels.len() / PIXELS * PIXELS);
        Self(pixels)
    }

    /// The number of images.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len() / PIXELS
    }

    /// All pixels, image by image.
    #[must_use]
    pub fn pixels(&self) -> &[f32] {
        &self.0
    }

    /// The images with these numbers, as a tensor of \[number, 784\].
    ///
    /// # Errors
    /// Those of the tensor library.
    ///
    /// # Panics
    /// If there is no image with one of the numbers.
    pub fn gather(&self, numbers: &[usize]) -> candle_core::Result<Tensor> {
        let mut pixels = Vec::with_capacity(numbers.len() * PIXELS);
        for &number in numbers {
            pixels.extend_from_slice(&self.0[number * PIXELS..][..PIXELS]);
        }
        Tensor::from_vec(pixels, (numbers.len(), PIXELS), &Device::Cpu)
    }

    /// The first images, at most `limit` of them, as tensors of at most `batch` images.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn first(&self, limit: usize, batch: usize) -> candle_core::Result<Vec<Tensor>> {
        let end = limit.min(self.count()) * PIXELS;
        self.0[..end]
            .chunks(batch * PIXELS)
            .map(|chunk| Tensor::from_slice(chunk, (chunk.len() / PIXELS, PIXELS), &Device::Cpu))
            .collect()
    }
}

/// A training set, a test set and the autoencoder that goes with them.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The name in JSON and in the names of files.
    pub name: &'static str,
    /// The name for readers.
    pub label: &'static str,
    /// The widths of the encoder, from the pixels to the code; the decoder is its mirror.
    pub encoder: &'static [usize],
    /// The images to learn from.
    pub train: Images,
    /// The images to judge by.
    pub test: Images,
}

impl Dataset {
    /// The curves: 20,000 images for training and 10,000 for the test.
    #[must_use]
    pub fn curves() -> Self {
        Self {
            name: "curves",
            label: "CURVES",
            encoder: &[PIXELS, 400, 200, 100, 50, 25, 6],
            train: curves::generate(curves::SEED, 0..20_000),
            test: curves::generate(curves::SEED, 20_000..30_000),
        }
    }

    /// MNIST from the IDX files in `folder`.
    ///
    /// # Errors
    /// A file is missing or damaged.
    pub fn mnist(folder: &Path) -> Result<Self, DataError> {
        Ok(Self {
            name: "mnist",
            label: "MNIST",
            encoder: &[PIXELS, 1000, 500, 250, 30],
            train: idx::read_images(&folder.join("train-images-idx3-ubyte"))?,
            test: idx::read_images(&folder.join("t10k-images-idx3-ubyte"))?,
        })
    }
}
