#![no_std]
//! A small network trained on generated sensor data, in memory that its caller has: the same program, and the same bits,
//! on a computer, on microcontrollers and in a browser.
//!
//! ```
//! use training::{Memory, Method, Sizes, Small, Training};
//! let mut memory = Small::new(); // in firmware: in a static
//! let mut training = Training::start(&mut memory, Sizes::SMALL, Method::Shampoo)?;
//! let before = training.held_out(64);
//! for _ in 0..50 {
//!     training.step()?;
//! }
//! assert!(training.held_out(64) < 0.5 * before);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod memory;
mod method;
mod network;
mod random;
mod signal;
mod verdicts;

pub use memory::{Memory, Room, Small, Standard};
pub use method::Method;
pub use network::{Network, Sizes};
pub use random::Random;
pub use shampoo_core::image::Reader;
pub use shampoo_core::ticks::Tick;
pub use signal::{CLASSES, fill_sines, read};
pub use verdicts::Verdicts;

use shampoo_core::error::{ConfigError, ImageError, ShapeError, StepError};
use shampoo_core::image;
use shampoo_core::kernel::RationalOnly;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::{Loads, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace};
use shampoo_core::ticks::Ticks;

use memory::Cutter;
use method::{DELAY, FACTORS};

/// Samples whose mean gradient makes a step.
pub const BATCH: usize = 16;

/// Seed of the first weights.
const WEIGHTS: u32 = 0x9E37_79B9;
/// Seed of the samples that are trained with.
const TRAINED: u32 = 0x7F4A_7C15;
/// Seed of those that never are.
const HELD_OUT: u32 = 0xF39C_C060;

#[cfg(feature = "compact")]
type Passes = shampoo_core::kernel::Compact;
#[cfg(not(feature = "compact"))]
type Passes = shampoo_core::kernel::Portable;

/// What computes: no method of roots is linked that the settings never ask for. Both kernels give the same bits.
const KERNEL: RationalOnly<Passes> = RationalOnly(Passes {});

type Layer<'m> = Tensor<F32, &'m mut [f32], &'m mut [f32], &'m mut [Slot]>;

/// A training under way.
#[derive(Debug)]
pub struct Training<'m> {
    sizes: Sizes,
    method: Method,
    random: Random,
    layers: [Layer<'m>; 2],
    ticks: Ticks<F32, &'m mut [f32], &'m mut [f32]>,
    /// Of both layers, one behind the other; likewise their gradients.
    parameters: &'m mut [f32],
    gradients: &'m mut [f32],
    update: &'m mut [f32],
    workspace: Workspace<'m, F32>,
    sines: &'m mut [f32],
    inputs: &'m mut [f32],
    hidden: &'m mut [f32],
    outputs: &'m mut [f32],
    verdicts: Verdicts,
}

impl<'m> Training<'m> {
    /// Fresh weights in this memory, whose contents do not matter.
    ///
    /// **Errors**: the memory is too short for these sizes; nothing else can fail.
    #[inline(always)]
    pub fn start(memory: impl Into<Room<'m>>, sizes: Sizes, method: Method) -> Result<Self, ConfigError> {
        Self::start_in(memory.into(), sizes, method)
    }

    /// Not inlined: what it needs besides is not on the stack afterwards.
    #[inline(never)]
    fn start_in(Room { words, slots }: Room<'m>, sizes: Sizes, method: Method) -> Result<Self, ConfigError> {
        let (needed, found) = (sizes.words_with(method), words.len());
        let short = ConfigError::Shape(ShapeError::Length { needed, found });
        let (mut words, mut slots) = (Cutter(words), Cutter(slots));
        let mut take = |length| words.take(length).ok_or(short);
        let [first, second] = sizes.lengths(method);
        let largest = first.numel.max(second.numel);
        let parameters = take(first.numel + second.numel)?;
        let gradients = take(first.numel + second.numel)?;
        let update = take(largest)?;
        let direction = take(largest)?;
        let work = take(first.work.max(second.work))?;
        let order = sizes.largest_order(method);
        let ticks = Ticks::new(order, take(packed_len(order))?, take(first.root.max(second.root))?)?;
        let sines = take(sizes.inputs.saturating_sub(1))?;
        let inputs = take(sizes.inputs)?;
        let hidden = take(sizes.hidden)?;
        let outputs = take(CLASSES)?;
        let mut layer = |shape: [usize; 2], need: Lengths| {
            let (statistics, roots) = (take(need.statistics)?, take(need.statistics)?);
            let (graft, momentum) = (take(need.graft)?, take(need.momentum)?);
            let slots = slots.take(need.slots).ok_or(short)?;
            Tensor::new(&shape, method.config(), statistics, roots, graft, momentum, slots)
        };
        let [first_shape, second_shape] = sizes.shapes();
        let mut layers = [layer(first_shape, first)?, layer(second_shape, second)?];
        let mut turns = [0; FACTORS];
        let mut loads = Loads::spaced(&mut turns, DELAY);
        layers.iter_mut().for_each(|layer| layer.stagger(&mut loads));
        fill_sines(sines);
        let mut random = Random::new(WEIGHTS);
        let (inner, outer) = parameters.split_at_mut_checked(first.numel).unwrap_or_default();
        for (weights, fan_in) in [(inner, sizes.inputs), (outer, sizes.hidden)] {
            // Uniform, so that the variance of a sum is a third.
            let scale = 1.0 / libm::sqrtf(fan_in as f32);
            weights.iter_mut().for_each(|w| *w = scale * random.signed());
        }
        Ok(Self {
            sizes,
            method,
            random: Random::new(TRAINED),
            layers,
            ticks,
            parameters,
            gradients,
            update,
            workspace: Workspace { direction, work, root: &mut [] },
            sines,
            inputs,
            hidden,
            outputs,
            verdicts: Verdicts::default(),
        })
    }

