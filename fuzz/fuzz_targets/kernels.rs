//! Kernels on any shapes and layouts against plain sums in `f64`, and on shapes that do not fit.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::{
    Accum, Evaluation, FastMath, Kernel, Lanewise, Poles, Portable, Residual, SplitBf16, SymmetricTiles, Terms,
    TiledTriangle, Tridiagonal,
};
use shampoo_core::mat::MatMut;
use shampoo_core::scalar::{DoubleF32, LANES, Real};
use shampoo_fuzz::numbers::Number;
use shampoo_fuzz::views::Layout;

/// Rows and columns of three matrices, and numbers to fill them with, used over and over.
#[derive(Arbitrary, Debug)]
struct Products {
    kernel: u8,
    m: u8,
    k: u8,
    n: u8,
    /// Added to a length here and there: shapes that do not agree.
    misfit: Option<(u8, u8)>,
    layouts: [Layout; 2],
    gap: u8,
    add: bool,
    alpha: i8,
    numbers: Vec<(i8, i8)>,
}

/// Any lengths for the passes of the tridiagonal form.
#[derive(Debug)]
struct Form {
    data: usize,
    stride: usize,
    order: usize,
    lengths: [usize; 5],
    count: usize,
    rows: (usize, usize),
    numbers: Vec<Number>,
}

impl<'a> Arbitrary<'a> for Form {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut length = |most: usize| {
            Ok(match u8::arbitrary(u)? {
                255 => usize::MAX,
                254 => usize::MAX / 8,
                x => usize::from(x) % most,
            })
        };
        let (order, tiles) = (length(40)?, length(8)?);
        let stride = if tiles > 8 { tiles } else { tiles * 8 + length(20)? % 11 / 10 };
        let bounded = |x: usize| x.min(3000);
        let data = bounded(bounded(order).saturating_mul(bounded(stride))).saturating_add(bounded(length(20)?));
        let mut lengths = [0; 5];
        for x in &mut lengths {
            *x = bounded(length(250)?) * 2;
        }
        let (count, rows) = (length(40)?, (length(45)?, length(45)?));
        // Ranges of rows that a loop would not end in are the caller's own.
        let rows = (rows.0.min(1000), rows.1.min(1000));
        Ok(Self { data, stride, order, lengths, count, rows, numbers: Vec::arbitrary(u)? })
    }
}

#[derive(Arbitrary, Debug)]
enum Case {
    Products(Products),
    Form(Form),
    Elementwise { lengths: [u8; 3], scale: Number, eps: Number, numbers: Vec<Number> },
}

fuzz_target!(|case: Case| match case {
    Case::Products(case) => match case.kernel % 7 {
        0 => products::<f64, _>(&case, &Portable, 0.0),
        1 => products::<f32, _>(&case, &Portable, 0.0),
        2 => products::<DoubleF32, _>(&case, &Portable, 0.0),
        3 => products::<f32, _>(&case, &SplitBf16::<1>, 0.5_f64.powi(7)),
        4 => products::<f32, _>(&case, &SplitBf16::<3>, 0.5_f64.powi(15)),
        5 => products::<f32, _>(&case, &SplitBf16::<6>, 0.5_f64.powi(24)),
        _ => products::<f32, _>(&case, &SplitBf16::<9>, 0.0),
    },
    Case::Form(case) => {
        match case.count % 3 {
            0 => form::<f32>(&case),
            1 => form::<f64>(&case),
            _ => form::<DoubleF32>(&case),
        }
    }
    Case::Elementwise { lengths, scale, eps, numbers } => {
        elementwise::<f32>(lengths, scale.value(), eps.value(), &numbers);
        fast_math(scale.value() as f32, eps.value() as f32, &numbers);
        elementwise::<f64>(lengths, scale.value(), eps.value(), &numbers);
        elementwise::<DoubleF32>(lengths, scale.value(), eps.value(), &numbers);
    }
});

/// Numbers over and over, each a little different from the one before.
fn fill<T: Real>(count: usize, from: usize, numbers: &[(i8, i8)]) -> Vec<T> {
    let number = |at: usize| match numbers {
        [] => 1.0,
        _ => {
            let (m, e) = numbers[(at + from) % numbers.len()];
            (f64::from(m) + at as f64 / 128.0) * f64::from(e / 16).exp2()
        }
    };
    (0..count).map(|at| T::from_f64(number(at))).collect()
}

