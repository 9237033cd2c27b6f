//! The order of the batches: each epoch is a fresh shuffle that depends on the seed alone.

use crate::random::{Random, Stream};

/// An endless sequence of batches of image numbers.
#[derive(Debug)]
pub struct Batches {
    seed: u64,
    batch: usize,
    epoch: u64,
    order: Vec<usize>,
    next: usize,
}

impl Batches {
    /// Batches of `batch` out of `count` images; what does not fill a batch waits for the next epoch.
    #[must_use]
    pub fn new(seed: u64, count: usize, batch: usize) -> Self {
        Self { seed, batch: batch.clamp(1, count), epoch: 0, order: (0..count).collect(), next: count }
    }

    /// The next batch.
    pub fn advance(&mut self) -> &[usize] {
        if self.next + self.batch > self.order.len() {
            self.shuffle();
        }
        let start = self.next;
        self.next += self.batch;
        &self.order[start..self.next]
    }

    fn shuffle(&mut self) {
        let mut random = Random::new(self.seed, Stream::Epoch(self.epoch));
        for last in (1..self.order.len()).rev() {
            self.order.swap(last, random.below(last + 1));
        }
        self.epoch += 1;
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::Batches;

    #[test]
    fn an_epoch_holds_each_image_once() {
        let mut batches = Batches::new(3, 12, 4);
        let mut epoch = || {
            let mut seen: Vec<usize> = (0..3).flat_map(|_| batches.advance().to_vec()).collect();
            let order = seen.clone();
            seen.sort_unstable();
            assert_eq!(seen, (0..12).collect::<Vec<_>>());
            order
        };
        assert_ne!(epoch(), epoch());
    }

    #[test]
    fn the_seed_sets_the_order() {
        let take = |seed| {
            let mut batches = Batches::new(seed, 10, 3);
            (0..7).flat_map(|_| batches.advance().to_vec()).collect::<Vec<_>>()
        };
        assert_eq!(take(1), take(1));
        assert_ne!(take(1), take(2));
    }
}
