//! The kernel with an approximate reciprocal square root: how far off it is, where it is not used, what it passes on.

use core::cell::RefCell;
use core::ops::Range;

use crate::common::root::{request, root, root_with};
use crate::common::{U32, bits};
use shampoo_core::diagonal::{Gradient, adagrad};
use shampoo_core::kernel::{
    Accum, FastMath, Kernel, Poles, Portable, SymmetricTiles, Terms, TiledTriangle, Tridiagonal,
};
use shampoo_core::kernel::{Evaluation, Lanewise, Residual};
use shampoo_core::linalg::inverse_root::{Certificate, Method, Ridge};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{DoubleF32, Tile, padded};
use shampoo_tests::generate::{Random, with_condition};
use shampoo_tests::tolerance::Check;

/// One entry of the pass, by this kernel.
fn scaled(kernel: &dyn Kernel<f32>, g: f32, v: f32, scale: f32, eps: f32) -> f32 {
    let mut out = [f32::NAN];
    kernel.scale_by_rsqrt(&mut out, &[g], &[v], scale, eps);
    out[0]
}

/// Largest relative error over moments of the whole normal range and epsilons from nothing to much.
fn worst(kernel: &dyn Kernel<f32>) -> f64 {
    let mut random = Random::new(94);
    let mut worst = 0.0_f64;
    for _ in 0..200_000 {
        let v = f32::from_bits(random.bits() as u32 >> 1);
        let (g, scale) = (random.gaussian() as f32 * [1.0, 1e-20, 1e20][random.below(3)], [1.0, 10.0][random.below(2)]);
        let eps = v.sqrt() * [0.0, 1e-9, 0.01, 1.0, 30.0, 1e18][random.below(6)];
        let right = f64::from(g) / ((f64::from(scale) * f64::from(v)).sqrt() + f64::from(eps));
        // 1.1: an approximation of a number beside the end of the range may be beyond it.
        let in_range = [v, scale * v, (1.1 * right.abs()) as f32, (0.9 * right.abs()) as f32];
        let in_range = in_range.iter().all(|x| x.is_normal()) && eps.is_finite();
        if in_range {
            worst = worst.max((f64::from(scaled(kernel, g, v, scale, eps)) / right - 1.0).abs());
        }
    }
    worst
}

#[test]
fn errors_stay_within_their_rows() {
    let plain = worst(&FastMath::<_, false>(Portable));
    let newton = worst(&FastMath::<_, true>(Portable));
    assert!(plain <= Check::FastRsqrt.bound(U32), "{plain:e}");
    assert!(newton <= Check::FastRsqrtNewton.bound(U32), "{newton:e}");
    assert!(plain > Check::FastRsqrtNewton.bound(U32), "without the step: {plain:e}");
}

#[test]
fn a54_fast_maths_neither_panics_nor_lies() {
    let bound = Check::FastRsqrt.bound(U32);
    for kernel in [&FastMath::<_, false>(Portable) as &dyn Kernel<f32>, &FastMath::<_, true>(Portable)] {
        // 1/2e38, as sqrt(v) and as epsilon.
        let right = 2e38_f32.sqrt().recip();
        assert!((scaled(kernel, 1.0, 2e38, 1.0, 0.0) / right - 1.0).abs() <= bound as f32);
        assert_eq!(scaled(kernel, 1.0, 0.0, 1.0, 2e38), 1.0 / 2e38);
        // A negative moment has no root, and 0 gives 0 where there is no epsilon.
        assert!(scaled(kernel, 1.0, -1.0, 1.0, 0.0).is_nan());
        assert_eq!(scaled(kernel, 1.0, 0.0, 1.0, 0.0), 0.0);
        assert_eq!(scaled(kernel, 1.0, -0.0, 1.0, 0.0), 0.0);
        // What has no normal root is the portable kernel's.
        for v in [1e-40, f32::from_bits(1), f32::INFINITY, f32::NAN, -f32::NAN, f32::NEG_INFINITY] {
            for eps in [0.0, 1e-10] {
                let (found, right) = (scaled(kernel, 1.0, v, 1.0, eps), scaled(&Portable, 1.0, v, 1.0, eps));
                assert!(found == right || found.is_nan() && right.is_nan(), "{v:e}: {found:e}, {right:e}");
            }
        }
    }
}

