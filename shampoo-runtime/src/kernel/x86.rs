//! Lanes of AVX2 and AVX-512: eight numbers in one or two registers, products fused with sums.

use core::arch::x86_64::{__m256, __m256d, __m512d, _CMP_GT_OQ};

use pulp::cast;
use pulp::x86::{V3, V4};
use shampoo_core::scalar::{LANES, Lanes, Tile};

/// Lanes of AVX-512.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(pub(super) V4);

/// Lanes of AVX2 and FMA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(pub(super) V3);

impl Avx512 {
    /// Sums of neighbours, those of x and y in turn.
    #[inline(always)]
    fn pairs(self, x: __m512d, y: __m512d) -> __m512d {
        let simd = self.0.avx512f;
        simd._mm512_add_pd(simd._mm512_unpacklo_pd(x, y), simd._mm512_unpackhi_pd(x, y))
    }

    /// Sums of neighbouring quarters of x, then of y.
    #[inline(always)]
    fn quarters(self, x: __m512d, y: __m512d) -> __m512d {
        let simd = self.0.avx512f;
        simd._mm512_add_pd(simd._mm512_shuffle_f64x2::<0x88>(x, y), simd._mm512_shuffle_f64x2::<0xDD>(x, y))
    }
}

impl Lanes<f64> for Avx512 {
    type Vector = __m512d;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, x: f64) -> __m512d {
        self.0.avx512f._mm512_set1_pd(x)
    }
    #[inline(always)]
    fn load(self, from: &Tile<f64>) -> __m512d {
        cast(*from)
    }
    #[inline(always)]
    fn store(self, to: &mut Tile<f64>, x: __m512d) {
        *to = cast(x);
    }
    #[inline(always)]
    fn add(self, x: __m512d, y: __m512d) -> __m512d {
        self.0.avx512f._mm512_add_pd(x, y)
    }
    #[inline(always)]
    fn sub(self, x: __m512d, y: __m512d) -> __m512d {
        self.0.avx512f._mm512_sub_pd(x, y)
    }
    #[inline(always)]
    fn mul(self, x: __m512d, y: __m512d) -> __m512d {
        self.0.avx512f._mm512_mul_pd(x, y)
    }
    #[inline(always)]
    fn mul_add(self, x: __m512d, y: __m512d, z: __m512d) -> __m512d {
        self.0.avx512f._mm512_fmadd_pd(x, y, z)
    }
    #[inline(always)]
    fn div(self, x: __m512d, y: __m512d) -> __m512d {
        self.0.avx512f._mm512_div_pd(x, y)
    }
    #[inline(always)]
    fn sqrt(self, x: __m512d) -> __m512d {
        self.0.avx512f._mm512_sqrt_pd(x)
    }
    #[inline(always)]
    fn min(self, x: __m512d, y: __m512d) -> __m512d {
        self.0.avx512f._mm512_min_pd(x, y)
    }
    #[inline(always)]
    fn choose(self, x: __m512d, y: __m512d, z: __m512d) -> __m512d {
        let simd = self.0.avx512f;
        let positive = simd._mm512_cmp_pd_mask::<_CMP_GT_OQ>(x, simd._mm512_setzero_pd());
        simd._mm512_mask_blend_pd(positive, z, y)
    }
    #[inline(always)]
    fn sum(self, x: __m512d) -> f64 {
        self.0.avx512f._mm512_reduce_add_pd(x)
    }
    /// Neighbours are added in pairs, then quarters of registers: seven sums for eight.
    #[inline(always)]
    fn sums(self, [a, b, c, d, e, f, g, h]: [__m512d; LANES]) -> __m512d {
        let [a, c] = [self.pairs(a, b), self.pairs(c, d)];
        let [e, g] = [self.pairs(e, f), self.pairs(g, h)];
        self.quarters(self.quarters(a, c), self.quarters(e, g))
    }
}

impl Avx2 {
    /// Number i is the sum of the four numbers of vector i.
    #[inline(always)]
    fn four(self, [a, b, c, d]: [__m256d; 4]) -> __m256d {
        let simd = self.0.avx;
        let (x, y) = (simd._mm256_hadd_pd(a, b), simd._mm256_hadd_pd(c, d));
        let (low, high) = (simd._mm256_permute2f128_pd::<0x20>(x, y), simd._mm256_permute2f128_pd::<0x31>(x, y));
        simd._mm256_add_pd(low, high)
    }
}

impl Lanes<f64> for Avx2 {
    type Vector = [__m256d; 2];

