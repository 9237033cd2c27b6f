//! Laws of the passes of the tridiagonal form, on every kernel, against wide arithmetic.

use crate::common;

use core::ops::Range;

use crate::runtime_support::battery::{Judged, assert_sum, battery, sum_of_products};
use proptest::prelude::*;
use shampoo_core::kernel::back_transform::carried_len;
use shampoo_core::kernel::tridiagonal::VECTORS;
use shampoo_core::kernel::{Poles, SymmetricTiles, Terms, TiledTriangle, Tridiagonal};
use shampoo_core::scalar::{LANES, Real, padded};
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::number::Number;
use shampoo_tests::tolerance::{Check, Size};
use twofloat::TwoFloat;

/// An order, spare tiles beyond it, poles, a row at which the work is interrupted, and the seed of the numbers.
#[derive(Clone, Debug)]
struct Form {
    n: usize,
    spare: usize,
    poles: usize,
    cut: usize,
    seed: u64,
}

fn form() -> impl Strategy<Value = Form> {
    let order = prop_oneof![4 => 1_usize..=9, 3 => 10_usize..=26];
    (order, 0_usize..3, prop_oneof![Just(1), Just(4), 2_usize..=18], any::<usize>(), any::<u64>())
        .prop_map(|(n, spare, poles, cut, seed)| Form { n, spare, poles, cut: cut % (n + 1), seed })
}

/// A symmetric matrix with eigenvalues between 0 and about 4, in tiles; NaN right of them.
struct Matrix<T> {
    data: Vec<T>,
    stride: usize,
    n: usize,
}

impl<T: Real> Matrix<T> {
    fn new(case: &Form) -> Self {
        let (n, mut random) = (case.n, Random::new(case.seed));
        let stride = padded(n) + case.spare * LANES;
        let g = random.gaussians(n * n);
        let gram = |i: usize, j: usize| (0..n).map(|k| g[i * n + k] * g[j * n + k]).sum::<f64>() / n as f64;
        let entry = |i: usize, j: usize| match (i, j) {
            _ if j / LANES > i / LANES => f64::NAN,
            _ if i.max(j) >= n => 0.0,
            _ => gram(i.max(j), i.min(j)),
        };
        let data = (0..padded(n) * stride).map(|at| T::from_f64(entry(at / stride, at % stride))).collect();
        Self { data, stride, n }
    }

    fn view(&mut self) -> TiledTriangle<'_, T> {
        TiledTriangle { data: &mut self.data, stride: self.stride, order: self.n }
    }

    fn wide(&self) -> Vec<TwoFloat> {
        let at = |i: usize, j: usize| self.data[i.max(j) * self.stride + i.min(j)];
        (0..self.n * self.n).map(|k| TwoFloat::widen(at(k / self.n, k % self.n).to_f64())).collect()
    }

    fn untouched_beyond_the_tiles(&self) -> bool {
        let beyond = |at: &usize| (at % self.stride) / LANES > (at / self.stride) / LANES;
        (0..self.data.len()).filter(beyond).all(|at| self.data[at].is_nan())
    }
}

fn frobenius(matrix: &[TwoFloat]) -> f64 {
    matrix.iter().map(|x| x.narrow() * x.narrow()).sum::<f64>().sqrt()
}

fn distance(x: &[TwoFloat], y: &[TwoFloat]) -> f64 {
    frobenius(&x.iter().zip(y).map(|(&x, &y)| x - y).collect::<Vec<_>>())
}

/// T and the reflectors' factors of a matrix.
struct Reduced<T> {
    numbers: [Vec<T>; 3],
    vectors: Vec<T>,
}

