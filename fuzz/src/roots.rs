//! One request for an inverse root, and the judgement of what comes back.

use arbitrary::{Arbitrary, Result, Unstructured};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Method, Outcome, Report, Request, Ridge, Scaling, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use twofloat::TwoFloat;

use crate::matrices::Symmetric;
use crate::numbers::{Bits, Number, all_bits};
use crate::oracle::number::Number as Wide;
use crate::oracle::root::spectral_norm;
use crate::oracle::{Spectrum, narrow, wide};

/// The methods that a request may name.
const METHODS: &[Method] =
    &[Method::Auto, Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral];

/// What is computed in, then what is kept.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Types {
    F32F32,
    F32F64,
    F32Bf16,
    F32Bf16x2,
    F32Bf16x3,
    F64F32,
    F64F64,
    F64Bf16,
    F64Bf16x2,
    F64Bf16x3,
    DoubleF32F32,
    DoubleF32F64,
    DoubleF32Bf16,
    DoubleF32Bf16x2,
    DoubleF32Bf16x3,
}

/// Buffers that do not fit.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Misfit {
    Triangle(u8),
    Root(u8),
    Workspace(u8),
    Order(usize),
}

/// A matrix, a request, and the types.
#[derive(Clone, Debug)]
pub struct Case {
    types: Types,
    request: Request,
    matrix: Symmetric,
    misfit: Option<Misfit>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let types = Types::arbitrary(u)?;
        let method = *u.choose(METHODS)?;
        let exponent = match u8::arbitrary(u)? {
            order @ 0..=20 => Exponent::Root(order.into()),
            21..=24 => Exponent::Root(u32::arbitrary(u)?),
            25..=60 => Exponent::Power(Number::arbitrary(u)?.value()),
            order => Exponent::Root(1 + u32::from(order % 8)),
        };
        let figure = match u8::arbitrary(u)? {
            0..=19 => 0.0,
            20..=59 => Number::arbitrary(u)?.value(),
            tenths => 10_f64.powf(-f64::from(tenths - 60) / 12.0),
        };
        let ridge = match u8::arbitrary(u)? % 4 {
            0 => Ridge::Absolute(figure),
            1 => Ridge::PseudoInverse { cutoff: figure },
            _ => Ridge::Relative(figure),
        };
        let certificate = if bool::arbitrary(u)? { Certificate::Full } else { Certificate::Probed };
        let max_error = match u8::arbitrary(u)? % 8 {
            0 => Some(Number::arbitrary(u)?.value()),
            1..=4 => None,
            _ => Some(f64::INFINITY),
        };
        let max_retries = match u8::arbitrary(u)? {
            255 => u32::MAX,
            count => u32::from(count % 8),
        };
        let scaling = *u.choose(&[Scaling::Auto, Scaling::Frobenius, Scaling::LambdaMax, Scaling::Optimal])?;
        let request = Request { exponent, ridge, method, scaling, certificate, max_error, max_retries };
        let matrix = Symmetric::arbitrary(u)?;
        let misfit = if u.ratio(1, 64)? { Some(Misfit::arbitrary(u)?) } else { None };
        Ok(Self { types, request, matrix, misfit })
    }
}

impl Case {
    /// Computes the root and judges it.
    ///
    /// # Panics
    /// Where a law does not hold.
    pub fn judge(&self) {
        match self.types {
            Types::F32F32 => self.run::<f32, f32, f64>(),
            Types::F32F64 => self.run::<f32, f64, f64>(),
            Types::F32Bf16 => self.run::<f32, Bf16, f64>(),
            Types::F32Bf16x2 => self.run::<f32, Bf16x2, f64>(),
            Types::F32Bf16x3 => self.run::<f32, Bf16x3, f64>(),
            Types::F64F32 => self.run::<f64, f32, TwoFloat>(),
            Types::F64F64 => self.run::<f64, f64, TwoFloat>(),
            Types::F64Bf16 => self.run::<f64, Bf16, TwoFloat>(),
            Types::F64Bf16x2 => self.run::<f64, Bf16x2, TwoFloat>(),
            Types::F64Bf16x3 => self.run::<f64, Bf16x3, TwoFloat>(),
            Types::DoubleF32F32 => self.run::<DoubleF32, f32, TwoFloat>(),
            Types::DoubleF32F64 => self.run::<DoubleF32, f64, TwoFloat>(),
            Types::DoubleF32Bf16 => self.run::<DoubleF32, Bf16, TwoFloat>(),
            Types::DoubleF32Bf16x2 => self.run::<DoubleF32, Bf16x2, TwoFloat>(),
            Types::DoubleF32Bf16x3 => self.run::<DoubleF32, Bf16x3, TwoFloat>(),
        }
    }

