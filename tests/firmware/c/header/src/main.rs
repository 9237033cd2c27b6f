//! Prints the header of the C library, whose folder is the only argument.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use cbindgen::{Builder, Config};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: shampoo-c-header FOLDER");
        return ExitCode::from(2);
    };
    let config = match Config::from_file(folder.join("cbindgen.toml")) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("cbindgen.toml: {error}");
            return ExitCode::FAILURE;
        }
    };
    let files = ["options.rs", "exports.rs"].map(|name| folder.join("src").join(name));
    let builder = files.iter().fold(Builder::new().with_config(config), |builder, file| builder.with_src(file));
    let mut header = Vec::new();
    match builder.generate() {
        Ok(bindings) => bindings.write(&mut header),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    if stdout().write_all(&header).is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
