//! Training runs, the target that they race to, and the search for learning rates.

pub mod run;
pub mod target;
pub mod tune;

pub use run::{End, Job, Run, Setting};
