//! All layers together: lengths, memory and steps.

use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ImageError, StepError};
use shampoo_core::image::{self, Part, Reader};
use shampoo_core::kernel::Portable;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::{Loads, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace, largest_order, lengths};
use shampoo_core::ticks::{Tick, Ticks, largest_piece};

use crate::exports::{MAX_LAYERS, Roots};

/// Parts of an image: layers, their parameters, and the driver.
const MAX_PARTS: usize = 2 * MAX_LAYERS + 1;

/// One layer's state.
pub(crate) type Layer<'m> = Tensor<F32, &'m mut [f32], &'m mut [f32], &'m mut [Slot]>;

/// How much of what the layers need, of one kind of number after the other.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    /// Factors, each with a slot and at most a turn.
    pub(crate) factors: usize,
    /// Numbers of all kinds.
    pub(crate) words: usize,
    /// Flops with which a tick keeps to its budget.
    pub(crate) piece: u64,
    numel: usize,
    work: usize,
    root: usize,
    order: usize,
}

impl Plan {
    /// For layers of these shapes.
    ///
    /// **Errors**: the core's, of the first layer that cannot be.
    pub(crate) fn of(shapes: &[[usize; 2]], config: &Config) -> Result<Self, ConfigError> {
        let mut plan = Self { factors: 0, words: 0, piece: 0, numel: 0, work: 0, root: 0, order: 0 };
        for shape in shapes {
            let need = lengths::<F32>(shape, config)?;
            plan = Self {
                factors: plan.factors.saturating_add(need.slots),
                words: plan.words.saturating_add(need.state()),
                piece: plan.piece.max(largest_piece(shape, config)),
                numel: plan.numel.max(need.numel),
                work: plan.work.max(need.work),
                root: plan.root.max(need.root),
                order: plan.order.max(largest_order(shape, config)),
            };
        }
        for shared in [plan.numel, plan.numel, plan.work, plan.root, packed_len(plan.order)] {
            plan.words = plan.words.saturating_add(shared);
        }
        Ok(plan)
    }
}

/// Memory as it is handed out, from its front; of what is missing, nothing.
pub(crate) struct Memory<'m> {
    /// [`Plan::words`].
    pub(crate) words: &'m mut [f32],
    /// [`Plan::factors`].
    pub(crate) slots: &'m mut [Slot],
    /// As many.
    pub(crate) turns: &'m mut [u64],
}

fn take<'m, T>(memory: &mut &'m mut [T], length: usize) -> &'m mut [T] {
    let (own, rest) = core::mem::take(memory).split_at_mut_checked(length).unwrap_or_default();
    *memory = rest;
    own
}

impl<'m> Memory<'m> {
    /// The next layer. Its turns come after those of the layers before.
    pub(crate) fn layer(&mut self, shape: [usize; 2], config: &Config) -> Result<Layer<'m>, ConfigError> {
        let need = Lengths::of(&shape, config);
        let [statistics, roots] = [(); 2].map(|()| take(&mut self.words, need.statistics));
        let (graft, momentum) = (take(&mut self.words, need.graft), take(&mut self.words, need.momentum));
        let slots = take(&mut self.slots, need.slots);
        let mut layer = Tensor::new(&shape, *config, statistics, roots, graft, momentum, slots)?;
        let delay = config.schedule.mode.delay().unwrap_or(1).max(1);
        let period = usize::try_from(config.schedule.precondition_every / delay).unwrap_or(usize::MAX).max(1);
        let turns = self.turns.len().min(period);
        layer.stagger(&mut Loads::spaced(self.turns.get_mut(..turns).unwrap_or_default(), delay));
        Ok(layer)
    }

    /// The driver and the scratch of all layers, from what these have left.
    pub(crate) fn optimizer(mut self, plan: &Plan, layers: &'m mut [Layer<'m>]) -> Result<Optimizer<'m>, ConfigError> {
        let [update, direction] = [(); 2].map(|()| take(&mut self.words, plan.numel));
        let work = take(&mut self.words, plan.work);
        let (snapshot, root) = (take(&mut self.words, packed_len(plan.order)), take(&mut self.words, plan.root));
        let ticks = Ticks::new(plan.order, snapshot, root)?;
        let roots = Roots { accepted: 0, rejected: 0 };
        Ok(Optimizer { layers, ticks, update, direction, work, piece: plan.piece, roots })
    }
}

/// All layers, and the driver of their roots.
pub(crate) struct Optimizer<'m> {
    layers: &'m mut [Layer<'m>],
    ticks: Ticks<F32, &'m mut [f32], &'m mut [f32]>,
    update: &'m mut [f32],
    direction: &'m mut [f32],
    work: &'m mut [f32],
    /// Flops with which a tick keeps to its budget.
    pub(crate) piece: u64,
    /// What became of them.
    pub(crate) roots: Roots,
}

