//! The named settings of the public benchmark: what NUMERICS section 8 says of them, and their steps by the textbook.

use crate::common;
use crate::common::U64;
use crate::common::run::Run;
use shampoo_core::config::Config;
use shampoo_core::graft::{Graft, Length};
use shampoo_core::linalg::inverse_root::{Exponent, Ridge};
use shampoo_core::partition::Sides;
use shampoo_core::scalar::F64;
use shampoo_core::schedule::Schedule;
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::naive::{self, Shampoo, grafted, mode_product, norm};
use shampoo_tests::oracle::narrow;
use shampoo_tests::oracle::root::Ridge as OracleRidge;
use shampoo_tests::tolerance::{Check, Size};

const SHAPE: [usize; 2] = [5, 3];
const CUT: OracleRidge = OracleRidge::PseudoInverse(1e-6);

/// Steps of a preset against these, each given the statistics so far, the gradient and its number from 1 on.
fn assert_steps(config: Config, mut grafted_step: impl FnMut(&Shampoo, &[f64], i32) -> Vec<f64>) {
    let mut random = Random::new(82);
    let mut run = Run::<F64>::new(&SHAPE, config);
    let mut shampoo = Shampoo::new(&SHAPE, config.averaging.decay(), 0.0);
    let mut momentum = naive::Momentum::new(config.momentum.beta1, 15);
    let (mut kappa, mut scale) = (1.0_f64, 0.0_f64);
    for count in 1..=4 {
        let gradient = random.gaussians(15);
        shampoo.accumulate(&gradient);
        for (&d, statistics) in SHAPE.iter().zip(&shampoo.statistics) {
            kappa = kappa.max(narrow::decompose(d, statistics).condition(CUT));
        }
        let right = momentum.apply(&grafted_step(&shampoo, &gradient, count), config.momentum.nesterov);
        let found = run.direction(&gradient);
        assert_eq!(run.refresh.rejected, 0);
        scale = scale.max(norm(&right));
        let size = Size { order: 15, kappa, root: 2.0, ..Size::default() };
        common::assert_relative(&found, &right, Check::StepVsNaive.bound_at(U64, size), scale);
    }
}

#[test]
fn two_sided_with_exponent_a_third() {
    let config = Config::pinv_third();
    assert_eq!(config.exponent_override, Some(Exponent::Power(1.0 / 3.0)));
    assert!(matches!(config.ridge, Ridge::PseudoInverse { .. }));
    assert_eq!((config.sides, config.graft), (Sides::All, Graft::FixedNorm(Length::Rows)));
    assert_eq!(config.schedule, Schedule::EVERY_STEP);
    let rows = (SHAPE[0] as f64).sqrt();
    assert_steps(config, |shampoo, gradient, _| naive::rescaled(&shampoo.precondition(gradient, 1.0 / 3.0, CUT), rows));
}

#[test]
fn one_sided_at_every_step() {
    let config = Config::one_sided_every_step();
    assert_eq!((config.sides, config.exponent_override), (Sides::Smallest, None));
    assert!(matches!(config.ridge, Ridge::PseudoInverse { .. }));
    assert_eq!((config.averaging, config.schedule), (Averaging::Ema { beta2: 0.9 }, Schedule::EVERY_STEP));
    let Graft::Adam { beta1, beta2, epsilon: 0.0 } = config.graft else { panic!("{:?}", config.graft) };
    let [mut m, mut v] = [0; 2].map(|_| vec![0.0; 15]);
    assert_steps(config, |shampoo, gradient, count| {
        let root = narrow::decompose(SHAPE[1], &shampoo.statistics[1]).inverse_power(0.5, CUT);
        let adam = naive::adam([&mut m, &mut v], gradient, gradient, [beta1, beta2, 0.0], count);
        grafted(&mode_product(&SHAPE, gradient, 1, &root), &adam)
    });
}