/// |found - exact| <= (k + 3) u |A||B| and so on; `split` is what a split product leaves out.
struct Bound {
    u: f64,
    split: f64,
}

impl Bound {
    fn check<T: Real>(&self, found: T, exact: f64, magnitude: f64, k: usize, place: &str) {
        // The last term is for products that vanish.
        let roundings = (k as f64 + 3.0) * (2.0 * self.u + f64::EPSILON);
        let allowed = (roundings + self.split) * magnitude + T::MIN_POSITIVE.to_f64();
        let error = (found.to_f64() - exact).abs();
        assert!(error <= allowed, "{place}: {found:?} for {exact:e}, off by {error:e}, allowed {allowed:e}");
    }
}

fn products<T: Real, K: Kernel<T>>(case: &Products, kernel: &K, split: f64) {
    let bound = Bound { u: T::UNIT_ROUNDOFF.to_f64(), split };
    let [m, k, n] = [case.m, case.k, case.n].map(|x| usize::from(x % 20));
    let (more_rows, more_columns) = case.misfit.map_or((0, 0), |(x, y)| (usize::from(x % 9), usize::from(y % 9)));
    let alpha = T::from_f64(f64::from(case.alpha) / 8.0);
    let accum = if case.add { Accum::Add } else { Accum::Replace };
    let nan = T::from_f64(f64::NAN);

    // C m x n, A m x k, B k x n; where they do not agree, only C's own shape is sure.
    let (k_b, n_b) = (k + more_rows, n + more_columns);
    let (a, b) = (fill::<T>(m * k, 0, &case.numbers), fill::<T>(k_b * n_b, 5, &case.numbers));
    let (a_placed, b_placed) = (case.layouts[0].place(&a, (m, k), nan), case.layouts[1].place(&b, (k_b, n_b), nan));
    let (a_view, b_view) = (a_placed.view(), b_placed.view());
    let stride = n + usize::from(case.gap % 4);
    let before = if case.add { fill::<T>(m * stride, 9, &case.numbers) } else { vec![nan; m * stride] };
    let mut c = before.clone();
    kernel.gemm(MatMut::with_row_stride(&mut c, m, n, stride).expect("it fits"), accum, alpha, a_view, b_view);
    let (alpha_wide, at) = (alpha.to_f64(), |x: T| x.to_f64());
    let start = |x: T| if case.add { x.to_f64() } else { 0.0 };
    let same = |x: T, y: T| x == y || (x.is_nan() && y.is_nan());
    for i in 0..m {
        for j in 0..stride {
            let (found, was) = (c[i * stride + j], before[i * stride + j]);
            if j >= n {
                assert!(same(found, was), "gemm wrote beside its output");
            } else {
                let terms = || (0..k).map(|l| alpha_wide * at(a[i * k + l]) * at(b[l * n_b + j]));
                let magnitude = terms().map(f64::abs).sum::<f64>() + start(was).abs();
                bound.check(found, start(was) + terms().sum::<f64>(), magnitude, k, "gemm");
            }
        }
    }

    // The lower triangle of C m x m, and nothing else.
    let stride = m + usize::from(case.gap % 4);
    let before = if case.add { fill::<T>(m * stride, 2, &case.numbers) } else { vec![nan; m * stride] };
    let mut c = before.clone();
    kernel.gram(MatMut::with_row_stride(&mut c, m, m, stride).expect("it fits"), accum, alpha, a_view);
    for i in 0..m {
        for j in 0..stride {
            let (found, was) = (c[i * stride + j], before[i * stride + j]);
            if j > i {
                assert!(same(found, was), "gram wrote beside its output");
            } else {
                let terms = || (0..k).map(|l| alpha_wide * at(a[i * k + l]) * at(a[j * k + l]));
                let magnitude = terms().map(f64::abs).sum::<f64>() + start(was).abs();
                bound.check(found, start(was) + terms().sum::<f64>(), magnitude, k, "gram");
            }
        }
    }

    // A circulant symmetric matrix commutes with its square.
    let circulant = |from: usize| {
        let first = fill::<T>(m, from, &case.numbers);
        let entry = |i: usize, j: usize| {
            let d = i.abs_diff(j);
            first[d.min(m - d)]
        };
        (0..m * m).map(|at| entry(at / m, at % m)).collect::<Vec<T>>()
    };
    let (a, b) = (circulant(1), circulant(7));
    let (a_placed, b_placed) = (case.layouts[0].place(&a, (m, m), nan), case.layouts[1].place(&b, (m, m), nan));
    let mut c = vec![nan; m * stride];
    let to = MatMut::with_row_stride(&mut c, m, m, stride).expect("it fits");
    kernel.symm_product(to, a_placed.view(), b_placed.view());
    for i in 0..m {
        for j in 0..m {
            let terms = || (0..m).map(|l| at(a[i * m + l]) * at(b[l * m + j]));
            let magnitude = terms().map(f64::abs).sum::<f64>();
            bound.check(c[i * stride + j], terms().sum(), magnitude, m, "symm_product");
        }
    }
    if case.misfit.is_some() {
        let mut c = vec![nan; n_b * n_b];
        let mut any = |accum| {
            kernel.gemm(MatMut::new(&mut c, n_b, n_b).expect("it fits"), accum, alpha, a_view, b_view);
            kernel.gemm(MatMut::new(&mut c, n_b, n_b).expect("it fits"), accum, alpha, b_view, a_view);
            kernel.gram(MatMut::new(&mut c, n_b, n_b).expect("it fits"), accum, alpha, a_view);
            kernel.symm_product(MatMut::new(&mut c, n_b, n_b).expect("it fits"), a_view, b_view);
        };
        any(Accum::Add);
        any(Accum::Replace);
    }

    let (x, y) = (fill::<T>(k_b * n, 0, &case.numbers), fill::<T>(k * n_b, 3, &case.numbers));
    let terms = || x.iter().zip(&y).map(|(&x, &y)| at(x) * at(y));
    bound.check(kernel.dot(&x, &y), terms().sum(), terms().map(f64::abs).sum(), x.len().min(y.len()), "dot");
    let mut z = y.clone();
    let beta = T::from_f64(f64::from(case.gap) / 16.0);
    kernel.axpby(alpha, &x, beta, &mut z);
    let plain = Bound { split: 0.0, ..bound };
    for (i, (&z, &y)) in z.iter().zip(&y).enumerate() {
        match x.get(i) {
            Some(&x) => {
                let (p, q) = (alpha_wide * at(x), at(beta) * at(y));
                plain.check(z, p + q, p.abs() + q.abs(), 1, "axpby");
            }
            None => assert!(same(z, y), "axpby wrote beyond x"),
        }
    }
}

