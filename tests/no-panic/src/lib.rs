#![no_std]
//! Links only if nothing in shampoo-core can panic.
//!
//! The panic handler calls a function that does not exist, and `build.rs` makes the linker refuse undefined
//! symbols. After optimisation over the whole program the handler is left only if some entry point reaches it.
//! Entry points are handed out as bare pointers, so the optimiser knows nothing of their arguments: no length, no
//! shape, no invariant of a state that lies in memory. Kernels are the portable one, and one that is unknown.
//!
//! Not covered: texts of errors (`core::fmt` of a float can panic as far as the optimiser knows), overflow of
//! integers, which wraps in a release build, and the stack.
//!
//! When the link fails: `cargo build --release --features locate`, then look in
//! `objdump -dC target/release/libshampoo_no_panic.so` for functions that call `core::panicking`.

#[macro_use]
mod entries;
mod blocks;
mod images;
mod kernels;
mod linalg;
mod lookups;
mod methods;
mod partitions;
mod roots;
mod scalars;
mod settings;
mod tensors;
mod ticks;
mod views;

#[cfg(not(feature = "locate"))]
unsafe extern "C" {
    safe fn shampoo_core_can_panic() -> !;
}

#[cfg(feature = "locate")]
fn shampoo_core_can_panic() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    shampoo_core_can_panic()
}

#[cfg(feature = "control")]
entries! { control: [indexed] }

/// An index that may lie outside.
#[cfg(feature = "control")]
fn indexed(x: &[f32], i: usize) -> f32 {
    x[i]
}
