//! What the training promises, on the host.

#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

use training::{Memory, Method, Reader, Sizes, Small, Standard, Training};

/// Held-out loss that counts as trained.
const GOAL: f32 = 0.25;

/// Steps until the held-out loss is below the goal.
fn steps_to_goal<const W: usize, const S: usize>(mut memory: Memory<W, S>, sizes: Sizes, method: Method) -> u64 {
    let mut training = Training::start(&mut memory, sizes, method).expect("memory fits");
    while training.held_out(256) > GOAL && training.steps() < 1000 {
        training.step().expect("a finite gradient");
    }
    training.steps()
}

#[test]
fn shampoo_needs_fewest_steps() {
    let steps = |method| {
        [steps_to_goal(Small::new(), Sizes::SMALL, method), steps_to_goal(Standard::new(), Sizes::STANDARD, method)]
    };
    let found = Method::ALL.map(steps);
    println!("{found:?}");
    let [shampoo, sm3, sgd] = found;
    for (size, (&own, others)) in shampoo.iter().zip(sm3.iter().zip(&sgd)).enumerate() {
        assert!(own < *others.0 && own < *others.1, "size {size}: {own} steps against {others:?}");
    }
}

#[test]
fn digest_is_reproducible_and_the_weights_own() {
    let digest = |method, steps| {
        let mut memory = Small::new();
        let mut training = Training::start(&mut memory, Sizes::SMALL, method).expect("memory fits");
        (0..steps).for_each(|_| _ = training.step().expect("a finite gradient"));
        training.digest()
    };
    assert_eq!(digest(Method::Sgd, 0), digest(Method::Shampoo, 0));
    for method in Method::ALL {
        assert_eq!(digest(method, 20), digest(method, 20));
        assert_ne!(digest(method, 20), digest(method, 21));
    }
    assert_ne!(digest(Method::Sgd, 20), digest(Method::Shampoo, 20));
}

/// Memory is used anew: nothing of an earlier training is in the next.
#[test]
fn used_memory_is_as_good_as_new() {
    let mut memory = Standard::new();
    let mut digest = |method| {
        let mut training = Training::start(&mut memory, Sizes::STANDARD, method).expect("memory fits");
        (0..12).for_each(|_| _ = training.step().expect("a finite gradient"));
        training.digest()
    };
    let first = Method::ALL.map(&mut digest);
    assert_eq!(Method::ALL.map(digest), first);
}

#[test]
fn too_little_memory_is_refused() {
    let mut memory = Small::new();
    assert!(Training::start(&mut memory, Sizes::STANDARD, Method::Shampoo).is_err());
    let mut memory = Memory::<{ Sizes::SMALL.words() - 1 }, { Sizes::SMALL.slots() }>::new();
    assert!(Training::start(&mut memory, Sizes::SMALL, Method::Shampoo).is_err());
    assert!(Training::start(&mut memory, Sizes::SMALL, Method::Sgd).is_ok());
}

#[test]
fn weights_depend_on_no_budget() {
    let digest = |budget, ticks| {
        let mut memory = Small::new();
        let mut training = Training::start(&mut memory, Sizes::SMALL, Method::Shampoo).expect("memory fits");
        for _ in 0..30 {
            training.step().expect("a finite gradient");
            (0..ticks).for_each(|_| _ = training.tick(budget));
        }
        training.digest()
    };
    let piece = Sizes::SMALL.largest_piece();
    let right = digest(0, 0);
    for (budget, ticks) in [(1, 3), (piece, 1), (piece, 7), (u64::MAX, 1)] {
        assert_eq!(digest(budget, ticks), right, "{ticks} ticks of {budget} flops");
    }
}

#[test]
fn ticks_keep_to_their_budget_and_end() {
    let mut memory = Standard::new();
    let mut training = Training::start(&mut memory, Sizes::STANDARD, Method::Shampoo).expect("memory fits");
    let piece = Sizes::STANDARD.largest_piece();
    let mut ticks = 0;
    for _ in 0..8 {
        training.step().expect("a finite gradient");
        loop {
            let tick = training.tick(piece);
            assert!(tick.flops <= piece, "{} flops of {piece}", tick.flops);
            ticks += 1;
            if !tick.working {
                break;
            }
        }
    }
    assert!((9..1000).contains(&ticks), "{ticks} ticks for 8 roots");
}

/// Saved in the middle of a root, as ticks leave it, and loaded elsewhere.
#[test]
fn a_saved_training_goes_on_with_the_same_bits() {
    for method in Method::ALL {
        let (mut memory, mut other) = (Small::new(), Small::new());
        let mut training = Training::start(&mut memory, Sizes::SMALL, method).expect("memory fits");
        for _ in 0..21 {
            training.step().expect("a finite gradient");
            training.tick(1000);
        }
        let mut image = [0xFF; Sizes::SMALL.image_len()];
        let length = training.save(7, &mut image).expect("room for the image");
        let saved = training.digest();
        (0..20).for_each(|_| _ = training.step().expect("a finite gradient"));

        let mut second = Training::start(&mut other, Sizes::SMALL, method).expect("memory fits");
        second.restore(&Reader::open(&image[..length]).expect("a whole image")).expect("the same training");
        assert_eq!((second.digest(), second.steps()), (saved, 21));
        (0..20).for_each(|_| _ = second.step().expect("a finite gradient"));
        assert_eq!(second.digest(), training.digest());

        // What is cut off or of another method changes nothing.
        assert!(Reader::open(&image[..length - 1]).is_err());
        let (next, mut memory) = (Method::ALL[(method as usize + 1) % 3], Small::new());
        let mut third = Training::start(&mut memory, Sizes::SMALL, next).expect("memory fits");
        let before = third.digest();
        assert!(third.restore(&Reader::open(&image[..length]).expect("a whole image")).is_err());
        assert_eq!((third.digest(), third.steps()), (before, 0));
    }
}
