//! The settings of one parameter, and named sets of them.

use crate::error::ConfigError;
use crate::graft::{Graft, Length, Scope};
use crate::linalg::inverse_root::{Certificate, Exponent, Method, Request, Ridge};
use crate::momentum::{Buffers, Filter, Momentum};
use crate::partition::{Merge, Sides};
use crate::scalar::{Precision, check_figure};
use crate::schedule::Schedule;
use crate::statistics::{Averaging, Headroom, TraceScaling, largest_gradient};

/// How a parameter's own size is pulled towards 0.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WeightDecay {
    /// Not at all.
    None,
    /// rate * W is added to the update after preconditioning and grafting, before momentum (\[GP\]).
    /// (Added to the gradient before the statistics, normalisation would swallow it.)
    Coupled(f64),
    /// rate * W is added to the update after momentum: the parameter shrinks by `1 - lr rate`.
    Decoupled(f64),
    /// rate * W is added to the gradient, before statistics and second moments see it (\[FB\] without its decoupled
    /// decay): the gradient of a squared norm, of which normalisation leaves little.
    Gradient(f64),
}

impl WeightDecay {
    /// The rate; 0 where there is none.
    pub const fn rate(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Coupled(rate) | Self::Decoupled(rate) | Self::Gradient(rate) => rate,
        }
    }
}

/// How steps become preconditioned at `start_preconditioning_step`, s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Start {
    /// At once: step s is (\[GP\]).
    Switch,
    /// Step t is w P + (1 - w) g, with g the graft's step and w = (t - s) / s between 0 and 1; w = 1 where s is 0
    /// (\[LV\]).
    Blend,
}

impl Start {
    /// The weight w of the preconditioned step.
    pub fn weight(self, step: u64, start: u64) -> f64 {
        match self {
            Self::Blend if start > 0 => (step.saturating_sub(start) as f64 / start as f64).min(1.0),
            _ => 1.0,
        }
    }
}

/// Everything that governs one parameter. Build it from a named set: `Config { block_size: 64,
/// ..Config::DEFAULT }`.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Larger dimensions are cut into blocks of this size; `usize::MAX` is one block.
    #[doc(alias = "max_preconditioner_dim")]
    pub block_size: usize,
    /// How small dimensions are merged first.
    pub merge: Merge,
    /// Merged dimensions stay within this size.
    pub merge_limit: usize,
    /// Dimensions (after merging) above this size get no factor: one-sided, or the graft alone.
    pub max_preconditioned_dim: usize,
    /// Which of the other dimensions get one; of one factor alone the order is p = 2.
    pub sides: Sides,
    /// Whether rank 1 gets a factor; else, and for scalars, the graft alone makes the step.
    pub precondition_vectors: bool,
    /// False: no statistics at all, the graft alone makes the step (SGD, AdaGrad, RMSProp, SM3).
    pub precondition: bool,
    /// How the statistics take a gradient in.
    pub averaging: Averaging,
    /// Whether triangles are accumulated and multiplied by a few rows at a time, never as whole squares: 8 n numbers of
    /// workspace instead of n^2. The [`Portable`](crate::kernel::Portable) kernel gives the same bits both ways.
    pub packed_products: bool,
    /// Whether averages are divided by 1 - b2^t before their root, t the gradients taken in (\[FB\]).
    pub bias_correction: bool,
    /// Whether statistics are scaled by their trace before their root, after the correction.
    pub trace_scaling: Option<TraceScaling>,
    /// Statistics start at this number times the identity; at most a quarter of what their type holds.
    pub initial_statistics: f64,
    /// The exponent; `None` is -1/p with p twice the number of preconditioned modes.
    pub exponent_override: Option<Exponent>,
    /// What is added to a statistic before its root.
    pub ridge: Ridge,
    /// How roots are computed.
    pub method: Method,
    /// How roots are certified.
    pub certificate: Certificate,
    /// Largest accepted relative error of a root; `None` as in [`Request::max_error`].
    pub max_error: Option<f64>,
    /// Attempts after the first one, each with a ridge 10 times larger.
    pub max_retries: u32,
    /// The method that gives the step its length.
    pub graft: Graft,
    /// The graft's method takes the gradient divided by its own norm.
    pub normalize_graft: bool,
    /// Over what the lengths of the graft's step and of the preconditioned one are compared.
    pub graft_scope: Scope,
    /// Momentum of the gradient, before the preconditioner.
    pub filter: Filter,
    /// Momentum of the step.
    pub momentum: Momentum,
    /// Decay of the parameter.
    pub weight_decay: WeightDecay,
    /// When what happens.
    pub schedule: Schedule,
    /// How preconditioning starts.
    pub start: Start,
}

