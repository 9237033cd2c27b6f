//! The server kernel: products by a library, the other passes compiled for the vectors at hand.
//!
//! Products go to faer. The passes that are not products are core's own, compiled once more for
//! AVX2 and AVX-512 and chosen at run time. Elementwise passes give the portable kernel's bits; those of the
//! tridiagonal form fuse products with sums. One call runs on one thread; threads run over roots and blocks.

use core::ops::Range;

use faer::linalg::matmul::triangular::BlockStructure;
use faer::linalg::matmul::{matmul, triangular};
use faer::{Accum as FaerAccum, Par};
use pulp::{Arch, Simd, WithSimd};
use shampoo_core::kernel::portable;
use shampoo_core::kernel::{
    Accum, Evaluation, Kernel, Lanewise, Poles, Residual, SymmetricTiles, Terms, TiledTriangle, Tridiagonal,
};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{Plain, Real, Tile};

use dispatch::{
    BackTransform, ReduceLanes, ResidualsOfLanes, RootsOfLanes, SymmetricThin, TridiagonalInverses, Tridiagonalize,
    dispatch,
};

mod dispatch;
#[cfg(target_arch = "x86_64")]
mod x86;

/// The kernel for servers.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    arch: Arch,
}

impl Server {
    /// The widest instructions that this processor has.
    pub fn new() -> Self {
        Self { arch: Arch::new() }
    }

    /// Instructions no wider than so, where this processor has them: for comparisons. The products of the library
    /// are not concerned.
    pub fn up_to(limit: Instructions) -> Option<Self> {
        let arch = match limit {
            Instructions::Baseline => Arch::Scalar,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => Arch::V3(pulp::x86::V3::try_new()?),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => Arch::V4(pulp::x86::V4::try_new()?),
            #[cfg(not(target_arch = "x86_64"))]
            _ => return None,
        };
        Some(Self { arch })
    }

    /// What the passes use.
    pub fn instructions(&self) -> Instructions {
        match self.arch {
            #[cfg(target_arch = "x86_64")]
            Arch::V3(_) => Instructions::Avx2,
            #[cfg(target_arch = "x86_64")]
            Arch::V4(_) => Instructions::Avx512,
            _ => Instructions::Baseline,
        }
    }
}

/// Sets of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// What the program was compiled for.
    Baseline,
    /// AVX2 with fused products.
    Avx2,
    /// AVX-512.
    Avx512,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// A view as the library's, where one of its strides is 1.
///
/// Row-major views are made as transposes: in faer 0.24.4 `from_row_major_slice_with_stride` forgets to
/// transpose and so swaps the sizes.
fn view<T: Copy>(a: MatRef<'_, T>) -> Option<faer::MatRef<'_, T>> {
    let (nrows, ncols) = (a.nrows(), a.ncols());
    let (data, row_stride, col_stride) = a.parts();
    match (row_stride, col_stride) {
        _ if nrows == 0 || ncols == 0 => None,
        (rows, 1) if rows >= ncols => {
            let data = data.get(..(nrows - 1) * rows + ncols)?;
            Some(faer::MatRef::from_column_major_slice_with_stride(data, ncols, nrows, rows).transpose())
        }
        (1, columns) if columns >= nrows => {
            let data = data.get(..(ncols - 1) * columns + nrows)?;
            Some(faer::MatRef::from_column_major_slice_with_stride(data, nrows, ncols, columns))
        }
        _ => None,
    }
}

fn view_mut<'m, T: Copy>(c: &'m mut MatMut<'_, T>) -> Option<faer::MatMut<'m, T>> {
    let (nrows, ncols) = (c.nrows(), c.ncols());
    let (data, stride) = c.parts_mut();
    if nrows == 0 || ncols == 0 {
        return None;
    }
    let data = data.get_mut(..(nrows - 1) * stride + ncols)?;
    Some(faer::MatMut::from_column_major_slice_with_stride_mut(data, ncols, nrows, stride).transpose_mut())
}

fn library_accum(accum: Accum) -> FaerAccum {
    match accum {
        Accum::Replace => FaerAccum::Replace,
        Accum::Add => FaerAccum::Add,
    }
}

/// A pass of core as an operation that is compiled for every instruction set: only a function that is
/// inlined into the dispatched one is, and a closure need not be.
macro_rules! pass {
    ($name:ident = $function:path, ($($argument:ident: $type:ty),*) -> $output:ty) => {
        struct $name<'a, T> {
            $($argument: $type),*
        }

        impl<T: Vector> WithSimd for $name<'_, T> {
            type Output = $output;

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> $output {
                $function($(self.$argument),*)
            }
        }
    };
}

