//! The optimizer: named parameters, and the step over all of them.

use std::collections::HashMap;

use num_traits::Zero;
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::error::StepError;
use shampoo_core::kernel::Kernel;
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::scalar::{F32RootF64, Precision, Real};

use crate::error::Error;
use crate::executor::Executor;
use crate::heap::{HeapTensor, Scratches, tensor};
use crate::kernel::Server;
use crate::params::Builder;
use crate::telemetry::{Phases, StepReport, Stopwatch};

/// A parameter's values in one step.
#[derive(Debug)]
pub struct ParameterMut<'a, T> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, row-major; the step adds to them.
    pub values: &'a mut [T],
}

/// A parameter's gradient in one step.
#[derive(Clone, Copy, Debug)]
pub struct Gradient<'a, T> {
    /// The parameter's name.
    pub name: &'a str,
    /// The parameter's shape.
    pub shape: &'a [usize],
    /// The gradient, row-major.
    pub values: &'a [T],
}

/// Where a step finds gradients and parameters, by registration number. A framework's adapter
/// lends its own memory here, so nothing is copied.
pub(crate) trait Sources<T>: Sync {
    /// Calls `f` with the gradient of this parameter and its values, if it has a gradient in this step.
    fn with<R>(&self, index: usize, f: impl FnOnce(&[T], &[T]) -> R) -> Option<R>;
}

/// One parameter's state and the update under way.
#[derive(Debug)]
struct Entry<P: Precision> {
    index: usize,
    name: String,
    shape: Vec<usize>,
    tensor: HeapTensor<P>,
    direction: Vec<P::Work>,
    update: Vec<P::Work>,
    /// Whether it has a gradient in this step.
    active: bool,
    refused: Option<StepError>,
}

/// Shampoo over named parameters.
///
/// ```
/// use shampoo_runtime::{Builder, Gradient, ParameterMut};
///
/// let shape = [2, 2];
/// let mut optimizer = Builder::new().learning_rate(0.1).parameter("w", &shape).build()?;
/// let mut weights = [1.0, 2.0, 3.0, 4.0];
/// for _ in 0..100 {
///     let gradient = weights; // of |w|^2 / 2
///     let parameters = &mut [ParameterMut { name: "w", shape: &shape, values: &mut weights }];
///     optimizer.step(parameters, &[Gradient { name: "w", shape: &shape, values: &gradient }])?;
/// }
/// assert!(weights.iter().all(|w| w.abs() < 0.5));
/// # Ok::<(), shampoo_runtime::Error>(())
/// ```
#[derive(Debug)]
pub struct Shampoo<P: Precision = F32RootF64, K = Server> {
    entries: Vec<Entry<P>>,
    numbers: HashMap<String, usize>,
    /// For each parameter, its places among the parameters and gradients of the step under way.
    places: Vec<Place>,
    learning_rate: LearningRate,
    executor: Executor,
    scratches: Scratches<P>,
    kernel: K,
    step: u64,
}

/// Where a step's arguments name a parameter.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    parameter: Option<usize>,
    gradient: Option<usize>,
}

impl<P: Precision, K> Shampoo<P, K> {
    pub(crate) fn from_builder(builder: Builder<P, K>) -> Result<Self, Error> {
        let mut entries = Vec::with_capacity(builder.registrations.len());
        let mut numbers = HashMap::with_capacity(builder.registrations.len());
        for (index, registration) in builder.registrations.into_iter().enumerate() {
            let (name, shape) = (registration.name, registration.shape);
            if numbers.insert(name.clone(), index).is_some() {
                return Err(Error::Duplicate { parameter: name });
            }
            let config = registration.config.unwrap_or(builder.config);
            let tensor =
                tensor::<P>(&shape, config).map_err(|source| Error::Config { parameter: name.clone(), source })?;
            let numel = tensor.lengths().numel;
            let zeros = || vec![P::Work::zero(); numel];
            let (direction, update) = (zeros(), zeros());
            entries.push(Entry { index, name, shape, tensor, direction, update, active: false, refused: None });
        }
        let executor = if builder.inline { Executor::Inline } else { Executor::threads(builder.threads)? };
        let scratches = Scratches::new(executor.workers(), entries.iter().map(|e| e.tensor.lengths()));
        let places = vec![Place::default(); entries.len()];
        let Builder { learning_rate, kernel, .. } = builder;
        Ok(Self { entries, numbers, places, learning_rate, executor, scratches, kernel, step: 0 })
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate.at(self.step)
    }

