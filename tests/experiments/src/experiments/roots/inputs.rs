//! Averaged statistics, as packed `f32` triangles, and their true roots.

use shampoo_tests::generate::{Random, moving_average, packed_to_full, to_packed};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge;

/// Different matrices at most: a batch repeats them.
pub(super) const DISTINCT: usize = 16;

/// The root order.
pub(super) const ORDER: u32 = 4;

/// The ridge, in units of the largest eigenvalue.
pub(super) const RIDGE: f64 = 1e-6;

/// Matrices of one order.
pub(super) struct Inputs {
    /// Packed lower triangles.
    pub(super) triangles: Vec<Vec<f32>>,
    /// Their roots, full.
    pub(super) truths: Vec<Vec<f64>>,
}

impl Inputs {
    pub(super) fn new(n: usize, count: usize) -> Self {
        let mut random = Random::new(7);
        let mut triangle = || {
            let full = moving_average(&mut random, [n, n.div_ceil(2), n.div_ceil(4)], 12, 0.9, 1e-2);
            to_packed(n, &full).into_iter().map(|x| x as f32).collect::<Vec<f32>>()
        };
        let triangles: Vec<_> = (0..count.max(1)).map(|_| triangle()).collect();
        let truth = |triangle: &Vec<f32>| {
            let full = packed_to_full(n, triangle);
            narrow::decompose(n, &full).inverse_root(ORDER, Ridge::Relative(RIDGE))
        };
        let truths = triangles.iter().map(truth).collect();
        Self { triangles, truths }
    }

    /// So many triangles one after the other.
    pub(super) fn batch(&self, count: usize) -> Vec<f32> {
        self.triangles.iter().cycle().take(count).flatten().copied().collect()
    }
}
