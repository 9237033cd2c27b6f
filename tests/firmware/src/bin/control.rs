#![cfg_attr(target_os = "none", no_std, no_main)]
//! Can panic: the proof at link time must refuse it.

use shampoo_firmware::{board, program};

fn run() -> bool {
    let numbers = [1_u8, 2, 3];
    let index = board::instructions(|| ()) as usize;
    numbers[index] > 0
}

program!(run);
