//! The passes of core that are generic over lanes, each an operation that is compiled for every instruction set.

use core::ops::Range;

use pulp::{Simd, WithSimd};
use shampoo_core::kernel::{Evaluation, Lanewise, Poles, Residual, SymmetricTiles, Terms, TiledTriangle, Tridiagonal};
use shampoo_core::kernel::{back_transform, inverses, lanewise, thin, tridiagonal};
use shampoo_core::scalar::{Lanes, Real, Tile};

/// Stamps the operation of a function whose first argument are the lanes, the others in the order of the fields.
macro_rules! over_lanes {
    ($(#[$doc:meta])* $name:ident<$($life:lifetime),*> = $function:path, ($($field:ident: $type:ty),*) -> $output:ty) => {
        $(#[$doc])*
        pub(super) struct $name<$($life,)* T, L> {
            pub(super) lanes: L,
            $(pub(super) $field: $type),*
        }

        impl<$($life,)* T: Real, L: Lanes<T>> WithSimd for $name<$($life,)* T, L> {
            type Output = $output;

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> $output {
                $function(self.lanes, $(self.$field),*)
            }
        }
    };
}

over_lanes!(Tridiagonalize<'a> = tridiagonal::tridiagonalize,
    (a: TiledTriangle<'a, T>, t: Tridiagonal<'a, T>, vectors: &'a mut [T], rows: Range<usize>) -> ());
over_lanes!(TridiagonalInverses<'a, 't> = inverses::tridiagonal_inverses,
    (t: &'a Tridiagonal<'t, T>, ridge_and_scale: (T, T), terms: &'a Terms<T>, ratios: &'a mut [T],
     gains: &'a mut [T]) -> bool);
over_lanes!(BackTransform<'a> = back_transform::back_transform,
    (a: TiledTriangle<'a, T>, tau: &'a [T], poles: Poles<'a, T>, vectors: &'a mut [T], rows: Range<usize>) -> ());
over_lanes!(SymmetricThin<'a> = thin::symmetric_thin, (out: &'a mut [T], a: SymmetricTiles<'a, T>, v: &'a [T]) -> ());
over_lanes!(ReduceLanes<'a, 'w> = lanewise::reduce, (work: &'a mut Lanewise<'w, T>) -> [Tile<T>; 2]);
over_lanes!(RootsOfLanes<'a, 'w> = lanewise::roots,
    (work: &'a mut Lanewise<'w, T>, evaluation: &'a Evaluation<'a, T>) -> Tile<T>);
over_lanes!(ResidualsOfLanes<'a> = lanewise::residuals, (residual: Residual<'a, T>) -> Tile<T>);

/// Runs an operation with the widest lanes there are.
macro_rules! dispatch {
    ($arch:expr, $pass:ident { $($field:ident),* }) => {
        match $arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V4(simd) => Simd::vectorize(simd, $pass { lanes: x86::Avx512(simd), $($field),* }),
            #[cfg(target_arch = "x86_64")]
            Arch::V3(simd) => Simd::vectorize(simd, $pass { lanes: x86::Avx2(simd), $($field),* }),
            arch => arch.dispatch($pass { lanes: Plain, $($field),* }),
        }
    };
}
pub(super) use dispatch;
