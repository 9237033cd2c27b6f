// With std elsewhere, so that the host's compiler can look at it.
#![cfg_attr(target_os = "none", no_std)]
//! The optimizer for C: one object for all the layers of a network, in memory that the caller has. The functions, their
//! arguments and their errors are described in `shampoo.h`, which is made from `exports.rs`.

#[cfg(feature = "control")]
mod control;
mod exports;
mod optimizer;
mod options;
