//! The functions of `shampoo.h`: pointers become slices here and nowhere else.
#![expect(unreachable_pub, reason = "what makes the header looks for it")]
#![expect(unsafe_code, reason = "what C hands over can only be believed")]

use core::ffi::c_void;
use core::ptr::NonNull;
use core::slice::{from_raw_parts, from_raw_parts_mut};

use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ImageError, StepError};
use shampoo_core::image::{newest, next};
use shampoo_core::schedule::Slot;

use crate::optimizer::{Layer, Memory, Optimizer, Plan};
use crate::options::Options;

/// The version of the library that this describes: 10000 times the major, 100 times the minor one, and the patch.
pub const VERSION: u32 = 100;

/// Alignment of the memory in bytes.
pub const ALIGNMENT: usize = 8;

/// Layers at most.
pub const MAX_LAYERS: usize = 8;

/// What a function returns. Whatever it is but SHAMPOO_ERROR_OK, nothing has changed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Done.
    Ok = 0,
    /// A pointer is null.
    Null,
    /// Memory is not at a multiple of 8 bytes, or numbers not at one of their size.
    Misaligned,
    /// The buffer is too short.
    TooSmall,
    /// A side is 0, there are no layers or more than SHAMPOO_MAX_LAYERS, or a layer is too large.
    Shape,
    /// A setting is out of its range.
    Options,
    /// The memory is not one that shampoo_init() of this library has filled, or it has been moved since.
    NotInitialized,
    /// A gradient, or a parameter that decays, is not finite.
    NotFinite,
    /// A gradient is so large that its squares would overflow.
    TooLarge,
    /// The learning rate is not finite.
    LearningRate,
    /// No whole image: cut off, or changed by a bit.
    Broken,
    /// An image of other layers or other settings.
    OtherSettings,
    /// What begins like an image, but one of another version of the library.
    OtherVersion,
}

/// The shape of a layer; its parameters and gradients are row-major.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Rows, at least 1.
    pub rows: u32,
    /// Columns, at least 1.
    pub columns: u32,
}

/// Where images are, of two places that are written in turns.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// The place, 0 or 1, of the newest whole image; -1 where there is none.
    pub newest: i32,
    /// The place for the next one.
    pub next: i32,
    /// Its number.
    pub number: u32,
}

/// What became of the inverse roots since shampoo_init() or shampoo_restore().
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Found precise enough, and used.
    pub accepted: u32,
    /// Refused: the one before stays in use.
    pub rejected: u32,
}

/// What lies at the front of the memory.
#[repr(C)]
struct State {
    /// Where that is, xor [`MARK`]: memory that was moved is as little initialized as any other.
    mark: usize,
    optimizer: Optimizer<'static>,
}

/// Bits that no memory has by chance at its own address, other ones where a library lays its memory out otherwise: memory
/// may outlive a reset, and the program may be another one then.
const MARK: usize = {
    let layout = [
        VERSION as usize,
        size_of::<State>(),
        size_of::<Layer<'_>>(),
        size_of::<Slot>(),
        core::mem::offset_of!(State, optimizer),
    ];
    let (mut mark, mut rest) = (0x5348_4D50_usize, layout.as_slice());
    while let [first, others @ ..] = rest {
        // FNV-1a by words.
        (mark, rest) = ((mark ^ *first).wrapping_mul(0x0100_0193), others);
    }
    mark
};

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        if matches!(error, ConfigError::Shape(_)) { Self::Shape } else { Self::Options }
    }
}

impl From<StepError> for Error {
    fn from(error: StepError) -> Self {
        match error {
            StepError::GradientTooLarge { .. } => Self::TooLarge,
            StepError::LearningRate { .. } => Self::LearningRate,
            StepError::NonFiniteGradient { .. } | StepError::NonFiniteParameter { .. } => Self::NotFinite,
            _ => Self::Shape,
        }
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Space { .. } | ImageError::TooLarge => Self::TooSmall,
            ImageError::Parts { .. } | ImageError::Numbers { .. } => Self::OtherSettings,
            ImageError::Shape { .. } | ImageError::Settings { .. } => Self::OtherSettings,
            ImageError::Version { .. } => Self::OtherVersion,
            _ => Self::Broken,
        }
    }
}