impl<T: Real> Reduced<T> {
    fn new(judged: &Judged<'_, T>, a: &mut Matrix<T>, parts: [Range<usize>; 2]) -> Self {
        let nan = |length| vec![T::from_f64(f64::NAN); length];
        let mut reduced = Self { numbers: [(); 3].map(|()| nan(a.n)), vectors: nan(VECTORS * padded(a.n)) };
        for rows in parts {
            let [diagonal, off_diagonal, tau] = &mut reduced.numbers;
            let t = Tridiagonal { diagonal, off_diagonal, tau };
            judged.kernel.tridiagonalize(a.view(), t, &mut reduced.vectors, rows);
        }
        reduced
    }

    /// Q T Q^T with the reflectors in the rows of A.
    fn product(&self, a: &Matrix<T>) -> Vec<TwoFloat> {
        let [diagonal, off_diagonal, tau] = &self.numbers;
        let n = a.n;
        let entry = |(i, j): (usize, usize)| match i.abs_diff(j) {
            0 => diagonal[i].to_f64(),
            1 => off_diagonal[i.max(j)].to_f64(),
            _ => 0.0,
        };
        let mut matrix: Vec<_> = (0..n * n).map(|k| TwoFloat::widen(entry((k / n, k % n)))).collect();
        for m in 1..n {
            let v: Vec<_> = (0..m).map(|j| TwoFloat::widen(a.data[m * a.stride + j].to_f64())).collect();
            let tau = TwoFloat::widen(tau[m].to_f64());
            for (side, i) in [0, 1].into_iter().flat_map(|side| (0..n).map(move |i| (side, i))) {
                let at = |j: usize| if side == 0 { i * n + j } else { j * n + i };
                let along = v.iter().enumerate().fold(TwoFloat::widen(0.0), |s, (j, &v)| s + v * matrix[at(j)]);
                v.iter().enumerate().for_each(|(j, &v)| matrix[at(j)] = matrix[at(j)] - tau * along * v);
            }
        }
        matrix
    }
}

/// The matrix is Q T Q^T, whether it is reduced in one call or in two.
fn tridiagonalize<T: Real>(judged: &Judged<'_, T>, case: &Form) {
    let (n, cut) = (case.n, case.cut);
    let mut whole = Matrix::<T>::new(case);
    let source = whole.wide();
    let reduced = Reduced::new(judged, &mut whole, [0..n, 0..0]);
    let bound = Check::TridiagonalForm.bound_at(judged.unit, Size { order: n, ..Size::default() });
    let error = distance(&reduced.product(&whole), &source);
    assert!(error <= bound * frobenius(&source), "{error:e}");
    assert!(whole.untouched_beyond_the_tiles());
    let mut pieces = Matrix::<T>::new(case);
    assert_eq!(Reduced::new(judged, &mut pieces, [cut..n, 0..cut]).numbers, reduced.numbers);
    let reflectors = |a: &Matrix<T>| -> Vec<Vec<T>> { (1..n).map(|m| a.data[m * a.stride..][..m].to_vec()).collect() };
    assert_eq!(reflectors(&pieces), reflectors(&whole));
}

/// c0 I + sum_j c_j (B + s_j I)^-1 by elimination.
fn pole_sum(b: &[TwoFloat], n: usize, shifts: &[f64], weights: &[f64], constant: f64) -> Vec<TwoFloat> {
    let unit = |k: usize| TwoFloat::widen(f64::from(u8::from(k / n == k % n)));
    let mut sum: Vec<_> = (0..n * n).map(|k| TwoFloat::widen(constant) * unit(k)).collect();
    for (&s, &c) in shifts.iter().zip(weights) {
        let mut m: Vec<_> = b.iter().enumerate().map(|(k, &b)| b + TwoFloat::widen(s) * unit(k)).collect();
        let mut inverse: Vec<_> = (0..n * n).map(unit).collect();
        for i in 0..n {
            let pivot = m[i * n + i];
            for row in (0..n).filter(|&row| row != i) {
                let factor = m[row * n + i].divide(pivot);
                for j in 0..n {
                    m[row * n + j] = m[row * n + j] - factor * m[i * n + j];
                    inverse[row * n + j] = inverse[row * n + j] - factor * inverse[i * n + j];
                }
            }
        }
        for k in 0..n * n {
            sum[k] += TwoFloat::widen(c) * inverse[k].divide(m[(k / n) * n + k / n]);
        }
    }
    sum
}

