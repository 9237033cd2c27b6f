//! What must agree between an image and the state that it is loaded into, as 32 bits for each of three questions.
//!
//! Every pattern is exhaustive and without a rest: a new setting cannot be forgotten.

use super::crc::Crc;
use super::number::Number;
use crate::config::{Config, Start, WeightDecay};
use crate::diagonal::sm3::Variant;
use crate::graft::{Graft, Length, Scope};
use crate::linalg::inverse_root::{Certificate, Exponent, Method, Ridge};
use crate::momentum::{Buffers, Filter, Momentum};
use crate::partition::{Merge, Sides};
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::{Adaptive, Mode, Schedule};
use crate::statistics::{Averaging, TraceScaling};

/// What must agree, each by itself, so that an error can say what does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prints {
    /// The kind of the part and its number types.
    pub(super) numbers: u32,
    /// Every setting.
    pub(super) settings: u32,
    /// The merged shape.
    pub(super) shape: u32,
}

/// A checksum of settings; each choice is a number of its own.
pub(super) struct Fingerprint(Crc);

impl Fingerprint {
    /// Of a section of some kind.
    pub(super) fn of(kind: u8) -> Self {
        Self(Crc::new()).choice(kind)
    }

    pub(super) fn value(self) -> u32 {
        self.0.value()
    }

    fn choice(mut self, choice: u8) -> Self {
        self.0.see(&[choice]);
        self
    }

    fn flag(self, flag: bool) -> Self {
        self.choice(u8::from(flag))
    }

    fn count(mut self, count: u64) -> Self {
        self.0.see(&count.to_le_bytes());
        self
    }

    /// The same on machines with other pointers.
    fn size(self, size: usize) -> Self {
        self.count(if size == usize::MAX { u64::MAX } else { size as u64 })
    }

    fn figure(self, figure: f64) -> Self {
        self.count(figure.to_bits())
    }

    fn option<T>(self, option: Option<T>, some: impl FnOnce(Self, T) -> Self) -> Self {
        match option {
            None => self.choice(0),
            Some(x) => some(self.choice(1), x),
        }
    }

    /// The number types.
    pub(super) fn number<T: Number>(self) -> Self {
        self.choice(T::KIND)
    }

    pub(super) fn precision<P: Precision>(self) -> Self
    where
        P::Work: Number,
        P::Store: Number,
    {
        let rounding = <P::Store as Stored<P::Root>>::ROUNDOFF;
        self.number::<P::Work>().number::<P::Store>().figure(P::Root::UNIT_ROUNDOFF.to_f64()).figure(rounding)
    }

    pub(super) fn dims(self, dims: &[usize]) -> Self {
        dims.iter().fold(self.size(dims.len()), |print, &d| print.size(d))
    }

    pub(super) fn config(self, config: &Config) -> Self {
        let &Config {
            block_size,
            merge,
            merge_limit,
            max_preconditioned_dim,
            sides,
            precondition_vectors,
            precondition,
            averaging,
            packed_products,
            bias_correction,
            trace_scaling,
            initial_statistics,
            exponent_override,
            ridge,
            method,
            certificate,
            max_error,
            max_retries,
            graft,
            normalize_graft,
            graft_scope,
            filter,
            momentum,
            weight_decay,
            schedule,
            start,
        } = config;
        let print = self.size(block_size).merge(merge).size(merge_limit).size(max_preconditioned_dim);
        let print = print.sides(sides).flag(precondition_vectors).flag(precondition).averaging(averaging);
        let print = print.flag(packed_products).flag(bias_correction);
        let print =
            print.option(trace_scaling, |print, TraceScaling { power, epsilon }| print.figure(power).figure(epsilon));
        let print = print.figure(initial_statistics).option(exponent_override, Self::exponent).ridge(ridge);
        let print = print.method(method).certificate(certificate).option(max_error, Self::figure);
        let print = print.count(max_retries.into()).graft(graft).flag(normalize_graft).scope(graft_scope);
        let Filter { beta1, bias_correction } = filter;
        let print = print.figure(beta1).flag(bias_correction).momentum(momentum).weight_decay(weight_decay);
        print.schedule(schedule).choice(match start {
            Start::Switch => 0,
            Start::Blend => 1,
        })
    }

