//! Settings of a parameter, legal or not, and what steps are fed with.

use arbitrary::{Arbitrary, Result, Unstructured};
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::{Graft, Length, Scope};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Ridge};
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::partition::{Merge, Sides};
use shampoo_core::scalar::Real;
use shampoo_core::schedule::{Adaptive, Mode, Schedule};
use shampoo_core::statistics::{Averaging, TraceScaling};

use crate::numbers::Number;

/// A policy of merging.
pub fn merge(u: &mut Unstructured<'_>) -> Result<Merge> {
    let target_rank = usize::from(u8::arbitrary(u)? % 6);
    Ok(*u.choose(&[
        Merge::Keep,
        Merge::Forward,
        Merge::ForwardUnguarded,
        Merge::Reverse { target_rank },
        Merge::ReverseUnguarded { target_rank },
    ])?)
}

/// Every public field at random: mostly what programs use.
#[derive(Clone, Debug)]
pub struct Settings(pub Config);

impl<'a> Arbitrary<'a> for Settings {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let exponent_override = match u8::arbitrary(u)? {
            order @ 1..=9 => Some(Exponent::Root(order.into())),
            10..=19 => Some(Exponent::Power(figure(u)?)),
            20 => Some(Exponent::Root(u32::arbitrary(u)?)),
            _ => None,
        };
        let ridge = ridge(u)?;
        let max_error = match u8::arbitrary(u)? % 8 {
            0 => Some(figure(u)?),
            1 => Some(f64::INFINITY),
            _ => None,
        };
        let momentum = Momentum {
            beta1: if bool::arbitrary(u)? { decay(u)? } else { 0.0 },
            nesterov: bool::arbitrary(u)?,
            moving_average: bool::arbitrary(u)?,
            buffers: *u.choose(&[Buffers::One, Buffers::Two])?,
        };
        let weight_decay = match u8::arbitrary(u)? % 4 {
            0 => WeightDecay::Coupled(figure(u)?),
            1 => WeightDecay::Decoupled(figure(u)?),
            2 => WeightDecay::Gradient(figure(u)?),
            _ => WeightDecay::None,
        };
        Ok(Self(Config {
            block_size: size(u)?,
            merge: merge(u)?,
            merge_limit: size(u)?,
            max_preconditioned_dim: size(u)?,
            sides: *u.choose(&[Sides::All, Sides::Smallest])?,
            precondition_vectors: bool::arbitrary(u)?,
            precondition: !u.ratio(1, 8)?,
            averaging: averaging(u)?,
            packed_products: bool::arbitrary(u)?,
            bias_correction: bool::arbitrary(u)?,
            trace_scaling: match u8::arbitrary(u)? % 4 {
                0 => Some(TraceScaling { power: figure(u)?, epsilon: figure(u)? }),
                _ => None,
            },
            initial_statistics: if bool::arbitrary(u)? { 0.0 } else { figure(u)? },
            exponent_override,
            ridge,
            method: *u.choose(&[
                Method::Auto,
                Method::Spectral,
                Method::CoupledNewton,
                Method::Rational,
                Method::NewtonSchulz,
            ])?,
            certificate: *u.choose(&[Certificate::Full, Certificate::Probed])?,
            max_error,
            max_retries: u32::from(u8::arbitrary(u)? % 6),
            graft: graft(u)?,
            normalize_graft: u.ratio(1, 4)?,
            graft_scope: *u.choose(&[Scope::Tensor, Scope::Block, Scope::Global])?,
            filter: match u8::arbitrary(u)? % 3 {
                0 => Filter { beta1: decay(u)?, bias_correction: bool::arbitrary(u)? },
                _ => Filter::NONE,
            },
            momentum,
            weight_decay,
            start: *u.choose(&[Start::Switch, Start::Blend])?,
            schedule: Schedule {
                start_preconditioning_step: u64::from(u8::arbitrary(u)? % 3),
                statistics_every: period(u)?,
                precondition_every: period(u)?,
                mode: match u8::arbitrary(u)? % 8 {
                    0 => Mode::Adaptive(Adaptive {
                        drift: figure(u)?,
                        flops: u64::from(u16::arbitrary(u)?),
                        max_staleness: period(u)?,
                    }),
                    1 => Mode::Pipelined { delay: 0 },
                    2 => Mode::Async,
                    _ => Mode::Sync,
                },
            },
        }))
    }
}

impl Settings {
    /// What the settings by themselves may add to a step, of weights up to this magnitude.
    pub fn pull(&self, largest: f64) -> f64 {
        let lars = if let Graft::Lars { beta } = self.0.graft { beta } else { 0.0 };
        let length = if let Graft::FixedNorm(Length::Given(length)) = self.0.graft { length } else { 0.0 };
        (largest * self.0.weight_decay.rate().max(lars)).max(length)
    }
}