/// The three passes in a row are the sum of inverses, in one call each or in two.
fn sum_of_inverses<T: Real>(judged: &Judged<'_, T>, case: &Form) {
    let Form { n, poles: count, cut, .. } = *case;
    let mut random = Random::new(case.seed ^ 1);
    let shifts: Vec<f64> = (0..count).map(|_| f64::from(0.2 + random.uniform() as f32)).collect();
    let weights: Vec<f64> = (0..count).map(|_| f64::from(random.uniform() as f32)).collect();
    let pairs: Vec<(f64, f64)> = shifts.iter().copied().zip(weights.iter().copied()).collect();
    let (ridge, scale, constant) = (0.25, 0.5, 0.125);
    let run = |parts: [Range<usize>; 2]| {
        let mut a = Matrix::<T>::new(case);
        let mut reduced = Reduced::new(judged, &mut a, [0..n, 0..0]);
        let [diagonal, off_diagonal, tau] = &mut reduced.numbers;
        let t = Tridiagonal { diagonal, off_diagonal, tau };
        let nan = |length| vec![T::from_f64(f64::NAN); length];
        let (mut ratios, mut gains) = (nan(n * padded(count)), nan(n * padded(count)));
        let terms = Terms::new(&pairs, T::one()).expect("few poles");
        let scales = (T::from_f64(ridge), T::from_f64(scale));
        assert!(judged.kernel.tridiagonal_inverses(&t, scales, &terms, &mut ratios, &mut gains));
        let mut carried = nan(carried_len(n, count));
        for rows in parts {
            let (ratios, gains, carried) = (&ratios[..], &gains[..], &mut carried[..]);
            let poles = Poles { ratios, gains, carried, count, coarse: true, constant: T::from_f64(constant) };
            judged.kernel.back_transform(a.view(), tau, poles, &mut reduced.vectors, rows);
        }
        assert!(a.untouched_beyond_the_tiles());
        a.wide()
    };
    let found = run([0..n + 1, 0..0]);
    let unit = |k: usize| if k / n == k % n { ridge } else { 0.0 };
    let source = Matrix::<T>::new(case).wide();
    let b: Vec<_> =
        source.iter().enumerate().map(|(k, &a)| (a + TwoFloat::widen(unit(k))) * TwoFloat::widen(scale)).collect();
    let right = pole_sum(&b, n, &shifts, &weights, constant);
    let kappa = 1.0 + frobenius(&b) / 0.2;
    // A coarse back-transform is in the arithmetic that suffices for it.
    let unit = if T::TRANSFORM_IS_PLAIN { judged.unit } else { common::U32 };
    let bound = Check::PoleSum.bound_at(unit, Size { order: n, kappa, ..Size::default() });
    let error = distance(&found, &right);
    assert!(error <= bound * frobenius(&right), "{error:e}, allowed {:e}", bound * frobenius(&right));
    assert_eq!(run([0..cut, cut..n + 1]), found);
}

/// A product with eight columns is the sum of products, from one triangle.
fn symmetric_thin<T: Real>(judged: &Judged<'_, T>, case: &Form) {
    let n = case.n;
    let mut random = Random::new(case.seed ^ 2);
    let a = Matrix::<T>::new(case);
    let mut v: Vec<T> = random.gaussians(n * LANES).into_iter().map(T::from_f64).collect();
    v.resize(padded(n) * LANES, T::zero());
    let mut out = vec![T::from_f64(f64::NAN); padded(n) * LANES];
    judged.kernel.symmetric_thin(&mut out, SymmetricTiles { data: &a.data, stride: a.stride, order: n }, &v);
    let source = a.wide();
    let bound = Check::KernelGemm.bound_at(judged.unit, Size { order: n, ..Size::default() });
    for (i, column) in (0..n).flat_map(|i| (0..LANES).map(move |column| (i, column))) {
        let products = (0..n).map(|j| (source[i * n + j].narrow(), v[j * LANES + column].to_f64()));
        let (sum, size) = sum_of_products(products);
        assert_sum(out[i * LANES + column].to_f64(), sum, bound, size);
    }
}

