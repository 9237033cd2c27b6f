//! Where everything lies: one array of numbers and one of slots, as long as constant expressions say.

use shampoo_core::image::{image_len, numbers_len, tensor_len, ticks_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Lengths, largest_order};
use shampoo_core::ticks::largest_piece;

use crate::method::Method;
use crate::network::Sizes;
use crate::signal::CLASSES;

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl Sizes {
    /// 15 sensors and 32 hidden units: 640 parameters.
    pub const STANDARD: Self = Self { inputs: 16, hidden: 32 };
    /// 7 sensors and 8 hidden units, 96 parameters: for 16 KiB of memory.
    pub const SMALL: Self = Self { inputs: 8, hidden: 8 };

    /// Shapes of the two layers.
    pub const fn shapes(self) -> [[usize; 2]; 2] {
        [[self.hidden, self.inputs], [CLASSES, self.hidden]]
    }

    /// Numbers of parameters of the two layers.
    pub const fn parameters(self) -> [usize; 2] {
        [self.hidden * self.inputs, CLASSES * self.hidden]
    }

    /// Lengths of the optimizer's buffers for the two layers.
    pub const fn lengths(self, method: Method) -> [Lengths; 2] {
        let ([first, second], config) = (self.shapes(), method.config());
        [Lengths::of(&first, &config), Lengths::of(&second, &config)]
    }

    /// Order of the largest factor; 0 where there is none.
    pub const fn largest_order(self, method: Method) -> usize {
        let ([first, second], config) = (self.shapes(), method.config());
        larger(largest_order(&first, &config), largest_order(&second, &config))
    }

    /// Flops with which a tick always gets on and never exceeds its budget.
    pub const fn largest_piece(self) -> u64 {
        let ([first, second], config) = (self.shapes(), Method::Shampoo.config());
        let (first, second) = (largest_piece(&first, &config), largest_piece(&second, &config));
        if first > second { first } else { second }
    }

    /// Numbers in memory with a method: the optimizer's state and workspace, parameters and gradients, and a sample's
    /// way through the network.
    pub const fn words_with(self, method: Method) -> usize {
        let [first, second] = self.lengths(method);
        let step = 2 * larger(first.numel, second.numel);
        let snapshot = packed_len(self.largest_order(method));
        let work = larger(first.work, second.work) + snapshot + larger(first.root, second.root);
        let sample = (self.inputs - 1) + self.inputs + self.hidden + CLASSES;
        first.state() + second.state() + step + work + 2 * (first.numel + second.numel) + sample
    }

    /// Bytes of a saved training at most, whatever the method.
    pub const fn image_len(self) -> usize {
        let [shampoo, sm3, sgd] = Method::ALL;
        larger(self.image_len_with(shampoo), larger(self.image_len_with(sm3), self.image_len_with(sgd)))
    }

    const fn image_len_with(self, method: Method) -> usize {
        let ([first, second], [inner, outer], config) = (self.shapes(), self.parameters(), method.config());
        image_len(&[
            tensor_len::<F32>(&first, &config),
            tensor_len::<F32>(&second, &config),
            ticks_len::<F32>(self.largest_order(method)),
            numbers_len::<f32>(inner + outer),
            numbers_len::<u32>(1),
        ])
    }

    /// Numbers in memory for any method.
    pub const fn words(self) -> usize {
        let [shampoo, sm3, sgd] = Method::ALL;
        larger(self.words_with(shampoo), larger(self.words_with(sm3), self.words_with(sgd)))
    }

    /// Slots in memory, one for each factor.
    pub const fn slots(self) -> usize {
        let [first, second] = self.lengths(Method::Shampoo);
        first.slots + second.slots
    }
}

/// Memory of a training, to lie in a static; the aliases have the lengths for their [`Sizes`].
#[derive(Debug)]
pub struct Memory<const WORDS: usize, const SLOTS: usize> {
    words: [f32; WORDS],
    slots: [Slot; SLOTS],
}

/// A memory of whatever length, lent: what takes it is compiled once for all of them.
#[derive(Debug)]
pub struct Room<'m> {
    pub(crate) words: &'m mut [f32],
    pub(crate) slots: &'m mut [Slot],
}

impl Room<'_> {
    /// The same for a shorter time.
    pub fn lend(&mut self) -> Room<'_> {
        Room { words: self.words, slots: self.slots }
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        size_of_val(self.words) + size_of_val(self.slots)
    }
}

impl<'m, const WORDS: usize, const SLOTS: usize> From<&'m mut Memory<WORDS, SLOTS>> for Room<'m> {
    fn from(memory: &'m mut Memory<WORDS, SLOTS>) -> Self {
        Room { words: &mut memory.words, slots: &mut memory.slots }
    }
}

/// For [`Sizes::STANDARD`].
pub type Standard = Memory<{ Sizes::STANDARD.words() }, { Sizes::STANDARD.slots() }>;

/// For [`Sizes::SMALL`].
pub type Small = Memory<{ Sizes::SMALL.words() }, { Sizes::SMALL.slots() }>;

impl<const WORDS: usize, const SLOTS: usize> Memory<WORDS, SLOTS> {
    /// All zero, so a static lies in .bss.
    pub const fn new() -> Self {
        Self { words: [0.0; WORDS], slots: [Slot::EMPTY; SLOTS] }
    }
}

impl<const WORDS: usize, const SLOTS: usize> Default for Memory<WORDS, SLOTS> {
    fn default() -> Self {
        Self::new()
    }
}

/// Cuts memory from its front.
pub(crate) struct Cutter<'m, T>(pub(crate) &'m mut [T]);

impl<'m, T> Cutter<'m, T> {
    /// The next `length` of them, or nothing where fewer are left.
    pub(crate) fn take(&mut self, length: usize) -> Option<&'m mut [T]> {
        let (own, rest) = core::mem::take(&mut self.0).split_at_mut_checked(length)?;
        self.0 = rest;
        Some(own)
    }
}
