//! Nothing in shampoo-core can panic: `tests/no-panic` links, and stops linking once something can.

#![cfg(target_os = "linux")]

use std::fs::{self, read_to_string};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SYMBOL: &str = "shampoo_core_can_panic";

fn no_panic() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("no-panic")
}

fn link(arguments: &[&str]) -> Output {
    // `cargo test` has fetched the same versions; a coverage build's flags would add a runtime that panics.
    Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--offline"])
        .args(arguments)
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-panic"))
        .current_dir(no_panic())
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs")
}

#[test]
fn no_entry_point_of_core_reaches_a_panic() {
    let proof = link(&[]);
    assert!(proof.status.success(), "{}", String::from_utf8_lossy(&proof.stderr));

    let control = link(&["--features", "control"]);
    let message = String::from_utf8_lossy(&control.stderr);
    assert!(!control.status.success(), "an index that may lie outside went unnoticed");
    assert!(message.contains("undefined") && message.contains(SYMBOL), "{message}");
}

/// By name alone: a function that is new in core must be added to the entry points.
#[test]
fn every_public_function_of_core_is_an_entry_point() {
    let entries = sources(&no_panic().join("src")).concat();
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shampoo-core/src");
    let functions = sources(&core);
    let names = functions.iter().flat_map(|source| source.lines()).filter_map(|line| {
        let line = line.trim_start();
        let rest = line.strip_prefix("pub fn ").or_else(|| line.strip_prefix("pub const fn "))?;
        rest.split(['(', '<']).next()
    });
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let missing: Vec<_> = names.filter(|name| !entries.split(|c| !is_word(c)).any(|word| word == *name)).collect();
    assert!(missing.is_empty(), "not in tests/no-panic: {missing:?}");
}

/// The proof is about the versions that the workspace uses.
#[test]
fn the_lock_files_agree() {
    let lock = |path: &Path| read_to_string(path.join("Cargo.lock")).expect("a lock file");
    let workspace = lock(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let proof = lock(&no_panic());
    for package in proof.split("[[package]]").skip(1).filter(|package| package.contains("checksum")) {
        let checksum = package.lines().find(|line| line.starts_with("checksum")).unwrap_or_default();
        assert!(workspace.contains(checksum), "{package}");
    }
}

/// The text of every file below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder of sources");
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![read_to_string(path).expect("a source")] })
        .collect()
}