    /// The same learning rate from now on.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = LearningRate::constant(rate);
    }

    /// State of a parameter.
    pub fn tensor(&self, name: &str) -> Option<&HeapTensor<P>> {
        self.numbers.get(name).map(|&index| &self.entries[index].tensor)
    }

    /// Settings of a parameter.
    pub fn config(&self, name: &str) -> Option<&Config> {
        self.tensor(name).map(HeapTensor::<P>::config)
    }

    /// Names of the parameters, in order of registration.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// Number of a parameter, whose shape must be the registered one and whose numbers must fill it.
    fn number(
        &self,
        name: &str,
        shape: &[usize],
        found: usize,
        refuse: fn(usize, usize) -> StepError,
    ) -> Result<usize, Error> {
        let parameter = || name.to_owned();
        let &index = self.numbers.get(name).ok_or_else(|| Error::Unknown { parameter: parameter() })?;
        let entry = &self.entries[index];
        if entry.shape != shape {
            let expected = entry.shape.clone();
            return Err(Error::Shape { parameter: parameter(), expected, found: shape.to_vec() });
        }
        let expected = entry.tensor.partition().numel();
        if expected != found {
            return Err(Error::Step { parameter: parameter(), source: refuse(expected, found) });
        }
        Ok(index)
    }
}

