//! The table of optimizers that are compared. To add one: a variant, its row in [`Method::row`],
//! its arm in [`Method::build`], and its rates in [`crate::rates`]; or, for other settings of the library's own, a row in
//! [`variants`]. Nothing else names an optimizer.
//!
//! SGD and AdaGrad are the library's own diagonal methods with the momentum that Shampoo has, so
//! that a comparison shows what the preconditioner does; Adam is candle's.

pub mod variants;

use core::time::Duration;
use std::time::Instant;

use candle_core::Var;
use candle_core::backprop::GradStore;
use candle_nn::{AdamW, Optimizer as _, ParamsAdamW};
use clap::ValueEnum;
use serde_json::{Map, json};
use shampoo_core::config::Config as Settings;
use shampoo_core::graft::Graft;
use shampoo_core::momentum::Momentum;
use shampoo_runtime::candle::{CandleError, CandleShampoo};
use shampoo_runtime::{Builder, Error, SERVER_CONFIG, StepReport};

use variants::{OTHERS, Other};

/// The options of an optimizer as reports show them.
pub type Config = Map<String, serde_json::Value>;

/// The optimizers, in the order of tables and legends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Method {
    /// SGD with Nesterov momentum 0.9.
    Sgd,
    /// Diagonal AdaGrad with momentum 0.9.
    Adagrad,
    /// Adam (Kingma and Ba 2015), candle's implementation without weight decay.
    Adam,
    /// Shampoo with the library's defaults.
    Shampoo,
    /// Other settings: a row of [`OTHERS`].
    #[value(skip)]
    Other(usize),
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

    /// Bytes kept from step to step beside the parameters.
    fn state_bytes(&self) -> usize;
}

impl<S: Stepper + ?Sized> Stepper for Box<S> {
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError> {
        (**self).step(gradients)
    }

    fn config(&self) -> Config {
        (**self).config()
    }

    fn state_bytes(&self) -> usize {
        (**self).state_bytes()
    }
}

impl Method {
    /// The variants by their keys; all of them for `all`. `None` for a key that there is not.
    #[must_use]
    pub fn others(key: &str) -> Option<Vec<Self>> {
        let found = OTHERS.iter().enumerate().filter(|(_, variant)| key == "all" || key == variant.row.key);
        let found: Vec<_> = found.map(|(index, _)| Self::Other(index)).collect();
        (!found.is_empty()).then_some(found)
    }

    /// The row of a variant.
    #[must_use]
    pub fn variant(self) -> Option<&'static Other> {
        match self {
            Self::Other(index) => OTHERS.get(index),
            _ => None,
        }
    }

    /// What reports need to know.
    #[must_use]
    pub fn row(self) -> Row {
        match self {
            Self::Sgd => Row { key: "sgd", label: "SGD, Nesterov", first_order: true, colour: (0x00, 0x9e, 0x73) },
            Self::Adagrad => Row { key: "adagrad", label: "AdaGrad", first_order: true, colour: (0xcc, 0x79, 0xa7) },
            Self::Adam => Row { key: "adam", label: "Adam", first_order: true, colour: (0x00, 0x72, 0xb2) },
            Self::Shampoo => Row { key: "shampoo", label: "Shampoo", first_order: false, colour: (0xd5, 0x5e, 0x00) },
            Self::Other(index) => OTHERS[index].row,
        }
    }

    /// An optimizer with its defaults and learning rate `rate` for these parameters.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn build(self, parameters: Vec<(String, Var)>, rate: f64) -> candle_core::Result<Box<dyn Stepper>> {
        let ours = |settings: Settings| -> candle_core::Result<Box<dyn Stepper>> {
            Ok(Box::new(Ours::new(parameters.clone(), settings, Builder::new().learning_rate(rate))?))
        };
        let nesterov = Momentum { nesterov: true, ..Momentum::heavy_ball(0.9) };
        match self {
            Self::Sgd => ours(Settings { momentum: nesterov, ..Settings::diagonal(Graft::Sgd) }),
            Self::Adagrad => {
                let momentum = Momentum::heavy_ball(0.9);
                ours(Settings { momentum, ..Settings::diagonal(Graft::AdaGrad { epsilon: 1e-10 }) })
            }
            Self::Adam => Ok(Box::new(Adam::new(parameters, rate)?)),
            Self::Shampoo => ours(SERVER_CONFIG),
            Self::Other(index) => ours(OTHERS[index].settings),
        }
    }
}

/// An optimizer of this library.
#[derive(Debug)]
pub struct Ours {
    optimizer: CandleShampoo,
    settings: Settings,
}

impl Ours {
    /// With these settings and whatever else the builder says.
    ///
    /// # Errors
    /// Those of [`CandleShampoo::with_names`].
    pub fn new(parameters: Vec<(String, Var)>, settings: Settings, builder: Builder) -> candle_core::Result<Self> {
        Ok(Self { optimizer: CandleShampoo::with_names(parameters, builder.config(settings))?, settings })
    }

