#![cfg_attr(target_os = "none", no_std, no_main)]
//! Instructions and stack of roots and steps; fails where a bound is missed.

mod roots;
mod steps;

use core::hint::black_box;

use shampoo_firmware::report::Checks;
use shampoo_firmware::{board, program};

/// A stack that goes below the paint is told from any that does not.
fn too_deep(checks: &mut Checks) {
    let stack = board::stack(|| _ = black_box([1_u8; 96 * 1024]));
    checks.check("a stack deeper than the paint is noticed", stack == u32::MAX || cfg!(not(target_os = "none")));
}

fn run() -> bool {
    let mut checks = Checks::default();
    too_deep(&mut checks);
    roots::all(&mut checks);
    steps::all(&mut checks);
    checks.finish()
}

program!(run);
