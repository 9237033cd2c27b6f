// With std elsewhere, so that every compiler can look at it.
#![cfg_attr(target_os = "unknown", no_std)]
//! The training as a WebAssembly module: plain exported functions over static memory, nothing imported.
//!
//! One instance of the module holds one training; who wants several makes several instances.

mod exports;