impl Config {
    /// Block 128, averages with b2 0.9, ridge 1e-6 relative, length from bias-corrected RMSProp with b2 0.99,
    /// Nesterov momentum 0.9, fresh statistics and roots at every step.
    ///
    /// The decay rates and the look-ahead were settled on the CURVES autoencoder of the experiments (batch 1000, rate
    /// 1e-3; train loss after 200 steps, median and range of three seeds):
    ///
    /// | statistics b2 | graft b2 | look-ahead | loss |
    /// |---|---|---|---|
    /// | 0.95 | 0.95 | no | 70.3 (70.1 to 74.6) |
    /// | 0.95 | 0.95 | yes | 69.6 (68.9 to 73.2) |
    /// | 0.95 | 0.99 | yes | 69.3 (66.2 to 74.6) |
    /// | 0.9 | 0.99 | yes | 66.7 (66.6 to 67.3) |
    pub const DEFAULT: Self = Self {
        block_size: 128,
        merge: Merge::Forward,
        merge_limit: 128,
        max_preconditioned_dim: usize::MAX,
        sides: Sides::All,
        precondition_vectors: false,
        precondition: true,
        averaging: Averaging::Ema { beta2: 0.9 },
        packed_products: false,
        bias_correction: false,
        trace_scaling: None,
        initial_statistics: 0.0,
        exponent_override: None,
        ridge: Ridge::Relative(1e-6),
        method: Method::Auto,
        certificate: Certificate::Full,
        max_error: None,
        max_retries: 5,
        graft: Graft::RmsProp { beta2: 0.99, epsilon: 1e-10, bias_correction: true },
        normalize_graft: false,
        graft_scope: Scope::Tensor,
        filter: Filter::NONE,
        momentum: Momentum { nesterov: true, ..Momentum::heavy_ball(0.9) },
        weight_decay: WeightDecay::None,
        schedule: Schedule::EVERY_STEP,
        start: Start::Switch,
    };

    /// The settings of the 2021 talk and \[Sh20\]: sums, AdaGrad's step length, two Nesterov momentum
    /// buffers, roots every 10 steps (the talk's own interval depends on the host).
    pub const fn talk_2021() -> Self {
        Self {
            averaging: Averaging::Sum,
            graft: Graft::AdaGrad { epsilon: 1e-10 },
            momentum: Momentum { buffers: Buffers::Two, ..Self::DEFAULT.momentum },
            schedule: Schedule { precondition_every: 10, ..Schedule::EVERY_STEP },
            ..Self::DEFAULT
        }
    }

    /// Two-sided with exponent 1/3, the pseudo-inverse, and steps whose length is the square root of the rows: the
    /// Shampoo that needed 3150 steps on the public benchmark modded-nanogpt, track 3, in 2026 (tuned Adam 4875). Roots at
    /// every step; the cutoff, decay rates and momentum are those of this library.
    pub const fn pinv_third() -> Self {
        Self {
            exponent_override: Some(Exponent::Power(1.0 / 3.0)),
            ridge: Ridge::PseudoInverse { cutoff: 1e-6 },
            graft: Graft::FixedNorm(Length::Rows),
            ..Self::DEFAULT
        }
    }

    /// One-sided, the pseudo-inverse with roots at every step, decay 0.9, the step length of Adam with epsilon 0: the
    /// Shampoo by the author of the talk that needed 3375 steps on the same benchmark. The cutoff, momentum and Adam's
    /// decay rates are those of this library.
    pub const fn one_sided_every_step() -> Self {
        Self {
            sides: Sides::Smallest,
            ridge: Ridge::PseudoInverse { cutoff: 1e-6 },
            averaging: Averaging::Ema { beta2: 0.9 },
            graft: Graft::Adam { beta1: 0.9, beta2: 0.99, epsilon: 0.0 },
            ..Self::DEFAULT
        }
    }

    /// A diagonal method by itself: no statistics, no roots, no momentum.
    pub const fn diagonal(graft: Graft) -> Self {
        Self { precondition: false, graft, momentum: Momentum::NONE, ..Self::DEFAULT }
    }

