//! RISC-V under QEMU: retired instructions, exact under `-icount shift=0`.
#![expect(unsafe_code, reason = "registers")]

/// All bits of the counter.
pub(super) const TICKS: u64 = u64::MAX;

pub(super) fn ticks() -> u64 {
    loop {
        let (high, low, again): (u32, u32, u32);
        // SAFETY: counters of the processor that are read without effect.
        unsafe {
            core::arch::asm!(
                "csrr {high}, minstreth", "csrr {low}, minstret", "csrr {again}, minstreth",
                high = out(reg) high, low = out(reg) low, again = out(reg) again,
                options(nomem, nostack),
            );
        }
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

pub(super) fn instructions(ticks: u64) -> u64 {
    ticks
}

pub(super) fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: only reads the register.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