    #[inline(always)]
    fn splat(self, x: f64) -> [__m256d; 2] {
        [self.0.avx._mm256_set1_pd(x); 2]
    }
    #[inline(always)]
    fn load(self, from: &Tile<f64>) -> [__m256d; 2] {
        cast(*from)
    }
    #[inline(always)]
    fn store(self, to: &mut Tile<f64>, x: [__m256d; 2]) {
        *to = cast(x);
    }
    #[inline(always)]
    fn add(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_add_pd(a, c), self.0.avx._mm256_add_pd(b, d)]
    }
    #[inline(always)]
    fn sub(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_sub_pd(a, c), self.0.avx._mm256_sub_pd(b, d)]
    }
    #[inline(always)]
    fn mul(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_mul_pd(a, c), self.0.avx._mm256_mul_pd(b, d)]
    }
    #[inline(always)]
    fn mul_add(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2], [e, f]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.fma._mm256_fmadd_pd(a, c, e), self.0.fma._mm256_fmadd_pd(b, d, f)]
    }
    #[inline(always)]
    fn div(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_div_pd(a, c), self.0.avx._mm256_div_pd(b, d)]
    }
    #[inline(always)]
    fn sqrt(self, [a, b]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_sqrt_pd(a), self.0.avx._mm256_sqrt_pd(b)]
    }
    #[inline(always)]
    fn min(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2]) -> [__m256d; 2] {
        [self.0.avx._mm256_min_pd(a, c), self.0.avx._mm256_min_pd(b, d)]
    }
    #[inline(always)]
    fn choose(self, [a, b]: [__m256d; 2], [c, d]: [__m256d; 2], [e, f]: [__m256d; 2]) -> [__m256d; 2] {
        let (simd, zero) = (self.0.avx, self.0.avx._mm256_setzero_pd());
        let (first, second) = (simd._mm256_cmp_pd::<_CMP_GT_OQ>(a, zero), simd._mm256_cmp_pd::<_CMP_GT_OQ>(b, zero));
        [simd._mm256_blendv_pd(e, c, first), simd._mm256_blendv_pd(f, d, second)]
    }
    #[inline(always)]
    fn sum(self, [a, b]: [__m256d; 2]) -> f64 {
        let [a, b, c, d]: [f64; 4] = cast(self.0.avx._mm256_add_pd(a, b));
        (a + c) + (b + d)
    }
    #[inline(always)]
    fn sums(self, rows: [[__m256d; 2]; LANES]) -> [__m256d; 2] {
        let simd = self.0.avx;
        let mut halves = [simd._mm256_setzero_pd(); LANES];
        for (half, [x, y]) in halves.iter_mut().zip(rows) {
            *half = simd._mm256_add_pd(x, y);
        }
        let [a, b, c, d, e, f, g, h] = halves;
        [self.four([a, b, c, d]), self.four([e, f, g, h])]
    }
}

macro_rules! eight_singles {
    ($lanes:ident, $wide:literal, $simd:ident => $avx2:expr) => {
        impl Lanes<f32> for $lanes {
            type Vector = __m256;
            const WIDE: bool = $wide;

            #[inline(always)]
            fn splat(self, x: f32) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_set1_ps(x)
            }
            #[inline(always)]
            fn load(self, from: &Tile<f32>) -> __m256 {
                cast(*from)
            }
            #[inline(always)]
            fn store(self, to: &mut Tile<f32>, x: __m256) {
                *to = cast(x);
            }
            #[inline(always)]
            fn add(self, x: __m256, y: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_add_ps(x, y)
            }
            #[inline(always)]
            fn sub(self, x: __m256, y: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_sub_ps(x, y)
            }
            #[inline(always)]
            fn mul(self, x: __m256, y: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_mul_ps(x, y)
            }
            #[inline(always)]
            fn mul_add(self, x: __m256, y: __m256, z: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.fma._mm256_fmadd_ps(x, y, z)
            }
            #[inline(always)]
            fn div(self, x: __m256, y: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_div_ps(x, y)
            }
            #[inline(always)]
            fn sqrt(self, x: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_sqrt_ps(x)
            }
            #[inline(always)]
            fn min(self, x: __m256, y: __m256) -> __m256 {
                let $simd = self.0;
                $avx2.avx._mm256_min_ps(x, y)
            }
            #[inline(always)]
            fn choose(self, x: __m256, y: __m256, z: __m256) -> __m256 {
                let $simd = self.0;
                let positive = $avx2.avx._mm256_cmp_ps::<_CMP_GT_OQ>(x, $avx2.avx._mm256_setzero_ps());
                $avx2.avx._mm256_blendv_ps(z, y, positive)
            }
            #[inline(always)]
            fn sum(self, x: __m256) -> f32 {
                let [a, b, c, d, e, f, g, h]: Tile<f32> = cast(x);
                ((a + e) + (c + g)) + ((b + f) + (d + h))
            }
        }
    };
}

eight_singles!(Avx2, false, simd => simd);
eight_singles!(Avx512, true, simd => *simd);
