//! The scalar roles: what numbers are computed in ([`Real`]), what they are kept as ([`Stored`]),
//! and which type plays which role in one optimizer ([`Precision`]).

mod precision;
mod real;
mod stored;

pub use precision::{F32, F32RootF64, F64, Precision};
pub use real::Real;
pub use stored::Stored;
