//! One parameter: its statistics and roots, graft, momentum and decay, and the whole of its step.

mod finish;
mod kept;
mod lengths;
mod saved;
mod update;

pub(crate) use finish::usable_factor;
pub(crate) use lengths::request;
pub use lengths::{Lengths, largest_order, lengths, partition, state_bytes, state_len};
pub use saved::Saved;
pub(crate) use update::{bound, mix};

pub use crate::statistics::{Headroom, largest_gradient};

use core::marker::PhantomData;

use crate::block::{Blocks, Factors, Refresh};
use crate::config::{Config, WeightDecay};
use crate::error::{ConfigError, ShapeError, StepError};
use crate::kernel::{Kernel, portable};
use crate::linalg::norm::{first_non_finite, max_abs};
use crate::mat::copy;
use crate::mat::packed::fill_diagonals;
use crate::partition::Partition;
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::{Adaptive, Demand, Loads, Mode, Slot};

use kept::Kept;
use lengths::addressable;

/// Scratch of a step; contents do not matter between calls.
#[derive(Debug)]
pub struct Workspace<'w, P: Precision> {
    /// The preconditioned gradient, [`Lengths::numel`] numbers, block after block.
    pub direction: &'w mut [P::Work],
    /// [`Lengths::work`] numbers.
    pub work: &'w mut [P::Work],
    /// [`Lengths::root`] numbers; none where roots are computed beside training.
    pub root: &'w mut [P::Root],
}

/// A parameter's state over buffers of any kind: arrays, `&'static mut [T]`, `Vec`, `Box<[T]>`.
///
/// The lengths of the state are checked once, in [`new`](Tensor::new). A step then fails only on what it is handed: the
/// gradient's numbers, the parameter's where it reads them, the learning rate, and the lengths of these and of the
/// workspace.
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::scalar::F32;
/// use shampoo_core::schedule::Slot;
/// use shampoo_core::{config::Config, tensor::Tensor, tensor::Workspace, tensor::lengths};
///
/// let config = Config::DEFAULT;
/// let need = lengths::<F32>(&[2, 2], &config)?;
/// assert_eq!((need.statistics, need.slots, need.graft, need.momentum), (6, 2, 4, 4));
/// let mut tensor =
///     Tensor::<F32, _, _, _>::new(&[2, 2], config, [0.0; 6], [0.0; 6], [0.0; 4], [0.0; 4], [Slot::EMPTY; 2])?;
/// let (mut direction, mut work, mut root) = ([0.0; 4], [0.0; 8], [0.0; 2000]);
/// let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
/// let mut weights = [1.0_f32, 2.0, 3.0, 4.0];
/// let mut update = [0.0; 4];
/// tensor.step(&weights, &[0.1, 0.0, 0.0, 0.1], 0.01, &mut update, &mut workspace, &Portable)?;
/// weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
/// assert!(weights[0] < 1.0 && weights[1] == 2.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Tensor<P: Precision, S, W, B> {
    partition: Partition,
    config: Config,
    statistics: S,
    roots: S,
    graft: W,
    momentum: W,
    slots: B,
    count: u64,
    /// Whether a root may still be begun of the step just taken.
    open: bool,
    /// Loads so far: a root begun before the last one is of another state.
    loads: u32,
    /// Of every sum of squares: numel max|g|^2 of each gradient.
    headroom: Headroom,
    precision: PhantomData<P>,
}

