//! Slow, plain and independent implementations of what the library computes fast.
//!
//! | module | judges | arithmetic |
//! |---|---|---|
//! | [`wide`] | `f64` roots | double-double, about 31 digits |
//! | [`narrow`] | `f32` roots | `f64` |
//! | [`naive`] | statistics, steps, diagonal methods | `f64` |
//! | [`loewner`] | order between matrices | `f64` |

mod jacobi;
pub mod loewner;
pub mod naive;
pub mod narrow;
pub mod number;
pub mod root;
pub mod wide;

pub use jacobi::Spectrum;
