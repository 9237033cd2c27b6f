#![cfg_attr(target_os = "none", no_std, no_main)]
//! Instructions and stack of roots and steps; fails where a bound is missed.

mod roots;
mod steps;

use shampoo_firmware::program;
use shampoo_firmware::report::Checks;

fn run() -> bool {
    let mut checks = Checks::default();
    roots::all(&mut checks);
    steps::all(&mut checks);
    checks.finish()
}

program!(run);
