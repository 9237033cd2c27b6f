//! One parameter and its whole step.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod fuzz_findings;
mod golden_sequences;
mod lengths;
mod memory;
mod merge;
mod packed_products;
mod presets;
mod ranges;
mod schedule;
mod slots;
mod statistics_options;
mod step_rules;
mod steps_vs_naive;
