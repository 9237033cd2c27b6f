//! Figures of settings.

use super::Real;
use crate::error::ConfigError;

/// Refuses a figure that is negative, or not finite in the type that it is used in.
#[inline(never)]
pub(crate) fn check_figure<T: Real>(field: &'static str, value: f64) -> Result<(), ConfigError> {
    let usable = value >= 0.0 && T::from_f64(value).is_finite();
    if usable { Ok(()) } else { Err(ConfigError::Figure { field, value }) }
}
