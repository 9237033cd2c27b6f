//! Whose root is begun next: nobody is starved, whatever the turns, and whoever stops keeps nobody else waiting.

use super::model::{Model, step, tensor, with};
use shampoo_core::config::Config;
use shampoo_core::image::{Part, Reader, save};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::Method;
use shampoo_core::partition::Sides;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::{Mode, Slot};
use shampoo_core::ticks::{Site, largest_piece, largest_root};
use shampoo_tests::generate::Random;

/// A round in which only some of the tensors have a gradient.
fn round(model: &mut Model<F32>, ticks: usize, flops: u64, has_gradient: impl Fn(usize) -> bool) {
    model.settle();
    for (index, (tensor, weights)) in model.tensors.iter_mut().zip(&mut model.weights).enumerate() {
        let gradient: Vec<f32> = model.random.gaussians(weights.len()).iter().map(|&x| x as f32).collect();
        if has_gradient(index) {
            step(tensor, weights, &gradient);
        }
    }
    (0..ticks).for_each(|_| _ = model.tick(flops));
}

#[track_caller]
fn assert_fresh(model: &Model<F32>, oldest: u64) {
    for tensor in &model.tensors {
        for slot in tensor.slots() {
            let age = slot.staleness(tensor.count());
            assert!(age.is_some_and(|age| age <= oldest), "{age:?} of {oldest}: {slot:?}");
        }
    }
    assert_eq!(model.done.rejected, 0);
}

#[test]
fn fewer_turns_than_factors_starve_nobody() {
    let shapes: [&[usize]; 2] = [&[64, 16], &[16, 4]];
    for (turns, spacing, delay, period) in [(2, 4, 4, 8), (3, 2, 2, 6), (1, 1, 3, 1), (5, 1, 2, 5), (2, 1, 1, 7)] {
        let config = Config { block_size: 64, ..with(Mode::Pipelined { delay }, period) };
        let mut model = Model::<F32>::new(&shapes, config).with_turns(turns, spacing);
        for rounds in 0..100 {
            model.round(1, 20_000);
            if rounds > 40 {
                // A period, a root of everyone's, and its own.
                assert_fresh(&model, period + 4 * delay + delay);
            }
        }
    }
}

#[test]
fn a_turn_that_was_missed_comes_when_the_driver_is_idle() {
    let mut model = Model::<F32>::new(&[&[12, 7]], with(Mode::Pipelined { delay: 2 }, 5)).with_turns(5, 1);
    let [first, second] = model.tensors[0].slots() else { panic!("two factors") };
    assert_eq!((first.phase(), second.phase()), (0, 1));
    let mut stamps = Vec::new();
    for _ in 0..14 {
        model.round(1, 20_000);
        stamps.push(model.slots().map(|slot| slot.stamp()).collect::<Vec<_>>());
    }
    // Due at 0, 5, 10 and at 1, 6, 11; the second one is begun two steps after the first.
    assert_eq!(stamps[3], [Some(0), None]);
    assert_eq!(stamps[4], [Some(0), Some(2)]);
    assert_eq!(stamps[9], [Some(5), Some(7)]);
    assert_eq!(stamps[13], [Some(10), Some(7)]);
}

#[test]
fn rounds_without_a_gradient_starve_nobody() {
    let config = Config { sides: Sides::Smallest, ..with(Mode::Pipelined { delay: 2 }, 4) };
    for skipped in 0..8 {
        // A turn at 0 and one at 2: they meet once the second one is two steps late.
        let mut model = Model::<F32>::new(&[&[12, 7], &[20, 5]], config).with_turns(2, 2);
        for rounds in 0..60 {
            round(&mut model, 1, 20_000, |index| index == 0 || rounds != skipped && rounds != skipped + 1);
            if rounds > 20 {
                assert_fresh(&model, 4 + 3 * 2);
            }
        }
    }
    // Gradients of the second one come only where the driver is busy with the first.
    let mut model = Model::<F32>::new(
        &[&[12, 7], &[20, 5]],
        Config { schedule: with(Mode::Pipelined { delay: 2 }, 1).schedule, ..config },
    );
    (0..60).for_each(|rounds| round(&mut model, 1, 20_000, |index| index == 0 || rounds % 2 == 1));
    assert_fresh(&model, 8);
    // After a long rest its steps are the older ones: the other one has its turns all the same.
    (0..30).for_each(|_| round(&mut model, 1, 20_000, |index| index == 0));
    (0..20).for_each(|_| round(&mut model, 1, 20_000, |_| true));
    assert!(model.tensors[0].count() > model.tensors[1].count() + 40);
    assert!(model.slots().zip(&model.tensors).all(|(slot, tensor)| slot.staleness(tensor.count()).unwrap() <= 8));
}