fn elementwise<T: Real>(lengths: [u8; 3], scale: f64, eps: f64, numbers: &[Number]) {
    let some = |length: u8, from: usize| -> Vec<T> {
        let number = |at: usize| numbers.get((at + from) % numbers.len().max(1)).map_or(1.0, |x| x.value());
        (0..usize::from(length % 40)).map(|at| T::from_f64(number(at))).collect()
    };
    let [mut out, g, v] = [some(lengths[0], 1), some(lengths[1], 0), some(lengths[2], 2)];
    let before = out.clone();
    let (scale, eps) = (T::from_f64(scale), T::from_f64(eps));
    Portable.scale_by_rsqrt(&mut out, &g, &v, scale, eps);
    let u = T::UNIT_ROUNDOFF.to_f64();
    for (i, (&found, &was)) in out.iter().zip(&before).enumerate() {
        let (Some(&g), Some(&v)) = (g.get(i), v.get(i)) else {
            assert!(found == was || (found.is_nan() && was.is_nan()), "written beyond the inputs");
            continue;
        };
        let (scaled, added, g) = ((scale * v).to_f64(), eps.to_f64(), g.to_f64());
        if scaled == 0.0 && added == 0.0 {
            assert_eq!(found.to_f64(), 0.0, "a denominator of 0");
            continue;
        }
        let (least, most) = (T::MIN_POSITIVE.to_f64() / u, T::MAX.to_f64() * u);
        let ordinary = |x: f64| x == 0.0 || (x > 0.0 && (least..most).contains(&x));
        let exact = g / (scaled.sqrt() + added);
        if ordinary(scaled) && ordinary(added) && ordinary(g.abs()) && ordinary(exact.abs()) {
            let error = (found.to_f64() - exact).abs();
            assert!(error <= 8.0 * (u + f64::EPSILON) * exact.abs(), "{found:?} for {exact:e}");
        }
    }
}

