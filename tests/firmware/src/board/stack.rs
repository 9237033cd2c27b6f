//! How deep the stack went: its free part is painted before, and searched for the first spoilt word after.
#![expect(unsafe_code, reason = "memory that belongs to nothing")]

use core::ptr::{read_volatile, with_exposed_provenance_mut, write_volatile};

const PAINT: u32 = 0xB10C_5EED;

/// Bytes painted at most.
const DEPTH: usize = 64 * 1024;

/// What the painting itself may need.
const OWN: usize = 256;

/// Lowest bytes of the paint: where one of them is spoilt the stack may have gone deeper, into the statics below.
const MARGIN: usize = 64;

unsafe extern "C" {
    /// The first address behind all statics, from the linker.
    static __euninit: u32;
}

/// A painted stretch of the stack.
pub(super) struct Painted {
    bottom: usize,
    top: usize,
    pointer: usize,
}

/// Paints what is free below the stack pointer.
#[inline(never)]
pub(super) fn paint(pointer: usize) -> Painted {
    let statics = (&raw const __euninit).expose_provenance();
    let top = pointer.saturating_sub(OWN) & !3;
    let bottom = statics.max(top.saturating_sub(DEPTH));
    for address in (bottom..top).step_by(4) {
        // SAFETY: aligned words between the statics and the stack in use, which nothing refers to.
        unsafe { write_volatile(with_exposed_provenance_mut(address), PAINT) };
    }
    Painted { bottom, top, pointer }
}

impl Painted {
    /// Bytes from the deepest word that was written to the stack pointer then; [`u32::MAX`] where that cannot be said.
    #[inline(never)]
    pub(super) fn used(&self) -> u32 {
        let lowest = self.bottom.saturating_add(MARGIN);
        if lowest >= self.top {
            return u32::MAX;
        }
        let deepest = (self.bottom..self.top).step_by(4).find(|&address| {
            // SAFETY: as above.
            let word: u32 = unsafe { read_volatile(with_exposed_provenance_mut(address)) };
            word != PAINT
        });
        match deepest.unwrap_or(self.top) {
            deepest if deepest < lowest => u32::MAX,
            deepest => (self.pointer - deepest) as u32,
        }
    }
}