/// As C wants it.
fn code(result: Result<(), Error>) -> Error {
    result.err().unwrap_or(Error::Ok)
}

/// A pointer that can be read from.
fn checked<T>(pointer: *const T) -> Result<*const T, Error> {
    if pointer.is_null() {
        Err(Error::Null)
    } else if !pointer.is_aligned() {
        Err(Error::Misaligned)
    } else {
        Ok(pointer)
    }
}

/// The shapes of all layers.
struct Shapes {
    shapes: [[usize; 2]; MAX_LAYERS],
    count: usize,
}

impl Shapes {
    /// # Safety
    /// A pointer that is aligned and not null is one to so many shapes.
    unsafe fn read(shapes: *const Shape, layers: usize) -> Result<Self, Error> {
        if !(1..=MAX_LAYERS).contains(&layers) {
            return Err(Error::Shape);
        }
        // SAFETY: the caller's promise.
        let found = unsafe { from_raw_parts(checked(shapes)?, layers) };
        let mut own = Self { shapes: [[0; 2]; MAX_LAYERS], count: layers };
        for (own, &Shape { rows, columns }) in own.shapes.iter_mut().zip(found) {
            if rows == 0 || columns == 0 {
                return Err(Error::Shape);
            }
            *own = [rows as usize, columns as usize];
        }
        Ok(own)
    }

    fn each(&self) -> &[[usize; 2]] {
        self.shapes.get(..self.count).unwrap_or_default()
    }
}

/// Where what lies in the memory: the front, layers, slots, turns, numbers; each at a multiple of 8 bytes.
struct Layout {
    slots: usize,
    turns: usize,
    words: usize,
    end: usize,
}

/// The front, in whole multiples of the alignment.
const FRONT: usize = size_of::<State>().next_multiple_of(ALIGNMENT);

const _: () = {
    assert!(
        align_of::<State>() <= ALIGNMENT && align_of::<Layer<'_>>() <= ALIGNMENT && align_of::<Slot>() <= ALIGNMENT
    );
    assert!(size_of::<Layer<'_>>().is_multiple_of(ALIGNMENT) && size_of::<Slot>().is_multiple_of(ALIGNMENT));
    let [major, minor, patch] = [
        u32::from_str_radix(env!("CARGO_PKG_VERSION_MAJOR"), 10),
        u32::from_str_radix(env!("CARGO_PKG_VERSION_MINOR"), 10),
        u32::from_str_radix(env!("CARGO_PKG_VERSION_PATCH"), 10),
    ];
    assert!(matches!((major, minor, patch), (Ok(a), Ok(b), Ok(c)) if VERSION == 10000 * a + 100 * b + c));
};

impl Layout {
    /// `None` where it is more than there are addresses.
    fn of(layers: usize, plan: &Plan) -> Option<Self> {
        let slots = size_of::<Layer<'_>>().checked_mul(layers)?.checked_add(FRONT)?;
        let turns = size_of::<Slot>().checked_mul(plan.factors)?.checked_add(slots)?;
        let words = size_of::<u64>().checked_mul(plan.factors)?.checked_add(turns)?;
        let end = size_of::<f32>().checked_mul(plan.words)?.checked_add(words)?;
        (end <= isize::MAX as usize).then_some(Self { slots, turns, words, end })
    }
}

/// The settings to begin with: Shampoo with the length of RMSProp's step.
#[unsafe(no_mangle)]
pub extern "C" fn shampoo_defaults() -> Options {
    Options::DEFAULT
}

/// Bytes of memory for layers of these shapes; 0 where shampoo_init() would refuse them. They depend on the size of pointers
/// too, so a computer's are more than a microcontroller's.
///
/// Requires: `shapes` points to so many shapes, `options` to settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_len(shapes: *const Shape, layers: usize, options: *const Options) -> usize {
    // SAFETY: the caller's promise.
    unsafe { read(shapes, layers, options) }.map_or(0, |(.., layout)| layout.end)
}

