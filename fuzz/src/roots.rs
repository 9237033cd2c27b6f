//! One request for an inverse root, and the judgement of what comes back.

use arbitrary::{Arbitrary, Result, Unstructured};
use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::batch::inverse_roots_workspace_len;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Outcome, Request, Ridge, Scaling};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use twofloat::TwoFloat;

use crate::judge::{Decompose, assert_indefinite, compare};
use crate::matrices::Symmetric;
use crate::numbers::{Bits, Number, all_bits};
use crate::pace::Pace;

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

/// A matrix, a request, the types, and how the work is cut.
#[derive(Clone, Debug)]
pub struct Case {
    types: Types,
    request: Request,
    matrix: Symmetric,
    misfit: Option<Misfit>,
    pace: Pace,
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
        let request = Request { exponent, ridge, method, scaling, certificate, max_error, max_retries, scale: 1.0 };
        let matrix = Symmetric::arbitrary(u)?;
        let misfit = if u.ratio(1, 64)? { Some(Misfit::arbitrary(u)?) } else { None };
        Ok(Self { types, request, matrix, misfit, pace: Pace::arbitrary(u)? })
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
        // A batch takes the longest.
        let mut workspace = vec![R::from_f64(f64::NAN); inverse_roots_workspace_len(n)];
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
        let report = self.pace.compute(&input, n, &mut root, &self.request, &mut workspace);
        assert_eq!(before.0, all_bits(&input), "the input changed");
        let accepted = matches!(report, Ok(report) if report.outcome == Outcome::Accepted);
        if !accepted {
            assert_eq!(before.1, all_bits(&root), "the root was written: {report:?}");
        }
        let loaded = |x: &S| x.load().to_f64();
        let (input, root): (Vec<f64>, Vec<f64>) =
            (input.iter().map(loaded).collect(), root.iter().map(loaded).collect());
        let report = match report {
            Ok(report) => report,
            Err(error) => return self.assert_right(error, fits, &input),
        };
        assert!(fits, "buffers that do not fit: {report:?}");
        assert!(report.retries <= self.request.max_retries, "{report:?}");
        assert_ne!(report.method, Method::Auto);
        // A relative ridge may lie beyond the numbers that it is reported in; the ladder does not go there.
        assert!(report.ridge.is_finite() || report.retries == 0, "{report:?}");
        match report.outcome {
            Outcome::Zero => {
                assert!(input.iter().all(|&x| x == 0.0), "{report:?}");
                assert!(n == 0 || !matches!(self.request.ridge, Ridge::Absolute(r) if r > 0.0), "{report:?}");
            }
            Outcome::Cancelled => assert!(matches!(self.pace, Pace::Stopped(_)), "{report:?}"),
            Outcome::OutOfRange => assert_eq!(report.method, Method::Rational, "{report:?}"),
            _ => {}
        }
        let judged = n > 0 && report.ridge.is_finite();
        let u = R::UNIT_ROUNDOFF.to_f64();
        if judged && report.outcome == Outcome::NotPositiveDefinite {
            assert_indefinite::<N>(n, &input, &report, u);
        }
        if accepted {
            let default = match u {
                u if u <= f64::EPSILON => 1e-5,
                u if u < 1e-12 => 5e-3,
                _ => 5e-2,
            };
            assert!(report.promised.is_finite(), "{report:?}");
            assert!(report.promised <= self.request.max_error.unwrap_or(default), "{report:?}");
            assert!(root.iter().all(|x| x.is_finite()), "{report:?}");
            if judged {
                compare::<N>(n, &input, &root, &self.request, &report, u);
            }
        }
    }

    /// An error names what is wrong.
    fn assert_right(&self, error: RootError, fits: bool, input: &[f64]) {
        match error {
            RootError::NonFinite { row, column } => assert!(!input[packed_len(row) + column].is_finite(), "{error:?}"),
            RootError::Exponent(_) => assert!(self.request.validate().is_err(), "{error:?}"),
            RootError::Ridge { .. } => assert!(!self.request.ridge.is_usable(), "{error:?}"),
            RootError::Scale { value } => unreachable!("the scale is 1, not {value}"),
            RootError::Shape(_) => assert!(!fits, "{error:?}"),
            _ => panic!("an error that the target does not know: {error:?}"),
        }
    }
}
