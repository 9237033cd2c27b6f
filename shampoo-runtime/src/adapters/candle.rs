//! candle: [`candle_nn::Optimizer`] over `Var`s on the CPU.
//!
//! Gradients and parameters are read where candle keeps them and updated in place; only a gradient
//! that is not contiguous (a transposed view) is copied, by candle.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Storage, Tensor, Var, WithDType};
use candle_nn::Optimizer;
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::{F32RootF64, Precision, Real};

use crate::checkpoint::{CheckpointError, CheckpointNumber};
use crate::entry::Sources;
use crate::error::Error;
use crate::kernel::Server;
use crate::optimizer::{Shampoo, add};
use crate::params::Builder;
use crate::telemetry::{StepReport, Stopwatch};

/// A working type whose variables candle stores.
pub trait CandleScalar: WithDType + Real {
    /// The numbers of a storage of this type.
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]>;
}

impl CandleScalar for f32 {
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        if let CpuStorage::F32(values) = storage { Some(values) } else { None }
    }
}

impl CandleScalar for f64 {
    fn slice_mut(storage: &mut CpuStorage) -> Option<&mut [Self]> {
        if let CpuStorage::F64(values) = storage { Some(values) } else { None }
    }
}

/// Why a step over candle's tensors was not made.
#[derive(Debug, thiserror::Error)]
pub enum CandleError {
    /// The optimizer refused it; nothing has changed.
    #[error(transparent)]
    Shampoo(#[from] Error),
    /// candle did.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

impl From<CandleError> for candle_core::Error {
    fn from(error: CandleError) -> Self {
        match error {
            CandleError::Shampoo(error) => Self::wrap(error),
            CandleError::Candle(error) => error,
        }
    }
}

/// Shampoo as a candle optimizer.
///
/// ```
/// use candle_core::{Device, Tensor, Var};
/// use candle_nn::Optimizer;
/// use shampoo_runtime::{Builder, candle::CandleShampoo};
///
/// let w = Var::from_tensor(&Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?)?;
/// let mut optimizer = CandleShampoo::new(vec![w.clone()], Builder::new().learning_rate(0.1))?;
/// let before = w.sqr()?.sum_all()?.to_scalar::<f32>()?;
/// for _ in 0..20 {
///     optimizer.backward_step(&w.sqr()?.sum_all()?)?;
/// }
/// assert!(w.sqr()?.sum_all()?.to_scalar::<f32>()? < before);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug)]
pub struct CandleShampoo<P: Precision = F32RootF64, K = Server> {
    shampoo: Shampoo<P, K>,
    vars: Vec<Var>,
    /// The gradients of the step under way; handles, not copies.
    gradients: Vec<Option<Tensor>>,
    report: StepReport,
}

impl<P: Precision, K: Kernel<P::Work> + Kernel<P::Root> + Send + 'static> CandleShampoo<P, K>
where
    P::Work: CandleScalar,
{
    /// An optimizer of named variables: the names appear in errors. A name that the builder knows already keeps
    /// the settings it was registered with.
    ///
    /// **Errors**: as [`Builder::build`]; the same variable twice; a variable that is not contiguous on the CPU or
    /// of another type than [`Precision::Work`]; a registered name without a variable.
    pub fn with_names(vars: Vec<(String, Var)>, builder: Builder<P, K>) -> candle_core::Result<Self> {
        let shampoo = register(&vars, builder, &Device::Cpu)?.build().map_err(candle_core::Error::wrap)?;
        let vars = in_order(vars, shampoo.names())?;
        let gradients = vec![None; vars.len()];
        Ok(Self { shampoo, vars, gradients, report: StepReport::default() })
    }

    /// The optimizer behind.
    pub fn inner(&self) -> &Shampoo<P, K> {
        &self.shampoo
    }

    /// Writes a checkpoint of the optimizer, see [`Shampoo::save`]; the variables are the caller's.
    ///
    /// **Errors**: [`CheckpointError`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), CheckpointError>
    where
        P::Store: CheckpointNumber,
        P::Work: CheckpointNumber,
    {
        self.shampoo.save(path)
    }

    /// Goes on where the optimizer stood that wrote this file, see [`Shampoo::load`].
    ///
    /// **Errors**: [`CheckpointError`]; nothing has changed then.
    pub fn load(&mut self, path: impl AsRef<Path>) -> Result<(), CheckpointError>
    where
        P::Store: CheckpointNumber,
        P::Work: CheckpointNumber,
    {
        self.shampoo.load(path)
    }

    /// What the last step that was made did, and where its time went.
    pub fn report(&self) -> &StepReport {
        &self.report
    }

    /// One step, as [`Optimizer::step`] with typed errors.
    ///
    /// **Errors**: a gradient of another shape, type or device than its variable, or one that the optimizer
    /// refuses; nothing has changed then.
    pub fn try_step(&mut self, grads: &GradStore) -> Result<(), CandleError> {
        let done = self.gather(grads).map_err(CandleError::from).and_then(|()| self.apply());
        self.gradients.fill(None);
        done
    }

    /// Takes a handle on every gradient; only those that are not contiguous are copied.
    fn gather(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        for ((slot, var), name) in self.gradients.iter_mut().zip(&self.vars).zip(self.shampoo.names()) {
            *slot = gradient_of(grads, var, name)?;
        }
        Ok(())
    }

    fn apply(&mut self) -> Result<(), CandleError> {
        let sources = Tensors { vars: &self.vars, gradients: &self.gradients };
        self.report = self.shampoo.compute(&sources)?;
        let mut watch = Stopwatch::start();
        for (index, update) in self.shampoo.updates() {
            self.vars[index].inplace_op1(&Add(update))?;
        }
        self.report.phases.update += watch.lap();
        Ok(())
    }
}

/// The builder with all variables registered, which must be contiguous on this device.
pub(super) fn register<P: Precision, K>(
    vars: &[(String, Var)],
    mut builder: Builder<P, K>,
    device: &Device,
) -> candle_core::Result<Builder<P, K>>
where
    P::Work: CandleScalar,
{
    let (mut ids, mut names) = (HashSet::with_capacity(vars.len()), HashSet::with_capacity(vars.len()));
    for (name, var) in vars {
        if !ids.insert(var.id()) || !names.insert(name.as_str()) {
            candle_core::bail!("parameter `{name}` is registered twice");
        }
        if var.dtype() != P::Work::DTYPE || !var.device().same_device(device) || !var.is_contiguous() {
            let (dtype, found) = (var.dtype(), var.device().location());
            candle_core::bail!(
                "parameter `{name}` is {dtype:?} on {found:?}, expected contiguous {:?} on {:?}",
                P::Work::DTYPE,
                device.location()
            );
        }
        match builder.registrations.iter().find(|known| known.name == *name) {
            None => builder = builder.parameter(name.clone(), var.dims()),
            Some(known) if known.shape == var.dims() => {}
            Some(known) => {
                let (expected, found) = (known.shape.clone(), var.dims().to_vec());
                let error = Error::Shape { parameter: name.clone(), expected, found };
                return Err(candle_core::Error::wrap(error));
            }
        }
    }
    Ok(builder)
}

/// The variables in the order of these names.
pub(super) fn in_order<'a>(
    vars: Vec<(String, Var)>,
    names: impl Iterator<Item = &'a str>,
) -> candle_core::Result<Vec<Var>> {
    let mut by_name: HashMap<String, Var> = vars.into_iter().collect();
    let take = |name: &str| {
        let missing = || candle_core::Error::wrap(Error::NoVariable { parameter: name.to_owned() });
        by_name.remove(name).ok_or_else(missing)
    };
    names.map(take).collect()
}

/// The gradient of a variable, of its shape, type and device, if it has one; a copy only where it is not contiguous.
pub(super) fn gradient_of(grads: &GradStore, var: &Var, name: &str) -> candle_core::Result<Option<Tensor>> {
    let Some(gradient) = grads.get(var) else { return Ok(None) };
    let same_device = gradient.device().same_device(var.device());
    if gradient.dims() != var.dims() || gradient.dtype() != var.dtype() || !same_device {
        candle_core::bail!(
            "parameter `{name}` is {:?} {:?}, its gradient {:?} {:?}",
            var.dims(),
            var.dtype(),
            gradient.dims(),
            gradient.dtype()
        );
    }
    gradient.detach().contiguous().map(Some)
}

impl<P: Precision> Optimizer for CandleShampoo<P, Server>
where
    P::Work: CandleScalar,
    Server: Kernel<P::Work> + Kernel<P::Root>,
{
    type Config = Builder<P, Server>;

    /// Variables are named by their place, `var.0`, `var.1`, ...; [`CandleShampoo::with_names`] names them better.
    fn new(vars: Vec<Var>, config: Self::Config) -> candle_core::Result<Self> {
        let named = vars.into_iter().enumerate().map(|(place, var)| (format!("var.{place}"), var));
        Self::with_names(named.collect(), config)
    }

    fn step(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        Ok(self.try_step(grads)?)
    }

    fn learning_rate(&self) -> f64 {
        self.shampoo.learning_rate()
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.shampoo.set_learning_rate(rate);
    }
}

/// candle's own memory, lent for the time of a call.
struct Tensors<'a> {
    vars: &'a [Var],
    gradients: &'a [Option<Tensor>],
}

