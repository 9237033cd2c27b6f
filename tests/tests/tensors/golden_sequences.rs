//! The golden sequences and the two-step goldens of NUMERICS section 4, through the whole step.

use crate::common::run::{PLAIN, Run};
use crate::common::{U32, U64, assert_absolute};
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::{Method, Ridge};
use shampoo_core::momentum::{Buffers, Momentum};
use shampoo_core::scalar::{F32RootF64, F64, Precision};
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::tolerance::Check;

const A: [f64; 4] = [1.0, 2.0, 3.0, -1.0];
const B: [f64; 4] = [0.5, -1.0, 0.25, 2.0];
const WEIGHTS: [f64; 4] = [1.0, 3.0, 2.0, 4.0];

/// What the sequences share: Nesterov in two buffers, statistics that start at 1e-6 I, ridge 1e-6 relative.
const GOLDEN: Config = Config {
    averaging: Averaging::Ema { beta2: 0.999 },
    initial_statistics: 1e-6,
    ridge: Ridge::Relative(1e-6),
    momentum: Momentum { nesterov: true, buffers: Buffers::Two, ..Momentum::heavy_ball(0.9) },
    ..PLAIN
};

const fn from_step(start_preconditioning_step: u64) -> Schedule {
    Schedule { start_preconditioning_step, ..Schedule::EVERY_STEP }
}

const FIRST: Config = Config { graft: Graft::Sgd, schedule: from_step(5), ..GOLDEN };
const SECOND: Config = Config { averaging: Averaging::Sum, momentum: Momentum::NONE, ..GOLDEN };
const THIRD: Config = Config {
    graft: Graft::RmsProp { beta2: 0.999, epsilon: 1e-10, bias_correction: false },
    schedule: from_step(2),
    ..GOLDEN
};

fn seven_steps<P: Precision>(config: Config) -> (Run<P>, Vec<Vec<f64>>) {
    let mut run = Run::<P>::new(&[2, 2], config).with_weights(&WEIGHTS);
    let updates = (0..7).map(|t| run.step(if t % 2 == 0 { &A } else { &B }, 0.1)).collect();
    (run, updates)
}

/// In `f64` with exact roots, and as servers run it: `f32` with rational roots.
fn assert_golden(config: Config, printed: &[(usize, [f64; 4])]) {
    let (_, exact) = seven_steps::<F64>(config);
    let (_, server) = seven_steps::<F32RootF64>(Config { method: Method::Auto, ..config });
    for (step, right) in printed {
        assert_absolute(&exact[*step], right, Check::GoldenSequence.bound(U64));
        assert_absolute(&server[*step], right, Check::GoldenSequence.bound(U32));
    }
}

#[test]
fn sequence_1_sgd_graft_and_nesterov() {
    assert_golden(
        FIRST,
        &[
            (0, [-0.19, -0.38, -0.57, 0.19]),
            (4, [-0.395254, -0.497288, -1.0024995, 0.028729]),
            (5, [-0.40747995, -0.12179125, -0.62619353, -0.43237311]),
            (6, [-0.54458387, -0.65261335, -1.05388876, -0.05556015]),
        ],
    );
}

#[test]
fn sequence_1_statistics_and_roots_after_seven_steps() {
    let (run, _) = seven_steps::<F64>(FIRST);
    let bound = Check::GoldenSequence.bound(U64);
    // Packed: the lower triangle of L, then of R.
    let statistics = [0.02367987, -0.00162013, 0.0520322, 0.0408159, -0.00398802, 0.03489617];
    assert_absolute(&run.statistics(), &statistics, bound);
    let roots = [2.55021187, 0.02604971, 2.09434024, 2.22856158, 0.06019489, 2.31791361];
    assert_absolute(&run.roots(), &roots, bound);
}

#[test]
fn sequence_2_sum_without_graft() {
    assert_golden(
        SECOND,
        &[
            (0, [-0.03713904, -0.09284756, -0.09284762, 0.03713904]),
            (5, [-0.0098397, 0.01949408, -0.00519719, -0.0333036]),
            (6, [-0.01946001, -0.03763909, -0.04400779, 0.01374793]),
        ],
    );
}

#[test]
fn sequence_3_rmsprop_graft() {
    assert_golden(
        THIRD,
        &[
            // g / (sqrt(0.001) |g| + 1e-10), the same to 8 decimals for |g| = 1, 2, 3.
            (0, [-6.00832754, -6.00832754, -6.00832754, 6.00832754]),
            (4, [-4.71853592, -5.78615224, -9.18530842, -0.55574322]),
            (6, [-5.03754884, -5.44301589, -9.48180735, -1.23946501]),
        ],
    );
}

#[test]
fn one_buffer_is_another_sequence() {
    // The goldens would not notice if `Buffers::Two` were ignored unless this differs.
    let one = Momentum { buffers: Buffers::One, ..FIRST.momentum };
    let (_, two) = seven_steps::<F64>(FIRST);
    let (_, one) = seven_steps::<F64>(Config { momentum: one, ..FIRST });
    assert_eq!(one[4], two[4]);
    assert!((one[5][0] - two[5][0]).abs() > Check::GoldenSequence.bound(U32));
}

/// Shape, two gradients, and P of the second; the root is computed at the second step only.
type TwoSteps = (&'static [usize], &'static [f64], &'static [f64], &'static [f64]);
const TWO_STEPS: [TwoSteps; 5] = [
    (&[2], &[1., 0.], &[0., 1.], &[0., 1.]),
    (&[2, 2], &[HALF, 0., 0., HALF], &[HALF, 0., 0., HALF], &[HALF, 0., 0., HALF]),
    (&[1, 2], &[1., 0.], &[0., 1.], &[0., 0.840_896_415_253_714_5]),
    (&[2, 2], &[3., 0., 0., 3.], &[4., 0., 0., 4.], &[0.8, 0., 0., 0.8]),
    (&[1, 2], &[2., 0.], &[0., 2.], &[0., 0.840_896_415_253_714_5]),
];
const HALF: f64 = core::f64::consts::FRAC_1_SQRT_2;

fn assert_two_steps<P: Precision>(unit_roundoff: f64) {
    for method in [Method::Spectral, Method::CoupledNewton] {
        let config = Config { precondition_vectors: true, schedule: from_step(1), method, ..PLAIN };
        for (shape, first, second, right) in TWO_STEPS {
            let mut run = Run::<P>::new(shape, config);
            let bound = Check::GoldenTwoStep.bound(unit_roundoff);
            assert_absolute(&run.direction(first), first, bound);
            assert_eq!(run.refresh.accepted, 0, "the root is computed at the second step only");
            assert_absolute(&run.direction(second), right, bound);
        }
    }
}

#[test]
fn two_step_goldens() {
    assert_two_steps::<F64>(U64);
    assert_two_steps::<F32RootF64>(U32);
    assert_two_steps::<shampoo_core::scalar::F32>(U32);
}
