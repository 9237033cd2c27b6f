#![cfg_attr(target_os = "none", no_std, no_main)]
//! Cases that broke other implementations, on the target itself.
//!
//! A42: lengths that wrap to 0 where `usize` has 32 bits. A54: an approximate kernel at the ends of the range. A55: powers
//! with the same bits everywhere. A56: the state of a layer is built and stepped in static memory. A57: nothing is fused.

use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ShapeError};
use shampoo_core::kernel::{FastMath, Kernel, Portable, RationalOnly};
use shampoo_core::linalg::inverse_root::{Job, inverse_root_workspace_len};
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{F32, Real, padded};
use shampoo_core::schedule::{Mode, Schedule, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace, lengths, state_bytes, state_len};
use shampoo_core::ticks::Ticks;
use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::report::Checks;
use shampoo_firmware::{board, program, say};

/// Hides a number from the compiler: what is checked is what the target computes.
fn opaque(x: f32) -> f32 {
    core::hint::black_box(x)
}

fn a42_lengths_do_not_wrap(checks: &mut Checks) {
    // The square of this is 0 in 32 bits.
    let n = core::hint::black_box(65536_usize);
    checks.check("A42 a packed triangle", packed_len(n) >= 32768 * 65537);
    checks.check("A42 the workspace of a root", inverse_root_workspace_len(n) >= n * (n - 1));
    checks.check("A42 the state of a layer", state_len(&[n, n], Config::DEFAULT) >= n * (n - 1));
    checks.check("A42 the bytes of a layer", state_bytes::<F32>(&[n, n], Config::DEFAULT) >= n * (n - 1));
    if usize::BITS == 32 {
        let refused = lengths::<F32>(&[n, n], &Config { block_size: usize::MAX, ..Config::DEFAULT });
        checks.check("A42 a typed error", refused == Err(ConfigError::Shape(ShapeError::TooLarge)));
    }
}

fn a54_an_approximate_kernel(checks: &mut Checks) {
    let fast = FastMath::<_, false>(Portable);
    let newton = FastMath::<_, true>(Portable);
    let squares = [2e38, -1.0, 0.0, 1e-40, 2.5, 1e-30].map(opaque);
    for (name, kernel, error) in [("bits", &fast as &dyn Kernel<f32>, 3.6e-2), ("newton", &newton, 2e-3)] {
        let (mut out, mut exact) = ([f32::NAN; 6], [f32::NAN; 6]);
        kernel.scale_by_rsqrt(&mut out, &[1.0; 6], &squares, 1.0, 0.0);
        Portable.scale_by_rsqrt(&mut exact, &[1.0; 6], &squares, 1.0, 0.0);
        let close = |x: f32, y: f32| (x - y).abs() <= error * y.abs();
        let same = out
            .iter()
            .zip(&exact)
            .all(|(&x, &y)| x.to_bits() == y.to_bits() || close(x, y) || x.is_nan() && y.is_nan());
        checks.check("A54 within its error, and as the plain kernel where there is no root", same);
        let [_, negative, zero, ..] = out;
        checks.check("A54 a negative square gives no number", negative.is_nan());
        checks.check("A54 the square 0 gives the step 0", zero == 0.0);
        say!("A54 ", name);
    }
}

fn a55_powers(checks: &mut Checks) {
    let bits = |x: f32, y: f32| Real::powf(opaque(x), opaque(y)).to_bits();
    checks.check("A55 10^-11", bits(10.0, -11.0) == 0x2D2F_EBFF);
    // 1e11 / 8192 = 12207031.25 rounds down.
    checks.check("A55 10^11", bits(10.0, 11.0) == 0x51BA_43B7);
    checks.check("A55 4^0.5", bits(4.0, 0.5) == 2.0_f32.to_bits());
    checks.check("A55 0.085^(1/4)", bits(0.085, 0.25) == 0.539_951_5_f32.to_bits());
    checks.check("A55 a fourth power", bits(f32::from_bits(0x3F56_5874), 4.0) == 0x3EFB_A212);
}

fn a57_nothing_is_fused(checks: &mut Checks) {
    let (a, c) = (opaque(1.0 + 1.0 / 4096.0), opaque(-(1.0 + 1.0 / 2048.0)));
    let (x, y) = ([c, a], [1.0, a]);
    checks.check("A57 a dot product", Kernel::<f32>::dot(&Portable, &x, &y) == 0.0);
    let mut sum = [c];
    Portable.axpby(a, &[a], 1.0, &mut sum);
    checks.check("A57 a sum of products", sum == [0.0]);
}

/// Roots every ten steps, and those of the first one within it.
const CONFIG: Config = Config {
    schedule: Schedule { precondition_every: 10, mode: Mode::Sync, ..Schedule::EVERY_STEP },
    packed_products: true,
    ..Config::DEFAULT
};

