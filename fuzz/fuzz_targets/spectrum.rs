//! Power iteration, Laguerre's iteration and signs of pivots, against bounds and a bisection in `f64`.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::laguerre::largest_eigenvalue;
use shampoo_core::linalg::sturm::{are_positive_definite, smallest_eigenvalue};
use shampoo_core::linalg::{power_iteration, power_iteration::PowerIteration};
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::{DoubleF32, LANES, Real};
use shampoo_fuzz::matrices::Symmetric;
use shampoo_fuzz::numbers::Number;
use shampoo_fuzz::oracle::narrow;

/// A tridiagonal matrix, shifts, and an interval to look for its smallest eigenvalue in.
#[derive(Clone, Debug)]
struct Tridiagonal {
    diagonal: Vec<f64>,
    off_diagonal: Vec<f64>,
    shifts: [f64; LANES],
    shift: f64,
    low: f64,
    high: f64,
}

impl<'a> Arbitrary<'a> for Tridiagonal {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let n = usize::from(u8::arbitrary(u)?) % 24;
        let kind = u8::arbitrary(u)?;
        let mut number = || {
            Ok(match kind % 4 {
                0 => Number::arbitrary(u)?.value(),
                1 => f64::from(i8::arbitrary(u)?),
                2 => f64::from(i8::arbitrary(u)?.signum()),
                _ => Number::Scaled(i8::arbitrary(u)?, i8::arbitrary(u)?).value(),
            })
        };
        let mut some = |n: usize| (0..n).map(|_| number()).collect::<Result<Vec<_>>>();
        let (diagonal, off_diagonal) = (some(n)?, some(n)?);
        let shifts: Vec<f64> = some(LANES)?;
        let [shift, low, high] =
            [Number::arbitrary(u)?, Number::arbitrary(u)?, Number::arbitrary(u)?].map(Number::value);
        let shifts = core::array::from_fn(|i| shifts[i]);
        Ok(Self { diagonal, off_diagonal, shifts, shift, low, high })
    }
}

#[derive(Arbitrary, Debug)]
enum Case {
    Dense(Symmetric, i8),
    Tridiagonal(Tridiagonal),
    /// Lengths that do not agree.
    Mismatched(Vec<Number>, Vec<Number>),
}

fuzz_target!(|case: Case| match case {
    Case::Dense(matrix, k) => {
        dense::<f32>(&matrix, k);
        dense::<f64>(&matrix, k);
        dense::<DoubleF32>(&matrix, k);
    }
    Case::Tridiagonal(t) => {
        tridiagonal::<f32>(&t);
        tridiagonal::<f64>(&t);
        tridiagonal::<DoubleF32>(&t);
    }
    Case::Mismatched(d, e) => {
        let numbers = |x: &[Number]| x.iter().map(|x| x.value()).collect::<Vec<_>>();
        let (d, e) = (numbers(&d), numbers(&e));
        largest_eigenvalue(&d, &e);
        are_positive_definite(&d, &e, [1.0; LANES]);
        smallest_eigenvalue(&d, &e, 0.0, 1e-3, 1e3);
    }
});

fn power<R: Real>(full: &[R], n: usize) -> PowerIteration<R> {
    let a = MatRef::new(full, n, n).expect("a square");
    let mut workspace = vec![R::from_f64(f64::NAN); power_iteration::largest_eigenvalue_workspace_len(n)];
    power_iteration::largest_eigenvalue(a, &mut workspace, &Portable).expect("enough workspace")
}

