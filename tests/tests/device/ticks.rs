//! Roots spread over ticks: within their budget, at their time, with the bits of roots computed at once.

use super::model;
use super::model::{Model, State, driver, step, tensor, with};
use crate::runtime_support::{Bench, gaussians, gradients};
use shampoo_core::config::Config;
use shampoo_core::error::ShapeError;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Method, inverse_root_workspace_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::partition::Sides;
use shampoo_core::scalar::{F32, F32RootF64};
use shampoo_core::schedule::{Mode, Slot};
use shampoo_core::ticks::{Site, Tick, Ticks, largest_piece};
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;

const SHAPES: [&[usize]; 2] = [&[12, 7], &[20, 5]];

fn budget(config: &Config) -> u64 {
    SHAPES.iter().map(|shape| largest_piece(shape, config)).max().expect("shapes")
}

#[test]
fn pipelined_bits_depend_neither_on_budgets_nor_on_ticks() {
    for (delay, period, turns) in [(1, 1, 1), (1, 4, 4), (2, 3, 1), (3, 12, 4), (5, 2, 1)] {
        let config = with(Mode::Pipelined { delay }, period);
        let model = Model::<F32>::new(&SHAPES, config).with_turns(turns, delay);
        let run = |round: &mut dyn FnMut(&mut Model<F32>)| {
            let mut model = model.clone();
            (0..40).for_each(|_| round(&mut model));
            model.settle();
            (model.state(), model.done.accepted, model.done.rejected)
        };
        let right = run(&mut |model| model.round(0, 0));
        assert!(right.1 > 4 && right.2 == 0, "{} roots, {} refused", right.1, right.2);
        let whole = budget(&config);
        assert!(run(&mut |model| model.round(1, whole)) == right, "delay {delay}, period {period}");
        assert!(run(&mut |model| model.round(7, 1)) == right, "delay {delay}, period {period}");
        assert!(run(&mut |model| model.round(2, u64::MAX)) == right, "delay {delay}, period {period}");
        let mut random = Random::new(3);
        let mut uneven = |model: &mut Model<F32>| {
            (0..random.below(3)).for_each(|_| _ = model.settle());
            // Ticks between the settling and the step too: they begin nothing that would not be begun.
            model.settle();
            (0..random.below(3)).for_each(|_| _ = model.tick(random.bits() % 50_000));
            model.step();
            (0..random.below(4)).for_each(|_| _ = model.tick(random.bits() % 50_000));
        };
        assert!(run(&mut uneven) == right, "delay {delay}, period {period}");
    }
}

