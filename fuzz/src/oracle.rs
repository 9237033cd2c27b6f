//! The tests' oracles of roots, from the same sources: that crate also builds the runtime, which is not fuzzed.

#[path = "../../tests/src/oracle/jacobi.rs"]
mod jacobi;
#[path = "../../tests/src/oracle/narrow.rs"]
pub mod narrow;
#[path = "../../tests/src/oracle/number.rs"]
pub mod number;
#[path = "../../tests/src/oracle/root.rs"]
pub mod root;
#[path = "../../tests/src/oracle/wide.rs"]
pub mod wide;

pub use jacobi::Spectrum;
