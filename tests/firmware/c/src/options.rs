//! Settings as C passes them.
#![expect(unreachable_pub, reason = "what makes the header looks for it")]

use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft;
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::Momentum;
use shampoo_core::schedule::{Mode, Schedule};
use shampoo_core::statistics::Averaging;

/// The method that gives a step its length; without preconditioning it is the step.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graft {
    /// The gradient itself.
    Sgd,
    /// Sums of squares.
    AdaGrad,
    /// Averages of squares, corrected for their start.
    RmsProp,
    /// Sums of squares in the memory of rows and columns.
    Sm3,
}

/// Settings of all layers. Fill it by shampoo_defaults() and change what is to be different.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Not 0, as by default: steps are preconditioned. 0: there are no statistics and no roots.
    pub precondition: u32,
    /// Not 0, as by default: momentum looks ahead.
    pub nesterov: u32,
    /// Sides longer than this are cut into blocks of it, each with its own roots: at least 1, by default 128. Memory of a block
    /// grows with its square, time with its cube.
    pub block_size: u32,
    /// A factor (each side of each block of a layer has one) gets a new root every so many steps: at least 1, by default 4. One
    /// factor's turn comes `delay` steps after another's. So N times `delay`, for N factors of all layers, gives each a turn of
    /// its own; with less, some of them share one and some are left out in a period.
    pub precondition_every: u32,
    /// Steps from the one whose statistics a root is computed of to the one that uses it, which are the time that ticks have: at
    /// least 1, by default 1.
    pub delay: u32,
    /// Decay of the statistics: above 0, at most 1, which is a sum, by default 0.9.
    pub statistics_beta2: f64,
    /// Added to a statistic before its root, relative to its largest eigenvalue: finite, at least 0, by default 1e-6.
    pub ridge: f64,
    /// The method that gives a step its length, one of shampoo_graft, by default SHAMPOO_GRAFT_RMS_PROP. (An integer: C does
    /// not keep to an enumeration.)
    pub graft: u32,
    /// Decay of RMSProp's squares: above 0, below 1, by default 0.99. Other methods have none.
    pub graft_beta2: f64,
    /// Added to the root of the squares: finite, at least 0, by default 1e-10. Not for SGD.
    pub graft_epsilon: f64,
    /// Momentum of the step: at least 0, where none is kept, below 1, by default 0.9.
    pub momentum: f64,
    /// Parameters shrink by this times the learning rate in every step: finite, at least 0, by default 0.
    pub weight_decay: f64,
}

impl Options {
    /// The library's own, with a root of each factor every fourth step.
    pub(crate) const DEFAULT: Self = Self {
        precondition: 1,
        nesterov: 1,
        block_size: 128,
        precondition_every: 4,
        delay: 1,
        statistics_beta2: 0.9,
        ridge: 1e-6,
        graft: Graft::RmsProp as u32,
        graft_beta2: 0.99,
        graft_epsilon: 1e-10,
        momentum: 0.9,
        weight_decay: 0.0,
    };

    /// As the core's settings; `None` for a method that there is not, and without delay. The rest is judged there.
    pub(crate) fn config(&self) -> Option<Config> {
        let epsilon = self.graft_epsilon;
        let graft = match self.graft {
            method if method == Graft::Sgd as u32 => graft::Graft::Sgd,
            method if method == Graft::AdaGrad as u32 => graft::Graft::AdaGrad { epsilon },
            method if method == Graft::RmsProp as u32 => {
                graft::Graft::RmsProp { beta2: self.graft_beta2, epsilon, bias_correction: true }
            }
            method if method == Graft::Sm3 as u32 => {
                graft::Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon }
            }
            _ => return None,
        };
        if self.delay == 0 {
            return None;
        }
        Some(Config {
            precondition: self.precondition != 0,
            block_size: self.block_size as usize,
            packed_products: true,
            averaging: match self.statistics_beta2 {
                1.0 => Averaging::Sum,
                beta2 => Averaging::Ema { beta2 },
            },
            ridge: Ridge::Relative(self.ridge),
            graft,
            momentum: Momentum { nesterov: self.nesterov != 0, ..Momentum::heavy_ball(self.momentum) },
            weight_decay: match self.weight_decay {
                0.0 => WeightDecay::None,
                rate => WeightDecay::Decoupled(rate),
            },
            schedule: Schedule {
                precondition_every: self.precondition_every.into(),
                mode: Mode::Pipelined { delay: self.delay.into() },
                ..Schedule::EVERY_STEP
            },
            ..Config::DEFAULT
        })
    }
}
