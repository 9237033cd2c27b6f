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
    /// Those whose statistics have moved, while training waits; on average at most as many flops as `sync`.
    Adaptive,
}

/// One of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) mode: Mode,
    pub(super) interval: u64,
}

/// Drift from which on [`Mode::Adaptive`] computes a root. Large, since the statistics are those of the last ten
/// gradients or so: where they are nearly singular a root magnifies every change, and most drifts are between 3 and
/// 3000. On CURVES (batch 100, 60 steps, N = 1) it leaves out half of the roots for a loss of 107.7 in place of 106.1;
/// 30 leaves out 61 of 100 for 110.6. From N = 10 on the budget decides.
pub(super) const DRIFT: f64 = 3.0;
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
                (every(self.interval, mode), builder.root_threads(1))
            }
            Mode::Async => (every(self.interval, When::Async), builder.root_threads(1)),
            Mode::Adaptive => {
                let (period, flops) = budget(&flops(&parameters)?, self.interval);
                let rule = Adaptive { drift, flops, max_staleness: self.interval.saturating_mul(OLDEST) };
                (every(period, When::Adaptive(rule)), builder)
            }
        };
        Ours::new(parameters, Settings { schedule, ..SERVER_CONFIG }, builder)
    }
}

/// Steps between the times that [`Mode::Adaptive`] looks at its factors, and flops for each: those of all roots every N
/// steps. Each time one root is computed whatever it costs, so there have to be flops for the largest.
fn budget(flops: &[u64], interval: u64) -> (u64, u64) {
    let (all, largest) = (flops.iter().sum::<u64>().max(1), flops.iter().copied().max().unwrap_or(0));
    let period = largest.saturating_mul(interval).div_ceil(all).max(1);
    (period, all.saturating_mul(period) / interval)
}

/// Flops of the root of each factor.
fn flops(parameters: &[(String, Var)]) -> candle_core::Result<Vec<u64>> {
    let mut builder = Builder::new().inline();
    for (name, var) in parameters {
        builder = builder.parameter(name.clone(), var.dims());
    }
    let shampoo = builder.build().map_err(candle_core::Error::wrap)?;
    let partitions = shampoo.names().filter_map(|name| Some(shampoo.tensor(name)?.partition()));
    let orders = partitions.flat_map(|all| all.factors(0..all.factor_count()).map(|factor| factor.order));
    Ok(orders.map(Adaptive::root_flops).collect())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use shampoo_core::schedule::Adaptive;

    use super::{Case, DRIFT, Mode, budget, flops};

    #[test]
    fn every_factor_is_counted() {
        let var = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).expect("memory");
        let parameters = vec![("w".to_owned(), var(&[256, 30])), ("b".to_owned(), var(&[256]))];
        let mut found = flops(&parameters).expect("built");
        found.sort_unstable();
        assert_eq!(found, [30, 30, 128, 128].map(Adaptive::root_flops));
        for mode in Mode::ALL {
            assert!(Case { mode, interval: 7 }.build(parameters.clone(), 1e-3, DRIFT).is_ok(), "{mode}");
        }
    }

    #[test]
    fn the_budget_is_that_of_all_roots_every_n_steps() {
        let flops = [60, 20, 20];
        assert_eq!(budget(&flops, 1), (1, 100));
        assert_eq!(budget(&flops, 4), (3, 75));
        assert_eq!(budget(&flops, 1200), (720, 60));
    }
}