    /// The root asked for by a block with this many preconditioned modes.
    pub const fn request(&self, modes: usize) -> Request {
        let order = if modes < u32::MAX as usize / 2 { modes as u32 * 2 } else { u32::MAX };
        let exponent = match self.exponent_override {
            Some(exponent) => exponent,
            None => Exponent::Root(order),
        };
        Request {
            exponent,
            ridge: self.ridge,
            method: self.method,
            certificate: self.certificate,
            max_error: self.max_error,
            max_retries: self.max_retries,
            ..Request::new(exponent)
        }
    }

    /// Whether squares are summed without end, in the statistics of so many factors or in the graft.
    pub fn sums_squares(&self, factors: usize) -> bool {
        let in_statistics = self.averaging == Averaging::Sum && factors > 0;
        // Those of normalised gradients are at most 1, and no number of steps fills a range with them.
        in_statistics || self.graft.sums_squares() && !self.normalize_graft
    }

    /// Numbers of momentum for every entry: the step's buffers, the filter's, and one for a gradient with decay in it.
    pub const fn buffer_count(&self) -> usize {
        let decays = matches!(self.weight_decay, WeightDecay::Gradient(_));
        self.momentum.buffer_count() + self.filter.is_used() as usize + decays as usize
    }

    /// Sides up to this one have factors.
    pub(crate) const fn largest_dim(&self) -> usize {
        if self.precondition { self.max_preconditioned_dim } else { 0 }
    }

    /// Whether a step reads the parameter, for its decay or for its length.
    pub(crate) const fn reads_parameter(&self) -> bool {
        !matches!(self.weight_decay, WeightDecay::None) || matches!(self.graft, Graft::Lars { .. })
    }

    /// What a statistic with this trace is multiplied by for its root at this step.
    pub fn root_scale(&self, trace: f64, step: u64) -> f64 {
        let terms = self.schedule.terms(step);
        let correction = if self.bias_correction { self.averaging.bias_correction(terms) } else { 1.0 };
        self.trace_scaling.map_or(correction, |scaling| correction * scaling.factor(correction * trace))
    }

    /// The first step whose roots are used: with two momentum buffers the preconditioned one is fed from the start.
    #[inline(never)]
    pub const fn first_refresh(&self) -> u64 {
        match self.momentum.buffers {
            Buffers::One => self.schedule.start_preconditioning_step,
            Buffers::Two => 0,
        }
    }

    /// These settings, or those of the type, which are the same ones and known when compiling.
    #[inline(always)]
    pub(crate) fn of<P: Precision>(&self) -> &Self {
        match P::SETTINGS {
            Some(fixed) => fixed,
            None => self,
        }
    }

    /// Refuses settings that cannot work in this precision, or are others than those that it [has](crate::fixed::Fixed).
    ///
    /// **Errors**: [`ConfigError`], with the figure.
    pub fn validate<P: Precision>(&self) -> Result<(), ConfigError> {
        // Without any there is nothing to compare: NaN is not even itself, and has its own error.
        if P::SETTINGS.is_some_and(|fixed| fixed != self) {
            return Err(ConfigError::NotFixed);
        }
        self.of::<P>().validate_own::<P>()
    }

    #[inline(always)]
    fn validate_own<P: Precision>(&self) -> Result<(), ConfigError> {
        if self.block_size == 0 {
            return Err(ConfigError::BlockSizeZero);
        }
        self.schedule.validate()?;
        self.averaging.validate::<P::Work>()?;
        self.graft.validate::<P::Work>()?;
        self.filter.validate::<P::Work>()?;
        self.momentum.validate::<P::Work>()?;
        if let Some(exponent) = self.exponent_override {
            exponent.normalized()?;
        }
        self.trace_scaling.map_or(Ok(()), TraceScaling::validate)?;
        if !self.ridge.is_usable() {
            return Err(ConfigError::Figure { field: "ridge", value: self.ridge.figure() });
        }
        check_figure::<f64>("max_error", self.max_error.unwrap_or(0.0))?;
        check_figure::<P::Work>("initial_statistics", self.initial_statistics)?;
        if self.initial_statistics > Headroom::within::<P>(0.0).initial() {
            return Err(ConfigError::Figure { field: "initial_statistics", value: self.initial_statistics });
        }
        // Every direction would be given up for the graft's own step.
        if let Graft::FixedNorm(Length::Given(length)) = self.graft
            && length > largest_gradient::<P>(1)
        {
            return Err(ConfigError::Figure { field: "graft length", value: length });
        }
        check_figure::<P::Work>("weight_decay", self.weight_decay.rate())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}
