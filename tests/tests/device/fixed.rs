//! Settings that are part of the type: the bits of those that are passed, and no others accepted.

use super::model::Model;
use crate::common::run::Run;
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::ConfigError;
use shampoo_core::fixed::{Fixed, Settings};
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::{Filter, Momentum};
use shampoo_core::scalar::{Bf16x2Store, F32, F64, Precision};
use shampoo_core::schedule::{Adaptive, Mode, Schedule};
use shampoo_core::statistics::Averaging;
use shampoo_tests::generate::Random;

const SHAPES: [&[usize]; 2] = [&[6, 4], &[5]];

/// Steps and rounds with ticks, with the settings passed and with the same in the type.
fn assert_same<P: Precision, S: Settings>() {
    for shape in SHAPES {
        let (mut passed, mut fixed) = (Run::<P>::new(shape, S::CONFIG), Run::<Fixed<P, S>>::new(shape, S::CONFIG));
        let mut random = Random::new(11);
        for _ in 0..6 {
            let gradient = random.gaussians(passed.weights.len());
            assert_eq!(fixed.step(&gradient, 0.1), passed.step(&gradient, 0.1));
            assert_eq!(fixed.state(), passed.state());
            assert_eq!(fixed.refresh, passed.refresh);
        }
        let mut others = [S::CONFIG; 3];
        others[0].block_size += 1;
        others[1].ridge = Ridge::Relative(0.03125);
        others[2].schedule.precondition_every += 1;
        for other in others {
            assert_eq!(Run::<Fixed<P, S>>::try_new(shape, other).err(), Some(ConfigError::NotFixed));
            assert!(Run::<P>::try_new(shape, other).is_ok());
        }
    }
    let (mut passed, mut fixed) = (Model::<P>::new(&SHAPES, S::CONFIG), Model::<Fixed<P, S>>::new(&SHAPES, S::CONFIG));
    for _ in 0..8 {
        passed.round(2, 3000);
        fixed.round(2, 3000);
        assert!(fixed.state() == passed.state());
    }
    assert_eq!(fixed.done, passed.done);
}

macro_rules! fixed {
    ($($name:ident: $config:expr;)*) => {$(
        #[test]
        fn $name() {
            #[derive(Clone, Copy, Debug, Default)]
            struct Chosen;
            impl Settings for Chosen {
                const CONFIG: Config = $config;
            }
            assert_same::<F32, Chosen>();
            assert_same::<F64, Chosen>();
            assert_same::<Bf16x2Store, Chosen>();
        }
    )*};
}

const SOMETIMES: Schedule = Schedule { precondition_every: 2, ..Schedule::EVERY_STEP };

fixed! {
    default: Config::DEFAULT;
    sgd: Config { momentum: Momentum::heavy_ball(0.9), ..Config::diagonal(Graft::Sgd) };
    sm3: Config::diagonal(Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 1e-10 });
    adam: Config { graft: Graft::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }, normalize_graft: true, ..Config::DEFAULT };
    blocks: Config { block_size: 3, graft_scope: Scope::Block, packed_products: true, ..Config::DEFAULT };
    momenta: Config { filter: Filter { beta1: 0.8, bias_correction: true }, weight_decay: WeightDecay::Gradient(0.01), ..Config::DEFAULT };
    late: Config { schedule: Schedule { start_preconditioning_step: 3, ..SOMETIMES }, start: Start::Blend, ..Config::DEFAULT };
    pipelined: Config { schedule: Schedule { mode: Mode::Pipelined { delay: 1 }, ..SOMETIMES }, ..Config::DEFAULT };
    asynchronous: Config { schedule: Schedule { mode: Mode::Async, ..SOMETIMES }, ..Config::DEFAULT };
    adaptive: Config {
        schedule: Schedule {
            mode: Mode::Adaptive(Adaptive { drift: 0.1, flops: 100_000, max_staleness: 4 }),
            ..Schedule::EVERY_STEP
        },
        ..Config::DEFAULT
    };
    pinv_third: Config::pinv_third();
    one_sided: Config::one_sided_every_step();
}
