//! What the proof at link time must refuse.

/// Can panic.
#[expect(clippy::indexing_slicing, reason = "it is to panic")]
#[expect(unsafe_code, reason = "a name for the linker")]
#[unsafe(no_mangle)]
extern "C" fn shampoo_control(index: usize) -> u8 {
    [1, 2, 3][index]
}
