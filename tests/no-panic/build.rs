//! Makes the linker refuse undefined symbols, as it does by itself for an executable.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,defs");
    // `memcpy`, `memset`: a crate without std does not link the C library by itself.
    println!("cargo:rustc-cdylib-link-arg=-lc");
}
