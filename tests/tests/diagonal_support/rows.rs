//! Every diagonal method with its oracle. A row added here is held to account by all laws.

use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::{Graft, Length};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::statistics::Averaging;
use shampoo_tests::oracle::naive::{self, axis_covers, divided};
use shampoo_tests::oracle::root::Ridge as OracleRidge;

/// The condition of a full matrix is at most this plus 1.
const KAPPA: f64 = 100.0;

/// How close a method is to the oracle.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Some operations an entry.
    Entry,
    /// Sums whose terms may cancel.
    Sum,
    /// Norms are taken too.
    Norm,
    /// An inverse root is, of a matrix of at most this condition.
    Root(f64),
}

/// What the oracle is given: g, h, w, the count from 1 on.
pub(crate) struct Call<'a> {
    pub(crate) g: &'a [f64],
    pub(crate) h: &'a [f64],
    pub(crate) w: &'a [f64],
    pub(crate) count: i32,
}

/// The naive step; `None` where rounding decides what it is.
pub(crate) type Oracle = Box<dyn FnMut(&Call<'_>) -> Option<Vec<f64>>>;

pub(crate) struct Row {
    pub(crate) graft: Graft,
    pub(crate) kind: Kind,
    /// The step of 2^k g is 2^(degree k) times that of g; `None` where an epsilon or a decay knows the scale.
    pub(crate) degree: Option<i32>,
    /// Whether the parameter is decayed, so a gradient of 0 gives a step.
    pub(crate) decays: bool,
    pub(crate) oracle: fn(&[usize]) -> Oracle,
}

macro_rules! variants {
    ($($name:ident)*) => {
        /// The variant of a method: a new one does not compile until it is listed, and then needs a row.
        pub(crate) fn variant(graft: &Graft) -> &'static str {
            match graft {
                $(Graft::$name { .. } => stringify!($name),)*
            }
        }

        /// All variants.
        pub(crate) const VARIANTS: &[&str] = &[$(stringify!($name)),*];
    };
}
variants! { None Sgd Momentum AdaGrad RmsProp Adam Sm3 FullMatrix Lars Sign FixedNorm }

/// Every method.
#[rustfmt::skip]
pub(crate) fn rows() -> Vec<Row> {
    use Kind::{Entry, Norm, Root, Sum};
    const EMA: Averaging = Averaging::Ema { beta2: 0.75 };
    let row = |graft, kind, degree, oracle| Row { graft, kind, degree, decays: false, oracle };
    let rmsprop = |epsilon, bias_correction| Graft::RmsProp { beta2: 0.75, epsilon, bias_correction };
    let sm3 = |variant, averaging, epsilon| Graft::Sm3 { variant, averaging, epsilon };
    let full = |ridge| Graft::FullMatrix { ridge };
    vec![
        row(Graft::None, Entry, Some(1), |_| step(|call| call.h.to_vec())),
        row(Graft::Sgd, Entry, Some(1), |_| step(|call| call.h.to_vec())),
        row(Graft::Momentum { beta1: 0.9, nesterov: false }, Sum, Some(1), |shape| momentum(shape, 0.9, false)),
        row(Graft::Momentum { beta1: 0.5, nesterov: true }, Sum, Some(1), |shape| momentum(shape, 0.5, true)),
        row(Graft::Momentum { beta1: 0.0, nesterov: true }, Entry, Some(1), |_| step(|call| call.h.to_vec())),
        row(Graft::AdaGrad { epsilon: 0.0 }, Entry, Some(0), |shape| adagrad(shape, 0.0)),
        row(Graft::AdaGrad { epsilon: 0.5 }, Entry, None, |shape| adagrad(shape, 0.5)),
        row(rmsprop(0.0, false), Entry, Some(0), |shape| self::rmsprop(shape, 0.0, false)),
        row(rmsprop(0.0, true), Entry, Some(0), |shape| self::rmsprop(shape, 0.0, true)),
        row(rmsprop(1e-8, false), Entry, None, |shape| self::rmsprop(shape, 1e-8, false)),
        row(rmsprop(0.5, true), Entry, None, |shape| self::rmsprop(shape, 0.5, true)),
        row(Graft::Adam { beta1: 0.9, beta2: 0.75, epsilon: 0.0 }, Sum, Some(0), |shape| adam(shape, [0.9, 0.75, 0.0])),
        row(Graft::Adam { beta1: 0.0, beta2: 0.5, epsilon: 1e-3 }, Sum, None, |shape| adam(shape, [0.0, 0.5, 1e-3])),
        row(sm3(Variant::I, Averaging::Sum, 0.0), Entry, Some(0), |shape| self::sm3(shape, Averaging::Sum, Variant::I, 0.0)),
        row(sm3(Variant::I, EMA, 0.0), Entry, Some(0), |shape| self::sm3(shape, EMA, Variant::I, 0.0)),
        row(sm3(Variant::I, EMA, 1e-8), Entry, None, |shape| self::sm3(shape, EMA, Variant::I, 1e-8)),
        row(sm3(Variant::II, Averaging::Sum, 0.0), Entry, Some(0), |shape| self::sm3(shape, Averaging::Sum, Variant::II, 0.0)),
        row(sm3(Variant::II, Averaging::Sum, 0.5), Entry, None, |shape| self::sm3(shape, Averaging::Sum, Variant::II, 0.5)),
        row(sm3(Variant::II, EMA, 0.0), Entry, Some(0), |shape| self::sm3(shape, EMA, Variant::II, 0.0)),
        row(full(Ridge::Relative(1.0 / KAPPA)), Root(1.0 + KAPPA), Some(0), |shape| {
            full_matrix(shape, OracleRidge::Relative(1.0 / KAPPA))
        }),
        // The trace stays below 1000: six gradients of at most 24 entries.
        row(full(Ridge::Absolute(10.0)), Root(1.0 + KAPPA), None, |shape| full_matrix(shape, OracleRidge::Absolute(10.0))),
        row(full(Ridge::PseudoInverse { cutoff: 1.0 / KAPPA }), Root(KAPPA), None, |shape| {
            full_matrix(shape, OracleRidge::PseudoInverse(1.0 / KAPPA))
        }),
        row(Graft::Lars { beta: 0.0 }, Norm, Some(0), |_| step(|call| naive::lars(call.h, call.w, 0.0))),
        Row { graft: Graft::Lars { beta: 0.25 }, kind: Norm, degree: None, decays: true,
            oracle: |_| step(|call| naive::lars(call.h, call.w, 0.25)) },
        row(Graft::Sign, Entry, Some(0), |_| step(|call| call.h.iter().map(|h| naive::quotient(*h, h.abs())).collect())),
        row(Graft::FixedNorm(Length::Rows), Norm, Some(0), |shape| {
            let rows = shape.first().map_or(1.0, |&rows| rows as f64);
            step(move |call| naive::rescaled(call.h, rows.sqrt()))
        }),
        row(Graft::FixedNorm(Length::Entries), Norm, Some(0), |_| {
            step(|call| naive::rescaled(call.h, (call.h.len() as f64).sqrt()))
        }),
        row(Graft::FixedNorm(Length::Given(0.3)), Norm, Some(0), |_| step(|call| naive::rescaled(call.h, 0.3))),
    ]
}

