//! What the machine forbids: the least that Shampoo can add to a step, from the speeds of the machine.

use core::fmt;
use core::hint::black_box;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::plan::{Arrangement, Plan};
use super::threads;
use crate::error::Error;
use crate::spread::Spread;

/// Flops that Shampoo adds for each preconditioned number and each row of a block: 2 for the statistics, of which one
/// triangle is enough, and 4 for the products with both roots.
const FLOPS: f64 = 6.0;
/// Numbers that Shampoo reads and writes more than AdaGrad, for each preconditioned one: the gradient for each of two
/// statistics, source and result of two products, and both steps once more to compare and scale them.
const NUMBERS: f64 = 9.0;
/// Runs that the median is taken of.
const RUNS: usize = 9;

/// The speeds of the training's threads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// Products of the tensor library, as in the feed-forward layers.
    flops: f64,
    /// An elementwise pass: bytes read and written in a second.
    bytes: f64,
}

impl Machine {
    /// Measures both in the threads of an arrangement.
    ///
    /// # Errors
    /// Those of the tensor library; the threads cannot be started.
    pub(super) fn measure(plan: &Plan, arrangement: Arrangement) -> Result<Self, Error> {
        let (tokens, sizes) = (plan.scale.tokens(), plan.scale.sizes);
        let a = Tensor::ones((tokens, sizes.width), DType::F32, &Device::Cpu)?;
        let b = Tensor::ones((sizes.width, sizes.hidden), DType::F32, &Device::Cpu)?;
        let product = 2.0 * (tokens * sizes.width * sizes.hidden) as f64;
        // Larger than the caches.
        let (mut x, y) = (vec![1f32; 1 << 24], vec![1f32; 1 << 24]);
        let measured = threads::run(arrangement, || {
            let seconds = median(|| a.matmul(&b).map(|_| ()))?;
            let pass = median(|| {
                let parts = x.par_chunks_mut(1 << 16).zip(y.par_chunks(1 << 16));
                parts.for_each(|(x, y)| x.iter_mut().zip(y).for_each(|(x, y)| *x = *x * 0.5 + y));
                black_box(&mut x);
                Ok(())
            })?;
            Ok::<_, candle_core::Error>(Self { flops: product / seconds, bytes: 12.0 * (1 << 24) as f64 / pass })
        });
        Ok(measured??)
    }

    /// Milliseconds that statistics and preconditioning of so many numbers take at least, without any roots.
    pub(super) fn least(&self, plan: &Plan, preconditioned: usize) -> f64 {
        let count = preconditioned as f64;
        let products = FLOPS * plan.scale.block as f64 * count / self.flops;
        1e3 * (products + 4.0 * NUMBERS * count / self.bytes)
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "products {:.1} Gflop/s, elementwise passes {:.1} GB/s", self.flops / 1e9, self.bytes / 1e9)
    }
}

/// Seconds of one run.
fn median(mut work: impl FnMut() -> candle_core::Result<()>) -> candle_core::Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        work()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(Spread::of(seconds).map_or(f64::NAN, |spread| spread.median))
}
