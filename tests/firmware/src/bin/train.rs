#![cfg_attr(target_os = "none", no_std, no_main)]
//! Trains a small network on the device by each method, and prints what it took.

use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::report::{Bits32, Checks};
use shampoo_firmware::{board, program, say};
use training::{Memory, Method, Sizes, Small, Training};

/// Steps of each training.
const STEPS: u32 = 100;

/// Samples for the loss at the end.
const HELD_OUT: u16 = 256;

static SMALL: Cell<Small> = Cell::new(Small::new());
#[cfg(not(feature = "microbit"))]
static STANDARD: Cell<training::Standard> = Cell::new(training::Standard::new());

/// The most instructions that something took, of several times.
#[derive(Default)]
struct Most {
    step: u64,
    tick: u64,
    root: u64,
}

/// One training: after every step ticks until the root is done that is under way, each with the least budget that always
/// gets on.
fn train<const WORDS: usize, const SLOTS: usize>(
    checks: &mut Checks,
    name: &str,
    memory: &mut Memory<WORDS, SLOTS>,
    sizes: Sizes,
    method: Method,
) {
    // And what must be left of the loss.
    let (method_name, left) = match method {
        Method::Shampoo => ("Shampoo", 0.1),
        Method::Sm3 => ("Sm3", 0.75),
        Method::Sgd => ("Sgd", 0.5),
    };
    let Ok(mut training) = Training::start(memory, sizes, method) else { return checks.check(method_name, false) };
    let before = training.held_out(HELD_OUT);
    let (mut most, mut ticks, mut rejected) = (Most::default(), 0_u32, 0);
    for _ in 0..STEPS {
        let mut done = false;
        let count = board::instructions(|| done = training.step().is_ok());
        most.step = most.step.max(count);
        checks.check("a step", done);
        let (mut root, mut working) = (0, true);
        while working {
            let count = board::instructions(|| {
                let tick = training.tick(Sizes::largest_piece(sizes));
                (working, rejected) = (tick.working, rejected + tick.refresh.rejected);
            });
            (root, ticks) = (root + count, ticks + 1);
            most.tick = most.tick.max(count);
        }
        most.root = most.root.max(root);
    }
    let after = training.held_out(HELD_OUT);
    say!(
        "digest ",
        name,
        " ",
        method_name,
        " ",
        training.steps(),
        " ",
        Bits32(training.digest()),
        " ",
        (1000.0 * after) as u32
    );
    say!(
        "train ",
        name,
        " ",
        method_name,
        " step ",
        most.step,
        " tick ",
        most.tick,
        " root ",
        most.root,
        " ticks ",
        ticks,
        " loss_before_e3 ",
        (1000.0 * before) as u32,
        " loss_after_e3 ",
        (1000.0 * after) as u32,
        " memory_bytes ",
        size_of::<Memory<WORDS, SLOTS>>() as u32,
    );
    let settled = training.verdicts();
    // Each step but the first has the root of one factor, of statistics that a snapshot found.
    let roots = if method == Method::Shampoo { STEPS - 1 } else { 0 };
    checks.check("every root is accepted", settled.accepted == roots && settled.rejected + rejected == 0);
    checks.check("the loss falls", after < left * before);
}

/// All methods after one another in the same memory.
fn all(checks: &mut Checks) {
    let Some(small) = SMALL.take() else { return checks.check("memory", false) };
    for method in Method::ALL {
        train(checks, "small", small, Sizes::SMALL, method);
    }
    #[cfg(not(feature = "microbit"))]
    {
        let Some(standard) = STANDARD.take() else { return checks.check("memory", false) };
        for method in Method::ALL {
            train(checks, "standard", standard, Sizes::STANDARD, method);
        }
    }
}

fn run() -> bool {
    let mut checks = Checks::default();
    let stack = board::stack(|| all(&mut checks));
    say!("train stack ", stack, " of_which_training ", size_of::<Training<'_>>());
    // A training is moved once on its way to its place: twice its size is on the stack.
    checks.at_most("stack", stack.into(), 4096 + 2 * size_of::<Training<'_>>() as u64);
    checks.finish()
}

program!(run);
