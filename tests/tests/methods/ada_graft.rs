//! AdaGraft over more than one tensor, and over blocks of one (\[AG\] section 2).

use crate::common::{U64, assert_relative};
use shampoo_core::diagonal::Gradient;
use shampoo_core::graft::{AdaGraft, Graft, Input, Norms};
use shampoo_core::kernel::Portable;
use shampoo_tests::generate::Random;
use shampoo_tests::tolerance::Check;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.99;
const EPSILON: f64 = 1e-8;
/// The length of SGD, the direction of Adam.
const PAIR: AdaGraft =
    AdaGraft { magnitude: Graft::Sgd, direction: Graft::Adam { beta1: BETA1, beta2: BETA2, epsilon: EPSILON } };

/// Adam's step after some gradients, from sums over all of them.
fn adam(gradients: &[Vec<f64>]) -> Vec<f64> {
    let t = gradients.len() as i32;
    let average = |beta: f64, i: usize, power: i32| {
        let terms = gradients.iter().zip((0..t).rev()).map(|(g, age)| beta.powi(age) * g[i].powi(power));
        (1.0 - beta) * terms.sum::<f64>() / (1.0 - beta.powi(t))
    };
    let step = |i| average(BETA1, i, 1) / (average(BETA2, i, 2).sqrt() + EPSILON);
    (0..gradients[0].len()).map(step).collect()
}

fn norm<'a>(x: impl IntoIterator<Item = &'a f64>) -> f64 {
    x.into_iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// One tensor's state and its last steps.
struct One {
    dims: Vec<usize>,
    state: Vec<f64>,
    gradients: Vec<Vec<f64>>,
    step: Vec<f64>,
    direction: Vec<f64>,
}

impl One {
    fn new(dims: &[usize]) -> Self {
        let empty = vec![f64::NAN; dims.iter().product()];
        let state = vec![0.0; PAIR.state_len(dims)];
        Self { dims: dims.to_vec(), state, gradients: Vec::new(), step: empty.clone(), direction: empty }
    }

    fn steps(&mut self, random: &mut Random) -> Norms {
        let g = random.gaussians(self.step.len());
        let count = self.gradients.len() as u64 + 1;
        let gradient = Gradient::plain(&g);
        let input = Input { gradient, parameter: &[], dims: &self.dims, count, normalized: false };
        let mut scratch = vec![0.0; PAIR.steps_scratch_len(&self.dims, false)];
        let Self { step, direction, state, .. } = self;
        let norms = PAIR.steps(step, direction, &input, state, &mut scratch, &Portable);
        self.gradients.push(g);
        norms
    }

    fn gradient(&self) -> &[f64] {
        self.gradients.last().expect("a gradient")
    }
}

#[test]
fn lengths_of_two_tensors_are_compared_together() {
    let (mut random, mut tensors) = (Random::new(83), [One::new(&[3, 2]), One::new(&[5])]);
    for _ in 0..5 {
        let norms = tensors.iter_mut().fold(Norms::default(), |norms, one| norms.merge(one.steps(&mut random)));
        let directions = [0, 1].map(|i| adam(&tensors[i].gradients));
        let length = norm(tensors.iter().flat_map(One::gradient));
        let factor = length / norm(directions.iter().flatten());
        for (one, direction) in tensors.iter_mut().zip(directions) {
            PAIR.finish(&mut one.step, &one.direction, norms);
            let right: Vec<f64> = direction.iter().map(|d| factor * d).collect();
            assert_relative(&one.step, &right, Check::GraftVsNaive.bound(U64), length);
        }
    }
}

/// The quarters of a matrix, whose rows are runs of the whole.
#[test]
fn lengths_of_blocks_are_compared_each() {
    let (mut random, mut one) = (Random::new(89), One::new(&[4, 4]));
    for _ in 0..5 {
        one.steps(&mut random);
        let direction = adam(&one.gradients);
        for corner in [0, 2, 8, 10] {
            let runs = [corner..corner + 2, corner + 4..corner + 6];
            let norms = runs.clone().into_iter().fold(Norms::default(), |norms, run| {
                norms.merge(Norms::of(&one.step[run.clone()], &one.direction[run], &Portable))
            });
            for run in runs.clone() {
                PAIR.finish(&mut one.step[run.clone()], &one.direction[run], norms);
            }
            let of = |x: &[f64]| runs.clone().map(|run| x[run].to_vec()).concat();
            let length = norm(&of(one.gradient()));
            let factor = length / norm(&of(&direction));
            let right: Vec<f64> = of(&direction).iter().map(|d| factor * d).collect();
            assert_relative(&of(&one.step), &right, Check::GraftVsNaive.bound(U64), length);
        }
    }
}

/// In two parts or in one: the same bits.
#[test]
fn one_tensor_is_one_step() {
    let (mut random, mut one) = (Random::new(97), One::new(&[3, 3]));
    let (mut state, mut scratch) = (one.state.clone(), vec![0.0; PAIR.scratch_len(&[3, 3], false)]);
    for count in 1..6 {
        let norms = one.steps(&mut random);
        let g = one.gradient().to_vec();
        PAIR.finish(&mut one.step, &one.direction, norms);
        let input = Input { gradient: Gradient::plain(&g), parameter: &[], dims: &[3, 3], count, normalized: false };
        let mut whole = vec![f64::NAN; 9];
        PAIR.step(&mut whole, &input, &mut state, &mut scratch, &Portable);
        assert_eq!((&whole, &state), (&one.step, &one.state));
    }
}
