//! What the training promises, on the host.

use training::{Memory, Method, Sizes, Small, Standard, Training};

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
