// With std elsewhere, so that every compiler can look at it.
#![cfg_attr(target_os = "unknown", no_std)]
//! The training as a WebAssembly module: plain exported functions over static memory, nothing imported.
//!
//! One instance of the module holds one training; who wants several makes several instances.

mod exports;

/// Linked only if the optimizer leaves no panic path: the symbol is defined nowhere, and would show as an import.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[panic_handler]
#[expect(unsafe_code, reason = "a symbol that does not exist")]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_path_is_left() -> !;
    }
    // SAFETY: there is no such function, so no linked module gets here.
    unsafe { a_panic_path_is_left() }
}