/// Shapes, settings, and what they need.
///
/// # Safety
/// Pointers that are aligned and not null are ones to so many shapes, and to settings.
unsafe fn read(
    shapes: *const Shape,
    layers: usize,
    options: *const Options,
) -> Result<(Shapes, Config, Plan, Layout), Error> {
    // SAFETY: the caller's promise.
    let (shapes, options) = unsafe { (Shapes::read(shapes, layers)?, checked(options)?.read()) };
    let config = options.config().ok_or(Error::Options)?;
    let plan = Plan::of(shapes.each(), &config)?;
    let layout = Layout::of(layers, &plan).ok_or(Error::Shape)?;
    Ok((shapes, config, plan, layout))
}

/// Begins anew in this memory, which belongs to the optimizer until it is not used any more, and must stay where it is. It
/// begins at a multiple of SHAMPOO_ALIGNMENT bytes and has at least shampoo_len() of them; more are left alone. To be called
/// after every reset, even where memory outlives it.
///
/// Requires: `memory` points to so many bytes that nobody else uses, `shapes` to so many shapes, `options` to settings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_init(
    memory: *mut c_void,
    bytes: usize,
    shapes: *const Shape,
    layers: usize,
    options: *const Options,
) -> Error {
    // SAFETY: the caller's promise.
    code(unsafe { init(memory, bytes, shapes, layers, options) })
}

/// # Safety
/// As for [`shampoo_init`].
unsafe fn init(
    memory: *mut c_void,
    bytes: usize,
    shapes: *const Shape,
    layers: usize,
    options: *const Options,
) -> Result<(), Error> {
    let memory = memory.cast::<u8>();
    checked(memory)?;
    if !memory.addr().is_multiple_of(ALIGNMENT) {
        return Err(Error::Misaligned);
    }
    // SAFETY: the caller's promise.
    let (shapes, config, plan, layout) = unsafe { read(shapes, layers, options)? };
    if bytes < layout.end {
        return Err(Error::TooSmall);
    }
    // SAFETY: the regions lie one behind the other within the memory, each at a multiple of 8 bytes, which suffices for
    // what is in them; zeros are numbers, and slots and layers are written before anyone reads them. Nothing but the
    // optimizer, whose mark says where it is, holds on to them.
    unsafe {
        memory.cast::<usize>().write(0);
        memory.add(layout.turns).write_bytes(0, layout.end - layout.turns);
        let slots = memory.add(layout.slots).cast::<Slot>();
        (0..plan.factors).for_each(|factor| slots.add(factor).write(Slot::EMPTY));
        let mut rest = Memory {
            words: from_raw_parts_mut(memory.add(layout.words).cast(), plan.words),
            slots: from_raw_parts_mut(slots, plan.factors),
            turns: from_raw_parts_mut(memory.add(layout.turns).cast(), plan.factors),
        };
        let first = memory.add(FRONT).cast::<Layer<'static>>();
        for (index, shape) in shapes.each().iter().enumerate() {
            first.add(index).write(rest.layer(*shape, &config)?);
        }
        let optimizer = rest.optimizer(&plan, from_raw_parts_mut(first, layers))?;
        memory.cast::<State>().write(State { mark: memory.addr() ^ MARK, optimizer });
    }
    Ok(())
}

/// The state in this memory.
///
/// # Safety
/// A pointer that is aligned and not null is one to memory as large as a [`State`], which nobody writes meanwhile.
unsafe fn state(memory: *const c_void) -> Result<*const State, Error> {
    let state = checked(memory.cast::<State>())?;
    // SAFETY: it can be read.
    let mark = unsafe { state.cast::<usize>().read() };
    if mark == memory.addr() ^ MARK { Ok(state) } else { Err(Error::NotInitialized) }
}

