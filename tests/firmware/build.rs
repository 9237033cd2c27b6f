//! Hands the linker the memory of the board.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-changed=memory");
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let board = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
        "riscv32" => "virt",
        _ if env::var_os("CARGO_FEATURE_MICROBIT").is_some() => "microbit",
        _ => "mps2",
    };
    let out = PathBuf::from(variable("OUT_DIR"));
    fs::copy(format!("memory/{board}.x"), out.join("memory.x")).expect("the memory of the board is copied");
    println!("cargo:rustc-link-search={}", out.display());
    if board == "virt" {
        println!("cargo:rustc-link-arg-bins=-Tmemory.x");
    }
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    // Sections need not begin at pages, which would lie outside of small memories.
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
