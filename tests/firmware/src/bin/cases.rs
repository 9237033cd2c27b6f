#![cfg_attr(target_os = "none", no_std, no_main)]
//! Cases that broke other implementations, on the target itself.
//!
//! A42: lengths that wrap to 0 where `usize` has 32 bits. A54: an approximate kernel at the ends of the range. A55: powers
//! with the same bits everywhere. A56: the state of a layer is built and stepped in static memory. A57: nothing is fused.

use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, ShapeError};
use shampoo_core::kernel::{FastMath, Kernel, Portable};
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::{F32, Real, padded};
use shampoo_core::schedule::{Mode, Schedule, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace, lengths, state_bytes, state_len};
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

/// What fits beside its workspaces in 16 KiB: a layer of 8 x 4, and elsewhere the one of 64 x 32.
const SHAPE: [usize; 2] = if cfg!(feature = "microbit") { [8, 4] } else { [64, 32] };

/// Roots every ten steps, and those of the first one within it.
const CONFIG: Config = Config {
    schedule: Schedule { precondition_every: 10, mode: Mode::Sync, ..Schedule::EVERY_STEP },
    packed_products: true,
    ..Config::DEFAULT
};
const NEED: Lengths = Lengths::of(&SHAPE, &CONFIG);

struct Layer {
    statistics: [f32; NEED.statistics],
    roots: [f32; NEED.statistics],
    graft: [f32; NEED.graft],
    momentum: [f32; NEED.momentum],
    slots: [Slot; NEED.slots],
    direction: [f32; NEED.numel],
    work: [f32; NEED.work],
    root: [f32; NEED.root],
    weights: [f32; NEED.numel],
    gradient: [f32; NEED.numel],
    update: [f32; NEED.numel],
}

static LAYER: Cell<Layer> = Cell::new(Layer {
    statistics: [0.0; NEED.statistics],
    roots: [0.0; NEED.statistics],
    graft: [0.0; NEED.graft],
    momentum: [0.0; NEED.momentum],
    slots: [Slot::EMPTY; NEED.slots],
    direction: [0.0; NEED.numel],
    work: [0.0; NEED.work],
    root: [0.0; NEED.root],
    weights: [0.0; NEED.numel],
    gradient: [0.0; NEED.numel],
    update: [0.0; NEED.numel],
});

/// The state's two halves are 2 x (2080 + 528) numbers for 64 x 32: four times the stack that is allowed.
fn a56_state_in_place(checks: &mut Checks) {
    let Some(layer) = LAYER.take() else { return checks.check("A56 a layer", false) };
    let numel = NEED.numel;
    for (i, (w, g)) in layer.weights.iter_mut().zip(&mut layer.gradient).enumerate() {
        (*w, *g) = (0.5, (i * 37 % 101) as f32 / 101.0 - 0.5);
    }
    let mut moved = false;
    let stack = board::stack(|| {
        let state = (&mut layer.statistics[..], &mut layer.roots[..], &mut layer.graft[..], &mut layer.momentum[..]);
        let tensor =
            Tensor::<F32, _, _, _>::new(&SHAPE, CONFIG, state.0, state.1, state.2, state.3, &mut layer.slots[..]);
        let mut workspace = Workspace { direction: &mut layer.direction, work: &mut layer.work, root: &mut layer.root };
        if let Ok(mut tensor) = tensor {
            let step = tensor.step(&layer.weights, &layer.gradient, 0.1, &mut layer.update, &mut workspace, &Portable);
            moved = step.is_ok_and(|refresh| refresh.accepted > 0 && refresh.rejected == 0);
        }
    });
    moved &= layer.update.iter().filter(|u| **u != 0.0).count() * 2 > numel;
    checks.check("A56 a layer makes its step", moved);
    say!("A56 stack ", stack, " state_bytes ", NEED.state_bytes::<F32>());
    // The tensor itself, and a root of order 64 or 8.
    checks.at_most("A56 stack", stack.into(), 5120);
    let statistics = packed_len(SHAPE[0]) + packed_len(SHAPE[1]);
    let expected = 4 * (2 * statistics + 2 * numel);
    checks.check("A56 the state is as long as the formula says", NEED.state_bytes::<F32>() == expected);
}

fn run() -> bool {
    let mut checks = Checks::default();
    a42_lengths_do_not_wrap(&mut checks);
    a54_an_approximate_kernel(&mut checks);
    a55_powers(&mut checks);
    a56_state_in_place(&mut checks);
    a57_nothing_is_fused(&mut checks);
    checks.check("tiles are eight numbers", padded(9) == 16);
    checks.finish()
}

program!(run);
