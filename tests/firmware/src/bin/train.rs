#![cfg_attr(target_os = "none", no_std, no_main)]
//! Trains a small network on the device by each method, and prints what it took.

use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::report::{Bits32, Checks};
use shampoo_firmware::{board, program, say};
use training::{Method, Room, Sizes, Small, Training, Verdicts};

/// Steps of each training.
const STEPS: u32 = 100;

/// Samples for the loss at the end.
const HELD_OUT: u16 = 256;

/// The least budgets that always get on.
const SMALL_PIECE: u64 = Sizes::SMALL.largest_piece();
#[cfg(not(feature = "microbit"))]
const STANDARD_PIECE: u64 = Sizes::STANDARD.largest_piece();

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
#[inline(never)]
fn train(checks: &mut Checks, name: &str, memory: Room<'_>, sizes: Sizes, method: Method, budget: u64) {
    // And what must be left of the loss.
    let (method_name, left) = match method {
        Method::Shampoo => ("Shampoo", 0.1),
        Method::Sm3 => ("Sm3", 0.75),
        Method::Sgd => ("Sgd", 0.5),
    };
    let bytes = memory.bytes();
    // It stays where it is returned to: moved, it would be on the stack twice.
    let mut started = Training::start(memory, sizes, method);
    let Ok(training) = &mut started else { return checks.check(method_name, false) };
    let before = training.held_out(HELD_OUT);
    let (mut most, mut ticks) = (Most::default(), 0_u32);
    for _ in 0..STEPS {
        let mut done = false;
        let count = board::instructions(|| done = training.step().is_ok());
        most.step = most.step.max(count);
        checks.check("a step", done);
        let (mut root, mut working) = (0, true);
        while working {
            let count = board::instructions(|| {
                working = training.tick(budget).working;
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
        bytes,
    );
    let Verdicts { accepted, rejected } = training.verdicts();
    // Each step but the first has the root of one factor, of statistics that a snapshot found.
    let roots = if method == Method::Shampoo { STEPS - 1 } else { 0 };
    checks.check("every root is accepted", accepted == roots && rejected == 0);
    checks.check("the loss falls", after < left * before);
}

/// All methods after one another in the same memory.
fn all(checks: &mut Checks) {
    let Some(small) = SMALL.take() else { return checks.check("memory", false) };
    let mut small = Room::from(small);
    for method in Method::ALL {
        train(checks, "small", small.lend(), Sizes::SMALL, method, SMALL_PIECE);
    }
    #[cfg(not(feature = "microbit"))]
    {
        let Some(standard) = STANDARD.take() else { return checks.check("memory", false) };
        let mut standard = Room::from(standard);
        for method in Method::ALL {
            train(checks, "standard", standard.lend(), Sizes::STANDARD, method, STANDARD_PIECE);
        }
    }
}

fn run() -> bool {
    let mut checks = Checks::default();
    let stack = board::stack(|| all(&mut checks));
    say!("train stack ", stack, " of_which_training ", size_of::<Training<'_>>());
    checks.at_most("stack", stack.into(), 4096 + size_of::<Training<'_>>() as u64);
    checks.finish()
}

program!(run);
