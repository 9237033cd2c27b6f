#![cfg_attr(target_os = "none", no_std)]
//! What the programs on a device share: the board, and lines of text.
//!
//! A program links only if nothing in it can panic: the panic handler calls a function that does not exist. The
//! same programs run on the host, without counts, to compare what they compute.

pub mod board;
pub mod fpu;
pub mod report;
pub mod spectrum;

#[cfg(all(target_os = "none", not(feature = "locate")))]
#[expect(unsafe_code, reason = "declared, and never linked")]
unsafe extern "C" {
    safe fn shampoo_firmware_can_panic() -> !;
}

#[cfg(all(target_os = "none", feature = "locate"))]
fn shampoo_firmware_can_panic() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    shampoo_firmware_can_panic()
}
