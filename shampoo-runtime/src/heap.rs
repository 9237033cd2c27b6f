//! The only place that allocates state: core's tensors over vectors, updates, and the workers' scratch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use shampoo_core::config::Config;
use shampoo_core::error::ConfigError;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Lengths, Tensor, lengths};

/// A tensor whose buffers are vectors.
pub type HeapTensor<P> = Tensor<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

/// Why state was not allocated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum AllocationError {
    /// The settings or the shape cannot work.
    Config(ConfigError),
    /// So many bytes cannot be had.
    Memory(usize),
}

impl From<ConfigError> for AllocationError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

/// A vector of default values (zeros), or an error where there is no memory for it.
pub(crate) fn zeros<T: Clone + Default>(length: usize) -> Result<Vec<T>, AllocationError> {
    let mut vector = Vec::new();
    let bytes = length.saturating_mul(size_of::<T>());
    vector.try_reserve_exact(length).map_err(|_| AllocationError::Memory(bytes))?;
    vector.resize(length, T::default());
    Ok(vector)
}

/// Allocates the state of a parameter.
pub(crate) fn tensor<P: Precision>(shape: &[usize], config: Config) -> Result<HeapTensor<P>, AllocationError> {
    let need = lengths::<P>(shape, &config)?;
    let (statistics, roots) = (zeros(need.statistics)?, zeros(need.statistics)?);
    let (graft, momentum) = (zeros(need.graft)?, zeros(need.momentum)?);
    Ok(Tensor::new(shape, config, statistics, roots, graft, momentum, zeros(need.slots)?)?)
}

/// Bytes of a cache line, and of the widest vectors.
const LINE: usize = 64;

/// Memory for workspaces that begins a cache line: a vector that straddles two lines takes two accesses.
#[derive(Debug)]
pub struct Workspace<T> {
    numbers: Vec<T>,
    first: usize,
    length: usize,
}

impl<T: Copy + Default> Workspace<T> {
    /// So many zeros, or `None` where there is no memory for them.
    pub fn new(length: usize) -> Option<Self> {
        let spare = LINE / size_of::<T>().max(1);
        let numbers: Vec<T> = zeros(length.checked_add(spare)?).ok()?;
        // Where the offset cannot be told, alignment is given up.
        let first = Some(numbers.as_ptr().align_offset(LINE)).filter(|&first| first <= spare).unwrap_or(0);
        Some(Self { numbers, first, length })
    }

    /// The numbers; they begin a cache line.
    pub fn numbers(&mut self) -> &mut [T] {
        &mut self.numbers[self.first..][..self.length]
    }
}

/// Scratch of one worker.
#[derive(Debug)]
pub(crate) struct Scratch<P: Precision> {
    /// In the working type.
    pub(crate) work: Vec<P::Work>,
    /// In the type of the roots.
    pub(crate) root: Workspace<P::Root>,
}

/// Scratch for every worker, as long as the largest tensor needs.
#[derive(Debug)]
pub(crate) struct Scratches<P: Precision>(Vec<Mutex<Scratch<P>>>);

impl<P: Precision> Scratches<P> {
    /// Scratch for so many workers.
    pub(crate) fn new(workers: usize, needs: impl Iterator<Item = Lengths> + Clone) -> Result<Self, AllocationError> {
        let work = needs.clone().map(|need| need.work).max().unwrap_or(0);
        let root = needs.map(|need| need.root).max().unwrap_or(0);
        let bytes = root.saturating_mul(size_of::<P::Root>());
        let scratch = |_| {
            let root = Workspace::new(root).ok_or(AllocationError::Memory(bytes))?;
            Ok(Mutex::new(Scratch { work: zeros(work)?, root }))
        };
        (0..workers.max(1)).map(scratch).collect::<Result<_, _>>().map(Self)
    }

    /// The scratch of this worker; its contents do not matter, so neither does a panic that left them.
    pub(crate) fn of(&self, worker: usize) -> MutexGuard<'_, Scratch<P>> {
        self.0[worker % self.0.len()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
