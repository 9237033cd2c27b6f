//! Adapters to frameworks; the only files that name one.

#[cfg(feature = "candle")]
pub mod candle;
#[cfg(feature = "candle")]
pub mod candle_device;