    /// What its last step did.
    #[must_use]
    pub fn report(&self) -> &StepReport {
        self.optimizer.report()
    }
}

impl Stepper for Ours {
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError> {
        timed_step(&mut self.optimizer, gradients)
    }

    fn config(&self) -> Config {
        let settings = &self.settings;
        let mut config = Config::new();
        config.insert("learning_rate".into(), json!(self.optimizer.learning_rate()));
        config.insert("momentum".into(), json!(format!("{:?}", settings.momentum)));
        config.insert("filter".into(), json!(format!("{:?}", settings.filter)));
        config.insert("graft".into(), json!(format!("{:?}", settings.graft)));
        if settings.precondition {
            config.insert("graft_scope".into(), json!(format!("{:?}", settings.graft_scope)));
            config.insert("block_size".into(), json!(settings.block_size));
            config.insert("sides".into(), json!(format!("{:?}", settings.sides)));
            config.insert("statistics".into(), json!(format!("{:?}", settings.averaging)));
            let exponent = settings.exponent_override.map(|exponent| format!("{exponent:?}"));
            config.insert("exponent_override".into(), json!(exponent));
            config.insert("ridge".into(), json!(format!("{:?}", settings.ridge)));
            config.insert("certificate".into(), json!(format!("{:?}", settings.certificate)));
            config.insert("precondition_every".into(), json!(settings.schedule.precondition_every));
            config.insert("mode".into(), json!(format!("{:?}", settings.schedule.mode)));
        }
        config
    }

    fn state_bytes(&self) -> usize {
        self.optimizer.inner().state_bytes()
    }
}

/// One step of the library's own, with its times.
///
/// # Errors
/// As [`Stepper::step`].
pub fn timed_step(optimizer: &mut CandleShampoo, gradients: &GradStore) -> Result<StepTime, StepError> {
    let start = Instant::now();
    optimizer.try_step(gradients).map_err(|error| match error {
        CandleError::Shampoo(refused @ Error::Step { .. }) => StepError::Diverged(refused.to_string()),
        other => StepError::Candle(other.into()),
    })?;
    let phases = optimizer.report().phases;
    // All of the step's time that is neither, as for Adam.
    let update = start.elapsed().saturating_sub(phases.statistics + phases.roots);
    Ok(StepTime { statistics: phases.statistics, roots: phases.roots, update })
}

struct Adam {
    optimizer: AdamW,
    /// Two moments of every number.
    state_bytes: usize,
}

impl Adam {
    fn new(parameters: Vec<(String, Var)>, rate: f64) -> candle_core::Result<Self> {
        let numbers: usize = parameters.iter().map(|(_, var)| var.elem_count()).sum();
        let variables = parameters.into_iter().map(|(_, var)| var).collect();
        let options = ParamsAdamW { lr: rate, weight_decay: 0.0, ..ParamsAdamW::default() };
        Ok(Self { optimizer: AdamW::new(variables, options)?, state_bytes: 2 * size_of::<f32>() * numbers })
    }
}

impl Stepper for Adam {
    fn step(&mut self, gradients: &GradStore) -> Result<StepTime, StepError> {
        let start = Instant::now();
        self.optimizer.step(gradients)?;
        Ok(StepTime { update: start.elapsed(), ..StepTime::default() })
    }

    fn config(&self) -> Config {
        let options = self.optimizer.params();
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

    fn state_bytes(&self) -> usize {
        self.state_bytes
    }
}

#[cfg(test)]
mod tests {
    use shampoo_core::scalar::F32RootF64;

    use super::*;

    #[test]
    fn no_two_methods_share_a_name() {
        let rows: Vec<Row> = Method::value_variants().iter().map(|method| method.row()).collect();
        let rows: Vec<Row> = rows.into_iter().chain(OTHERS.iter().map(|variant| variant.row)).collect();
        for (i, row) in rows.iter().enumerate() {
            for other in &rows[..i] {
                assert!(row.key != other.key && row.label != other.label, "{row:?} and {other:?}");
            }
        }
        // The command line names the usual methods by their variants.
        for method in Method::value_variants() {
            let value = method.to_possible_value().expect("none is skipped");
            assert_eq!(value.get_name(), method.row().key);
        }
    }

    #[test]
    fn every_variant_can_be_built() {
        for variant in OTHERS {
            assert_eq!(variant.settings.validate::<F32RootF64>(), Ok(()), "{}", variant.row.key);
            let builder = Builder::new().config(variant.settings).learning_rate(variant.rate);
            let built = builder.parameter("w", &[6, 4]).parameter("bias", &[4]).build();
            assert!(built.is_ok(), "{}", variant.row.key);
        }
    }
}