#[test]
fn bits_depend_on_rounds_alone_where_turns_are_missed() {
    for (delay, period, turns) in [(2, 5, 5), (1, 3, 2), (3, 2, 1)] {
        let model =
            Model::<F32>::new(&[&[12, 7], &[20, 5]], with(Mode::Pipelined { delay }, period)).with_turns(turns, 1);
        let run = |ticks: &mut dyn FnMut() -> (usize, u64)| {
            let mut model = model.clone();
            for rounds in 0..40 {
                let (count, flops) = ticks();
                round(&mut model, count, flops, |index| rounds % 7 != 3 * index && !(index == 1 && rounds > 30));
                // Settling again is no round.
                (0..count).for_each(|_| _ = model.settle());
            }
            model.settle();
            (model.state(), model.done.accepted, model.done.rejected)
        };
        let right = run(&mut || (0, 0));
        assert!(right.1 > 4);
        assert!(run(&mut || (1, 1)) == right);
        let mut random = Random::new(11);
        assert!(run(&mut || (random.below(4), random.bits() % 50_000)) == right);
    }
}

#[test]
fn a_tensor_that_stops_keeps_nobody_waiting() {
    for (delay, ticks) in [(1, 0), (1, 2), (3, 0), (3, 2)] {
        let config = with(Mode::Pipelined { delay: delay + 1 }, 1);
        let mut model = Model::<F32>::new(&[&[12, 7], &[20, 5]], config);
        round(&mut model, ticks, 9_000, |_| true);
        model.settle();
        assert_eq!(model.ticks.under_way(), Some(Site { tensor: 0, factor: 0, snapshot: 0 }));
        // Its last gradient was that of step 0.
        for _ in 0..delay + 1 {
            round(&mut model, ticks, 9_000, |index| index == 1);
        }
        model.settle();
        assert_eq!(model.ticks.under_way().map(|site| site.tensor), Some(0), "it is waited for");
        (0..30).for_each(|_| round(&mut model, ticks, 9_000, |index| index == 1));
        let failures = |tensor: usize| model.tensors[tensor].slots().iter().map(Slot::failures).sum::<u32>();
        assert_eq!((failures(0), failures(1)), (2, 0), "of each factor one");
        assert_eq!(model.done.rejected, 2);
        assert!(
            model.tensors[1].slots().iter().all(|slot| slot.staleness(31).is_some_and(|age| age < 3 * (delay + 2)))
        );
        // It goes on: so do its roots.
        (0..30).for_each(|_| round(&mut model, ticks, 9_000, |_| true));
        assert!(model.slots().all(|slot| slot.stamp().is_some()));
    }
}

fn saved(model: &Model<F32>) -> Vec<u8> {
    let [first, second] = &model.tensors[..] else { panic!("two tensors") };
    let parts: [&dyn Part; 3] = [first, second, &model.ticks];
    let mut image = vec![0; 20_000];
    let length = save(&parts, 1, &mut image).expect("room enough");
    image.truncate(length);
    image
}

/// What has been waited for already is in the image.
#[test]
fn a_load_waits_no_longer_than_there_is_left() {
    let config = with(Mode::Pipelined { delay: 4 }, 1);
    let mut model = Model::<F32>::new(&[&[12, 7], &[20, 5]], config);
    round(&mut model, 1, 9_000, |_| true);
    for rounds in 0..12 {
        let mut loaded = model.clone();
        let [first, second] = &mut loaded.tensors[..] else { panic!("two tensors") };
        let image = saved(&model);
        let image = Reader::open(&image).expect("whole");
        image.restore(&mut [first, second, &mut loaded.ticks]).expect("what was saved");
        let mut right = model.clone();
        for model in [&mut right, &mut loaded] {
            (0..20).for_each(|_| round(model, 1, 9_000, |index| index == 1));
        }
        assert!(right.state() == loaded.state(), "after {rounds} rounds");
        round(&mut model, 1, 9_000, |index| index == 1);
    }
}

