//! What is compared: the modes, and the settings of each.

use core::fmt;

use candle_core::Var;
use clap::ValueEnum;
use shampoo_core::config::Config as Settings;
use shampoo_core::schedule::{Adaptive, Mode as When, Schedule};
use shampoo_runtime::{Builder, SERVER_CONFIG};

use crate::optimizers::Ours;

/// When roots are computed and used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Mode {
    /// All every N steps, while training waits.
    Sync,
    /// While training goes on, used exactly N steps later; different factors at different steps.
    Pipelined,
    /// The same, but used as soon as they are there.
    Async,
    /// Those whose statistics have moved, while training waits; on average as many flops as `sync`.
    Adaptive,
}

/// One of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) mode: Mode,
    pub(super) interval: u64,
}

/// Drift from which on [`Mode::Adaptive`] computes a root. From one step to the next the statistics (mean of the last ten
/// gradients' or so) drift by about this much, so that the budget decides and the drift only leaves out what stands still.
pub(super) const DRIFT: f64 = 0.3;
/// No root of [`Mode::Adaptive`] is used for more than this times N steps.
const OLDEST: u64 = 4;

impl Mode {
    pub(super) const ALL: [Self; 4] = [Self::Sync, Self::Pipelined, Self::Async, Self::Adaptive];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Pipelined => "pipelined",
            Self::Async => "async",
            Self::Adaptive => "adaptive",
        }
    }

    /// Of its curve, from the palette of the optimizers.
    pub(super) fn colour(self) -> (u8, u8, u8) {
        match self {
            Self::Sync => (0xd5, 0x5e, 0x00),
            Self::Pipelined => (0x00, 0x72, 0xb2),
            Self::Async => (0x00, 0x9e, 0x73),
            Self::Adaptive => (0xcc, 0x79, 0xa7),
        }
    }
}

/// As on the command line.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Case {
    /// Steps between a snapshot and its first use, where that is fixed.
    pub(super) fn delay(self) -> Option<u64> {
        match self.mode {
            Mode::Sync | Mode::Adaptive => Some(0),
            Mode::Pipelined => Some(self.interval),
            Mode::Async => None,
        }
    }

    /// For readers.
    pub(super) fn label(self) -> String {
        format!("{}, N = {}", self.mode, self.interval)
    }

    /// The optimizer for these parameters: the library's defaults but for the schedule.
    ///
    /// # Errors
    /// Those of the tensor library and of the optimizer.
    pub(super) fn build(self, parameters: Vec<(String, Var)>, rate: f64, drift: f64) -> candle_core::Result<Ours> {
        let builder = Builder::new().learning_rate(rate);
        let every = |precondition_every, mode| Schedule { precondition_every, mode, ..Schedule::EVERY_STEP };
        let (schedule, builder) = match self.mode {
            Mode::Sync => (every(self.interval, When::Sync), builder),
            Mode::Pipelined => {
                let mode = When::Pipelined { delay: self.interval };
                (every(self.interval, mode), builder.staggered(true).root_threads(1))
            }
            Mode::Async => (every(self.interval, When::Async), builder.staggered(true).root_threads(1)),
            Mode::Adaptive => {
                let rule = Adaptive {
                    drift,
                    flops: all_flops(&parameters)? / self.interval,
                    max_staleness: self.interval.saturating_mul(OLDEST),
                };
                (every(1, When::Adaptive(rule)), builder)
            }
        };
        Ours::new(parameters, Settings { schedule, ..SERVER_CONFIG }, builder)
    }
}

/// Flops of the roots of all factors.
fn all_flops(parameters: &[(String, Var)]) -> candle_core::Result<u64> {
    let mut builder = Builder::new().inline();
    for (name, var) in parameters {
        builder = builder.parameter(name.clone(), var.dims());
    }
    let shampoo = builder.build().map_err(candle_core::Error::wrap)?;
    let partitions = shampoo.names().filter_map(|name| Some(shampoo.tensor(name)?.partition()));
    let orders = partitions.flat_map(|all| all.factors(0..all.factor_count()).map(|factor| factor.order));
    Ok(orders.map(Adaptive::root_flops).sum())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use shampoo_core::schedule::Adaptive;

    use super::{Case, DRIFT, Mode, all_flops};

    #[test]
    fn the_budget_counts_every_factor() {
        let var = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).expect("memory");
        let parameters = vec![("w".to_owned(), var(&[200, 30])), ("b".to_owned(), var(&[200]))];
        let flops = [100, 100, 30, 30].map(Adaptive::root_flops).iter().sum::<u64>();
        let found = all_flops(&parameters).expect("built");
        assert!((flops / 2..=flops * 2).contains(&found), "{found} and {flops}");
        for mode in Mode::ALL {
            assert!(Case { mode, interval: 7 }.build(parameters.clone(), 1e-3, DRIFT).is_ok(), "{mode}");
        }
    }
}