/// As near to the exact step as it says wherever no number leaves the range.
fn fast_math(scale: f32, eps: f32, numbers: &[Number]) {
    for pair in numbers.windows(2) {
        let [g, v] = [pair[0].value() as f32, pair[1].value() as f32];
        let (moment, exact) = (scale * v, f64::from(g) / (f64::from(scale * v).sqrt() + f64::from(eps)));
        // A little less and more than the exact step are numbers too.
        let ordinary = [moment, (0.9 * exact).abs() as f32, (1.1 * exact).abs() as f32].iter().all(|x| x.is_normal());
        let mut out = [f32::NAN; 2];
        FastMath::<_, false>(Portable).scale_by_rsqrt(&mut out[..1], &[g], &[v], scale, eps);
        FastMath::<_, true>(Portable).scale_by_rsqrt(&mut out[1..], &[g], &[v], scale, eps);
        if ordinary && moment > 0.0 && eps >= 0.0 && eps.is_finite() {
            for (found, bound) in out.into_iter().zip([3.6e-2, 2e-3]) {
                assert!((f64::from(found) / exact - 1.0).abs() <= bound, "{found:e} for {exact:e}");
            }
        }
    }
}

/// Nothing panics, whatever the lengths.
fn form<T: Real>(case: &Form) {
    let some = |length: usize| -> Vec<T> {
        let number = |at: usize| case.numbers.get(at % case.numbers.len().max(1)).map_or(0.5, |x| x.value());
        (0..length).map(|at| T::from_f64(number(at))).collect()
    };
    let (mut data, [mut d, mut e, mut tau, mut vectors, mut ratios]) = (some(case.data), case.lengths.map(some));
    let rows = case.rows.0..case.rows.1;
    let (stride, order) = (case.stride, case.order);
    let t = Tridiagonal { diagonal: &mut d, off_diagonal: &mut e, tau: &mut tau };
    Portable.tridiagonalize(TiledTriangle { data: &mut data, stride, order }, t, &mut vectors, rows.clone());
    let poles: Vec<(f64, f64)> = some(case.count.min(60)).iter().map(|x: &T| (x.to_f64(), x.to_f64())).collect();
    let Some(terms) = Terms::new(&poles, T::one()) else {
        assert!(poles.len() > 32);
        return;
    };
    Portable.symmetric_thin(&mut vectors, SymmetricTiles { data: &data, stride, order }, &ratios);
    lanes(case, &data, &terms);
    let mut gains = ratios.clone();
    let t = Tridiagonal { diagonal: &mut d, off_diagonal: &mut e, tau: &mut tau };
    Portable.tridiagonal_inverses(&t, (T::one(), T::one()), &terms, &mut ratios, &mut gains);
    let mut carried = some(case.lengths[4]);
    for coarse in [false, true] {
        let constant = T::one();
        let poles =
            Poles { ratios: &ratios, gains: &gains, carried: &mut carried, count: case.count, coarse, constant };
        Portable.back_transform(
            TiledTriangle { data: &mut data, stride, order },
            &tau,
            poles,
            &mut vectors,
            rows.clone(),
        );
    }
}

/// The same of eight matrices in lanes.
fn lanes<T: Real>(case: &Form, data: &[T], terms: &Terms<T>) {
    let tiles = |length: usize| -> Vec<[T; LANES]> {
        data.as_chunks().0.iter().cycle().copied().take(if data.len() < LANES { 0 } else { length }).collect()
    };
    let [mut matrices, mut roots, mut factors, mut scratch] = [0, 1, 2, 3].map(|i| tiles(case.lengths[i]));
    let order = case.order;
    let mut work = Lanewise { order, matrices: &mut matrices, roots: &mut roots, scratch: &mut scratch };
    Portable.reduce_lanes(&mut work);
    let (one, tile) = (T::one(), [T::one(); LANES]);
    let evaluation =
        Evaluation { ridges: tile, bounds: tile, factors: tile, constant: one, terms, lowest: one, fine: one };
    Portable.roots_of_lanes(&mut work, &evaluation);
    // Odd and even p, few steps: the number of products is p.
    let root = case.rows.0 as u32 % 9;
    let (factors, scratch, columns) = (&mut factors[..], &mut scratch[..], case.count.min(60));
    Portable.residuals_of_lanes(Residual {
        order,
        root,
        matrices: &matrices,
        roots: &roots,
        factors,
        probes: data,
        columns,
        scratch,
    });
}