/// One parameter of the runtime, with its roots computed when they are submitted, after so many steps.
fn at_once(shape: &'static [usize], config: Config, staggered: bool, steps: usize) -> (State, Vec<Slot>) {
    let shapes: &[(&'static str, &[usize])] = &[("weights", shape)];
    let builder = Builder::new().config(config).kernel(Portable).learning_rate(0.01).root_threads(0);
    let mut bench: Bench<Portable> = Bench::new(builder.staggered(staggered), shapes);
    let slots = bench.state().parameters[0].slots.clone();
    bench.steps(5, steps);
    let values = bench.values("weights").clone();
    let tensor = bench.optimizer.tensor("weights").expect("registered");
    let as_f64 = |x: &[f32]| x.iter().map(|&x| f64::from(x).to_bits()).collect::<Vec<_>>();
    let numbers = [&values[..], tensor.statistics(), tensor.roots(), tensor.graft_state(), tensor.momentum()];
    ((numbers.map(as_f64).into(), tensor.slots().to_vec(), tensor.count()), slots)
}

#[test]
fn the_bits_are_those_of_a_servers_pipeline() {
    let one_sided = Config { sides: Sides::Smallest, certificate: SERVER_CONFIG.certificate, ..Config::DEFAULT };
    let four = Config { block_size: 12, ..SERVER_CONFIG };
    let cases: [(&[usize], Config, u64, u64); 4] =
        [(&[12, 7], one_sided, 1, 1), (&[12, 7], one_sided, 3, 2), (&[24, 12], four, 1, 4), (&[12, 7], four, 1, 2)];
    for (shape, config, delay, period) in cases {
        let config = Config { schedule: with(Mode::Pipelined { delay }, period).schedule, ..config };
        let staggered = config.block_size == 12;
        let (right, turns) = at_once(shape, config, staggered, 30);
        let mut tensors = [tensor::<F32RootF64>(shape, config)];
        let mut ticks = driver::<F32RootF64>(12);
        // The same turns.
        if staggered {
            let mut work = vec![0; period as usize];
            tensors[0].stagger(&mut shampoo_core::schedule::Loads::new(&mut work));
        }
        assert_eq!(tensors[0].slots(), turns);
        let seed = "weights".bytes().fold(1, |seed: u64, byte| seed.wrapping_mul(257) + u64::from(byte));
        let mut weights = gaussians(&mut Random::new(seed), shape.iter().product());
        let mut random = Random::new(5);
        for _ in 0..30 {
            ticks.settle(&mut tensors, &Portable);
            let gradient = gradients(&mut random, &[("weights", shape)]).remove(0).1;
            step(&mut tensors[0], &mut weights, &gradient);
            ticks.tick(&mut tensors, 20_000, &Portable);
        }
        let found = model::state_of::<F32RootF64>(&tensors[0], &weights);
        assert!(found == right, "{shape:?}, delay {delay}, period {period}\n{:?}\n{:?}", found.1, right.1);
        assert!(found.1.iter().all(|slot| slot.stamp().is_some()));
    }
}

#[test]
fn no_tick_exceeds_its_budget_and_each_does_something() {
    for mode in [Mode::Async, Mode::Pipelined { delay: 2 }] {
        let config = with(mode, 1);
        for flops in [budget(&config), 3 * budget(&config), 50 * budget(&config)] {
            let mut model = Model::<F32>::new(&SHAPES, config);
            for _ in 0..20 {
                model.settle();
                model.step();
                for _ in 0..3 {
                    let before = model.ticks.under_way();
                    let tick = model.tick(flops);
                    assert!(tick.flops <= flops, "{tick:?}");
                    // Nothing is left to do of a root that waits for its time, and where all are fresh.
                    let fresh = model.slots().all(|slot| slot.stamp() == model.tensors[0].count().checked_sub(1));
                    assert!(tick.flops > 0 || if mode == Mode::Async { fresh } else { before.is_some() });
                    assert!(!tick.working || tick.flops > 0);
                }
            }
            assert!(model.done.accepted > 0 && model.done.rejected == 0);
        }
    }
}

/// What the driver says that it has spent, against numbers that count their operations: copies, begins and ends included.
#[test]
fn no_tick_costs_more_than_it_says() {
    use super::counted::{Counted, flops};
    use shampoo_core::scalar::Mixed;
    for mode in [Mode::Async, Mode::Pipelined { delay: 2 }] {
        for method in [Method::Auto, Method::Rational, Method::CoupledNewton, Method::Spectral] {
            let config = Config { method, ..with(mode, 1) };
            let whole = budget(&config);
            let (mut said, mut counted) = (0, 0);
            for budget in [1, whole, u64::MAX] {
                let mut model = Model::<Mixed<Counted, Counted, Counted>>::new(&SHAPES, config);
                let mut measure = |model: &mut Model<_>, work: fn(&mut Model<_>, u64) -> Tick| {
                    let start = flops();
                    let tick = work(model, budget);
                    let spent = flops() - start;
                    assert!(spent <= tick.flops, "{method:?}: {spent} flops where {tick:?} was said");
                    (said, counted) = (said + tick.flops, counted + spent);
                    assert!(tick.flops <= budget.max(whole) || mode != Mode::Async, "{tick:?}");
                };
                for _ in 0..12 {
                    measure(&mut model, |model, _| model.settle());
                    model.step();
                    (0..3).for_each(|_| measure(&mut model, Model::tick));
                }
                assert!(mode == Mode::Async && budget < u64::MAX || model.done.accepted > 2, "{:?}", model.done);
            }
            assert!(counted > said / 4, "{method:?}: {counted} of {said}");
        }
    }
}

#[test]
fn a_budget_that_is_too_small_for_any_piece_gets_there_too() {
    let mut model = Model::<F32>::new(&SHAPES[..1], with(Mode::Async, 1));
    model.step();
    assert_eq!(model.tick(0).flops, 0, "no budget, no work");
    assert_eq!((model.ticks.under_way(), model.tick(0).working), (None, true));
    let mut ticks = 0;
    while model.done.accepted < 2 {
        let tick = model.tick(1);
        assert!(tick.flops > 0, "one piece at a time");
        ticks += 1;
        assert!(ticks < 1000);
    }
    assert!(!model.tick(1).working && model.tick(1).flops == 0, "both roots are there");
}

#[test]
fn asynchronous_roots_are_as_fresh_as_the_budget_permits() {
    let config = with(Mode::Async, 1);
    let mut model = Model::<F32>::new(&SHAPES, config);
    for step in 0..5 {
        model.step();
        assert!(!model.tick(u64::MAX).working);
        assert!(model.slots().all(|slot| slot.stamp() == Some(step)), "with time enough all are of this step");
    }
    let mut model = Model::<F32>::new(&SHAPES, config);
    let mut oldest = 0;
    for step in 0..200 {
        model.step();
        assert!(model.tick(budget(&config)).working, "there is always more to do");
        if step > 100 {
            oldest = model
                .slots()
                .map(|slot| slot.staleness(step).expect("a root by now"))
                .max()
                .expect("slots")
                .max(oldest);
        }
    }
    // A turn for each of four factors, in so many ticks as it takes.
    assert!((4..60).contains(&oldest), "{oldest}");
    let stamps: Vec<_> = model.slots().map(Slot::stamp).collect();
    assert!(stamps.windows(2).any(|pair| pair[0] != pair[1]), "{stamps:?}: one at a time");
}

#[test]
fn spaced_turns_find_the_driver_idle() {
    for delay in [1, 2, 5] {
        let period = 4 * delay;
        let mut model = Model::<F32>::new(&SHAPES, with(Mode::Pipelined { delay }, period)).with_turns(4, delay);
        for round in 0..6 * period {
            model.round(1, 5_000);
            if round >= 2 * period {
                let fresh = |slot: &Slot| slot.staleness(round).is_some_and(|age| age < delay + period);
                assert!(model.slots().all(fresh), "delay {delay}, round {round}: {:?}", model.state()[0].1);
            }
        }
    }
}

#[test]
fn without_turns_everyone_has_one_as_soon_as_the_driver_is_idle() {
    let mut model = Model::<F32>::new(&SHAPES, with(Mode::Pipelined { delay: 1 }, 3));
    for _ in 0..24 {
        model.round(1, 5_000);
    }
    // All are due at 0, 3, 6, ...; one begins in each round, and after the last of four it is the first one's turn again.
    let stamps: Vec<_> = model.slots().map(Slot::stamp).collect();
    assert_eq!(stamps, [Some(20), Some(21), Some(22), Some(19)]);
    assert_eq!(model.done.rejected, 0);
}

#[test]
fn a_root_that_fails_leaves_the_one_before_and_is_counted() {
    for mode in [Mode::Async, Mode::Pipelined { delay: 1 }] {
        let config = Config { max_error: Some(1e-300), max_retries: 1, ..with(mode, 1) };
        let mut model = Model::<F32>::new(&SHAPES[..1], config);
        for _ in 0..6 {
            model.round(2, 1_000_000);
        }
        model.settle();
        let failures: u32 = model.slots().map(Slot::failures).sum();
        assert!(failures > 1 && model.done.accepted == 0, "{:?}", model.done);
        assert_eq!((model.done.rejected, model.done.refusals.uncertified), (failures, failures));
        assert!(model.slots().all(|slot| slot.stamp().is_none()));
        assert!(model.state()[0].0[2].iter().all(|&bits| bits == 0), "no root was written");
    }
}

#[test]
fn statistics_of_0_have_no_root_and_no_failure() {
    let mut model = Model::<F32>::new(&SHAPES[..1], with(Mode::Async, 1));
    let need = model.tensors[0].lengths();
    step(&mut model.tensors[0], &mut model.weights[0], &vec![0.0; need.numel]);
    model.tick(u64::MAX);
    assert_eq!((model.done.zero, model.done.rejected, model.done.accepted), (2, 0, 0));
    assert_eq!(model.ticks.under_way(), None);
}

#[test]
fn a_factor_beyond_the_drivers_buffers_is_a_counted_failure() {
    for mode in [Mode::Async, Mode::Pipelined { delay: 1 }] {
        let mut model = Model::<F32>::new(&SHAPES[..1], with(mode, 1));
        model.ticks = driver(7);
        for _ in 0..5 {
            model.round(4, 50_000);
        }
        let [large, small] = model.tensors[0].slots() else { panic!("two factors") };
        assert!(large.stamp().is_none() && large.failures() > 0);
        assert!(small.stamp().is_some() && small.failures() == 0);
        assert_eq!(model.done.refusals.invalid, large.failures());
    }
    let short = Ticks::<F32, _, _>::new(4, [0.0; 9], [0.0; inverse_root_workspace_len(4)]);
    assert_eq!(short.err(), Some(ShapeError::Length { needed: 10, found: 9 }));
    let short = Ticks::<F32, _, _>::new(4, [0.0; packed_len(4)], [0.0; 5]);
    assert!(matches!(short.err(), Some(ShapeError::Length { found: 5, .. })));
}

#[test]
fn other_modes_are_left_alone() {
    for mode in [Mode::Sync, Mode::Pipelined { delay: 0 }] {
        let mut model = Model::<F32>::new(&SHAPES, with(mode, 1));
        model.round(0, 0);
        let before = model.state();
        let (tick, settled) = (model.tick(u64::MAX), model.settle());
        assert_eq!((tick.flops, settled.flops, model.state()), (0, 0, before));
    }
}

#[test]
fn what_nobody_waits_for_is_dropped() {
    for mode in [Mode::Async, Mode::Pipelined { delay: 4 }] {
        let config = with(mode, 1);
        let mut model = Model::<F32>::new(&SHAPES, config);
        model.round(1, 3_000);
        assert_eq!(model.ticks.under_way(), Some(Site { tensor: 0, factor: 0, snapshot: 0 }));
        // A tensor that is built anew.
        model.tensors[0] = tensor(SHAPES[0], config);
        model.tick(3_000);
        assert_eq!(model.ticks.under_way(), Some(Site { tensor: 1, factor: 0, snapshot: 0 }));
        let fresh = tensor::<F32>(SHAPES[0], config);
        assert_eq!(model.tensors[0].slots(), fresh.slots());
        // Fewer tensors than there were.
        model.tensors.truncate(1);
        model.tick(u64::MAX);
        assert_eq!(model.ticks.under_way(), None);
    }
}

#[test]
fn a_root_that_is_lost_is_a_failure_at_its_step() {
    let mut model = Model::<F32>::new(&SHAPES[..1], with(Mode::Pipelined { delay: 2 }, 5));
    model.round(1, u64::MAX);
    model.ticks.abandon();
    model.settle();
    model.step();
    assert_eq!(model.done.rejected, 0, "it is not due yet");
    let tick = model.settle();
    assert_eq!((tick.refresh.rejected, model.tensors[0].slots()[0].failures()), (1, 1));
    assert_eq!(model.tensors[0].slots()[0].pending(), None);
}

/// Over borrowed buffers: what a constructor returns goes over the stack.
#[test]
fn a_driver_and_a_tensor_are_small() {
    use shampoo_core::linalg::inverse_root::Job;
    use shampoo_core::tensor::Tensor;
    type Static<T> = &'static mut [T];
    let sizes = [
        size_of::<Tensor<F32, Static<f32>, Static<f32>, Static<Slot>>>(),
        size_of::<Ticks<F32, Static<f32>, Static<f32>>>(),
        size_of::<Job<f32>>(),
        size_of::<Slot>(),
        size_of::<Config>(),
    ];
    println!("bytes of a tensor, a driver, a job, a slot, settings: {sizes:?}");
    let bounds = [512, 640, 544, 80, 320];
    assert!(sizes.iter().zip(bounds).all(|(&size, bound)| size <= bound), "{sizes:?}");
}
