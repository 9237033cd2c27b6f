//! The scalar roles: what numbers are computed in ([`Real`]), what they are kept as ([`Stored`]),
//! and which type plays which role in one optimizer ([`Precision`]); and eight numbers at a time ([`Lanes`]).

mod bf16;
mod double_f32;
mod figure;
mod lanes;
mod power;
mod precision;
mod radical;
mod real;
mod rolled;
mod series;
mod stored;

pub use bf16::{Bf16, Bf16x2, Bf16x3};
pub use double_f32::DoubleF32;
pub(crate) use figure::check_figure;
pub use lanes::{HighWords, LANES, Lanes, Plain, Tile, padded};
pub use precision::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootDoubleF32, F32RootF64, F64, Mixed, Precision};
pub(crate) use radical::{inverse_radical, radical_4096};
pub use real::Real;
pub use rolled::Rolled;
pub(crate) use series::{exp2, log2, power_less_one};
pub use stored::Stored;

/// 2^k, for k in the normal range of `f64`.
pub(crate) const fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// Quotient and remainder of k by a positive number, k = q by + r with 0 <= r < by; none by 0.
///
/// `checked_div_euclid` divides behind its check with another one, and not every compiler sees that it cannot fail.
pub(crate) fn divide(k: i32, by: i32) -> Option<(i32, i32)> {
    let (quotient, rest) = (k.checked_div(by)?, k.checked_rem(by)?);
    Some(if rest < 0 { (quotient - 1, rest + by) } else { (quotient, rest) })
}