/// A size, a limit: small, or none.
pub fn size(u: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match u8::arbitrary(u)? {
        255 => usize::MAX,
        254 => usize::arbitrary(u)?,
        small => usize::from(small % 16),
    })
}

fn period(u: &mut Unstructured<'_>) -> Result<u64> {
    Ok(match u8::arbitrary(u)? {
        255 => 0,
        254 => u64::MAX,
        small => u64::from(small % 3) + 1,
    })
}

/// A ridge, an epsilon, a rate: usual, or any number.
pub fn figure(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u8::arbitrary(u)? {
        byte @ 0..=31 => f64::from(byte) / 16.0,
        32..=47 => Number::arbitrary(u)?.value(),
        48..=63 => Number::arbitrary(u)?.value().abs(),
        64..=95 => 0.0,
        byte => 10_f64.powf(-f64::from(byte - 96) / 4.0),
    })
}

fn decay(u: &mut Unstructured<'_>) -> Result<f64> {
    Ok(match u8::arbitrary(u)? {
        0..=15 => figure(u)?,
        byte => 1.0 - (-f64::from(byte) / 12.0).exp2(),
    })
}

/// A ridge, usual or not.
fn ridge(u: &mut Unstructured<'_>) -> Result<Ridge> {
    Ok(match u8::arbitrary(u)? % 4 {
        0 => Ridge::Absolute(figure(u)?),
        1 => Ridge::PseudoInverse { cutoff: figure(u)? },
        _ => Ridge::Relative(figure(u)?),
    })
}

/// Sums or averages.
pub fn averaging(u: &mut Unstructured<'_>) -> Result<Averaging> {
    Ok(if bool::arbitrary(u)? { Averaging::Sum } else { Averaging::Ema { beta2: decay(u)? } })
}

/// A method, with figures that may be illegal.
pub fn graft(u: &mut Unstructured<'_>) -> Result<Graft> {
    Ok(match u8::arbitrary(u)? % 11 {
        0 => Graft::None,
        1 => Graft::Sgd,
        2 => Graft::AdaGrad { epsilon: figure(u)? },
        3 => Graft::RmsProp { beta2: decay(u)?, epsilon: figure(u)?, bias_correction: bool::arbitrary(u)? },
        4 => Graft::Momentum { beta1: decay(u)?, nesterov: bool::arbitrary(u)? },
        5 => Graft::Adam { beta1: decay(u)?, beta2: decay(u)?, epsilon: figure(u)? },
        6 => Graft::FullMatrix { ridge: ridge(u)? },
        7 => Graft::Lars { beta: figure(u)? },
        8 => Graft::Sign,
        9 => Graft::FixedNorm(match u8::arbitrary(u)? % 3 {
            0 => Length::Rows,
            1 => Length::Entries,
            _ => Length::Given(figure(u)?),
        }),
        _ => {
            let variant = *u.choose(&[Variant::I, Variant::II])?;
            Graft::Sm3 { variant, averaging: averaging(u)?, epsilon: figure(u)? }
        }
    })
}

/// What a gradient is made of.
#[derive(Arbitrary, Clone, Debug)]
pub enum Numbers {
    /// Nothing but 0.
    Zero,
    /// The same number everywhere.
    Constant(Number),
    /// m 2^e / 16 with one e.
    Scaled(i8, Vec<i8>),
    /// Small integers times the smallest number.
    Subnormal(Vec<i8>),
    /// m / 127 times the largest number whose squares can be summed.
    Large(Vec<i8>),
    /// Any numbers.
    Raw(Vec<Number>),
    /// One number among zeros.
    Spike(u8, Number),
}

impl Numbers {
    /// So many of them, over and over.
    pub fn take<T: Real>(&self, length: usize) -> Vec<T> {
        let cycle = |x: &[i8], unit: f64| -> Vec<f64> {
            (0..length).map(|k| x.get(k % x.len().max(1)).map_or(0.0, |&m| f64::from(m) * unit)).collect()
        };
        let numbers = match self {
            Self::Zero => vec![0.0; length],
            Self::Constant(x) => vec![x.value(); length],
            Self::Scaled(e, x) => cycle(x, f64::from(*e).exp2() / 16.0),
            Self::Subnormal(x) => cycle(x, f32::from_bits(1).into()),
            Self::Large(x) => cycle(x, f64::from(f32::MAX).sqrt() / 127.0),
            Self::Raw(x) => (0..length).map(|k| x.get(k % x.len().max(1)).map_or(0.0, |x| x.value())).collect(),
            Self::Spike(at, x) => {
                let mut numbers = vec![0.0; length];
                if length > 0 {
                    numbers[usize::from(*at) % length] = x.value();
                }
                numbers
            }
        };
        numbers.into_iter().map(T::from_f64).collect()
    }
}
