//! One parameter: its statistics and roots, graft, momentum and decay, and the whole of its step.

use core::marker::PhantomData;

use crate::block::{Blocks, Factors, Refresh, is_ready, work_len_of};
use crate::capacity::{Dims, product};
use crate::config::{Config, WeightDecay};
use crate::diagonal::Gradient;
use crate::error::{ConfigError, ShapeError, StepError};
use crate::graft::{Input, Norms, Scope};
use crate::kept::Kept;
use crate::kernel::Kernel;
use crate::linalg::inverse_root::inverse_root_workspace_len;
use crate::linalg::norm::{first_non_finite, max_abs, norm};
use crate::mat::packed::{fill_diagonal, packed_len};
use crate::momentum::Buffers;
use crate::partition::{Block, Cut, Partition, merge_small_dims, merged};
use crate::scalar::{Precision, Real, Stored};
use crate::schedule::Slot;
use crate::statistics::Averaging;
use crate::update::Rule;

/// Lengths of the buffers of one parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    /// Entries of the parameter; also of a direction and of an update.
    pub numel: usize,
    /// Numbers of statistics, and as many of roots: packed triangles, block after block.
    pub statistics: usize,
    /// Slots, one a factor.
    pub slots: usize,
    /// Numbers of the graft's state.
    pub graft: usize,
    /// Numbers of momentum: as many as entries for every buffer of [`Config::buffer_count`].
    pub momentum: usize,
    /// Numbers of workspace in the working type.
    pub work: usize,
    /// Numbers of workspace in the type of the roots.
    pub root: usize,
}

/// Scratch of a step; contents do not matter between calls.
#[derive(Debug)]
pub struct Workspace<'w, P: Precision> {
    /// The preconditioned gradient, [`Lengths::numel`] numbers, block after block.
    pub direction: &'w mut [P::Work],
    /// [`Lengths::work`] numbers.
    pub work: &'w mut [P::Work],
    /// [`Lengths::root`] numbers.
    pub root: &'w mut [P::Root],
}

/// A parameter's state over buffers of any kind: arrays, `&'static mut [T]`, `Vec`, `Box<[T]>`.
///
/// Lengths are checked once, in [`new`](Tensor::new); a step then fails only on its gradient.
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
    /// Bound of every sum of squares so far: numel max|g|^2 of each gradient.
    filled: f64,
    precision: PhantomData<P>,
}

/// The partition of a shape under a configuration.
fn partition(shape: &[usize], config: &Config) -> Result<Partition, ConfigError> {
    if shape.iter().all(|&d| d > 0) && product(shape) == usize::MAX {
        return Err(ShapeError::TooLarge.into());
    }
    let dims = merge_small_dims(shape, config.merge_limit, config.merge)?;
    let largest = largest_dim(config);
    let (vectors, sides) = (config.precondition_vectors, config.sides);
    let partition = Partition::new(dims, config.block_size, largest, vectors, sides)?;
    if partition.factor_count() > 0 {
        config.request(partition.factors_per_block()).validate()?;
    }
    Ok(partition)
}