/// Another run's root is not installed, be its place and its step the same.
#[test]
fn a_tensor_that_was_loaded_alone_drops_its_root() {
    for mode in [Mode::Async, Mode::Pipelined { delay: 2 }] {
        let mut model = Model::<F32>::new(&[&[12, 7]], with(mode, 1));
        let mut other = model.clone();
        other.random = Random::new(99);
        (0..3).for_each(|_| model.round(1, 3_000));
        (0..3).for_each(|_| other.round(1, 3_000));
        let site = model.ticks.under_way().expect("a root");
        assert_eq!(other.ticks.under_way(), Some(site));
        let mut image = vec![0; 20_000];
        save(&[&other.tensors[0]], 1, &mut image).expect("room enough");
        let mut restored = model.clone();
        Reader::open(&image).expect("whole").restore(&mut [&mut model.tensors[0]]).expect("the same settings");
        restored.tensors[0].restore(&other.tensors[0].saved()).expect("the same lengths");
        for mut model in [model, restored] {
            let before = model.tensors[0].roots().to_vec();
            model.ticks.tick(&mut model.tensors, 1, &Portable);
            assert!(model.ticks.under_way() != Some(site) || mode == Mode::Async, "{mode:?}");
            let settled = model.settle();
            if mode != Mode::Async {
                assert_eq!((settled.refresh.accepted, model.tensors[0].roots()), (0, &before[..]));
            }
        }
    }
}

/// With the budget of the documented rule ticks leave the last piece alone.
#[test]
fn a_budget_by_the_rule_leaves_settling_the_last_piece() {
    let shapes: [&[usize]; 2] = [&[12, 7], &[20, 5]];
    let methods = [Method::Auto, Method::Rational, Method::CoupledNewton, Method::NewtonSchulz, Method::Spectral];
    for (method, max_retries, max_error) in methods.into_iter().flat_map(|m| [(m, 0, None), (m, 5, Some(1e-300))]) {
        for (delay, ticks) in [(1, 2), (3, 1), (2, 4)] {
            let config = Config { method, max_retries, max_error, ..with(Mode::Pipelined { delay }, 1) };
            let most = |of: fn(&[usize], &Config) -> u64| shapes.iter().map(|shape| of(shape, &config)).max().unwrap();
            let (root, piece) = (most(largest_root), most(largest_piece));
            let budget = piece + root.div_ceil(delay * ticks);
            let mut model = Model::<F32>::new(&shapes, config);
            for _ in 0..12 {
                let settled = model.settle();
                let around = 6 * 20 * 21 / 2 + 8 * 64;
                assert!(settled.flops <= around, "{} flops: {method:?}", settled.flops);
                model.step();
                for _ in 0..ticks {
                    let before = model.ticks.left_at_most(&model.tensors);
                    let tick = model.tick(budget);
                    assert!(tick.flops <= budget);
                    let left = model.ticks.left_at_most(&model.tensors);
                    assert!(
                        before == 0 || left > 0 && before.saturating_sub(left) >= tick.flops,
                        "{before} {left} {tick:?}"
                    );
                }
            }
            assert!(model.done.accepted + model.done.rejected >= 3);
        }
    }
}

#[test]
fn what_overflows_is_the_largest_number() {
    let config = Config { block_size: usize::MAX, merge: shampoo_core::partition::Merge::Keep, ..Config::DEFAULT };
    for shape in [&[2; 9][..], &[1 << 40, 2], &[usize::MAX, 1], &[1 << 31, 1 << 31]] {
        assert_eq!((largest_piece(shape, &config), largest_root(shape, &config)), (u64::MAX, u64::MAX), "{shape:?}");
    }
    assert_eq!((largest_piece(&[], &config), tensor::<F32>(&[], config).slots().len()), (0, 0));
}