    /// One step with the next [`BATCH`] samples; returns their mean loss before it.
    ///
    /// **Errors**: a gradient that is not finite or too large: the training has left every sensible range. Weights
    /// and state are as before then.
    #[inline(never)]
    pub fn step(&mut self) -> Result<f32, StepError> {
        let split = self.layers.first().map_or(0, |layer| layer.partition().numel());
        let weight = 1.0 / BATCH as f32;
        self.gradients.fill(0.0);
        let mut loss = 0.0;
        for _ in 0..BATCH {
            let class = read(&mut self.random, self.sines, self.inputs);
            let mut network = Network {
                sizes: self.sizes,
                weights: halves(self.parameters, split),
                hidden: self.hidden,
                outputs: self.outputs,
            };
            loss += weight * network.forward(self.inputs, class);
            network.backward(self.inputs, weight, halves_mut(self.gradients, split));
        }
        let gradients = halves(self.gradients, split);
        for ((layer, gradient), parameter) in self.layers.iter().zip(gradients).zip(halves(self.parameters, split)) {
            layer.check(gradient, parameter)?;
        }
        let settled = self.ticks.settle(&mut self.layers, &KERNEL);
        self.verdicts.add(&settled.refresh);
        let rate = self.method.learning_rate(self.sizes);
        let parameters = halves_mut(self.parameters, split);
        for ((layer, gradient), parameter) in self.layers.iter_mut().zip(gradients).zip(parameters) {
            let update = self.update.get_mut(..parameter.len()).unwrap_or_default();
            layer.step(parameter, gradient, rate, update, &mut self.workspace, &KERNEL)?;
            parameter.iter_mut().zip(update).for_each(|(p, u)| *p += *u);
        }
        Ok(loss)
    }

    /// Goes on with the root under way as far as so many flops reach; what is left when the next step begins is done there.
    /// Weights depend neither on the budget nor on how many ticks there are.
    pub fn tick(&mut self, flops: u64) -> Tick {
        self.ticks.tick(&mut self.layers, flops, &KERNEL)
    }

    /// Mean loss of so many samples that are never trained with, always the same ones.
    pub fn held_out(&mut self, samples: u16) -> f32 {
        let split = self.layers.first().map_or(0, |layer| layer.partition().numel());
        let mut random = Random::new(HELD_OUT);
        let mut network = Network {
            sizes: self.sizes,
            weights: halves(self.parameters, split),
            hidden: self.hidden,
            outputs: self.outputs,
        };
        let mut loss = 0.0;
        for _ in 0..samples {
            let class = read(&mut random, self.sines, self.inputs);
            loss += network.forward(self.inputs, class);
        }
        loss / f32::from(samples.max(1))
    }

    /// Everything that the next step depends on, as an image with this number; its length.
    ///
    /// **Errors**: fewer bytes than [`Sizes::image_len`] may be too few; nothing is written then.
    pub fn save(&self, number: u32, to: &mut [u8]) -> Result<usize, ImageError> {
        let [first, second] = &self.layers;
        image::save(&[first, second, &self.ticks, &self.parameters, &[self.random.state()]], number, to)
    }

    /// Goes on from an image of a training of these sizes with this method: the next steps have the same bits.
    ///
    /// **Errors**: any other image; nothing has changed then.
    pub fn restore(&mut self, image: &Reader<'_>) -> Result<(), ImageError> {
        let [first, second] = &mut self.layers;
        let mut state = [0_u32];
        image.restore(&mut [first, second, &mut self.ticks, &mut self.parameters, &mut state])?;
        let [state] = state;
        self.random = Random::new(state);
        self.verdicts = Verdicts::default();
        Ok(())
    }

    /// The weights: hidden units x inputs, then classes x hidden units, row-major.
    pub fn parameters(&self) -> &[f32] {
        self.parameters
    }

    /// The [`digest`] of the weights.
    pub fn digest(&self) -> u32 {
        digest(self.parameters)
    }

    /// What became of the roots. In this schedule the steps use them, so ticks say nothing of them.
    pub fn verdicts(&self) -> Verdicts {
        self.verdicts
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.layers.first().map_or(0, Tensor::count)
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }
}

/// FNV-1a of the bits of numbers, least significant byte first: 32 bits that say whether two targets agree.
pub fn digest(numbers: &[f32]) -> u32 {
    let bytes = numbers.iter().flat_map(|x| x.to_bits().to_le_bytes());
    bytes.fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Both layers' part of what lies one behind the other.
fn halves(both: &[f32], split: usize) -> [&[f32]; 2] {
    let (first, second) = both.split_at_checked(split).unwrap_or_default();
    [first, second]
}

/// As [`halves`], to be written.
fn halves_mut(both: &mut [f32], split: usize) -> [&mut [f32]; 2] {
    let (first, second) = both.split_at_mut_checked(split).unwrap_or_default();
    [first, second]
}