    fn merge(self, merge: Merge) -> Self {
        match merge {
            Merge::Keep => self.choice(0),
            Merge::Forward => self.choice(1),
            Merge::ForwardUnguarded => self.choice(2),
            Merge::Reverse { target_rank } => self.choice(3).size(target_rank),
            Merge::ReverseUnguarded { target_rank } => self.choice(4).size(target_rank),
        }
    }

    fn sides(self, sides: Sides) -> Self {
        self.choice(match sides {
            Sides::All => 0,
            Sides::Smallest => 1,
        })
    }

    fn averaging(self, averaging: Averaging) -> Self {
        match averaging {
            Averaging::Sum => self.choice(0),
            Averaging::Ema { beta2 } => self.choice(1).figure(beta2),
        }
    }

    fn exponent(self, exponent: Exponent) -> Self {
        match exponent {
            Exponent::Root(p) => self.choice(0).count(p.into()),
            Exponent::Power(alpha) => self.choice(1).figure(alpha),
        }
    }

    fn ridge(self, ridge: Ridge) -> Self {
        match ridge {
            Ridge::Relative(epsilon) => self.choice(0).figure(epsilon),
            Ridge::Absolute(r) => self.choice(1).figure(r),
            Ridge::PseudoInverse { cutoff } => self.choice(2).figure(cutoff),
        }
    }

    fn method(self, method: Method) -> Self {
        self.choice(match method {
            Method::Auto => 0,
            Method::Rational => 1,
            Method::CoupledNewton => 2,
            Method::NewtonSchulz => 3,
            Method::Spectral => 4,
        })
    }

    fn certificate(self, certificate: Certificate) -> Self {
        self.choice(match certificate {
            Certificate::Full => 0,
            Certificate::Probed => 1,
        })
    }

    fn graft(self, graft: Graft) -> Self {
        match graft {
            Graft::None => self.choice(0),
            Graft::Sgd => self.choice(1),
            Graft::Momentum { beta1, nesterov } => self.choice(2).figure(beta1).flag(nesterov),
            Graft::AdaGrad { epsilon } => self.choice(3).figure(epsilon),
            Graft::RmsProp { beta2, epsilon, bias_correction } => {
                self.choice(4).figure(beta2).figure(epsilon).flag(bias_correction)
            }
            Graft::Adam { beta1, beta2, epsilon } => self.choice(5).figure(beta1).figure(beta2).figure(epsilon),
            Graft::Sm3 { variant, averaging, epsilon } => {
                let variant = match variant {
                    Variant::I => 0,
                    Variant::II => 1,
                };
                self.choice(6).choice(variant).averaging(averaging).figure(epsilon)
            }
            Graft::FullMatrix { ridge } => self.choice(7).ridge(ridge),
            Graft::Lars { beta } => self.choice(8).figure(beta),
            Graft::Sign => self.choice(9),
            Graft::FixedNorm(Length::Rows) => self.choice(10),
            Graft::FixedNorm(Length::Entries) => self.choice(11),
            Graft::FixedNorm(Length::Given(length)) => self.choice(12).figure(length),
        }
    }

    fn scope(self, scope: Scope) -> Self {
        self.choice(match scope {
            Scope::Tensor => 0,
            Scope::Block => 1,
            Scope::Global => 2,
        })
    }

    fn momentum(self, momentum: Momentum) -> Self {
        let Momentum { beta1, nesterov, moving_average, buffers } = momentum;
        self.figure(beta1).flag(nesterov).flag(moving_average).choice(match buffers {
            Buffers::One => 0,
            Buffers::Two => 1,
        })
    }

    fn weight_decay(self, weight_decay: WeightDecay) -> Self {
        match weight_decay {
            WeightDecay::None => self.choice(0),
            WeightDecay::Coupled(rate) => self.choice(1).figure(rate),
            WeightDecay::Decoupled(rate) => self.choice(2).figure(rate),
            WeightDecay::Gradient(rate) => self.choice(3).figure(rate),
        }
    }

    fn schedule(self, schedule: Schedule) -> Self {
        let Schedule { start_preconditioning_step, statistics_every, precondition_every, mode } = schedule;
        let print = self.count(start_preconditioning_step).count(statistics_every).count(precondition_every);
        match mode {
            Mode::Sync => print.choice(0),
            Mode::Pipelined { delay } => print.choice(1).count(delay),
            Mode::Async => print.choice(2),
            Mode::Adaptive(Adaptive { drift, flops, max_staleness }) => {
                print.choice(3).figure(drift).count(flops).count(max_staleness)
            }
        }
    }
}