/// A Rayleigh quotient: at most the largest eigenvalue, and at least the first one, which no iteration makes worse where
/// the matrix is positive semidefinite.
fn dense<R: Real>(matrix: &Symmetric, k: i8) {
    let n = matrix.n;
    let at = |i: usize, j: usize| R::from_f64(matrix.triangle[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)]);
    let full: Vec<R> = (0..n * n).map(|at_| at(at_ / n, at_ % n)).collect();
    let found = power(&full, n);
    assert!(found.iterations <= 300);
    if n > 0 {
        let a = MatRef::new(&full, n, n).expect("a square");
        assert!(power_iteration::largest_eigenvalue(a, &mut vec![R::zero(); 2 * n - 1], &Portable).is_err());
    }
    let wide: Vec<f64> = full.iter().map(|x| x.to_f64()).collect();
    if !wide.iter().all(|x| x.is_finite()) {
        return;
    }
    let largest = wide.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        assert!(found.value == R::zero() && found.iterations <= 1, "{found:?}");
        return;
    }
    // Far from the ends of the range: sums of products neither overflow nor lose digits.
    let (u, top) = (R::UNIT_ROUNDOFF.to_f64(), largest.log2());
    let ends = (R::MIN_POSITIVE.to_f64().log2() - 2.0 * u.log2(), R::MAX.to_f64().log2() - 10.0);
    if top < ends.0 || top > ends.1 {
        return;
    }
    let values = narrow::decompose(n, &wide.iter().map(|x| x / largest).collect::<Vec<_>>()).values;
    let (smallest, dominant) = (values[0] * largest, values[n - 1] * largest);
    let norm = dominant.abs().max(smallest.abs());
    let slack = 8.0 * n as f64 * (u + f64::EPSILON) * norm;
    let value = found.value.to_f64();
    assert!(value.is_finite(), "{found:?}");
    assert!(value <= dominant + slack, "{value:e} above {dominant:e}");
    let frobenius = wide.iter().map(|x| (x / largest) * (x / largest)).sum::<f64>().sqrt() * largest;
    assert!(value <= frobenius + slack);
    if smallest >= 0.0 {
        let start: Vec<f64> = starts(n);
        let image = |i: usize| (0..n).map(|j| wide[i * n + j] / largest * start[j]).sum::<f64>();
        let first = (0..n).map(|i| start[i] * image(i)).sum::<f64>() / start.iter().map(|x| x * x).sum::<f64>();
        assert!(value >= first * largest - slack, "{value:e} below the first quotient {:e}", first * largest);
    }
    let k = i32::from(k) / 4;
    let scaled: Vec<R> = full.iter().map(|x| x.ldexp(k)).collect();
    let exact = full.iter().zip(&scaled).all(|(&x, &y)| y.is_finite() && y.ldexp(-k) == x && small_part(x, y));
    let scaled_top = top + f64::from(k);
    if exact && scaled_top >= ends.0 && scaled_top <= ends.1 && all_large(&full, k) {
        let again = power(&scaled, n);
        // Parts of the iterates vanish in the end, sooner at one scale than at the other.
        let moved = (again.value.ldexp(-k) - found.value).to_f64().abs();
        assert!(moved <= 8.0 * u * value.abs(), "scaled by 2^{k}: {again:?}, {found:?}");
    }
}

/// No entry so small that a product with it could lose digits.
fn all_large<R: Real>(full: &[R], k: i32) -> bool {
    let end = R::MIN_POSITIVE.to_f64().log2() - 2.0 * R::UNIT_ROUNDOFF.to_f64().log2();
    let large = |x: f64| x == 0.0 || (x.abs().log2() > end && x.abs().log2() + f64::from(k) > end);
    full.iter().all(|x| large(x.to_f64()))
}

/// Neither is 0 alone.
fn small_part<R: Real>(x: R, y: R) -> bool {
    (x == R::zero()) == (y == R::zero())
}

/// The documented start of the iteration.
fn starts(n: usize) -> Vec<f64> {
    let golden = 0.618_033_988_749_894_9;
    (1..=n).map(|i| 0.5 + (golden * i as f64).fract()).collect()
}

