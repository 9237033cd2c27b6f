//! Inverse roots: outcomes are typed, buffers stay as they were unless a root is accepted, and promises are kept.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shampoo_fuzz::roots::Case;

fuzz_target!(|case: Case| case.judge());