/// The optimizer in this memory, to be looked at.
///
/// # Safety
/// As for [`state`].
unsafe fn optimizer<'a>(memory: *const c_void) -> Result<&'a Optimizer<'static>, Error> {
    // SAFETY: the caller's promise, and only where the mark says so was it written.
    unsafe { Ok(&(*state(memory)?).optimizer) }
}

/// The optimizer in this memory, to be changed.
///
/// # Safety
/// As for [`state`], and nobody else reads it.
unsafe fn optimizer_mut<'a>(memory: *mut c_void) -> Result<&'a mut Optimizer<'static>, Error> {
    // SAFETY: as above.
    unsafe { Ok(&mut (*state(memory)?.cast_mut()).optimizer) }
}

/// The numbers of each layer.
///
/// # Safety
/// A pointer that is aligned and not null is one to a pointer for each layer, and these, if they are, to the layer's numbers.
unsafe fn numbers<'a>(of: &Optimizer<'_>, each: *const *const f32) -> Result<[&'a [f32]; MAX_LAYERS], Error> {
    checked(each)?;
    let mut all: [&[f32]; MAX_LAYERS] = [&[]; MAX_LAYERS];
    for (index, (own, numel)) in all.iter_mut().zip(of.numels()).enumerate() {
        // SAFETY: the caller's promise.
        *own = unsafe { from_raw_parts(checked(each.add(index).read())?, numel) };
    }
    Ok(all)
}

/// The same to be written.
///
/// # Safety
/// As for [`numbers`]; and nobody else uses these numbers, and no two layers have the same ones.
unsafe fn numbers_mut<'a>(of: &Optimizer<'_>, each: *const *mut f32) -> Result<[&'a mut [f32]; MAX_LAYERS], Error> {
    checked(each)?;
    let mut all: [&mut [f32]; MAX_LAYERS] = core::array::from_fn(|_| -> &mut [f32] { &mut [] });
    for (index, (own, numel)) in all.iter_mut().zip(of.numels()).enumerate() {
        // SAFETY: the caller's promise.
        let pointer = unsafe { each.add(index).read() };
        checked(pointer)?;
        // SAFETY: likewise.
        *own = unsafe { from_raw_parts_mut(pointer, numel) };
    }
    Ok(all)
}

/// One step of all layers, which is added to their parameters. What ticks have left of a root that is due is done first.
///
/// Requires: `memory` is one for shampoo_init(); `parameters` and `gradients` point to a pointer for each layer, and these to as many
/// numbers as it has. Nothing overlaps.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_step(
    memory: *mut c_void,
    parameters: *const *mut f32,
    gradients: *const *const f32,
    learning_rate: f64,
) -> Error {
    // SAFETY: the caller's promise.
    code(unsafe { optimizer_mut(memory) }.and_then(|own| {
        // SAFETY: likewise.
        let (mut parameters, gradients) = unsafe { (numbers_mut(own, parameters)?, numbers(own, gradients)?) };
        Ok(own.step(&mut parameters, &gradients, learning_rate)?)
    }))
}

/// Goes on with the root under way as far as so many flops reach. A flop is an addition or a multiplication of floats, a
/// division or a square root is 8; they are counted from above. How many of them a processor does in a millisecond is to be
/// measured. Parameters depend neither on the budget nor on how many ticks there are.
///
/// Requires: `memory` is one for shampoo_init(); `working`, which may be null, receives 1 where there is more to do, else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_tick(memory: *mut c_void, flops: u64, working: *mut u32) -> Error {
    // SAFETY: the caller's promise.
    code(unsafe { optimizer_mut(memory) }.and_then(|own| {
        let working = match checked(working) {
            Err(Error::Null) => None,
            aligned => Some(aligned?.cast_mut()),
        };
        let tick = own.tick(flops);
        if let Some(working) = working {
            // SAFETY: the caller's promise.
            unsafe { working.write(tick.working.into()) };
        }
        Ok(())
    }))
}

/// Flops with which a tick always gets on and never exceeds its budget; 0 for memory that is not initialized.
///
/// Requires: `memory` is one for shampoo_init().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_largest_piece(memory: *const c_void) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { optimizer(memory) }.map_or(0, |own| own.piece)
}

