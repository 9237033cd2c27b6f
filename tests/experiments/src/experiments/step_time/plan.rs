//! What is compared: the network, the optimizers, their schedules, and where they run.

use clap::ValueEnum;
use core::fmt;

use shampoo_core::config::Config as Settings;
use shampoo_core::graft::Graft;
use shampoo_core::learning_rate::{Decay, LearningRate};
use shampoo_core::schedule::{Mode, Schedule as Periods};
use shampoo_core::statistics::Averaging;
use shampoo_runtime::{Builder, SERVER_CONFIG};

use crate::data::tokens::Corpus;
use crate::interrupt::Interrupt;
use crate::model::transformer::{EMBEDDING, SOFTMAX, Sizes};

/// The learning rate of all: not tuned, since only times and runs of equal rates are compared.
pub(super) const RATE: f64 = 3e-3;

/// Steps until the rate is the full one: AdaGrad's very first step, the sign of the gradient with momentum behind it, throws a
/// network off that has no warm-up.
const WARMUP: u64 = 40;

/// Steps between a snapshot and its root's first use. All roots together take less than a step of training; a longer delay
/// would only make them older, and turns would keep some factors without a root for a whole interval.
const DELAY: u64 = 1;

/// Network, batch and blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) sizes: Sizes,
    pub(super) sequences: usize,
    pub(super) length: usize,
    pub(super) block: usize,
}

impl Scale {
    pub(super) const FULL: Self = Self {
        sizes: Sizes { vocabulary: 4096, width: 256, hidden: 1024, layers: 4, head: 64 },
        sequences: 16,
        length: 128,
        block: 128,
    };
    pub(super) const SMALL: Self = Self {
        sizes: Sizes { vocabulary: 64, width: 32, hidden: 64, layers: 1, head: 16 },
        sequences: 4,
        length: 16,
        block: 16,
    };

    /// Tokens of a batch.
    pub(super) fn tokens(&self) -> usize {
        self.sequences * self.length
    }
}

/// All that the contenders have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) scale: Scale,
    pub(super) rate: f64,
    pub(super) corpus: Corpus,
    /// AdaGrad is the first one.
    pub(super) cases: Vec<Case>,
    pub(super) rounds: usize,
    pub(super) turn: u64,
    pub(super) interrupt: Interrupt,
}

/// Which matrices are preconditioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Config {
    /// None: diagonal AdaGrad.
    #[value(skip)]
    Adagrad,
    /// All but embedding and softmax.
    ShampooInner,
    /// All.
    ShampooAll,
}

/// When roots are computed and used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// In the step that is due, while training waits.
    Sync,
    /// While training goes on; used [`DELAY`] steps later.
    Pipelined,
}

/// Who runs where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Arrangement {
    /// Training on one thread, roots on another one.
    Offload,
    /// All on all cores.
    Shared,
}

/// A contender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) config: Config,
    pub(super) schedule: Schedule,
    pub(super) interval: u64,
}

impl Config {
    pub(super) const SHAMPOO: [Self; 2] = [Self::ShampooInner, Self::ShampooAll];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Adagrad => "adagrad",
            Self::ShampooInner => "shampoo_inner",
            Self::ShampooAll => "shampoo_all",
        }
    }

    /// Whether a parameter of this name and shape has statistics and roots.
    pub(super) fn preconditions(self, name: &str, shape: &[usize]) -> bool {
        let outer = name == EMBEDDING || name == SOFTMAX;
        shape.len() > 1
            && match self {
                Self::Adagrad => false,
                Self::ShampooInner => !outer,
                Self::ShampooAll => true,
            }
    }
}

/// As on the command line.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Schedule {
    pub(super) const ALL: [Self; 2] = [Self::Sync, Self::Pipelined];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Pipelined => "pipelined",
        }
    }
}

impl Arrangement {
    pub(super) const ALL: [Self; 2] = [Self::Offload, Self::Shared];

    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Offload => "offload",
            Self::Shared => "shared",
        }
    }
}