    fn run<R: Real, S: Stored<R> + Bits, N: Decompose>(&self) {
        let mut n = self.matrix.n;
        let mut input: Vec<S> = self.matrix.triangle.iter().map(|&x| S::store(R::from_f64(x))).collect();
        let mut root = vec![S::store(R::from_f64(42.0)); input.len()];
        // What is in the workspace must not matter.
        let mut workspace = vec![R::from_f64(f64::NAN); inverse_root_workspace_len(n)];
        match self.misfit {
            Some(Misfit::Triangle(length)) => input.resize(length.into(), S::default()),
            Some(Misfit::Root(length)) => root.resize(length.into(), S::default()),
            Some(Misfit::Workspace(length)) => workspace.truncate(length.into()),
            Some(Misfit::Order(order)) => n = order,
            None => {}
        }
        let fits = input.len() == packed_len(n)
            && root.len() == packed_len(n)
            && workspace.len() >= inverse_root_workspace_len(n);
        let before = (all_bits(&input), all_bits(&root));
        let report = inverse_root(&input, n, &mut root, &self.request, &mut workspace, &Portable);
        assert_eq!(before.0, all_bits(&input), "the input changed");
        let accepted = matches!(report, Ok(report) if report.outcome == Outcome::Accepted);
        if !accepted {
            assert_eq!(before.1, all_bits(&root), "the root was written: {report:?}");
        }
        let Ok(report) = report else { return };
        assert!(fits, "buffers that do not fit: {report:?}");
        assert!(report.retries <= self.request.max_retries, "{report:?}");
        assert_ne!(report.method, Method::Auto);
        if accepted {
            let default = match R::UNIT_ROUNDOFF.to_f64() {
                u if u <= f64::EPSILON => 1e-5,
                u if u < 1e-12 => 5e-3,
                _ => 5e-2,
            };
            assert!(report.promised.is_finite(), "{report:?}");
            assert!(report.promised <= self.request.max_error.unwrap_or(default), "{report:?}");
            let loaded = |x: &S| x.load().to_f64();
            let (input, root): (Vec<f64>, Vec<f64>) =
                (input.iter().map(loaded).collect(), root.iter().map(loaded).collect());
            assert!(root.iter().all(|x| x.is_finite()), "{report:?}");
            if n > 0 {
                compare::<N>(n, &input, &root, &self.request, &report, R::UNIT_ROUNDOFF.to_f64());
            }
        }
    }
}

/// The arithmetic of an oracle that is wide enough for some root.
trait Decompose: Wide {
    fn decompose(n: usize, full: &[f64]) -> Spectrum<Self>;
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

/// The true error, in the spectral norm, against the promise and what the oracle itself cannot resolve.
fn compare<N: Decompose>(n: usize, input: &[f64], root: &[f64], request: &Request, report: &Report, u: f64) {
    // A relative ridge may lie beyond the numbers that it is reported in.
    if !report.ridge.is_finite() {
        return;
    }
    let pseudo_inverse = matches!(request.ridge, Ridge::PseudoInverse { .. });
    let exponent = request.exponent.normalized().expect("an accepted exponent");
    let alpha = exponent.alpha();
    // 2^-top (A + r I), of order 1.
    let top = input.iter().map(|&x| octave(x)).chain([octave(report.ridge)]).max().unwrap_or(0);
    let ridge = times_two_to(report.ridge, -top);
    // The figure reported may have lost digits at the end of the range.
    let vanished = times_two_to(f64::from_bits(1), -top);
    let mut spectrum = N::decompose(n, &full(n, input, -top));
    let lambda_max = spectrum.largest();
    let noise = 8.0 * n as f64 * N::EPSILON * lambda_max.narrow().max(ridge).max(1.0) + vanished;
    let kept = if pseudo_inverse { report.rank } else { n };
    for value in &mut spectrum.values {
        *value = *value + N::widen(ridge);
    }
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