/// An oracle that always knows.
fn step(mut f: impl FnMut(&Call<'_>) -> Vec<f64> + 'static) -> Oracle {
    Box::new(move |call| Some(f(call)))
}

fn momentum(shape: &[usize], beta1: f64, nesterov: bool) -> Oracle {
    let mut momentum = naive::Momentum::new(beta1, shape.iter().product());
    step(move |call| momentum.apply(call.h, nesterov))
}

fn adagrad(shape: &[usize], epsilon: f64) -> Oracle {
    let mut v = vec![0.0; shape.iter().product()];
    step(move |call| {
        naive::adagrad(&mut v, call.g, epsilon);
        divided(call.h, &v, epsilon)
    })
}

fn rmsprop(shape: &[usize], epsilon: f64, bias_correction: bool) -> Oracle {
    let mut v = vec![0.0; shape.iter().product()];
    step(move |call| {
        naive::rmsprop(&mut v, call.g, 0.75, epsilon);
        let lacking = if bias_correction { 1.0 - 0.75_f64.powi(call.count) } else { 1.0 };
        divided(call.h, &v.iter().map(|v| v / lacking).collect::<Vec<_>>(), epsilon)
    })
}

fn adam(shape: &[usize], figures: [f64; 3]) -> Oracle {
    let [mut m, mut v] = [0; 2].map(|_| vec![0.0; shape.iter().product()]);
    step(move |call| naive::adam([&mut m, &mut v], call.g, call.h, figures, call.count))
}

fn sm3(shape: &[usize], averaging: Averaging, variant: Variant, epsilon: f64) -> Oracle {
    let cover = axis_covers(shape);
    let mut mu = vec![0.0; cover.len()];
    let rule = if variant == Variant::I { naive::sm3_i } else { naive::sm3_ii };
    step(move |call| {
        let averaging = [averaging.decay(), averaging.weight()];
        divided(call.h, &naive::sm3_average(rule, &mut mu, &cover, call.g, averaging), epsilon)
    })
}

fn full_matrix(shape: &[usize], ridge: OracleRidge) -> Oracle {
    let d = shape.iter().product::<usize>();
    let mut sum = vec![0.0; d * d];
    Box::new(move |call| {
        let step = naive::full_matrix(&mut sum, call.g, call.h, ridge);
        // An eigenvalue at the cut may fall on either side of it, and near it mixes with those of the other.
        let OracleRidge::PseudoInverse(cutoff) = ridge else { return Some(step) };
        let values = shampoo_tests::oracle::narrow::decompose(d, &sum).values;
        let cut = cutoff * values.last().copied().unwrap_or(0.0);
        (!values.iter().any(|x| (0.5 * cut..2.0 * cut).contains(x))).then_some(step)
    })
}