#[test]
fn a54_roots_do_not_see_it() {
    let mut random = Random::new(95);
    for method in [Method::Auto, Method::CoupledNewton, Method::Spectral] {
        let a = with_condition(&mut random, 9, 1e3);
        let request = request(4, Ridge::Relative(1e-6), method);
        let (fast, report) = root_with::<f32, f32, _>(&a, &request, &FastMath::<_>(Portable)).expect("finite input");
        let (plain, right) = root::<f32, f32>(&a, &request).expect("finite input");
        assert_eq!((bits(&fast), report), (bits(&plain), right));
    }
}

#[test]
fn a_graft_takes_nearly_the_same_step() {
    let mut random = Random::new(96);
    let (mut v, mut v_fast) = (vec![0.0; 50], vec![0.0; 50]);
    for _ in 0..20 {
        let g: Vec<f32> = random.gaussians(50).iter().map(|&x| x as f32).collect();
        let (mut out, mut fast) = (vec![0.0; 50], vec![0.0; 50]);
        adagrad::step(&mut out, Gradient::plain(&g), &mut v, 1e-8, &Portable);
        adagrad::step(&mut fast, Gradient::plain(&g), &mut v_fast, 1e-8, &FastMath::<_, true>(Portable));
        assert_eq!(v, v_fast);
        for (fast, out) in fast.iter().zip(&out) {
            assert!(f64::from(fast / out - 1.0).abs() <= Check::FastRsqrtNewton.bound(U32));
        }
    }
}

