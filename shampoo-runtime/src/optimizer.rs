//! The optimizer: named parameters, and the step over all of them.

use std::collections::HashMap;
use std::sync::Arc;

use shampoo_core::config::Config;
use shampoo_core::error::StepError;
use shampoo_core::kernel::Kernel;
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::scalar::{F32RootF64, Precision, Real};
use shampoo_core::schedule::Loads;

use crate::entry::{Entry, Sources, Workers};
use crate::error::Error;
use crate::executor::Executor;
use crate::heap::{AllocationError, HeapTensor, Scratches};
use crate::host::Host;
use crate::kernel::Server;
use crate::params::Builder;
use crate::pipeline::Pipeline;
use crate::telemetry::{StepReport, Stopwatch, Timeline};

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
    kernel: Arc<K>,
    pipeline: Pipeline<P, K>,
    step: u64,
}

/// Where a step's arguments name a parameter.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    parameter: Option<usize>,
    gradient: Option<usize>,
}

impl<P: Precision, K: Kernel<P::Root> + Send + 'static> Shampoo<P, K> {
    pub(crate) fn from_builder(builder: Builder<P, K>) -> Result<Self, Error> {
        let mut entries = Vec::with_capacity(builder.registrations.len());
        let mut numbers = HashMap::with_capacity(builder.registrations.len());
        for (index, registration) in builder.registrations.into_iter().enumerate() {
            let (name, shape) = (registration.name, registration.shape);
            if numbers.insert(name.clone(), index).is_some() {
                return Err(Error::Duplicate { parameter: name });
            }
            let config = registration.config.unwrap_or(builder.config);
            let entry = Entry::new(index, &name, shape, config);
            entries.push(entry.map_err(|error| refuse_allocation(name, error))?);
        }
        if builder.staggered {
            let facts = |entry: &Entry<P>| {
                let config = entry.tensor.config();
                (entry.tensor.partition().largest_order(), config.schedule.precondition_every)
            };
            stagger(&mut entries, facts, |entry, loads| entry.tensor.stagger(loads));
        }
        let Builder { learning_rate, options, .. } = builder;
        let executor =
            if builder.inline { Executor::Inline } else { Executor::threads(builder.threads, &options.name)? };
        let scratches = Scratches::new(executor.workers(), entries.iter().map(|entry| entry.tensor.lengths()))
            .map_err(|error| refuse_allocation(largest(&entries), error))?;
        let places = vec![Place::default(); entries.len()];
        let orders: Vec<_> = entries.iter().map(Entry::offloaded_orders).collect();
        let kernel = Arc::new(builder.kernel);
        let pipeline = Pipeline::new(&orders, &options, Arc::clone(&kernel))?;
        Ok(Self { entries, numbers, places, learning_rate, executor, scratches, kernel, pipeline, step: 0 })
    }

    /// Bytes kept from step to step beside the parameters: statistics, roots, grafts, momenta, and the snapshots and
    /// incoming roots that have been needed so far.
    pub fn state_bytes(&self) -> usize {
        let tensors: usize = self.entries.iter().map(|entry| entry.tensor.lengths().state_bytes::<P>()).sum();
        tensors + self.pipeline.state_bytes()
    }

    /// What happened when, if [`Builder::timeline`] asked for it.
    pub fn timeline(&self) -> Option<&Timeline> {
        self.pipeline.timeline()
    }
}

impl<P: Precision, K> Shampoo<P, K> {
    /// The parameters, in order of registration.
    pub(crate) fn entries(&self) -> &[Entry<P>] {
        &self.entries
    }

    /// What drives the roots that are computed beside training.
    pub(crate) fn pipeline(&self) -> &Pipeline<P, K> {
        &self.pipeline
    }

    /// The same, to be changed.
    pub(crate) fn pipeline_mut(&mut self) -> &mut Pipeline<P, K> {
        &mut self.pipeline
    }

    /// The parts to be put back, of an optimizer that stands at this step.
    pub(crate) fn restored(&mut self, step: u64) -> (&mut [Entry<P>], &mut Pipeline<P, K>) {
        self.step = step;
        (&mut self.entries, &mut self.pipeline)
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
    K: Kernel<P::Work> + Kernel<P::Root> + Send + 'static,
{
    /// One step: adds an update to every parameter that has a gradient.
    ///
    /// Both lists may be in any order. A parameter without a gradient in this step is untouched, its state too: that is
    /// not a gradient of zeros. All gradients are checked before anything is written.
    ///
    /// **Errors**: a name that is not registered, named twice, or has a gradient but no values here; another shape than
    /// the registered one; a gradient with NaN or infinity, or so large that its square overflows. Nothing has changed
    /// then.
    pub fn step(
        &mut self,
        parameters: &mut [ParameterMut<'_, P::Work>],
        gradients: &[Gradient<'_, P::Work>],
    ) -> Result<StepReport, Error> {
        // Taken below; a caller who catches a kernel's panic finds it short.
        self.places.clear();
        self.places.resize(self.entries.len(), Place::default());
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
            if let (Some((_, update)), Some(parameter)) = (entry.update(), place.parameter) {
                add(parameters[parameter].values, update);
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
        let Self { entries, executor, scratches, kernel, pipeline, .. } = self;
        let workers = Workers { executor, scratches, kernel: &**kernel };
        let report = pipeline.step(&mut Host { entries, workers, sources }, rate, self.step)?;
        self.step += 1;
        Ok(report)
    }

    /// The updates of the step just computed, by registration number.
    #[cfg(feature = "candle")]
    pub(crate) fn updates(&self) -> impl Iterator<Item = (usize, &[P::Work])> {
        self.entries.iter().filter_map(Entry::update)
    }
}

/// What was wrong with an allocation, with the parameter's name.
fn refuse_allocation(parameter: String, error: AllocationError) -> Error {
    match error {
        AllocationError::Config(source) => Error::Config { parameter, source },
        AllocationError::Memory(bytes) => Error::Memory { parameter, bytes },
    }
}

/// Gives every factor its turn, so that each step of a period has about the same work: largest parameters first, all of
/// one period together. `facts` are the largest order and the period of a parameter.
pub(crate) fn stagger<T>(
    parameters: &mut [T],
    facts: impl Fn(&T) -> (usize, u64),
    place: impl Fn(&mut T, &mut Loads<'_>),
) {
    let mut order: Vec<usize> = (0..parameters.len()).collect();
    order.sort_by_key(|&index| core::cmp::Reverse(facts(&parameters[index]).0));
    let mut loads: HashMap<u64, Vec<u64>> = HashMap::new();
    for index in order {
        let (_, period) = facts(&parameters[index]);
        // A period longer than any run would not be filled anyway.
        let work = loads.entry(period).or_insert_with(|| vec![0; period.min(LONGEST_PERIOD) as usize]);
        place(&mut parameters[index], &mut Loads::new(work));
    }
}

/// Turns within a period at most.
const LONGEST_PERIOD: u64 = 1 << 16;

/// The parameter whose roots need the most scratch.
fn largest<P: Precision>(entries: &[Entry<P>]) -> String {
    entries.iter().max_by_key(|entry| entry.tensor.lengths().root).map_or(String::new(), |entry| entry.name.clone())
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