pass!(Dot = portable::dot, (x: &'a [T], y: &'a [T]) -> T);
pass!(Axpby = portable::axpby, (alpha: T, x: &'a [T], beta: T, y: &'a mut [T]) -> ());
pass!(RotateRows = portable::rotate_rows, (rows: MatMut<'a, T>, rotations: &'a [[T; 2]]) -> ());
pass!(ReflectRows = portable::reflect_rows, (rows: MatMut<'a, T>, tau: T, v: &'a [T]) -> ());
pass!(ScaleByRsqrt = scale_by_rsqrt, (out: &'a mut [T], g: &'a [T], v: &'a [T], scale: T, eps: T) -> ());

/// A number with a square root in hardware: correctly rounded as libm's is, so the same bits.
trait Vector: Real {
    fn hardware_sqrt(self) -> Self;
}

impl Vector for f32 {
    #[inline(always)]
    fn hardware_sqrt(self) -> Self {
        Self::sqrt(self)
    }
}

impl Vector for f64 {
    #[inline(always)]
    fn hardware_sqrt(self) -> Self {
        Self::sqrt(self)
    }
}

#[inline(always)]
fn scale_by_rsqrt<T: Vector>(out: &mut [T], g: &[T], v: &[T], scale: T, eps: T) {
    portable::scale_by_rsqrt_with(out, g, v, scale, eps, T::hardware_sqrt);
}

macro_rules! server_kernel {
    ($t:ident) => {
        impl Kernel<$t> for Server {
            fn gemm(&self, mut c: MatMut<'_, $t>, accum: Accum, alpha: $t, a: MatRef<'_, $t>, b: MatRef<'_, $t>) {
                let fits = c.nrows() == a.nrows() && c.ncols() == b.ncols() && a.ncols() == b.nrows();
                if let (true, Some(a), Some(b), Some(c)) = (fits, view(a), view(b), view_mut(&mut c)) {
                    matmul(c, library_accum(accum), a, b, alpha, Par::Seq);
                    return;
                }
                portable::gemm(c, accum, alpha, a, b);
            }

            fn gram(&self, mut c: MatMut<'_, $t>, accum: Accum, alpha: $t, a: MatRef<'_, $t>) {
                let fits = c.nrows() == a.nrows() && c.ncols() == a.nrows();
                if let (true, Some(a), Some(c)) = (fits, view(a), view_mut(&mut c)) {
                    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
                    let accum = library_accum(accum);
                    triangular::matmul(c, lower, accum, a, whole, a.transpose(), whole, alpha, Par::Seq);
                    return;
                }
                portable::gram(c, accum, alpha, a);
            }

            fn symm_product(&self, mut c: MatMut<'_, $t>, a: MatRef<'_, $t>, b: MatRef<'_, $t>) {
                let fits = c.nrows() == a.nrows() && c.ncols() == b.ncols() && a.ncols() == b.nrows();
                if let (true, Some(a), Some(b), Some(view)) = (fits, view(a), view(b), view_mut(&mut c)) {
                    let (lower, whole) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
                    triangular::matmul(view, lower, FaerAccum::Replace, a, whole, b, whole, 1.0, Par::Seq);
                    c.mirror_lower();
                    return;
                }
                portable::symm_product(c, a, b);
            }

            fn dot(&self, x: &[$t], y: &[$t]) -> $t {
                self.arch.dispatch(Dot { x, y })
            }

            fn axpby(&self, alpha: $t, x: &[$t], beta: $t, y: &mut [$t]) {
                self.arch.dispatch(Axpby { alpha, x, beta, y });
            }

            fn scale_by_rsqrt(&self, out: &mut [$t], g: &[$t], v: &[$t], scale: $t, eps: $t) {
                self.arch.dispatch(ScaleByRsqrt { out, g, v, scale, eps });
            }

            fn rotate_rows(&self, rows: MatMut<'_, $t>, rotations: &[[$t; 2]]) {
                self.arch.dispatch(RotateRows { rows, rotations });
            }

            fn reflect_rows(&self, rows: MatMut<'_, $t>, tau: $t, v: &[$t]) {
                self.arch.dispatch(ReflectRows { rows, tau, v });
            }

            fn symmetric_thin(&self, out: &mut [$t], a: SymmetricTiles<'_, $t>, v: &[$t]) {
                dispatch!(self.arch, SymmetricThin { out, a, v });
            }

            fn tridiagonalize(
                &self,
                a: TiledTriangle<'_, $t>,
                t: Tridiagonal<'_, $t>,
                vectors: &mut [$t],
                rows: Range<usize>,
            ) {
                dispatch!(self.arch, Tridiagonalize { a, t, vectors, rows });
            }

            fn tridiagonal_inverses(
                &self,
                t: &Tridiagonal<'_, $t>,
                ridge_and_scale: ($t, $t),
                terms: &Terms<$t>,
                ratios: &mut [$t],
                gains: &mut [$t],
            ) -> bool {
                dispatch!(self.arch, TridiagonalInverses { t, ridge_and_scale, terms, ratios, gains })
            }

            fn back_transform(
                &self,
                a: TiledTriangle<'_, $t>,
                tau: &[$t],
                poles: Poles<'_, $t>,
                vectors: &mut [$t],
                rows: Range<usize>,
            ) {
                dispatch!(self.arch, BackTransform { a, tau, poles, vectors, rows });
            }

            fn reduce_lanes(&self, work: &mut Lanewise<'_, $t>) -> [Tile<$t>; 2] {
                dispatch!(self.arch, ReduceLanes { work })
            }

            fn roots_of_lanes(&self, work: &mut Lanewise<'_, $t>, evaluation: &Evaluation<'_, $t>) -> Tile<$t> {
                dispatch!(self.arch, RootsOfLanes { work, evaluation })
            }

            fn residuals_of_lanes(&self, residual: Residual<'_, $t>) -> Tile<$t> {
                dispatch!(self.arch, ResidualsOfLanes { residual })
            }
        }
    };
}

server_kernel!(f32);
server_kernel!(f64);

#[cfg(test)]
mod tests {
    use super::*;
    use shampoo_core::kernel::Portable;

    fn numbers(length: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31) - 0.5
        };
        core::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn elementwise_passes_have_the_portable_bits() {
        let server = Server::new();
        for n in [1, 7, 8, 31, 64, 100] {
            let [v, w] = [1, 2].map(|seed| numbers(n, seed));
            assert_eq!(server.dot(&v, &w).to_bits(), Kernel::<f64>::dot(&Portable, &v, &w).to_bits());
            let run = |kernel: &dyn Kernel<f64>| {
                let (mut out, mut y) = (vec![0.0; n], v.clone());
                let squares: Vec<f64> = numbers(n, 6).iter().map(|x| x * x).collect();
                kernel.scale_by_rsqrt(&mut out, &numbers(n, 7), &squares, 1.3, 1e-10);
                kernel.axpby(0.3, &w, -1.7, &mut y);
                let mut rows = numbers(3 * n, 8);
                let turns = [[0.6, 0.8], [0.8, -0.6]];
                kernel.rotate_rows(MatMut::new(&mut rows, 3, n).unwrap(), &turns);
                kernel.reflect_rows(MatMut::new(&mut rows, 3, n).unwrap(), 1.1, &w);
                [out, y, rows].concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            };
            assert_eq!(run(&server), run(&Portable), "n {n}");
        }
    }

    #[test]
    fn products_agree_with_the_portable_ones_and_never_read_a_replaced_output() {
        let server = Server::new();
        for (m, k, n) in [(40, 30, 50), (1, 7, 3), (5, 1, 1), (16, 16, 16)] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let (at, bt) = (numbers(k * m, 3), numbers(n * k, 4));
            let lefts = [MatRef::new(&a, m, k).unwrap(), MatRef::new(&at, k, m).unwrap().transpose()];
            let rights = [MatRef::new(&b, k, n).unwrap(), MatRef::new(&bt, n, k).unwrap().transpose()];
            for (a, b) in lefts.into_iter().flat_map(|a| rights.map(|b| (a, b))) {
                let product = |kernel: &dyn Kernel<f64>| {
                    // A row stride beyond the row, and NaN everywhere.
                    let mut c = vec![f64::NAN; m * (n + 3)];
                    let view = MatMut::with_row_stride(&mut c, m, n, n + 3).unwrap();
                    kernel.gemm(view, Accum::Replace, 2.0, a, b);
                    c
                };
                assert_close(&product(&server), &product(&Portable));
                let gram = |kernel: &dyn Kernel<f64>| {
                    let mut c = vec![f64::NAN; m * m];
                    kernel.gram(MatMut::new(&mut c, m, m).unwrap(), Accum::Replace, 2.0, a);
                    kernel.gram(MatMut::new(&mut c, m, m).unwrap(), Accum::Add, 1.0, a);
                    c
                };
                assert_close(&gram(&server), &gram(&Portable));
            }
        }
    }

    /// Entries are NaN in the same places, and sums of at most 50 products of numbers below 1/2 agree.
    fn assert_close(x: &[f64], y: &[f64]) {
        let close = |(x, y): (&f64, &f64)| (x.is_nan() && y.is_nan()) || (x - y).abs() <= 50.0 * f64::EPSILON;
        assert!(x.iter().zip(y).all(close), "{x:?} against {y:?}");
    }
}
