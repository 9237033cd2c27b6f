//! What JavaScript calls.
#![expect(unsafe_code, reason = "names for the linker, and statics that are written")]

use core::cell::UnsafeCell;

use training::{Method, Reader, Sizes, Standard, Training};

/// A static that is written: memory as it is in C.
struct Cell<T>(UnsafeCell<T>);

// SAFETY: a module without threads has one caller, and no export calls back into JavaScript.
unsafe impl<T> Sync for Cell<T> {}

impl<T> Cell<T> {
    /// # Safety
    /// No other reference to the content may be in use.
    #[expect(clippy::mut_from_ref, reason = "the caller's promise")]
    unsafe fn get(&self) -> &mut T {
        // SAFETY: see above.
        unsafe { &mut *self.0.get() }
    }
}

static MEMORY: Cell<Standard> = Cell(UnsafeCell::new(Standard::new()));
static IMAGE: Cell<[u8; Sizes::STANDARD.image_len()]> = Cell(UnsafeCell::new([0; Sizes::STANDARD.image_len()]));
static TRAINING: Cell<Option<Training<'static>>> = Cell(UnsafeCell::new(None));

/// The training, if there is one.
fn with<R>(absent: R, f: impl FnOnce(&mut Training<'static>) -> R) -> R {
    // SAFETY: exports call this once each, and `f` does not.
    unsafe { TRAINING.get() }.as_mut().map_or(absent, f)
}

/// Begins a training with method 0 (Shampoo), 1 (SM3) or 2 (SGD); false for another one.
#[unsafe(no_mangle)]
extern "C" fn start(method: usize) -> bool {
    let Some(&method) = Method::ALL.get(method) else { return false };
    // SAFETY: the only reference in use.
    let training = unsafe { TRAINING.get() };
    *training = None;
    // SAFETY: the training that had this memory is gone.
    *training = Training::start(unsafe { MEMORY.get() }, Sizes::STANDARD, method).ok();
    training.is_some()
}

/// One step: the batch's loss before it; NaN where it was refused or there is no training.
#[unsafe(no_mangle)]
extern "C" fn step() -> f32 {
    with(f32::NAN, |training| training.step().unwrap_or(f32::NAN))
}

/// Goes on with the root under way as far as so many flops reach; whether there is more to do.
#[unsafe(no_mangle)]
extern "C" fn tick(flops: u32) -> bool {
    with(false, |training| training.tick(flops.into()).working)
}

/// Mean loss of so many samples that are never trained with.
#[unsafe(no_mangle)]
extern "C" fn held_out(samples: u16) -> f32 {
    with(f32::NAN, |training| training.held_out(samples))
}

/// Steps taken.
#[unsafe(no_mangle)]
extern "C" fn steps() -> u32 {
    with(0, |training| training.steps() as u32)
}

/// Roots that were used since the training was started or restored.
#[unsafe(no_mangle)]
extern "C" fn accepted() -> u32 {
    with(0, |training| training.verdicts().accepted)
}

/// Roots that were refused.
#[unsafe(no_mangle)]
extern "C" fn rejected() -> u32 {
    with(0, |training| training.verdicts().rejected)
}

/// 32 bits of all the weights' bits.
#[unsafe(no_mangle)]
extern "C" fn digest() -> u32 {
    with(0, |training| training.digest())
}

/// Where the weights lie.
#[unsafe(no_mangle)]
extern "C" fn parameters() -> *const f32 {
    with(core::ptr::null(), |training| training.parameters().as_ptr())
}

/// How many there are.
#[unsafe(no_mangle)]
extern "C" fn parameters_len() -> usize {
    with(0, |training| training.parameters().len())
}

/// Where a saved training is written and read.
#[unsafe(no_mangle)]
extern "C" fn image() -> *mut u8 {
    IMAGE.0.get().cast()
}

/// Bytes at that place.
#[unsafe(no_mangle)]
extern "C" fn image_capacity() -> usize {
    Sizes::STANDARD.image_len()
}

/// Writes the training there; its bytes, 0 where there is none.
#[unsafe(no_mangle)]
extern "C" fn save() -> usize {
    // SAFETY: the only reference in use.
    let image = unsafe { IMAGE.get() };
    with(0, |training| training.save(0, image).unwrap_or(0))
}

/// Goes on from what was put there; false, and nothing has changed, unless it is a training with the same method.
#[unsafe(no_mangle)]
extern "C" fn restore(length: usize) -> bool {
    // SAFETY: the only reference in use.
    let image = unsafe { IMAGE.get() }.get(..length).and_then(|bytes| Reader::open(bytes).ok());
    with(false, |training| image.is_some_and(|image| training.restore(&image).is_ok()))
}

/// Linked only if the optimizer leaves no panic path: the symbol is defined nowhere, and would show as an import.
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_path_is_left() -> !;
    }
    // SAFETY: there is no such function, so no linked module gets here.
    unsafe { a_panic_path_is_left() }
}