impl<P: Precision, S, W, B> Tensor<P, S, W, B>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// The state of a parameter before its first gradient; the buffers are overwritten.
    ///
    /// **Shapes**: buffers of exactly the lengths that [`lengths`] returns.
    /// **Errors**: [`ConfigError`], also for a buffer of another length.
    pub fn new(
        shape: &[usize],
        config: Config,
        mut statistics: S,
        mut roots: S,
        mut graft: W,
        mut momentum: W,
        mut slots: B,
    ) -> Result<Self, ConfigError> {
        config.validate::<P>()?;
        let fixed = config.of::<P>();
        let partition = partition(shape, fixed)?;
        let need = addressable(Lengths::of_cut(partition.cut(), fixed))?;
        for (needed, found) in [
            (need.statistics, statistics.as_ref().len()),
            (need.statistics, roots.as_ref().len()),
            (need.graft, graft.as_ref().len()),
            (need.momentum, momentum.as_ref().len()),
            (need.slots, slots.as_ref().len()),
        ] {
            if needed != found {
                return Err(ShapeError::Length { needed, found }.into());
            }
        }
        let zero = <P::Work as num_traits::Zero>::zero();
        roots.as_mut().fill(P::Store::store(zero));
        graft.as_mut().fill(zero);
        momentum.as_mut().fill(zero);
        slots.as_mut().fill(Slot::EMPTY);
        let initial = P::Work::from_f64(config.initial_statistics);
        let orders = partition.factors(0..partition.factor_count()).map(|factor| factor.order);
        fill_diagonals(statistics.as_mut(), orders, initial);
        Ok(Self {
            partition,
            config,
            statistics,
            roots,
            graft,
            momentum,
            slots,
            count: 0,
            open: false,
            loads: 0,
            headroom: Headroom::within::<P>(config.initial_statistics),
            precision: PhantomData,
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        self.config.of::<P>()
    }

    /// How the parameter is cut.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Buffer lengths.
    pub fn lengths(&self) -> Lengths {
        Lengths::of_cut(self.partition.cut(), self.config())
    }

    /// Gradients taken so far: the number of the next step.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// How often its state was put back.
    pub(crate) fn loads(&self) -> u32 {
        self.loads
    }

    /// No root of the step just taken is begun any more.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Packed statistics, factor after factor.
    pub fn statistics(&self) -> &[P::Store] {
        self.statistics.as_ref()
    }

    /// Packed roots, factor after factor; those without a stamp in their slot are not meaningful.
    pub fn roots(&self) -> &[P::Store] {
        self.roots.as_ref()
    }

    /// State of the graft.
    pub fn graft_state(&self) -> &[P::Work] {
        self.graft.as_ref()
    }

    /// Momentum: of the steps taken, or of preconditioned steps followed by the graft's; then the filter's average,
    /// and the last gradient with decay in it.
    pub fn momentum(&self) -> &[P::Work] {
        self.momentum.as_ref()
    }

    /// Slots, factor after factor.
    pub fn slots(&self) -> &[Slot] {
        self.slots.as_ref()
    }

    /// Looks at every number of a gradient before anything is written.
    ///
    /// The parameter is read only where it enters the step: for decay of any kind, and by LARS.
    ///
    /// **Errors**: another length, NaN or infinity in either, or a magnitude above sqrt(MAX / (4 numel)) of the
    /// stored type, where G G^T would overflow. Where squares are summed, the same against what is left of the range.
    /// Decay in the gradient adds its rate times max|W| to the magnitude.
    pub fn check(&self, gradient: &[P::Work], parameter: &[P::Work]) -> Result<(), StepError> {
        let (expected, found) = (self.partition.numel(), gradient.len());
        if expected != found {
            return Err(StepError::GradientLength { expected, found });
        }
        let reads_parameter = self.config().reads_parameter();
        let limit = self.headroom.magnitude(expected.max(1) as f64);
        // Nothing in a gradient is larger than its length, which is NaN or infinite where anything in it is.
        if !reads_parameter && length_is_within(gradient, limit) {
            return Ok(());
        }
        if let Some(index) = first_non_finite(gradient) {
            return Err(StepError::NonFiniteGradient { index });
        }
        if reads_parameter && let Some(index) = first_non_finite(parameter) {
            return Err(StepError::NonFiniteParameter { index });
        }
        let mut value = max_abs(gradient).to_f64();
        if let WeightDecay::Gradient(rate) = self.config().weight_decay {
            value += rate * max_abs(parameter).to_f64();
        }
        if value > limit {
            return Err(StepError::GradientTooLarge { value, limit });
        }
        Ok(())
    }

    /// The first part of a step: a gradient that has passed [`check`](Tensor::check) is taken into the filter, with the
    /// parameter's decay if that belongs there. Both are kept for the other parts.
    ///
    /// **Shapes**: numel numbers each.
    pub fn prepare<K: Kernel<P::Work> + ?Sized>(&mut self, parameter: &[P::Work], gradient: &[P::Work], kernel: &K) {
        let (config, numel) = (self.config.of::<P>(), self.partition.numel());
        let Kept { filter, decayed, .. } = Kept::of_mut(self.momentum.as_mut(), config, numel);
        let mut seen = gradient;
        if let WeightDecay::Gradient(rate) = config.weight_decay {
            copy(decayed, gradient);
            kernel.axpby(P::Work::from_f64(rate), parameter, num_traits::One::one(), decayed);
            seen = decayed;
        }
        if config.filter.is_used() {
            config.filter.apply(filter, seen, self.count + 1, kernel);
        }
    }

    /// The factors, to accumulate a gradient or to refresh.
    pub fn factors(&mut self) -> Factors<'_, P> {
        let config = self.config.of::<P>();
        let kept = Kept::of(self.momentum.as_ref(), config, self.partition.numel());
        let (statistics, roots, slots) = (self.statistics.as_mut(), self.roots.as_mut(), self.slots.as_mut());
        Factors::new(&self.partition, config, kept.seen(), statistics, roots, slots)
    }

    /// The factors' drift and the roots that are due at this step.
    fn refresh<K: Kernel<P::Root> + ?Sized>(&mut self, step: u64, workspace: &mut [P::Root], kernel: &K) -> Refresh {
        let mut level = f64::INFINITY;
        if let Mode::Adaptive(adaptive) = self.config().schedule.mode {
            self.factors().observe(step, workspace, kernel);
            level = adaptive.level(|below| self.demand(below));
        }
        self.factors().refresh(step, level, workspace, kernel)
    }

    /// What the most urgent of the observed factors want, of those whose urgency is below a number, see
    /// [`Adaptive::level`](crate::schedule::Adaptive::level).
    pub fn demand(&self, below: Option<f64>) -> Option<Demand> {
        let orders = self.partition.factors(0..self.partition.factor_count()).map(|factor| factor.order);
        let demands = self
            .slots
            .as_ref()
            .iter()
            .zip(orders)
            .map(|(slot, order)| Demand { urgency: slot.urgency(), flops: Adaptive::root_flops(order) });
        demands.filter(|demand| below.is_none_or(|below| demand.urgency < below)).reduce(Demand::merge)
    }

    /// Gives every factor its turn within a period, in the order of the factors: see [`Loads`].
    pub fn stagger(&mut self, loads: &mut Loads<'_>) {
        let orders = self.partition.factors(0..self.partition.factor_count()).map(|factor| factor.order);
        self.slots.as_mut().iter_mut().zip(orders).for_each(|(slot, order)| slot.set_phase(loads.place(order)));
    }

    /// Whether the next gradient enters the statistics.
    pub fn accumulates(&self) -> bool {
        self.config().schedule.accumulates(self.count)
    }

    /// Whether the next gradient is preconditioned, be it only for the momentum of later steps.
    fn preconditions(&self) -> bool {
        self.count >= self.config().first_refresh()
    }

    /// The blocks, to precondition the next gradient into `direction`; none before preconditioning starts.
    pub fn blocks<'a>(&'a self, direction: &'a mut [P::Work]) -> Option<Blocks<'a, P>> {
        let used = self.preconditions() && self.partition.factors_per_block() > 0;
        let kept = Kept::of(self.momentum.as_ref(), self.config(), self.partition.numel());
        let (roots, slots, packed) = (self.roots.as_ref(), self.slots.as_ref(), self.config().packed_products);
        used.then(|| Blocks::new(&self.partition, kept.filtered(), roots, slots, direction, packed))
    }

    /// One whole step, in place of the parts above. Where roots are computed beside training
    /// ([`Mode::is_offloaded`](crate::schedule::Mode::is_offloaded)) it uses what is installed, and the caller drives
    /// [`factors`](Tensor::factors).
    ///
    /// `update` receives what is to be added to the parameter. Everything is checked before anything is written.
    ///
    /// **Shapes**: `parameter`, `gradient` and `update` numel numbers, row-major; the workspace as [`Lengths`] says.
    /// **Errors**: [`StepError`]; nothing has changed then.
    pub fn step<K: Kernel<P::Work> + Kernel<P::Root> + ?Sized>(
        &mut self,
        parameter: &[P::Work],
        gradient: &[P::Work],
        learning_rate: f64,
        update: &mut [P::Work],
        workspace: &mut Workspace<'_, P>,
        kernel: &K,
    ) -> Result<Refresh, StepError> {
        let need = self.lengths();
        for found in [parameter.len(), update.len()] {
            if found != need.numel {
                return Err(StepError::ParameterLength { expected: need.numel, found });
            }
        }
        if !P::Work::from_f64(learning_rate).is_finite() {
            return Err(StepError::LearningRate { value: learning_rate });
        }
        // Roots beside training have their workspace elsewhere.
        let root = if self.config().schedule.mode.is_offloaded() { 0 } else { need.root };
        for (needed, found) in
            [(need.numel, workspace.direction.len()), (need.work, workspace.work.len()), (root, workspace.root.len())]
        {
            if found < needed {
                return Err(StepError::Workspace(ShapeError::Length { needed, found }));
            }
        }
        self.check(gradient, parameter)?;
        let step = self.count;
        self.prepare(parameter, gradient, kernel);
        if self.accumulates() {
            self.factors().accumulate(gradient, workspace.work, kernel);
        }
        let refresh = self.refresh(step, workspace.root, kernel);
        if let Some(blocks) = self.blocks(workspace.direction) {
            blocks.precondition(gradient, workspace.work, kernel);
        }
        let Workspace { direction, work, .. } = workspace;
        let norms = self.graft(parameter, gradient, direction, update, work, kernel);
        self.finish(parameter, direction, norms, learning_rate, update, work, kernel);
        Ok(refresh)
    }
}

/// Whether the sum of squares shows that no magnitude is above the limit; half of it leaves room for rounding.
fn length_is_within<T: Real>(x: &[T], limit: f64) -> bool {
    let length = T::from_f64(0.5 * limit);
    // Squares that vanish are those of numbers below a limit whose square does not.
    length * length >= T::MIN_POSITIVE && portable::dot(x, x) <= length * length
}
