//! Output and the end of the program by the debugger's calls.

use semihosting::process;
use semihosting::sys::arm_compat::sys_writec;

/// Writes text.
pub fn write(text: &[u8]) {
    text.iter().for_each(|&byte| sys_writec(byte));
}

/// Ends the program.
pub fn exit(success: bool) -> ! {
    process::exit(i32::from(!success))
}