/// One pivot that is not positive is noticed, wherever it is: of one row at one pole, a negative one or NaN.
fn indefinite<T: Real>(judged: &Judged<'_, T>, case: &Form) {
    let (n, count) = (case.n, case.poles);
    let (row, pole) = (case.cut % n, (case.seed % count as u64) as usize);
    // Rows that are not coupled: their entries are their pivots, 1 and more at all poles but one.
    for (bad, shift) in [(-1.0, 0.5), (f64::NAN, 2.0), (0.5, -1.0), (0.5, f64::NAN), (0.0, 0.0)] {
        let answer = |bad: f64, shift: f64| {
            let mut diagonal = vec![T::from_f64(4.0); n];
            diagonal[row] = T::from_f64(bad);
            let [mut off_diagonal, mut tau] = [(); 2].map(|()| vec![T::zero(); n]);
            let mut poles = vec![(2.0, 1.0); count];
            poles[pole].0 = shift;
            let terms = Terms::new(&poles, T::one()).expect("few poles");
            let [mut ratios, mut gains] = [(); 2].map(|()| vec![T::zero(); n * padded(count)]);
            let t = Tridiagonal { diagonal: &mut diagonal, off_diagonal: &mut off_diagonal, tau: &mut tau };
            judged.kernel.tridiagonal_inverses(&t, (T::zero(), T::one()), &terms, &mut ratios, &mut gains)
        };
        assert!(!answer(bad, shift), "entry {bad} at shift {shift}, row {row}, pole {pole}");
        assert!(answer(0.5, 0.5));
    }
}

/// The same of a whole matrix: all eigenvalues but one are positive.
fn one_negative_eigenvalue<T: Real>(judged: &Judged<'_, T>, case: &Form) {
    let n = case.n;
    let mut a = Matrix::<T>::new(case);
    let mut reduced = Reduced::new(judged, &mut a, [0..n, 0..0]);
    let [diagonal, off_diagonal, tau] = &mut reduced.numbers;
    let wide = |x: &[T]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    let (d, e) = (wide(diagonal), wide(off_diagonal));
    let full: Vec<f64> = (0..n * n)
        .map(|k| match (k / n).abs_diff(k % n) {
            0 => d[k / n],
            1 => e[(k / n).max(k % n)],
            _ => 0.0,
        })
        .collect();
    let values = shampoo_tests::oracle::narrow::decompose(n, &full).values;
    let next = values.get(1).copied().unwrap_or(values[0] + 1.0);
    if next - values[0] < 1e-3 {
        return;
    }
    let ridge = -0.5 * (values[0] + next);
    let t = Tridiagonal { diagonal, off_diagonal, tau };
    // A shift of nothing, and one that lifts all eigenvalues above 0.
    for (shift, right) in [(1e-6, false), (1.0 + next - values[0], true)] {
        let terms = Terms::new(&[(shift, 1.0); LANES], T::one()).expect("few poles");
        let [mut ratios, mut gains] = [(); 2].map(|()| vec![T::zero(); n * LANES]);
        let scales = (T::from_f64(ridge), T::one());
        assert_eq!(judged.kernel.tridiagonal_inverses(&t, scales, &terms, &mut ratios, &mut gains), right);
    }
}

battery! {
    tridiagonalize(form());
    sum_of_inverses(form());
    symmetric_thin(form());
    indefinite(form());
    one_negative_eigenvalue(form());
}