thread_local! {
    static CALLS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn note(method: &'static str) {
    CALLS.with_borrow_mut(|calls| calls.push(method));
}

/// Notes which of its methods are called, and does nothing.
struct Noting;

macro_rules! noting {
    ($($t:ty),*) => {$(
        impl Kernel<$t> for Noting {
            fn gemm(&self, _: MatMut<'_, $t>, _: Accum, _: $t, _: MatRef<'_, $t>, _: MatRef<'_, $t>) {
                note("gemm");
            }
            fn gram(&self, _: MatMut<'_, $t>, _: Accum, _: $t, _: MatRef<'_, $t>) {
                note("gram");
            }
            fn symm_product(&self, _: MatMut<'_, $t>, _: MatRef<'_, $t>, _: MatRef<'_, $t>) {
                note("symm_product");
            }
            fn unit_roundoff(&self) -> f64 {
                note("unit_roundoff");
                0.0
            }
            fn computes(&self, _: Method) -> bool {
                note("computes");
                true
            }
            fn certifies(&self, _: Certificate) -> bool {
                note("certifies");
                true
            }
            fn dot(&self, _: &[$t], _: &[$t]) -> $t {
                note("dot");
                <$t>::default()
            }
            fn axpby(&self, _: $t, _: &[$t], _: $t, _: &mut [$t]) {
                note("axpby");
            }
            fn scale_by_rsqrt(&self, _: &mut [$t], _: &[$t], _: &[$t], _: $t, _: $t) {
                note("scale_by_rsqrt");
            }
            fn rotate_rows(&self, _: MatMut<'_, $t>, _: &[[$t; 2]]) {
                note("rotate_rows");
            }
            fn reflect_rows(&self, _: MatMut<'_, $t>, _: $t, _: &[$t]) {
                note("reflect_rows");
            }
            fn symmetric_thin(&self, _: &mut [$t], _: SymmetricTiles<'_, $t>, _: &[$t]) {
                note("symmetric_thin");
            }
            fn tridiagonalize(&self, _: TiledTriangle<'_, $t>, _: Tridiagonal<'_, $t>, _: &mut [$t], _: Range<usize>) {
                note("tridiagonalize");
            }
            fn tridiagonal_inverses(
                &self,
                _: &Tridiagonal<'_, $t>,
                _: ($t, $t),
                _: &Terms<$t>,
                _: &mut [$t],
                _: &mut [$t],
            ) -> bool {
                note("tridiagonal_inverses");
                true
            }
            fn back_transform(
                &self,
                _: TiledTriangle<'_, $t>,
                _: &[$t],
                _: Poles<'_, $t>,
                _: &mut [$t],
                _: Range<usize>,
            ) {
                note("back_transform");
            }
            fn reduce_lanes(&self, _: &mut Lanewise<'_, $t>) -> [Tile<$t>; 2] {
                note("reduce_lanes");
                Default::default()
            }
            fn roots_of_lanes(&self, _: &mut Lanewise<'_, $t>, _: &Evaluation<'_, $t>) -> Tile<$t> {
                note("roots_of_lanes");
                Default::default()
            }
            fn residuals_of_lanes(&self, _: Residual<'_, $t>) -> Tile<$t> {
                note("residuals_of_lanes");
                Default::default()
            }
        }
    )*};
}

noting!(f32, f64, DoubleF32);

/// Calls every method once, with a moment of 0; what was called of the wrapped kernel.
fn passed_on<T: shampoo_core::scalar::Real>(kernel: &dyn Kernel<T>) -> Vec<&'static str> {
    let (zero, stride) = (T::default(), padded(1));
    let [x, mut y, mut data] = [vec![zero; stride], vec![zero; stride], vec![zero; stride * stride]];
    let a = MatRef::new(&x, 1, 1).expect("one entry");
    let mut c = MatMut::new(&mut data, 1, 1).expect("one entry");
    CALLS.take();
    kernel.gemm(c.reborrow(), Accum::Replace, zero, a, a);
    kernel.gram(c.reborrow(), Accum::Replace, zero, a);
    kernel.symm_product(c.reborrow(), a, a);
    kernel.rotate_rows(c.reborrow(), &[]);
    kernel.reflect_rows(c.reborrow(), zero, &x[..1]);
    kernel.unit_roundoff();
    kernel.computes(Method::Auto);
    kernel.certifies(Certificate::Full);
    kernel.dot(&x, &x);
    kernel.axpby(zero, &x, zero, &mut y);
    kernel.scale_by_rsqrt(&mut y[..1], &x[..1], &x[..1], zero, zero);
    let [mut d, mut e, mut tau, mut rest] = [(); 4].map(|()| vec![zero; stride]);
    kernel.symmetric_thin(&mut y, SymmetricTiles { data: &x, stride, order: 0 }, &x);
    let t = Tridiagonal { diagonal: &mut d, off_diagonal: &mut e, tau: &mut tau };
    kernel.tridiagonal_inverses(&t, (zero, zero), &Terms::new(&[], zero).expect("no poles"), &mut y, &mut rest);
    kernel.tridiagonalize(TiledTriangle { data: &mut data, stride, order: 1 }, t, &mut y, 0..0);
    let poles = Poles { ratios: &x, gains: &x, carried: &mut rest, count: 0, coarse: false, constant: zero };
    kernel.back_transform(TiledTriangle { data: &mut data, stride, order: 1 }, &x, poles, &mut y, 0..0);
    let mut lanes = Lanewise { order: 0, matrices: &mut [], roots: &mut [], scratch: &mut [] };
    kernel.reduce_lanes(&mut lanes);
    let (tile, terms) = (Tile::default(), Terms::new(&[], zero).expect("no poles"));
    let evaluation = Evaluation {
        ridges: tile,
        bounds: tile,
        factors: tile,
        constant: zero,
        terms: &terms,
        lowest: zero,
        fine: zero,
    };
    kernel.roots_of_lanes(&mut lanes, &evaluation);
    let (matrices, roots, factors, probes, scratch) = (&[][..], &[][..], &mut [][..], &[][..], &mut [][..]);
    kernel.residuals_of_lanes(Residual { order: 0, root: 1, matrices, roots, factors, probes, columns: 0, scratch });
    CALLS.take()
}

/// A method that is new in the trait is missing here until it is passed on and noted.
#[test]
fn every_method_is_passed_on() {
    let source = include_str!("../../../shampoo-core/src/kernel/mod.rs");
    let methods = source.split("pub trait Kernel").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the trait");
    let mut names: Vec<_> =
        methods.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split('(').next()).collect();
    names.sort_unstable();
    let kernel = FastMath::<_, true>(Noting);
    for mut passed_on in [passed_on::<f32>(&kernel), passed_on::<f64>(&kernel), passed_on::<DoubleF32>(&kernel)] {
        passed_on.sort_unstable();
        assert_eq!(passed_on, names);
    }
}