impl Optimizer<'_> {
    /// Numbers of parameters of each layer.
    pub(crate) fn numels(&self) -> impl Iterator<Item = usize> + '_ {
        self.layers.iter().map(|layer| layer.partition().numel())
    }

    /// Steps taken.
    pub(crate) fn steps(&self) -> u64 {
        self.layers.first().map_or(0, Tensor::count)
    }

    /// One step of all layers, which is added to their parameters.
    ///
    /// **Errors**: the core's, of the first gradient that is refused; nothing has changed then.
    pub(crate) fn step(
        &mut self,
        parameters: &mut [&mut [f32]],
        gradients: &[&[f32]],
        learning_rate: f64,
    ) -> Result<(), StepError> {
        if !(learning_rate as f32).is_finite() {
            return Err(StepError::LearningRate { value: learning_rate });
        }
        for ((layer, gradient), parameter) in self.layers.iter().zip(gradients).zip(&*parameters) {
            layer.check(gradient, parameter)?;
        }
        let settled = self.ticks.settle(self.layers, &Portable);
        self.count(&settled.refresh);
        let (direction, work) = (&mut *self.direction, &mut *self.work);
        let mut workspace = Workspace { direction, work, root: &mut [] };
        for ((layer, gradient), parameter) in self.layers.iter_mut().zip(gradients).zip(parameters) {
            let update = self.update.get_mut(..parameter.len()).unwrap_or_default();
            layer.step(parameter, gradient, learning_rate, update, &mut workspace, &Portable)?;
            parameter.iter_mut().zip(update).for_each(|(p, u)| *p += *u);
        }
        Ok(())
    }

    /// Goes on with the root under way.
    pub(crate) fn tick(&mut self, flops: u64) -> Tick {
        let tick = self.ticks.tick(self.layers, flops, &Portable);
        self.count(&tick.refresh);
        tick
    }

    fn count(&mut self, refresh: &Refresh) {
        self.roots.accepted = self.roots.accepted.saturating_add(refresh.accepted);
        self.roots.rejected = self.roots.rejected.saturating_add(refresh.rejected);
    }

    /// Everything and the parameters as an image with this number; its length.
    pub(crate) fn save(&self, parameters: &[&mut [f32]], number: u32, to: &mut [u8]) -> Result<usize, ImageError> {
        let layers = self.layers.iter().map(|layer| layer as &dyn Part);
        let mut parts: [&dyn Part; MAX_PARTS] = [&self.ticks; MAX_PARTS];
        let all = layers.chain(parameters.iter().map(|parameter| parameter as &dyn Part));
        let mut count = 1;
        for (to, part) in parts.iter_mut().skip(1).zip(all) {
            *to = part;
            count += 1;
        }
        image::save(parts.get(..count).unwrap_or_default(), number, to)
    }

    /// Puts back what [`save`](Self::save) has written for the same layers and settings.
    pub(crate) fn restore(&mut self, parameters: &mut [&mut [f32]], from: &[u8]) -> Result<(), ImageError> {
        let reader = Reader::open(from)?;
        let count = 1 + self.layers.len() + parameters.len();
        let layers = self.layers.iter_mut().map(|layer| layer as &mut dyn Part);
        let parameters = parameters.iter_mut().map(|parameter| parameter as &mut dyn Part);
        let mut all = core::iter::once(&mut self.ticks as &mut dyn Part).chain(layers).chain(parameters);
        let mut parts: [&mut dyn Part; MAX_PARTS] = core::array::from_fn(|_| match all.next() {
            Some(part) => part,
            None => &mut [] as &mut [u8; 0],
        });
        reader.restore(parts.get_mut(..count).unwrap_or_default())?;
        self.roots = Roots { accepted: 0, rejected: 0 };
        Ok(())
    }

    /// Bytes of an image at most.
    pub(crate) fn image_len(&self) -> usize {
        let parts: [usize; MAX_PARTS] = {
            let layers =
                self.layers.iter().map(|layer| image::tensor_len::<F32>(layer.partition().dims(), layer.config()));
            let parameters = self.numels().map(image::numbers_len::<f32>);
            let mut all = layers.chain(parameters).chain([image::ticks_len::<F32>(self.ticks.order())]);
            core::array::from_fn(|_| all.next().unwrap_or(0))
        };
        image::image_len(parts.get(..2 * self.layers.len() + 1).unwrap_or_default())
    }
}
