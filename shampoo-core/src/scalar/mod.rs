//! The scalar roles: what numbers are computed in ([`Real`]), what they are kept as ([`Stored`]),
//! and which type plays which role in one optimizer ([`Precision`]).

mod double_f32;
mod precision;
mod real;
mod stored;

pub use double_f32::DoubleF32;
pub use precision::{F32, F32RootDoubleF32, F32RootF64, F64, Mixed, Precision};
pub use real::Real;
pub use stored::Stored;
