//! candle, on the variables' own device: statistics, grafts, momenta and updates are candle tensors there.
//!
//! Only statistics travel to the host, and roots back, when the schedule says so; and the largest magnitude of every
//! gradient, one number a parameter and step. Formulas and figures are core's. On the CPU
//! [`CandleShampoo`](super::candle::CandleShampoo) is faster: it works in place.

mod factor;
mod graft;
mod length;
mod modes;
mod newton;
mod optimizer;
mod parameter;
mod parameters;
mod settings;
mod triangle;

pub use factor::Factor;

use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{Device, Var};
use shampoo_core::config::Config;
use shampoo_core::kernel::Kernel;
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::scalar::{F32RootF64, Precision};
use shampoo_core::schedule::Mode;

use super::candle::{CandleError, gradient_of, in_order, register};
use crate::error::Error;
use crate::kernel::Server;
use crate::optimizer::stagger;
use crate::params::Builder;
use crate::pipeline::Pipeline;
use crate::telemetry::{StepReport, Timeline};
use parameter::{Parameter, Triangles};
use parameters::Parameters;

/// Shampoo as a candle optimizer whose state is on the device of its variables.
///
/// Roots are computed on the host by the builder's kernel, in every mode by the threads of
/// [`Builder::root_threads`](crate::Builder::root_threads) (none for [`Builder::inline`](crate::Builder::inline)); or by the
/// device, see [`roots_on_device`](Self::roots_on_device).
///
/// Grafts `None`, `Sgd`, `AdaGrad`, `RmsProp`, `Adam` and `FixedNorm` are known here, over a tensor each; momentum in one
/// buffer; coupled and decoupled decay; all modes but `Adaptive`. Everything else is refused at construction.
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use candle_nn::Optimizer;
/// use shampoo_runtime::{Builder, candle_device::DeviceShampoo};
/// use shampoo_runtime::shampoo_core::schedule::Mode;
///
/// let w = Var::from_tensor(&Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?)?;
/// let builder = Builder::new().learning_rate(0.1).mode(Mode::Pipelined { delay: 2 });
/// let mut optimizer = DeviceShampoo::new(vec![w.clone()], builder)?;
/// let before = w.sqr()?.sum_all()?.to_scalar::<f32>()?;
/// for _ in 0..20 {
///     optimizer.backward_step(&w.sqr()?.sum_all()?)?;
/// }
/// assert!(w.sqr()?.sum_all()?.to_scalar::<f32>()? < before);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct DeviceShampoo<P: Precision = F32RootF64, K = Server> {
    parameters: Parameters,
    pipeline: Pipeline<P, K>,
    learning_rate: LearningRate,
    step: u64,
    report: StepReport,
}

