//! Diagonal methods, covers, grafts, momentum, lookups and K-FAC factors.

#[path = "../common/mod.rs"]
mod common;
#[path = "../diagonal_support/mod.rs"]
mod diagonal_support;

mod ada_graft;
mod covers;
mod diagonal_laws;
mod kfac;
mod lookup;
mod momentum_laws;
mod regret;
