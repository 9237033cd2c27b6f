//! The regret bound of \[Sh18\], Theorem 7, over convex losses that answer what the core did.

use crate::common::run::{PLAIN, Run, widen};
use crate::common::{U32, U64};
use shampoo_core::config::Config;
use shampoo_core::scalar::{F32RootF64, F64, Precision};
use shampoo_tests::generate::{Random, packed_len, packed_to_full};
use shampoo_tests::oracle::naive::{matmul, norm};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge;
use shampoo_tests::tolerance::Check;

const ROWS: usize = 3;
const COLUMNS: usize = 4;
const STEPS: usize = 60;
const EPSILON: f64 = 1e-2;

/// A round's loss of W, x being examples in rows and y what they ask for.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// sum of y . (W x).
    Linear,
    /// sum of |W x - y|^2 / 2.
    Squares,
    /// sum of |W x - y|_1.
    Absolute,
}

/// Examples of one round; the gradient has as many rows of rank at most.
struct Round {
    inputs: Vec<f64>,
    targets: Vec<f64>,
}

impl Loss {
    /// The loss, and its gradient in W.
    fn of(self, weights: &[f64], round: &Round) -> (f64, Vec<f64>) {
        let (mut loss, mut gradient) = (0.0, vec![0.0; ROWS * COLUMNS]);
        for (x, y) in round.inputs.chunks(COLUMNS).zip(round.targets.chunks(ROWS)) {
            let found = matmul([ROWS, COLUMNS, 1], weights, x);
            let slopes: Vec<f64> = found
                .iter()
                .zip(y)
                .map(|(s, y)| match self {
                    Self::Linear => *y,
                    Self::Squares => s - y,
                    Self::Absolute => (s - y).signum(),
                })
                .collect();
            loss += found
                .iter()
                .zip(y)
                .map(|(s, y)| match self {
                    Self::Linear => y * s,
                    Self::Squares => 0.5 * (s - y) * (s - y),
                    Self::Absolute => (s - y).abs(),
                })
                .sum::<f64>();
            let outer = matmul([ROWS, 1, COLUMNS], &slopes, x);
            gradient.iter_mut().zip(outer).for_each(|(g, o)| *g += o);
        }
        (loss, gradient)
    }
}

fn rounds(random: &mut Random, truth: &[f64], loss: Loss, batch: usize) -> Vec<Round> {
    let round = |random: &mut Random| {
        let inputs = random.gaussians(batch * COLUMNS);
        let noise = random.gaussians(batch * ROWS);
        let targets = match loss {
            // Nothing to learn: only hindsight gains.
            Loss::Linear => noise,
            Loss::Squares | Loss::Absolute => {
                let asked = inputs.chunks(COLUMNS).flat_map(|x| matmul([ROWS, COLUMNS, 1], truth, x));
                asked.zip(noise).map(|(y, noise)| y + 0.1 * noise).collect()
            }
        };
        Round { inputs, targets }
    };
    (0..STEPS).map(|_| round(random)).collect()
}

/// tr(H^{1/4}) of both packed statistics.
fn traces(packed: &[f64]) -> [f64; 2] {
    let (left, right) = packed.split_at(packed_len(ROWS));
    [(ROWS, left), (COLUMNS, right)].map(|(d, triangle)| {
        let spectrum = narrow::decompose(d, &packed_to_full(d, triangle));
        let quarter = spectrum.inverse_power(-0.25, Ridge::None);
        (0..d).map(|i| quarter[i * d + i]).sum()
    })
}

/// Regret against `comparator`, and its bound for the rate `eta`.
fn regret<P: Precision>(loss: Loss, rounds: &[Round], comparator: &[f64], eta: f64, rank: f64) -> (f64, f64) {
    let config = Config { initial_statistics: EPSILON, ..PLAIN };
    let mut run = Run::<P>::new(&[ROWS, COLUMNS], config);
    let (mut regret, mut farthest) = (0.0, 0.0_f64);
    for round in rounds {
        let weights = widen(&run.weights);
        let (found, gradient) = loss.of(&weights, round);
        regret += found - loss.of(comparator, round).0;
        farthest = farthest.max(norm(&weights.iter().zip(comparator).map(|(w, c)| w - c).collect::<Vec<_>>()));
        run.step(&gradient, eta);
    }
    let [left, right] = traces(&run.statistics());
    (regret, (farthest * farthest / (2.0 * eta) + eta * rank) * left * right)
}

fn assert_bound<P: Precision>(u: f64) {
    let mut random = Random::new(81);
    let mut closest = 0.0_f64;
    for loss in [Loss::Linear, Loss::Squares, Loss::Absolute] {
        for batch in [1, 2, 5] {
            for eta in [0.03, 0.3, 3.0] {
                let truth = random.gaussians(ROWS * COLUMNS);
                let rounds = rounds(&mut random, &truth, loss, batch);
                // Any comparator will do; of linear losses the best of its length is opposite to their sum.
                let comparator = match loss {
                    Loss::Linear => {
                        let mut sum = vec![0.0; ROWS * COLUMNS];
                        for round in &rounds {
                            let (_, gradient) = loss.of(&truth, round);
                            sum.iter_mut().zip(gradient).for_each(|(s, g)| *s -= g);
                        }
                        let length = norm(&sum);
                        sum.iter().map(|x| x / length).collect()
                    }
                    Loss::Squares | Loss::Absolute => truth,
                };
                let rank = batch.min(ROWS) as f64;
                let (found, bound) = regret::<P>(loss, &rounds, &comparator, eta, rank);
                let allowed = bound * (1.0 + Check::RegretBound.bound(u));
                assert!(found <= allowed, "{loss:?}, batch {batch}, eta {eta}: {found} > {bound}");
                closest = closest.max(found / bound);
            }
        }
    }
    assert!(closest > Check::RegretShown.bound(u), "regret is only {closest} of its bound: too little to show a fault");
}

#[test]
fn the_regret_stays_below_its_bound() {
    assert_bound::<F64>(U64);
    assert_bound::<F32RootF64>(U32);
}
