//! The learning rates that `--tune` found best, by data set: batch 1000, seed 0; 600 steps on CURVES and for Adam,
//! 100 steps for the others on MNIST.

use crate::optimizers::Method;
use crate::optimizers::variants::OTHERS;

/// The recorded rate of a method on the data set with this name; a guess for an unknown set.
#[must_use]
pub fn recorded(method: Method, dataset: &str) -> f64 {
    match (method, dataset) {
        (Method::Sgd, _) => 1e-3,
        (Method::Adagrad, "mnist") => 3e-4,
        (Method::Adagrad, _) => 1e-3,
        (Method::Shampoo, "mnist") => 1e-4,
        (Method::Shampoo, _) => 1e-3,
        (Method::Adam, "mnist") => 1e-3,
        (Method::Adam, _) => 3e-3,
        (Method::Other(index), _) => OTHERS[index].rate,
    }
}
