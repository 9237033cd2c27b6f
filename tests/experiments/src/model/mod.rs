//! Networks over candle's tensors. What is slow when candle composes it from single operations is
//! one operation here, with its own backward pass.

pub mod autoencoder;
pub mod dense;
pub mod loss;

pub use autoencoder::Autoencoder;