/// Everything that a step of one layer needs.
struct Buffers {
    state: [&'static mut [f32]; 4],
    slots: &'static mut [Slot],
    workspace: [&'static mut [f32]; 3],
    weights: &'static mut [f32],
    gradient: &'static mut [f32],
    update: &'static mut [f32],
}

/// Bytes of these buffers.
const fn bytes(need: &Lengths) -> usize {
    size_of::<f32>() * (need.state() + need.work + need.root + 4 * need.numel) + need.slots * size_of::<Slot>()
}

/// The buffers of a layer in static memory.
macro_rules! buffers {
    ($need:ident) => {{
        macro_rules! numbers {
            ($length:expr) => {{
                static NUMBERS: Cell<[f32; $length]> = Cell::new([0.0; $length]);
                NUMBERS.take().map(|numbers| &mut numbers[..]).unwrap_or_default()
            }};
        }
        static SLOTS: Cell<[Slot; $need.slots]> = Cell::new([Slot::EMPTY; $need.slots]);
        Buffers {
            state: [
                numbers!($need.statistics),
                numbers!($need.statistics),
                numbers!($need.graft),
                numbers!($need.momentum),
            ],
            slots: SLOTS.take().map(|slots| &mut slots[..]).unwrap_or_default(),
            workspace: [numbers!($need.numel), numbers!($need.work), numbers!($need.root)],
            weights: numbers!($need.numel),
            gradient: numbers!($need.numel),
            update: numbers!($need.numel),
        }
    }};
}

/// Builds a layer in its memory and steps it with both kinds of roots; what it takes in all, of so many KiB of memory.
fn a56_state_in_place(
    checks: &mut Checks,
    name: &str,
    shape: [usize; 2],
    config: Config,
    need: &Lengths,
    kib: usize,
    buffers: Buffers,
) {
    let Buffers { state: [statistics, roots, graft, momentum], slots, workspace, weights, gradient, update } = buffers;
    let [direction, work, root] = workspace;
    let numel = need.numel;
    weights.fill(1.0);
    gradient.iter_mut().zip(0_u32..).for_each(|(g, i)| *g = (i * 7 % 13) as f32 - 6.0);
    let (mut tensor, mut moved) = (None, false);
    let build = || Tensor::<F32, _, _, _>::new(&shape, config, statistics, roots, graft, momentum, slots).ok();
    let built = board::stack(|| tensor = build());
    let mut workspace = Workspace { direction, work, root };
    let stepped = board::stack(|| {
        if let Some(tensor) = &mut tensor {
            let step = tensor.step(weights, gradient, 0.1, update, &mut workspace, &RationalOnly(Portable));
            moved = step.is_ok_and(|refresh| refresh.accepted > 0 && refresh.rejected == 0);
        }
    });
    let stack = u64::from(built.max(stepped));
    moved &= update.iter().filter(|u| **u != 0.0).count() * 2 > numel;
    checks.check("A56 a layer makes its step", moved);
    let buffers = bytes(need);
    say!(
        "A56 layer ",
        name,
        " state_bytes ",
        need.state_bytes::<F32>(),
        " buffers ",
        buffers,
        " stack ",
        built,
        " ",
        stepped
    );
    checks.at_most("A56 stack", stack, 4096);
    // The tensor has its place too, and a fiftieth is the program's own.
    let whole = buffers + size_of_val(&tensor);
    checks.at_most("A56 it fits", whole as u64 + stack, kib as u64 * 1004);
}

/// A layer as large as a memory of so many KiB has room for.
macro_rules! layer {
    ($checks:expr, $name:literal, $rows:literal x $columns:literal, $block:literal, $kib:literal) => {{
        const SHAPE: [usize; 2] = [$rows, $columns];
        const LAYER: Config = Config { block_size: $block, ..CONFIG };
        const NEED: Lengths = Lengths::of(&SHAPE, &LAYER);
        a56_state_in_place($checks, $name, SHAPE, LAYER, &NEED, $kib, buffers!(NEED));
        NEED
    }};
}

/// Layers for memories of 16, 64 and 256 KiB, each with all that its step needs.
fn a56_sizes(checks: &mut Checks) {
    type Slices = &'static mut [f32];
    let tensor = size_of::<Tensor<F32, Slices, Slices, &'static mut [Slot]>>();
    say!("sizes tensor ", tensor, " ticks ", size_of::<Ticks<F32, Slices, Slices>>(), " job ", size_of::<Job<f32>>());
    layer!(checks, "8x8", 8 x 8, 8, 16);
    #[cfg(not(feature = "microbit"))]
    {
        layer!(checks, "32x32_by_16", 32 x 32, 16, 64);
        layer!(checks, "64x64_by_32", 64 x 64, 32, 256);
        let need = layer!(checks, "64x32", 64 x 32, 128, 256);
        let statistics = packed_len(64) + packed_len(32);
        let expected = 4 * (2 * statistics + 2 * need.numel);
        checks.check("A56 the state is as long as the formula says", need.state_bytes::<F32>() == expected);
    }
}

fn run() -> bool {
    let mut checks = Checks::default();
    a42_lengths_do_not_wrap(&mut checks);
    a54_an_approximate_kernel(&mut checks);
    a55_powers(&mut checks);
    a56_sizes(&mut checks);
    a57_nothing_is_fused(&mut checks);
    checks.check("tiles are eight numbers", padded(9) == 16);
    checks.finish()
}

program!(run);
