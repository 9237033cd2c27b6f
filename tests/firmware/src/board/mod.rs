//! What differs from machine to machine: entry, output, instructions, the stack.

pub mod cell;
#[cfg(all(target_os = "none", target_arch = "arm"))]
mod cortex_m;
#[cfg(not(target_os = "none"))]
mod host;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
mod riscv;
#[cfg(target_os = "none")]
mod semihosted;
#[cfg(target_os = "none")]
mod stack;

#[cfg(all(target_os = "none", target_arch = "arm"))]
use cortex_m as machine;
#[cfg(not(target_os = "none"))]
use host as machine;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
use riscv as machine;

#[cfg(not(target_os = "none"))]
pub use host::{exit, write};
#[cfg(target_os = "none")]
pub use semihosted::{exit, write};

/// Ends a program that the processor has stopped.
#[cfg(target_os = "none")]
pub fn fault() -> ! {
    write(b"FAILED a fault of the processor\n");
    exit(false)
}

/// Instructions that `work` takes; 0 on a machine that does not count them.
pub fn instructions(work: impl FnOnce()) -> u64 {
    // The first reading may have to wait for the timer to be set up.
    let _ = machine::ticks();
    let empty = between(|| ());
    let whole = between(work);
    machine::instructions(whole.saturating_sub(empty))
}

fn between(work: impl FnOnce()) -> u64 {
    let before = machine::ticks();
    work();
    machine::ticks().wrapping_sub(before) & machine::TICKS
}

/// Bytes of stack that `work` takes beside those of its caller; [`u32::MAX`] where they are more than are painted, 0 where
/// nothing is.
#[inline(never)]
pub fn stack(work: impl FnOnce()) -> u32 {
    #[cfg(target_os = "none")]
    {
        let painted = stack::paint(machine::stack_pointer());
        apart(work);
        painted.used()
    }
    #[cfg(not(target_os = "none"))]
    {
        work();
        0
    }
}

/// Calls `work`, whose own frame would otherwise be part of its caller's and lie above the paint.
#[cfg(target_os = "none")]
#[inline(never)]
fn apart(work: impl FnOnce()) {
    work();
}

/// Makes a function of the crate, `fn() -> bool`, the program; what it returns is its exit status. A fault ends it as a
/// failure.
#[macro_export]
macro_rules! program {
    ($run:path) => {
        #[cfg(all(target_os = "none", target_arch = "arm"))]
        #[cortex_m_rt::entry]
        fn main() -> ! {
            $crate::board::exit($run())
        }

        #[cfg(all(target_os = "none", target_arch = "arm"))]
        #[expect(unsafe_code, reason = "nothing but the processor may call it")]
        #[cortex_m_rt::exception]
        unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
            $crate::board::fault()
        }

        #[cfg(all(target_os = "none", target_arch = "riscv32"))]
        #[expect(unsafe_code, reason = "the name that the start-up code calls")]
        #[unsafe(no_mangle)]
        extern "Rust" fn ExceptionHandler(_: &riscv_rt::TrapFrame) -> ! {
            $crate::board::fault()
        }

        #[cfg(all(target_os = "none", target_arch = "riscv32"))]
        #[riscv_rt::entry]
        fn main() -> ! {
            $crate::board::exit($run())
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            $crate::board::exit($run())
        }
    };
}