/// Sides up to this one have factors.
const fn largest_dim(config: &Config) -> usize {
    if config.precondition { config.max_preconditioned_dim } else { 0 }
}

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl Lengths {
    /// Where a shape has too many dimensions.
    const SATURATED: Self = Self {
        numel: usize::MAX,
        statistics: usize::MAX,
        slots: usize::MAX,
        graft: usize::MAX,
        momentum: usize::MAX,
        work: usize::MAX,
        root: usize::MAX,
    };

    /// As [`lengths`] in constant expressions: nothing is refused, and what overflows is `usize::MAX`.
    ///
    /// ```
    /// use shampoo_core::{config::Config, tensor::Lengths};
    /// const NEED: Lengths = Lengths::of(&[64, 32], &Config::DEFAULT);
    /// static ROOTS: [f32; NEED.statistics] = [0.0; NEED.statistics];
    /// assert_eq!(ROOTS.len(), 64 * 65 / 2 + 32 * 33 / 2);
    /// ```
    pub const fn of(shape: &[usize], config: &Config) -> Self {
        let Some(dims) = merged(shape, config.merge_limit, config.merge) else { return Self::SATURATED };
        let (vectors, sides) = (config.precondition_vectors, config.sides);
        Self::of_cut(Cut::new(dims.as_slice(), config.block_size, largest_dim(config), vectors, sides), config)
    }

    const fn of_cut(cut: Cut<'_>, config: &Config) -> Self {
        let numel = product(cut.dims);
        if numel == 0 {
            return Self { numel, statistics: 0, slots: 0, graft: 0, momentum: 0, work: 0, root: 0 };
        }
        let row = match (config.momentum.buffers, cut.dims) {
            (Buffers::Two, [.., last]) => *last,
            (Buffers::Two, []) => 1,
            (Buffers::One, _) => 0,
        };
        let order = cut.largest_order();
        let scratch = larger(config.graft.scratch_len(cut.dims, config.normalize_graft), row);
        Self {
            numel,
            statistics: cut.statistics_len(),
            slots: cut.factor_count(),
            graft: config.graft.state_len(cut.dims),
            momentum: numel.saturating_mul(config.buffer_count()),
            work: larger(work_len_of(cut, config.packed_products), scratch),
            root: if order == 0 { 0 } else { inverse_root_workspace_len(order) },
        }
    }

    /// Numbers of state in all, whatever their type: statistics, roots, the graft's and momentum; saturates.
    pub const fn state(&self) -> usize {
        let statistics = self.statistics.saturating_mul(2);
        statistics.saturating_add(self.graft).saturating_add(self.momentum)
    }

    /// Bytes of that state; saturates.
    pub const fn state_bytes<P: Precision>(&self) -> usize {
        let stored = self.statistics.saturating_mul(2).saturating_mul(size_of::<P::Store>());
        stored.saturating_add(self.graft.saturating_add(self.momentum).saturating_mul(size_of::<P::Work>()))
    }
}

/// Numbers of state of a parameter of this shape: statistics, roots, the graft's and momentum; saturates.
///
/// ```
/// use shampoo_core::{config::Config, tensor::state_len};
/// const CONFIG: Config = Config::DEFAULT;
/// const LEN: usize = state_len(&[64, 32], CONFIG);
/// assert_eq!(LEN, 2 * (2080 + 528) + 2 * 64 * 32);
/// // Sizes that wrap to 0 on a target of 32 bits: never a small number.
/// const _: () = assert!(state_len(&[65536, 65536], CONFIG) > 65536 * 65535);
/// ```
pub const fn state_len(shape: &[usize], config: Config) -> usize {
    Lengths::of(shape, &config).state()
}

/// Bytes of that state in a precision; saturates.
///
/// ```
/// use shampoo_core::{config::Config, scalar::{Bf16x2Store, F32}, tensor::state_bytes};
/// const BYTES: usize = state_bytes::<F32>(&[64, 32], Config::DEFAULT);
/// assert_eq!(BYTES, 4 * (2 * (2080 + 528) + 2 * 64 * 32));
/// assert_eq!(state_bytes::<Bf16x2Store>(&[64, 32], Config::DEFAULT), BYTES);
/// ```
pub const fn state_bytes<P: Precision>(shape: &[usize], config: Config) -> usize {
    Lengths::of(shape, &config).state_bytes::<P>()
}

/// Refuses lengths that have saturated.
fn addressable(need: Lengths) -> Result<Lengths, ConfigError> {
    let lengths = [need.numel, need.statistics, need.slots, need.graft, need.momentum, need.work, need.root];
    if lengths.contains(&usize::MAX) { Err(ShapeError::TooLarge.into()) } else { Ok(need) }
}

