//! Inputs that broke other implementations, with the right answers.

#[path = "../common/mod.rs"]
mod common;

mod gradients;
mod kernel;
mod roots;
mod shapes;
mod steps;
