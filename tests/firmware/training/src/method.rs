//! The three methods and their settings.

use shampoo_core::config::Config;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::Graft;
use shampoo_core::momentum::Momentum;
use shampoo_core::schedule::{Mode, Schedule};
use shampoo_core::statistics::Averaging;

use crate::network::Sizes;

/// Factors of both layers: each has its turn.
pub(crate) const FACTORS: usize = 4;

/// Steps from a snapshot to its root: ticks have the time between two steps.
pub(crate) const DELAY: u64 = 1;

/// What the network is trained with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Both sides preconditioned, the step's length from RMSProp; one root between two steps, by ticks.
    Shampoo,
    /// Second moments in the memory of rows and columns.
    Sm3,
    /// The gradient itself.
    Sgd,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Shampoo, Self::Sm3, Self::Sgd];

    /// Settings of both layers; momentum 0.9 throughout.
    pub const fn config(self) -> Config {
        let momentum = Momentum::heavy_ball(0.9);
        match self {
            Self::Shampoo => Config {
                schedule: Schedule {
                    precondition_every: FACTORS as u64 * DELAY,
                    mode: Mode::Pipelined { delay: DELAY },
                    ..Schedule::EVERY_STEP
                },
                packed_products: true,
                ..Config::DEFAULT
            },
            Self::Sm3 => {
                let graft = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 1e-10 };
                Config { momentum, ..Config::diagonal(graft) }
            }
            Self::Sgd => Config { momentum, ..Config::diagonal(Graft::Sgd) },
        }
    }

    /// The power of two with the least held-out loss after 100 steps. Where the size of an entry's step does not depend on
    /// the gradient's, what reaches the next layer grows with the width, and the best rate falls with it.
    pub const fn learning_rate(self, sizes: Sizes) -> f64 {
        let width = sizes.hidden as f64;
        match self {
            Self::Shampoo => 1.0 / (8.0 * width),
            Self::Sm3 => 1.0 / (2.0 * width),
            Self::Sgd => 1.0 / 8.0,
        }
    }
}
