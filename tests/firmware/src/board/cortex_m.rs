//! Cortex-M under QEMU: a timer's ticks under `-icount shift=6`, which makes every instruction last 64 ns.
#![expect(unsafe_code, reason = "registers")]

#[cfg(not(feature = "microbit"))]
pub(super) use mps2::{TICKS, instructions, ticks};
#[cfg(feature = "microbit")]
pub(super) use nrf51::{TICKS, instructions, ticks};

/// What one instruction lasts.
const NANOSECONDS: u64 = 64;

pub(super) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: only reads the register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}

/// The FPGA's counter at 25 MHz.
#[cfg(not(feature = "microbit"))]
mod mps2 {
    const COUNTER: *const u32 = 0x4002_8018 as *const u32;

    /// The counter has 32 bits.
    pub(in super::super) const TICKS: u64 = 0xFFFF_FFFF;

    pub(in super::super) fn ticks() -> u64 {
        // SAFETY: a register of the board that is read without effect.
        u64::from(unsafe { COUNTER.read_volatile() })
    }

    pub(in super::super) fn instructions(ticks: u64) -> u64 {
        ticks * 40 / super::NANOSECONDS
    }
}

/// TIMER0 at 16 MHz.
#[cfg(feature = "microbit")]
mod nrf51 {
    const TIMER: usize = 0x4000_8000;
    const START: *mut u32 = TIMER as *mut u32;
    const CAPTURE: *mut u32 = (TIMER + 0x40) as *mut u32;
    const BIT_MODE: *mut u32 = (TIMER + 0x508) as *mut u32;
    const PRESCALER: *mut u32 = (TIMER + 0x510) as *mut u32;
    const CAPTURED: *const u32 = (TIMER + 0x540) as *const u32;

    /// In this mode the timer has 32 bits.
    const BITS_32: u32 = 3;
    pub(in super::super) const TICKS: u64 = 0xFFFF_FFFF;

    pub(in super::super) fn ticks() -> u64 {
        // SAFETY: registers of a timer that nothing else uses.
        unsafe {
            if BIT_MODE.read_volatile() != BITS_32 {
                BIT_MODE.write_volatile(BITS_32);
                PRESCALER.write_volatile(0);
                START.write_volatile(1);
            }
            CAPTURE.write_volatile(1);
            u64::from(CAPTURED.read_volatile())
        }
    }

    pub(in super::super) fn instructions(ticks: u64) -> u64 {
        ticks * 125 / (2 * super::NANOSECONDS)
    }
}