/// Buffer lengths of a parameter of this shape.
///
/// **Errors**: [`ConfigError`] for settings or shapes that cannot work.
pub fn lengths<P: Precision>(shape: &[usize], config: &Config) -> Result<Lengths, ConfigError> {
    config.validate::<P>()?;
    addressable(Lengths::of_cut(partition(shape, config)?.cut(), config))
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
        let partition = partition(shape, &config)?;
        let need = addressable(Lengths::of_cut(partition.cut(), &config))?;
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
        let mut rest = statistics.as_mut();
        for factor in partition.factors(0..partition.factor_count()) {
            let length = packed_len(factor.order);
            if let Some((triangle, more)) = core::mem::take(&mut rest).split_at_mut_checked(length) {
                fill_diagonal(triangle, initial);
                rest = more;
            }
        }
        Ok(Self {
            partition,
            config,
            statistics,
            roots,
            graft,
            momentum,
            slots,
            count: 0,
            filled: 0.0,
            precision: PhantomData,
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How the parameter is cut.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Buffer lengths.
    pub fn lengths(&self) -> Lengths {
        Lengths::of_cut(self.partition.cut(), &self.config)
    }

    /// Gradients taken so far: the number of the next step.
    pub fn count(&self) -> u64 {
        self.count
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
    /// The parameter is read only where its decay is added to the gradient.
    ///
    /// **Errors**: another length, NaN or infinity, or a magnitude above sqrt(MAX / (4 numel)) of the
    /// stored type, where G G^T would overflow. Where squares are summed, the same against what is left of the range.
    pub fn check(&self, gradient: &[P::Work], parameter: &[P::Work]) -> Result<(), StepError> {
        let (expected, found) = (self.partition.numel(), gradient.len());
        if expected != found {
            return Err(StepError::GradientLength { expected, found });
        }
        if let Some(index) = first_non_finite(gradient) {
            return Err(StepError::NonFiniteGradient { index });
        }
        let mut value = max_abs(gradient).to_f64();
        if let WeightDecay::Gradient(rate) = self.config.weight_decay {
            if let Some(index) = first_non_finite(parameter) {
                return Err(StepError::NonFiniteParameter { index });
            }
            value += rate * max_abs(parameter).to_f64();
        }
        let limit = largest_gradient::<P>(expected).min(self.headroom());
        if value > limit {
            return Err(StepError::GradientTooLarge { value, limit });
        }
        Ok(())
    }

    /// Largest magnitude that sums of squares still have room for.
    fn headroom(&self) -> f64 {
        let largest = largest_square::<P>();
        let numel = self.partition.numel().max(1) as f64;
        if self.sums() { libm::sqrt((0.5 * largest - self.filled).max(0.0) / numel) } else { f64::INFINITY }
    }

    /// Whether squares are summed without end, in the statistics or in the graft.
    fn sums(&self) -> bool {
        self.config.averaging == Averaging::Sum || self.config.graft.sums_squares()
    }

    /// The first part of a step: a gradient that has passed [`check`](Tensor::check) is taken into the filter, with the
    /// parameter's decay if that belongs there. Both are kept for the other parts.
    ///
    /// **Shapes**: numel numbers each.
    pub fn prepare<K: Kernel<P::Work> + ?Sized>(&mut self, parameter: &[P::Work], gradient: &[P::Work], kernel: &K) {
        let numel = self.partition.numel();
        let Kept { filter, decayed, .. } = Kept::of_mut(self.momentum.as_mut(), &self.config, numel);
        let mut seen = gradient;
        if let WeightDecay::Gradient(rate) = self.config.weight_decay {
            decayed.iter_mut().zip(gradient).for_each(|(d, &g)| *d = g);
            kernel.axpby(P::Work::from_f64(rate), parameter, num_traits::One::one(), decayed);
            seen = decayed;
        }
        if self.config.filter.is_used() {
            self.config.filter.apply(filter, seen, self.count + 1, kernel);
        }
    }

    /// The factors, to accumulate a gradient or to refresh.
    pub fn factors(&mut self) -> Factors<'_, P> {
        let kept = Kept::of(self.momentum.as_ref(), &self.config, self.partition.numel());
        let (statistics, roots, slots) = (self.statistics.as_mut(), self.roots.as_mut(), self.slots.as_mut());
        Factors::new(&self.partition, &self.config, kept.seen(), statistics, roots, slots)
    }

    /// Whether the next gradient enters the statistics.
    pub fn accumulates(&self) -> bool {
        self.config.schedule.accumulates(self.count)
    }

    /// Whether the next gradient is preconditioned, be it only for the momentum of later steps.
    fn preconditions(&self) -> bool {
        self.count >= self.config.first_refresh()
    }

    /// The blocks, to precondition the next gradient into `direction`; none before preconditioning starts.
    pub fn blocks<'a>(&'a self, direction: &'a mut [P::Work]) -> Option<Blocks<'a, P>> {
        let used = self.preconditions() && self.partition.factors_per_block() > 0;
        let kept = Kept::of(self.momentum.as_ref(), &self.config, self.partition.numel());
        let (roots, slots, packed) = (self.roots.as_ref(), self.slots.as_ref(), self.config.packed_products);
        used.then(|| Blocks::new(&self.partition, kept.filtered(), roots, slots, direction, packed))
    }

    /// The graft's part of a step: its state takes the gradient in, and `update` receives its step for a learning rate
    /// of 1. Returns the lengths over the blocks that have roots.
    ///
    /// **Shapes**: `parameter`, `gradient` and `update` numel numbers row-major, `direction` as
    /// [`Blocks::precondition`] left it, `work` [`Lengths::work`] numbers.
    pub fn graft<K: Kernel<P::Work> + ?Sized>(
        &mut self,
        parameter: &[P::Work],
        gradient: &[P::Work],
        direction: &[P::Work],
        update: &mut [P::Work],
        work: &mut [P::Work],
        kernel: &K,
    ) -> Norms {
        let numel = self.partition.numel();
        let kept = Kept::of(self.momentum.as_ref(), &self.config, numel);
        let seen = kept.seen().unwrap_or(gradient);
        let dims = self.partition.dims();
        let input = Input {
            gradient: Gradient { raw: seen, numerator: kept.filtered().unwrap_or(gradient) },
            parameter,
            dims,
            count: self.count + 1,
            normalized: self.config.normalize_graft,
        };
        self.config.graft.step(update, &input, self.graft.as_mut(), work, kernel);
        if self.sums() {
            let largest = max_abs(seen).to_f64();
            self.filled += numel as f64 * largest * largest;
        }
        let ready = Ready::of(self.slots.as_ref(), &self.partition, self.preconditions());
        parts(&self.partition, direction)
            .filter(|(index, ..)| ready.block(*index))
            .fold(Norms::default(), |norms, (_, block, own)| add_norms(norms, dims, &block, own, update, kernel))
    }

    /// The last part of a step: grafting, momentum, decay and learning rate. `update` holds the graft's step, and
    /// receives what is to be added to the parameter; the count advances.
    ///
    /// `norms` are those that [`graft`](Tensor::graft) returned, or the sum over the tensors of a global graft; blocks
    /// that are grafted each by itself do without.
    ///
    /// **Shapes**: as for [`graft`](Tensor::graft). Lengths are not checked here as [`step`](Tensor::step) does: what is
    /// missing gets no update.
    #[expect(clippy::too_many_arguments, reason = "two inputs, an output, scratch, norms, a rate and a kernel")]
    pub fn finish<K: Kernel<P::Work> + ?Sized>(
        &mut self,
        parameter: &[P::Work],
        direction: &[P::Work],
        norms: Norms,
        learning_rate: f64,
        update: &mut [P::Work],
        work: &mut [P::Work],
        kernel: &K,
    ) {
        let schedule = self.config.schedule;
        let blend = self.config.start.weight(self.count, schedule.start_preconditioning_step);
        let rule = Rule {
            momentum: self.config.momentum,
            weight_decay: self.config.weight_decay,
            preconditions: schedule.preconditions(self.count),
            blend: P::Work::from_f64(blend),
            learning_rate: P::Work::from_f64(learning_rate),
            kernel,
        };
        let (dims, used) = (self.partition.dims(), self.preconditions());
        let (config, count) = (&self.config, self.count + 1);
        let whole = factor::<P>(config, norms);
        let Kept { step, graft, .. } = Kept::of_mut(self.momentum.as_mut(), config, self.partition.numel());
        let ready = Ready::of(self.slots.as_ref(), &self.partition, used);
        for (index, block, own) in parts(&self.partition, direction) {
            let factor = match config.graft_scope {
                _ if !ready.block(index) => None,
                Scope::Block => factor::<P>(config, add_norms(Norms::default(), dims, &block, own, update, kernel)),
                Scope::Tensor | Scope::Global => whole,
            };
            let width = block.dims.last().copied().unwrap_or(1).max(1);
            for (run, direction) in block.runs(dims).zip(own.chunks_exact(width)) {
                let (Some(update), Some(parameter)) = (update.get_mut(run.clone()), parameter.get(run.clone())) else {
                    return;
                };
                let buffer = step.get_mut(run.clone()).unwrap_or_default();
                let graft_buffer = graft.get_mut(run).unwrap_or_default();
                let direction = factor.map(|factor| (direction, factor));
                rule.finish_row(update, direction, parameter, buffer, graft_buffer, work);
            }
        }
        self.count = count;
    }

    /// One whole step, in place of the parts above.
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
        for (needed, found) in [
            (need.numel, workspace.direction.len()),
            (need.work, workspace.work.len()),
            (need.root, workspace.root.len()),
        ] {
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
        let refresh = self.factors().refresh(step, workspace.root, kernel);
        if let Some(blocks) = self.blocks(workspace.direction) {
            blocks.precondition(gradient, workspace.work, kernel);
        }
        let Workspace { direction, work, .. } = workspace;
        let norms = self.graft(parameter, gradient, direction, update, work, kernel);
        self.finish(parameter, direction, norms, learning_rate, update, work, kernel);
        Ok(refresh)
    }
}

/// `norms` with those of one block added.
fn add_norms<T: Real, K: Kernel<T> + ?Sized>(
    norms: Norms,
    dims: &Dims,
    block: &Block,
    direction: &[T],
    graft_step: &[T],
    kernel: &K,
) -> Norms {
    let longer = |length: f64, row: &[T]| libm::hypot(length, norm(row, kernel).to_f64());
    Norms {
        graft: block.runs(dims).filter_map(|run| graft_step.get(run)).fold(norms.graft, longer),
        direction: longer(norms.direction, direction),
    }
}

/// The factor that gives the direction the length of the graft's step.
fn factor<P: Precision>(config: &Config, norms: Norms) -> Option<P::Work> {
    usable_factor::<P>(config.graft.factor(norms.graft, norms.direction), norms.direction)
}

/// Which blocks have all of their roots, in a step that uses them.
struct Ready<'a> {
    slots: &'a [Slot],
    each: usize,
    used: bool,
}

impl<'a> Ready<'a> {
    fn of(slots: &'a [Slot], partition: &Partition, used: bool) -> Self {
        Self { slots, each: partition.factors_per_block(), used }
    }

    fn block(&self, index: usize) -> bool {
        let own = self.slots.get(index.saturating_mul(self.each)..).and_then(|slots| slots.get(..self.each));
        self.used && own.is_some_and(is_ready)
    }
}

/// The blocks with their numbers and their parts of a direction.
fn parts<'a, T>(partition: &'a Partition, direction: &'a [T]) -> impl Iterator<Item = (usize, Block, &'a [T])> {
    let mut rest = direction;
    partition.blocks(0..partition.block_count()).enumerate().map_while(move |(index, block)| {
        let (own, more) = rest.split_at_checked(block.numel())?;
        rest = more;
        Some((index, block, own))
    })
}

/// Largest legal magnitude in a gradient of `numel` entries: beyond, sums of products would overflow.
pub fn largest_gradient<P: Precision>(numel: usize) -> f64 {
    libm::sqrt(largest_square::<P>() / (4.0 * numel.max(1) as f64))
}

/// The factor of a direction in the working type; `None`, and so the graft's step, where it leaves the range or gives a
/// step longer than a gradient may be: momentum sums steps.
pub(crate) fn usable_factor<P: Precision>(factor: Option<f64>, length: f64) -> Option<P::Work> {
    let within = |factor: &f64| factor * length <= largest_gradient::<P>(1);
    factor.filter(within).map(P::Work::from_f64).filter(|factor| factor.is_finite())
}

/// Largest number that statistics and the graft's state can both hold.
pub(crate) fn largest_square<P: Precision>() -> f64 {
    <P::Store as Stored<P::Work>>::LARGEST.min(<P::Work as Real>::MAX.to_f64())
}