impl<P: Precision<Work = f32, Store = f32>, K: Kernel<P::Root> + Send + 'static> DeviceShampoo<P, K> {
    /// An optimizer of named variables on one device: the names appear in errors. A name that the builder knows already
    /// keeps the settings it was registered with. Roots are pipelined unless [`Builder::mode`](crate::Builder::mode) says
    /// otherwise. There are no checkpoints of a device yet.
    ///
    /// **Errors**: [`Error::Unsupported`] for a setting that is not known on devices; otherwise as
    /// [`Builder::build`](crate::Builder::build); the same variable twice; a variable that is not contiguous, not `f32` or
    /// on another device than the first; a registered name without a variable.
    pub fn with_names(vars: Vec<(String, Var)>, builder: Builder<P, K>) -> Result<Self, CandleError> {
        let device = vars.first().map_or(Device::Cpu, |(_, var)| var.device().clone());
        let builder = register(&vars, builder, &device)?;
        settings::check_builder(&builder)?;
        let Builder {
            config,
            learning_rate,
            registrations,
            inline,
            staggered,
            mode_is_chosen,
            mut options,
            kernel,
            ..
        } = builder;
        let vars = in_order(vars, registrations.iter().map(|registration| registration.name.as_str()))?;
        let mut triangles = Triangles::new();
        let mut each = Vec::with_capacity(vars.len());
        for (registration, var) in registrations.into_iter().zip(vars) {
            let mut config = registration.config.unwrap_or(config);
            if config.precondition && !mode_is_chosen && config.schedule.mode == Mode::Sync {
                // The device goes on while the host computes roots.
                config.schedule.mode = Mode::Pipelined { delay: config.schedule.precondition_every };
            }
            settings::check(&registration.name, &config)?;
            each.push(Parameter::new::<P>(registration.name, var, config, &mut triangles)?);
        }
        if staggered {
            let facts = |parameter: &Parameter| {
                (parameter.partition().largest_order(), parameter.config().schedule.precondition_every)
            };
            stagger(&mut each, facts, Parameter::stagger);
        }
        if inline {
            options.threads = 0;
        }
        let orders = |parameter: &Parameter| {
            let partition = parameter.partition();
            partition.factors(0..partition.factor_count()).map(|factor| factor.order).collect()
        };
        let orders: Vec<Vec<usize>> = each.iter().map(orders).collect();
        let pipeline = Pipeline::new(&orders, &options, Arc::new(kernel))?;
        let parameters = Parameters { each, roots_on_device: false };
        Ok(Self { parameters, pipeline, learning_rate, step: 0, report: StepReport::default() })
    }

    /// Whether the device computes the roots itself, by coupled Newton iterations in `f32`: for devices that are good at
    /// products. The host certifies each of them, and computes those anew that it refuses.
    ///
    /// In `f32` a root is off by about 1e-3 at a condition number of 1e6, so set [`Config::max_error`] to about 5e-2: with
    /// the default of `f64` inside, 1e-5, the host refuses nearly all of them; that of [`F32`](shampoo_core::scalar::F32) is
    /// 5e-2. A relative ridge follows a largest eigenvalue from power iterations, which may be some percent too small.
    ///
    /// **Errors**: [`Error::Unsupported`] where a parameter's roots have a real exponent, are pseudo-inverses or have no
    /// ridge.
    pub fn roots_on_device(mut self, on_device: bool) -> Result<Self, CandleError> {
        for parameter in self.parameters.each.iter().filter(|_| on_device) {
            let modes = parameter.partition().factors_per_block();
            if modes > 0 {
                settings::check_root(&parameter.name, parameter.config(), modes)?;
            }
        }
        self.parameters.roots_on_device = on_device;
        Ok(self)
    }

    /// What the last step that was made did, and where its time went.
    pub fn report(&self) -> &StepReport {
        &self.report
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Settings of a parameter.
    pub fn config(&self, name: &str) -> Option<&Config> {
        self.parameters.each.iter().find(|parameter| parameter.name == name).map(Parameter::config)
    }

    /// Bytes kept from step to step: on the device statistics and roots (both triangles of each), grafts and momenta; on
    /// the host the snapshots and incoming roots that have been needed so far.
    pub fn state_bytes(&self) -> usize {
        self.parameters.each.iter().map(Parameter::state_bytes).sum::<usize>() + self.pipeline.state_bytes()
    }

    /// What happened when, if [`Builder::timeline`](crate::Builder::timeline) asked for it.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.pipeline.timeline()
    }

    /// One step, as [`Optimizer::step`](candle_nn::Optimizer::step) with typed errors.
    ///
    /// **Errors**: a gradient of another shape, type or device than its variable, with NaN or infinity, or so large that
    /// its square overflows; a learning rate that is not finite. Nothing has changed then. Where the device itself fails,
    /// some state may have taken the gradient in; no variable has changed unless writing them failed.
    pub fn try_step(&mut self, grads: &GradStore) -> Result<(), CandleError> {
        let done = self.gather(grads).map_err(CandleError::from).and_then(|()| self.apply());
        self.parameters.each.iter_mut().for_each(|parameter| parameter.gradient = None);
        done
    }

    /// Takes a handle on every gradient.
    fn gather(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        for parameter in &mut self.parameters.each {
            parameter.gradient = gradient_of(grads, &parameter.var, &parameter.name)?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), CandleError> {
        let rate = self.learning_rate.at(self.step);
        if !(rate as f32).is_finite() {
            return Err(Error::LearningRate { value: rate }.into());
        }
        self.report = self.pipeline.step(&mut self.parameters, rate, self.step)?;
        self.step += 1;
        Ok(())
    }
}
