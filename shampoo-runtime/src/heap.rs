//! The only place that allocates state: core's tensors over vectors, and the workers' scratch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use num_traits::Zero;
use shampoo_core::config::Config;
use shampoo_core::error::ConfigError;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Lengths, Tensor, lengths};

/// A tensor whose buffers are vectors.
pub type HeapTensor<P> = Tensor<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

/// Allocates the state of a parameter.
///
/// **Errors**: settings or shapes that cannot work.
pub fn tensor<P: Precision>(shape: &[usize], config: Config) -> Result<HeapTensor<P>, ConfigError> {
    let need = lengths::<P>(shape, &config)?;
    let stored = || vec![P::Store::default(); need.statistics];
    let work = |length: usize| vec![P::Work::zero(); length];
    Tensor::new(shape, config, stored(), stored(), work(need.graft), work(need.momentum), vec![Slot::EMPTY; need.slots])
}

/// Scratch of one worker.
#[derive(Debug)]
pub struct Scratch<P: Precision> {
    /// In the working type.
    pub work: Vec<P::Work>,
    /// In the type of the roots.
    pub root: Vec<P::Root>,
}

/// Scratch for every worker, as long as the largest tensor needs.
#[derive(Debug)]
pub struct Scratches<P: Precision>(Vec<Mutex<Scratch<P>>>);

impl<P: Precision> Scratches<P> {
    /// Scratch for so many workers.
    pub fn new(workers: usize, needs: impl Iterator<Item = Lengths> + Clone) -> Self {
        let work = needs.clone().map(|need| need.work).max().unwrap_or(0);
        let root = needs.map(|need| need.root).max().unwrap_or(0);
        let scratch = || Scratch { work: vec![P::Work::zero(); work], root: vec![P::Root::zero(); root] };
        Self((0..workers.max(1)).map(|_| Mutex::new(scratch())).collect())
    }

    /// The scratch of this worker; its contents do not matter, so neither does a panic that left them.
    pub fn of(&self, worker: usize) -> MutexGuard<'_, Scratch<P>> {
        self.0[worker % self.0.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
