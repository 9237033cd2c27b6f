//! The table of optimizers that are compared. To add one: a variant, its row in [`Method::row`],
//! its arm in [`Method::build`], and its rates in [`crate::rates`]. Nothing else names an optimizer.

use core::time::Duration;
use std::time::Instant;

use candle_core::Var;
use candle_core::backprop::GradStore;
use candle_nn::{AdamW, Optimizer as _, ParamsAdamW};
use clap::ValueEnum;
use serde_json::{Map, json};

/// The options of an optimizer as reports show them.
pub type Config = Map<String, serde_json::Value>;

/// The optimizers, in the order of tables and legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Adam (Kingma and Ba 2015), candle's implementation without weight decay.
    Adam,
}

/// What reports need to know of an optimizer.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The name in JSON and on the command line.
    pub key: &'static str,
    /// The name for readers.
    pub label: &'static str,
    /// Whether it is one of the methods that set the target.
    pub first_order: bool,
    /// The colour of its curve (from the palette of Okabe and Ito, which colour-blind readers can
    /// tell apart).
    pub colour: (u8, u8, u8),
}

/// Where the time of one step went.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepTime {
    /// Gathering second-order statistics.
    pub statistics: Duration,
    /// Computing inverse roots.
    pub roots: Duration,
    /// All the rest.
    pub update: Duration,
}

/// A step that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The optimizer refuses the gradient because it is not finite or too large: the run diverged.
    #[error("the run diverged: {0}")]
    Diverged(String),
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// One optimizer at work on the parameters it was built with.
pub trait Stepper {
    /// Changes the parameters and says where the time went.
    ///
    /// # Errors
    /// The gradient is refused, or a tensor operation failed.
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError>;

    /// The options, the learning rate among them.
    fn config(&self) -> Config;
}

impl Method {
    /// What reports need to know.
    #[must_use]
    pub fn row(self) -> Row {
        match self {
            Self::Adam => Row { key: "adam", label: "Adam", first_order: true, colour: (0x00, 0x72, 0xb2) },
        }
    }

    /// An optimizer with its defaults and learning rate `rate` for these parameters.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn build(self, parameters: Vec<(String, Var)>, rate: f64) -> candle_core::Result<Box<dyn Stepper>> {
        match self {
            Self::Adam => Ok(Box::new(Adam::new(parameters, rate)?)),
        }
    }
}

struct Adam(AdamW);

impl Adam {
    fn new(parameters: Vec<(String, Var)>, rate: f64) -> candle_core::Result<Self> {
        let variables = parameters.into_iter().map(|(_, var)| var).collect();
        let options = ParamsAdamW { lr: rate, weight_decay: 0.0, ..ParamsAdamW::default() };
        Ok(Self(AdamW::new(variables, options)?))
    }
}

impl Stepper for Adam {
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError> {
        let start = Instant::now();
        self.0.step(gradients)?;
        Ok(StepTime { update: start.elapsed(), ..StepTime::default() })
    }

    fn config(&self) -> Config {
        let options = self.0.params();
        [
            ("learning_rate", json!(options.lr)),
            ("beta1", json!(options.beta1)),
            ("beta2", json!(options.beta2)),
            ("epsilon", json!(options.eps)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}