/// As on the command line.
impl fmt::Display for Arrangement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Case {
    /// What all are compared with.
    pub(super) const ADAGRAD: Self = Self { config: Config::Adagrad, schedule: Schedule::Sync, interval: 1 };

    /// AdaGrad, then these with both schedules.
    pub(super) fn all(configs: &[Config], intervals: &[u64]) -> Vec<Self> {
        let mut cases = vec![Self::ADAGRAD];
        for &config in configs {
            for &interval in intervals {
                cases.extend(Schedule::ALL.map(|schedule| Self { config, schedule, interval }));
            }
        }
        cases
    }

    /// The same, in step.
    pub(super) fn in_sync(self) -> Self {
        Self { schedule: Schedule::Sync, ..self }
    }

    /// Steps of a turn of at least `least`: whole intervals, so that each has its share of roots.
    pub(super) fn turn(self, least: u64) -> u64 {
        least.div_ceil(self.interval) * self.interval
    }

    /// For readers.
    pub(super) fn label(self) -> String {
        match self.config {
            Config::Adagrad => "AdaGrad".to_owned(),
            Config::ShampooInner => format!("inner, N = {}, {}", self.interval, self.schedule.key()),
            Config::ShampooAll => format!("all, N = {}, {}", self.interval, self.schedule.key()),
        }
    }
}

/// The settings of a preconditioned parameter and those of one that is not, with the builder of both.
///
/// The pipelined schedule is named here and nowhere else.
pub(super) fn settings(case: Case, scale: Scale, arrangement: Arrangement, rate: f64) -> (Settings, Settings, Builder) {
    let Case { schedule, interval, .. } = case;
    let periods = Periods { precondition_every: interval, ..Periods::EVERY_STEP };
    let builder = match arrangement {
        Arrangement::Offload => Builder::new().inline(),
        Arrangement::Shared => Builder::new(),
    };
    let (periods, builder) = match schedule {
        Schedule::Sync => (periods, builder),
        Schedule::Pipelined => {
            let periods = Periods { mode: Mode::Pipelined { delay: DELAY }, ..periods };
            // Late ones would make the first step AdaGrad's own.
            (periods, builder.root_threads(1).wait_for_first_roots(true))
        }
    };
    let graft = Graft::AdaGrad { epsilon: 1e-10 };
    let shampoo = Settings {
        block_size: scale.block,
        merge_limit: scale.block,
        // As in the talk. An average of some ten batches forgets the rows of rare words: what an old root does not know, it
        // magnifies up to its ridge.
        averaging: Averaging::Sum,
        graft,
        schedule: periods,
        ..SERVER_CONFIG
    };
    let diagonal = Settings { momentum: shampoo.momentum, ..Settings::diagonal(graft) };
    let rate = LearningRate { base: rate, warmup: WARMUP, decay: Decay::Constant };
    (shampoo, diagonal, builder.learning_rate_schedule(rate))
}

#[cfg(test)]
mod tests {
    use super::{Case, Config, Schedule};
    use crate::model::transformer::{EMBEDDING, SOFTMAX};

    #[test]
    fn what_is_preconditioned() {
        let which = |config: Config| {
            [(EMBEDDING, 2), (SOFTMAX, 2), ("layers.0.up.weight", 2), ("layers.0.up.bias", 1)]
                .map(|(name, rank)| config.preconditions(name, &[8, 8][..rank]))
        };
        assert_eq!(which(Config::Adagrad), [false; 4]);
        assert_eq!(which(Config::ShampooInner), [false, false, true, false]);
        assert_eq!(which(Config::ShampooAll), [true, true, true, false]);
    }

    #[test]
    fn turns_are_whole_intervals() {
        let turn = |interval| Case { config: Config::ShampooAll, schedule: Schedule::Sync, interval }.turn(6);
        assert_eq!([1, 5, 20].map(turn), [6, 10, 20]);
        assert_eq!(Case::all(&Config::SHAMPOO, &[1, 5, 20]).len(), 13);
    }
}