/// Calls `f` with a tensor's numbers, where they are contiguous on the CPU.
fn with_slice<T: WithDType, R>(tensor: &Tensor, f: impl FnOnce(&[T]) -> R) -> Option<R> {
    let (storage, layout) = tensor.storage_and_layout();
    let (start, end) = layout.contiguous_offsets()?;
    match &*storage {
        Storage::Cpu(storage) => Some(f(storage.as_slice::<T>().ok()?.get(start..end)?)),
        _ => None,
    }
}

impl<T: WithDType> Sources<T> for Tensors<'_> {
    fn with<R>(&self, index: usize, f: impl FnOnce(&[T], &[T]) -> R) -> Option<R> {
        let gradient = self.gradients[index].as_ref()?;
        with_slice(gradient, |gradient| with_slice(&self.vars[index], |values| f(gradient, values)))?
    }
}

/// Adds an update to a variable in place.
struct Add<'a, T>(&'a [T]);

impl<T: CandleScalar> InplaceOp1 for Add<'_, T> {
    fn name(&self) -> &'static str {
        "shampoo-update"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            candle_core::bail!("a variable is not contiguous")
        };
        match T::slice_mut(storage).and_then(|values| values.get_mut(start..end)) {
            Some(values) => add(values, self.0),
            None => candle_core::bail!("a variable is not of type {:?}", T::DTYPE),
        }
        Ok(())
    }
}
