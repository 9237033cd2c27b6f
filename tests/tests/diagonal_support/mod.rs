//! A diagonal method over `Vec`s, and what it is fed with.
#![allow(dead_code, reason = "every test file uses its own part")]

pub(crate) mod rows;

use shampoo_core::diagonal::Gradient;
use shampoo_core::graft::{AdaGraft, Graft, Input};
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{Real, Stored};
use shampoo_tests::generate::Random;

use crate::common::run::{narrow, widen};
use rows::{Row, rows};

/// A method over `Vec`s.
pub(crate) struct Alone<T> {
    method: AdaGraft,
    /// The magnitude alone, where there is no direction.
    grafted: bool,
    shape: Vec<usize>,
    normalized: bool,
    pub(crate) state: Vec<T>,
    scratch: Vec<T>,
    count: u64,
}

impl<T: Real + Stored<T>> Alone<T> {
    pub(crate) fn new(graft: Graft, shape: &[usize], normalized: bool) -> Self {
        let (state, scratch) = (graft.state_len(shape), graft.scratch_len(shape, normalized));
        Self::with(AdaGraft { magnitude: graft, direction: graft }, false, shape, normalized, [state, scratch])
    }

    pub(crate) fn grafted(method: AdaGraft, shape: &[usize], normalized: bool) -> Self {
        let lengths = [method.state_len(shape), method.scratch_len(shape, normalized)];
        Self::with(method, true, shape, normalized, lengths)
    }

    fn with(method: AdaGraft, grafted: bool, shape: &[usize], normalized: bool, lengths: [usize; 2]) -> Self {
        let [state, scratch] = lengths.map(|length| vec![T::default(); length]);
        Self { method, grafted, shape: shape.to_vec(), normalized, state, scratch, count: 0 }
    }

    /// The step; before it, output and scratch hold `before`.
    pub(crate) fn step_over(&mut self, before: f64, [g, h, w]: [&[f64]; 3]) -> Vec<f64> {
        self.count += 1;
        let mut out = vec![T::from_f64(before); g.len()];
        self.scratch.fill(T::from_f64(before));
        let [g, h, w] = [g, h, w].map(narrow::<T>);
        let gradient = Gradient { raw: &g, numerator: &h };
        let (dims, count, normalized) = (&self.shape[..], self.count, self.normalized);
        let input = Input { gradient, parameter: &w, dims, count, normalized };
        let (state, scratch) = (&mut self.state[..], &mut self.scratch[..]);
        if self.grafted {
            self.method.step(&mut out, &input, state, scratch, &Portable);
        } else {
            self.method.magnitude.step(&mut out, &input, state, scratch, &Portable);
        }
        widen(&out)
    }

    pub(crate) fn step(&mut self, vectors: [&[f64]; 3]) -> Vec<f64> {
        self.step_over(0.0, vectors)
    }
}

/// Gradients that `f32` holds, a quarter of the entries 0, their averages, and a parameter.
pub(crate) fn stream(random: &mut Random, numel: usize, steps: usize) -> (Vec<[Vec<f64>; 2]>, Vec<f64>) {
    let held = |x: f64| f64::from(x as f32);
    let mut h = vec![0.0; numel];
    let gradients = (0..steps).map(|_| {
        let g: Vec<f64> =
            (0..numel).map(|_| if random.below(4) == 0 { 0.0 } else { held(random.gaussian()) }).collect();
        h.iter_mut().zip(&g).for_each(|(h, g)| *h = held(0.5 * *h + 0.5 * g));
        [g, h.clone()]
    });
    let gradients = gradients.collect();
    (gradients, random.gaussians(numel).into_iter().map(held).collect())
}

/// Every row, with the gradient as it is and divided by its own norm.
pub(crate) fn each(mut law: impl FnMut(&Row, bool)) {
    for row in rows() {
        for normalized in [false, true] {
            law(&row, normalized);
        }
    }
}