impl<P: Precision, K> Shampoo<P, K>
where
    K: Kernel<P::Work> + Kernel<P::Root> + Sync,
{
    /// One step: adds an update to every parameter that has a gradient.
    ///
    /// Both lists may be in any order. A parameter without a gradient in this step is untouched, its state too: that is
    /// not a gradient of zeros. All gradients are checked before anything is written.
    ///
    /// **Errors**: a name that is not registered, named twice, or has a gradient but no values here; another shape than the registered one;
    /// a gradient with NaN or infinity, or so large that its square overflows. Nothing has changed then.
    pub fn step(
        &mut self,
        parameters: &mut [ParameterMut<'_, P::Work>],
        gradients: &[Gradient<'_, P::Work>],
    ) -> Result<StepReport, Error> {
        self.places.fill(Place::default());
        for (place, parameter) in parameters.iter().enumerate() {
            let refuse = |expected, found| StepError::ParameterLength { expected, found };
            let index = self.number(parameter.name, parameter.shape, parameter.values.len(), refuse)?;
            if self.places[index].parameter.replace(place).is_some() {
                return Err(Error::Repeated { parameter: parameter.name.to_owned() });
            }
        }
        for (place, gradient) in gradients.iter().enumerate() {
            let refuse = |expected, found| StepError::GradientLength { expected, found };
            let index = self.number(gradient.name, gradient.shape, gradient.values.len(), refuse)?;
            if self.places[index].gradient.replace(place).is_some() {
                return Err(Error::Repeated { parameter: gradient.name.to_owned() });
            }
            if self.places[index].parameter.is_none() {
                return Err(Error::Missing { parameter: gradient.name.to_owned() });
            }
        }
        let places = core::mem::take(&mut self.places);
        let computed = self.compute(&Slices { places: &places, parameters, gradients });
        self.places = places;
        let mut report = computed?;
        let mut watch = Stopwatch::start();
        for (entry, place) in self.entries.iter().zip(&self.places) {
            if let (true, Some(parameter)) = (entry.active, place.parameter) {
                add(parameters[parameter].values, &entry.update);
            }
        }
        report.phases.update += watch.lap();
        Ok(report)
    }

    /// Checks the gradients and computes all updates; the parameters are only read.
    pub(crate) fn compute(&mut self, sources: &impl Sources<P::Work>) -> Result<StepReport, Error> {
        let rate = self.learning_rate.at(self.step);
        if !P::Work::from_f64(rate).is_finite() {
            return Err(Error::LearningRate { value: rate });
        }
        let Self { entries, executor, scratches, kernel, .. } = self;
        let mut watch = Stopwatch::start();
        let check = |entry: &mut Entry<P>| {
            let checked = sources.with(entry.index, |gradient, _| entry.tensor.check(gradient));
            entry.active = checked.is_some();
            entry.refused = checked.and_then(Result::err);
        };
        executor.each(entries, check, |(), ()| ());
        if let Some((name, source)) = entries.iter().find_map(|e| e.refused.map(|refused| (&e.name, refused))) {
            return Err(Error::Step { parameter: name.clone(), source });
        }
        let mut phases = Phases { check: watch.lap(), ..Phases::default() };

        let accumulate = |entry: &mut Entry<P>| {
            if !entry.tensor.accumulates() {
                return;
            }
            sources.with(entry.index, |gradient, _| {
                let leaf = |factors: shampoo_core::block::Factors<'_, P>, worker| {
                    factors.accumulate(gradient, &mut scratches.of(worker).work, kernel);
                };
                executor.split(entry.tensor.factors(), &leaf, &|| (), &|(), ()| ());
            });
        };
        executor.each(entries, accumulate, |(), ()| ());
        phases.statistics = watch.lap();

        let refresh = |entry: &mut Entry<P>| {
            if !entry.active {
                return Refresh::default();
            }
            let step = entry.tensor.count();
            let leaf = |factors: shampoo_core::block::Factors<'_, P>, worker| {
                factors.refresh(step, &mut scratches.of(worker).root, kernel)
            };
            let panicked = || Refresh { rejected: 1, ..Refresh::default() };
            executor.split(entry.tensor.factors(), &leaf, &panicked, &Refresh::merge)
        };
        let refreshed = executor.each(entries, refresh, Refresh::merge);
        phases.roots = watch.lap();

        let update = |entry: &mut Entry<P>| {
            let Entry { index, tensor, direction, update, .. } = entry;
            sources.with(*index, |gradient, parameter| {
                if let Some(blocks) = tensor.blocks(direction) {
                    let leaf = |blocks: shampoo_core::block::Blocks<'_, P>, worker| {
                        blocks.precondition(gradient, &mut scratches.of(worker).work, kernel);
                    };
                    executor.split(blocks, &leaf, &|| (), &|(), ()| ());
                }
                let work = &mut scratches.of(executor.worker()).work;
                tensor.finish(parameter, gradient, direction, rate, update, work, kernel);
            });
        };
        executor.each(entries, update, |(), ()| ());
        phases.update = watch.lap();

        let report = StepReport {
            step: self.step,
            updated: self.entries.iter().filter(|entry| entry.active).count(),
            refresh: refreshed,
            phases,
        };
        self.step += 1;
        Ok(report)
    }

    /// The updates of the step just computed, by registration number.
    #[cfg(feature = "candle")]
    pub(crate) fn updates(&self) -> impl Iterator<Item = (usize, &[P::Work])> {
        let active = self.entries.iter().filter(|entry| entry.active);
        active.map(|entry| (entry.index, entry.update.as_slice()))
    }
}

/// values <- values + update.
pub(crate) fn add<T: Real>(values: &mut [T], update: &[T]) {
    for (value, &update) in values.iter_mut().zip(update) {
        *value += update;
    }
}

/// Parameters and gradients that were handed over as slices.
struct Slices<'a, 'b, T> {
    places: &'a [Place],
    parameters: &'a [ParameterMut<'b, T>],
    gradients: &'a [Gradient<'b, T>],
}

impl<T: Sync + Send> Sources<T> for Slices<'_, '_, T> {
    fn with<R>(&self, index: usize, f: impl FnOnce(&[T], &[T]) -> R) -> Option<R> {
        let place = self.places[index];
        Some(f(self.gradients[place.gradient?].values, self.parameters[place.parameter?].values))
    }
}
