//! Textbook versions: index arithmetic and full matrices, no blocking, no buffers.

mod diagonal;
mod linear;
mod shampoo;
mod tensor;

pub use diagonal::{Sm3, adagrad, adam, axis_covers, divided, full_matrix, lars, rmsprop, sm3_average, sm3_i, sm3_ii};
pub use linear::{gram, kronecker, matmul, norm, quotient, rescaled, transpose};
pub use shampoo::{Momentum, Shampoo, grafted};
pub use tensor::{mode_product, mode_statistics, unfold};
