//! What the Shampoo crates are judged by: oracles wider or plainer than the code under test,
//! seeded inputs, and the one table of tolerances.
//!
//! Nothing here uses the crates under test, so that a fault in them cannot hide in its own judge.
//! Matrices are row-major slices, tensors a shape and a row-major slice.

pub mod generate;
pub mod golden;
pub mod oracle;
pub mod tolerance;

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
