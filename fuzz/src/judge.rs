//! What came back as a root, or as none, against an oracle wider than what computed it.

use shampoo_core::linalg::inverse_root::{Exponent, Report, Request, Ridge};
use twofloat::TwoFloat;

use crate::oracle::number::Number as Wide;
use crate::oracle::root::spectral_norm;
use crate::oracle::{Spectrum, narrow, wide};

/// The arithmetic of an oracle that is wide enough for some root.
pub trait Decompose: Wide {
    /// Eigenvalues and vectors of a full matrix.
    fn decompose(n: usize, full: &[f64]) -> Spectrum<Self>;
    /// The product, as exact as it can be.
    fn product(x: f64, y: f64) -> Self;
}

impl Decompose for f64 {
    fn decompose(n: usize, full: &[f64]) -> Spectrum<Self> {
        narrow::decompose(n, full)
    }
    fn product(x: f64, y: f64) -> Self {
        x * y
    }
}

impl Decompose for TwoFloat {
    fn decompose(n: usize, full: &[f64]) -> Spectrum<Self> {
        wide::decompose(n, full)
    }
    fn product(x: f64, y: f64) -> Self {
        Self::new_mul(x, y)
    }
}

fn full(n: usize, triangle: &[f64], scale: i32) -> Vec<f64> {
    let at = |i: usize, j: usize| times_two_to(triangle[i * (i + 1) / 2 + j], scale);
    (0..n * n).map(|k| at((k / n).max(k % n), (k / n).min(k % n))).collect()
}

/// x 2^k, in steps that do not overflow by themselves.
fn times_two_to(x: f64, k: i32) -> f64 {
    let step = k.clamp(-1000, 1000);
    let x = x * f64::from(step).exp2();
    if step == k { x } else { times_two_to(x, k - step) }
}

fn octave(x: f64) -> i32 {
    if x == 0.0 { i32::MIN } else { x.abs().log2().floor() as i32 }
}

/// A spectrum of order 1: that of 2^-top (A + r I).
struct Ridged<N> {
    top: i32,
    ridge: f64,
    /// Without the ridge.
    lambda_max: N,
    spectrum: Spectrum<N>,
    /// How far an eigenvalue may be off.
    noise: f64,
}

impl<N: Decompose> Ridged<N> {
    fn new(n: usize, input: &[f64], report: &Report) -> Self {
        let top = input.iter().map(|&x| octave(x)).chain([octave(report.ridge)]).max().unwrap_or(0);
        let ridge = times_two_to(report.ridge, -top);
        // The figure reported may have lost digits at the end of the range.
        let vanished = times_two_to(f64::from_bits(1), -top);
        let mut spectrum = N::decompose(n, &full(n, input, -top));
        let lambda_max = spectrum.largest();
        let noise = 8.0 * n as f64 * N::EPSILON * lambda_max.narrow().max(ridge).max(1.0) + vanished;
        for value in &mut spectrum.values {
            *value = *value + N::widen(ridge);
        }
        Self { top, ridge, lambda_max, spectrum, noise }
    }
}

/// That a matrix was refused as not positive definite which is that, by more than rounding explains.
///
/// # Panics
/// Where it was not.
pub fn assert_indefinite<N: Decompose>(n: usize, input: &[f64], report: &Report, u: f64) {
    let Ridged { spectrum, noise, .. } = Ridged::<N>::new(n, input, report);
    let (smallest, largest) = (spectrum.values[0].narrow(), spectrum.largest().narrow());
    let rounding = 16.0 * n as f64 * u * largest.max(1.0);
    assert!(smallest <= rounding + noise, "refused, with a smallest eigenvalue of {smallest:e}: {report:?}");
}

/// The true error, in the spectral norm, against the promise and what the oracle itself cannot resolve.
///
/// # Panics
/// Where the promise is broken.
pub fn compare<N: Decompose>(n: usize, input: &[f64], root: &[f64], request: &Request, report: &Report, u: f64) {
    let pseudo_inverse = matches!(request.ridge, Ridge::PseudoInverse { .. });
    let exponent = request.exponent.normalized().expect("an accepted exponent");
    let alpha = exponent.alpha();
    let Ridged { top, ridge, lambda_max, spectrum, noise } = Ridged::<N>::new(n, input, report);
    let kept = if pseudo_inverse { report.rank } else { n };
    let (dropped, values) = spectrum.values.split_at(n - kept);
    let smallest = values.first().expect("an accepted root has a rank").narrow();
    let gap = dropped.last().map_or(f64::INFINITY, |x| smallest - x.narrow());
    if smallest <= noise || gap <= noise {
        assert!(smallest > -noise, "an accepted root of an indefinite matrix: {smallest:e}, {report:?}");
        // Nothing that the oracle could judge; an honest promise in f64 does not come here.
        return;
    }
    if let Ridge::PseudoInverse { cutoff } = request.ridge {
        let raised = (0..report.retries).fold(1.0, |factor, _| factor * 10.0) * cutoff;
        let cut = raised.max(16.0 * n as f64 * u) * lambda_max.narrow();
        let unclear = 64.0 * n as f64 * u * lambda_max.narrow();
        if spectrum.values.iter().all(|x| (x.narrow() - cut).abs() > unclear) {
            let above = spectrum.values.iter().filter(|x| x.narrow() > cut).count();
            assert_eq!(above, kept, "rank: {report:?}");
        }
    }
    // Of a sum of eigenvalues to -alpha, and of the projector that cuts some of them off.
    let relative = noise / smallest;
    let unsure = (-alpha * (-relative).ln_1p()).exp_m1() + if dropped.is_empty() { 0.0 } else { noise / gap };
    // (2^top)^-alpha = 2^-whole times a factor.
    let (whole, factor) = match exponent {
        Exponent::Root(p) => {
            let p = i32::try_from(p).expect("an order up to 1024");
            let rest = N::widen(f64::from(top.rem_euclid(p)).exp2());
            (top.div_euclid(p), rest.inverse_root(p.unsigned_abs()))
        }
        Exponent::Power(alpha) => {
            let octaves = N::product(top.into(), alpha);
            let whole = octaves.narrow().floor();
            if whole.abs() > 4000.0 {
                return;
            }
            let rest = octaves - N::widen(whole);
            let low = rest - N::widen(rest.narrow());
            (whole as i32, N::widen(2.0).power(-rest.narrow()) * (N::widen(1.0) - low * N::widen(2_f64.ln())))
        }
    };
    let unsure = unsure + 16.0 * N::EPSILON * (1.0 + alpha * (1.0 / smallest).log2().abs());
    if unsure.is_nan() || unsure > 0.5 {
        return;
    }
    let image = |x: &N| match exponent {
        Exponent::Root(p) => x.inverse_root(p),
        Exponent::Power(alpha) => x.power(-alpha),
    };
    let mut images = vec![N::widen(0.0); n - kept];
    images.extend(values.iter().map(|x| image(x) * factor));
    let truth = spectrum.rebuild(&images);
    let found = full(n, root, whole);
    let difference: Vec<f64> = found.iter().zip(&truth).map(|(&x, &y)| (N::widen(x) - y).narrow()).collect();
    let error = spectral_norm(n, &difference) / spectral_norm(n, &found);
    // The promise and the norms are rounded too.
    let allowed = report.promised * (1.0 + 1e-12) + 2.0 * unsure;
    assert!(error <= allowed, "error {error:e}, allowed {allowed:e}, oracle {unsure:e}, kappa {:e}: {report:?}", {
        (lambda_max.narrow() + ridge) / smallest
    });
}
