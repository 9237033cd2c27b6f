//! What the fuzz targets share: generators, oracles, judges.
//!
//! A target is a file in `fuzz_targets/` and a `[[bin]]` in `Cargo.toml`; `fuzz/run SECONDS` runs all that there are. To
//! add one: derive `Arbitrary` for a plain struct of the inputs (from [`numbers`] and [`matrices`] where they fit), check
//! laws with `assert!` in `fuzz_target!`, and put a few tiny inputs into `corpus/<target>/`. Small integers and exponents
//! make better inputs than raw floating-point numbers, of which nearly all are far apart; both are worth a mode.
//!
//! A finding becomes a test on plain numbers in `tests/tests/tensors/fuzz_findings.rs`: `cargo fuzz fmt <target> <file>` prints
//! the input of a crash.

pub mod judge;
pub mod matrices;
pub mod numbers;
pub mod oracle;
pub mod pace;
pub mod roots;
pub mod settings;
pub mod views;