/// Steps taken; 0 for memory that is not initialized.
///
/// Requires: `memory` is one for shampoo_init().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_steps(memory: *const c_void) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { optimizer(memory) }.map_or(0, |own| own.steps())
}

/// What became of the roots: with these settings each is refused or used in the step that is due for it. All 0 for memory
/// that is not initialized.
///
/// Requires: `memory` is one for shampoo_init().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_roots(memory: *const c_void) -> Roots {
    // SAFETY: the caller's promise.
    unsafe { optimizer(memory) }.map_or(Roots { accepted: 0, rejected: 0 }, |own| own.roots)
}

/// Bytes of an image at most; 0 for memory that is not initialized.
///
/// Requires: `memory` is one for shampoo_init().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_image_len(memory: *const c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { optimizer(memory) }.map_or(0, |own| own.image_len())
}

/// Writes everything that the next step depends on, parameters and all, and its length.
///
/// Requires: `memory` and `parameters` as for shampoo_step(), `image` points to so many bytes, `length` to a number or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_save(
    memory: *const c_void,
    parameters: *const *const f32,
    number: u32,
    image: *mut u8,
    bytes: usize,
    length: *mut usize,
) -> Error {
    // SAFETY: the caller's promise.
    code(unsafe { optimizer(memory) }.and_then(|own| {
        // SAFETY: likewise.
        // An image has parts that can be loaded too: the step may write these numbers, this does not, and nobody else uses
        // them meanwhile.
        let parameters = unsafe { numbers_mut(own, parameters.cast())? };
        checked(image)?;
        if !length.is_null() {
            checked(length)?;
        }
        // SAFETY: likewise.
        let image = unsafe { from_raw_parts_mut(image, bytes) };
        let layers = own.numels().count();
        let saved = own.save(parameters.get(..layers).unwrap_or_default(), number, image)?;
        if let Some(length) = NonNull::new(length) {
            // SAFETY: likewise.
            unsafe { length.write(saved) };
        }
        Ok(())
    }))
}

/// Puts back what shampoo_save() has written for the same layers and settings: the next steps have the same bits.
///
/// Requires: `memory` and `parameters` as for shampoo_step(), `image` points to so many bytes; what follows the image is not looked at.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_restore(
    memory: *mut c_void,
    parameters: *const *mut f32,
    image: *const u8,
    bytes: usize,
) -> Error {
    // SAFETY: the caller's promise.
    code(unsafe { optimizer_mut(memory) }.and_then(|own| {
        // SAFETY: likewise.
        let (mut parameters, image) =
            unsafe { (numbers_mut(own, parameters)?, from_raw_parts(checked(image)?, bytes)) };
        let layers = own.numels().count();
        Ok(own.restore(parameters.get_mut(..layers).unwrap_or_default(), image)?)
    }))
}

/// Looks at two places of so many bytes for images. A save goes to `next` with `number`, so that one that is cut off leaves
/// the image before it whole.
///
/// Requires: Each pointer is null or points to so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shampoo_places(first: *const u8, second: *const u8, bytes: usize) -> Places {
    let places = [first, second].map(|place| match place.is_null() {
        true => &[],
        // SAFETY: the caller's promise.
        false => unsafe { from_raw_parts(place, bytes) },
    });
    let (place, number) = next(places);
    Places { newest: newest(places).map_or(-1, |(place, _)| place as i32), next: place as i32, number }
}

/// Linked only if no panic path is left: the symbol is defined nowhere.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn a_panic_path_is_left() -> !;
    }
    // SAFETY: there is no such function, so no linked program gets here.
    unsafe { a_panic_path_is_left() }
}

/// What C programs without a library of their own need of math.h, with the same bits on every target.
#[cfg(feature = "math")]
mod math {
    macro_rules! functions {
        ($($name:ident)*) => { $(
            #[unsafe(no_mangle)]
            extern "C" fn $name(x: f32) -> f32 {
                libm::$name(x)
            }
        )* };
    }

    functions! { sinf tanhf expf logf }
}