/// Eigenvalues of the tridiagonal matrix below x, by signs of pivots in `f64`, none of them 0.
fn below(d: &[f64], e: &[f64], x: f64, tiny: f64) -> usize {
    let mut q = 1.0;
    let mut count = 0;
    for (i, &d) in d.iter().enumerate() {
        let coupling = if i == 0 { 0.0 } else { e[i] * (e[i] / q) };
        q = d - x - coupling;
        if q.abs() < tiny {
            q = -tiny;
        }
        count += usize::from(q < 0.0);
    }
    count
}

/// The k-th smallest eigenvalue by bisection between Gershgorin's bounds.
fn bisect(d: &[f64], e: &[f64], k: usize, norm: f64) -> f64 {
    let (mut low, mut high) = (-norm, norm);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if below(d, e, middle, (norm * 1e-100).max(f64::MIN_POSITIVE)) > k { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

fn tridiagonal<R: Real>(t: &Tridiagonal) {
    let numbers = |x: &[f64]| x.iter().map(|&x| R::from_f64(x)).collect::<Vec<_>>();
    let (d, e, shifts) = (numbers(&t.diagonal), numbers(&t.off_diagonal), numbers(&t.shifts));
    let shifts: [R; LANES] = core::array::from_fn(|i| shifts[i]);
    let (found, positive) = (largest_eigenvalue(&d, &e), are_positive_definite(&d, &e, shifts));
    let (shift, low, high) = (R::from_f64(t.shift), R::from_f64(t.low), R::from_f64(t.high));
    let smallest = smallest_eigenvalue(&d, &e, shift, low, high);
    let wide = |x: &[R]| x.iter().map(|x| x.to_f64()).collect::<Vec<_>>();
    let (d, e) = (wide(&d), wide(&e));
    let n = d.len();
    let beside = |i: usize| if i == 0 || i >= n { 0.0 } else { e[i].abs() };
    let norm = (0..n).map(|i| d[i].abs() + beside(i) + beside(i + 1)).fold(0.0, f64::max);
    let u = R::UNIT_ROUNDOFF.to_f64();
    if n == 0 || !d.iter().chain(&e[1..]).all(|x| x.is_finite()) {
        return;
    }
    // Squares of couplings must stay inside the range.
    let (least, most) = (R::MIN_POSITIVE.to_f64().sqrt() / u, R::MAX.to_f64().sqrt() / 1e3);
    if !(least..most).contains(&norm) {
        return;
    }
    let slack = 16.0 * n as f64 * (u + f64::EPSILON) * norm;
    let (first, last) = (bisect(&d, &e, 0, norm), bisect(&d, &e, n - 1, norm));
    let value = found.value.to_f64();
    assert!((value - last).abs() <= slack, "{value:e}, by bisection {last:e}, slack {slack:e}");
    assert!(found.bound.to_f64() >= last - slack);
    for (&shift, positive) in shifts.iter().zip(positive) {
        let shift = shift.to_f64();
        let slack = slack + 16.0 * u * shift.abs();
        if shift.abs() < most && (first + shift).abs() > slack {
            assert_eq!(positive, first + shift > 0.0, "{shift:e} added to {first:e}, slack {slack:e}");
        }
    }
    let (shift, low, high) = (shift.to_f64(), low.to_f64(), high.to_f64());
    let slack = slack + 16.0 * u * shift.abs();
    let ordinary = low > 0.0 && high >= low && high / low < R::MAX.to_f64() && high < most && shift.abs() < most;
    if !ordinary {
        return;
    }
    let right = first + shift;
    match smallest {
        None => assert!(right <= low + slack, "none at or above {low:e}, by bisection {right:e}"),
        Some(found) => {
            let found = found.to_f64();
            assert!(found >= low && found <= right + slack, "{found:e} above {right:e}");
            // Four steps of the ratio's power, each rounded.
            let ratio = (high / low).powf(1.0 / 4096.0) * (1.0 + 5000.0 * u);
            let reached = right.min(high / ratio) - slack;
            assert!(found * ratio * (1.0 + 1e-12) >= reached, "{found:e} too far below {right:e} (high {high:e})");
        }
    }
}
