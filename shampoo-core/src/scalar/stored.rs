//! What statistics and roots are kept as: anything that loads to and stores from a [`Real`].

use super::Real;

/// A number format of stored state, loaded to and stored from the real type `R`.
///
/// A load widens exactly wherever `R` is at least as wide, and rounds to nearest where it is not: what is beyond the range
/// of `R` is then infinite or 0, and what is promised of a root is promised for the loaded matrix. A store rounds to
/// nearest.
pub trait Stored<R: Real>: Copy + Default + core::fmt::Debug + Send + Sync + 'static {
    /// Up to this magnitude a store is finite and can be stored again.
    const LARGEST: f64;
    /// From this magnitude on [`ROUNDOFF`](Self::ROUNDOFF) holds.
    const SMALLEST: f64;
    /// Unit roundoff of a stored number.
    const ROUNDOFF: f64;

    /// The number kept.
    fn load(self) -> R;
    /// The nearest number that can be kept.
    fn store(x: R) -> Self;
}

macro_rules! stored {
    ($($kept:ident as $real:ident),*) => {$(
        impl Stored<$real> for $kept {
            const LARGEST: f64 = $kept::MAX as f64;
            const SMALLEST: f64 = $kept::MIN_POSITIVE as f64;
            const ROUNDOFF: f64 = ($kept::EPSILON / 2.0) as f64;

            #[inline(always)]
            fn load(self) -> $real {
                self as $real
            }
            #[inline(always)]
            fn store(x: $real) -> Self {
                x as $kept
            }
        }
    )*};
}

stored!(f32 as f32, f32 as f64, f64 as f32, f64 as f64);
