//! Whole steps of one layer, between two refreshes of its roots.

use shampoo_core::config::Config;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::scalar::{Bf16x2Store, F32, Precision};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::tensor::{Lengths, Tensor, Workspace};
use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::fpu::Fpu;
use shampoo_firmware::report::{Checks, fill};
use shampoo_firmware::{board, say};

/// The named settings, with new roots in the first step alone.
const CONFIG: Config =
    Config { schedule: Schedule { precondition_every: 1000, ..Schedule::EVERY_STEP }, ..Config::DEFAULT };

/// The same by a few rows of each triangle at a time.
const PACKED: Config = Config { packed_products: true, ..CONFIG };

/// The buffers of one parameter.
struct Memory<P: Precision> {
    statistics: &'static mut [P::Store],
    roots: &'static mut [P::Store],
    graft: &'static mut [f32],
    momentum: &'static mut [f32],
    slots: &'static mut [Slot],
    direction: &'static mut [f32],
    work: &'static mut [f32],
    root: &'static mut [f32],
    weights: &'static mut [f32],
    gradient: &'static mut [f32],
    update: &'static mut [f32],
}

/// The second step of three, and what the first took with its roots. Returns a digest of the weights.
fn measure<P, K>(checks: &mut Checks, name: &str, shape: &[usize], config: Config, memory: Memory<P>, kernel: &K) -> u32
where
    P: Precision<Work = f32, Root = f32>,
    K: Kernel<f32>,
{
    let Memory { statistics, roots, graft, momentum, slots, direction, work, root, weights, gradient, update } = memory;
    fill(weights, 1);
    let Ok(mut tensor) = Tensor::<P, _, _, _>::new(shape, config, statistics, roots, graft, momentum, slots) else {
        checks.check(name, false);
        return 0;
    };
    let mut workspace = Workspace { direction, work, root };
    let (mut counts, mut stacks) = ([0; 3], [0; 3]);
    for (seed, (count, stack)) in (2..).zip(counts.iter_mut().zip(&mut stacks)) {
        fill(gradient, seed);
        let mut done = false;
        *stack = board::stack(|| {
            *count = board::instructions(|| {
                done = tensor.step(weights, gradient, 0.01, update, &mut workspace, kernel).is_ok();
            });
        });
        checks.check(name, done);
        weights.iter_mut().zip(update.iter()).for_each(|(w, &u)| *w += u);
    }
    let [first, second, third] = counts;
    let [deepest, stack, _] = stacks;
    let state = tensor.lengths().state_bytes::<P>();
    say!(
        "step ",
        name,
        " instructions ",
        second,
        " with_roots ",
        first,
        " stack ",
        stack,
        " stack_with_roots ",
        deepest,
        " state_bytes ",
        state,
    );
    // Bias corrections by powers of f64 differ by some thousands, and what a number's size costs by a part.
    checks.at_most("two steps take about as many", second.abs_diff(third), (second / 10).max(10_000));
    checks.at_most("stack of a step", deepest.into(), 4096);
    weights.iter().fold(0, |digest: u32, w| digest.wrapping_mul(31).wrapping_add(w.to_bits()))
}

/// One layer in static memory.
macro_rules! layer {
    ($checks:expr, $name:literal, $rows:literal x $columns:literal, $config:expr, $precision:ident, $kernel:expr) => {{
        const SHAPE: [usize; 2] = [$rows, $columns];
        const NEED: Lengths = Lengths::of(&SHAPE, &$config);
        type Store = <$precision as Precision>::Store;
        macro_rules! buffer {
            ($zero:expr, $type:ty, $length:expr) => {{
                static MEMORY: Cell<[$type; $length]> = Cell::new([$zero; $length]);
                MEMORY.take().map(|memory| &mut memory[..]).unwrap_or_default()
            }};
        }
        let memory = Memory::<$precision> {
            statistics: buffer!(layer!(zero $precision), Store, NEED.statistics),
            roots: buffer!(layer!(zero $precision), Store, NEED.statistics),
            graft: buffer!(0.0, f32, NEED.graft),
            momentum: buffer!(0.0, f32, NEED.momentum),
            slots: buffer!(Slot::EMPTY, Slot, NEED.slots),
            direction: buffer!(0.0, f32, NEED.numel),
            work: buffer!(0.0, f32, NEED.work),
            root: buffer!(0.0, f32, NEED.root),
            weights: buffer!(0.0, f32, NEED.numel),
            gradient: buffer!(0.0, f32, NEED.numel),
            update: buffer!(0.0, f32, NEED.numel),
        };
        measure($checks, $name, &SHAPE, $config, memory, $kernel)
    }};
    (zero F32) => { 0.0 };
    (zero Bf16x2Store) => { shampoo_core::scalar::Bf16x2([shampoo_core::scalar::Bf16::ZERO; 2]) };
}

/// Layers of several sizes and stores.
pub(crate) fn all(checks: &mut Checks) {
    let portable = [
        layer!(checks, "f32_16x16", 16 x 16, CONFIG, F32, &Portable),
        layer!(checks, "f32_32x64", 32 x 64, CONFIG, F32, &Portable),
        layer!(checks, "f32_64x64", 64 x 64, CONFIG, F32, &Portable),
    ];
    layer!(checks, "f32_packed_16x16", 16 x 16, PACKED, F32, &Portable);
    layer!(checks, "f32_packed_32x64", 32 x 64, PACKED, F32, &Portable);
    layer!(checks, "f32_packed_64x64", 64 x 64, PACKED, F32, &Portable);
    layer!(checks, "bf16x2_16x16", 16 x 16, CONFIG, Bf16x2Store, &Portable);
    layer!(checks, "bf16x2_32x64", 32 x 64, CONFIG, Bf16x2Store, &Portable);
    layer!(checks, "bf16x2_64x64", 64 x 64, CONFIG, Bf16x2Store, &Portable);
    let by_unit = [
        layer!(checks, "f32_fpu_16x16", 16 x 16, CONFIG, F32, &Fpu),
        layer!(checks, "f32_fpu_32x64", 32 x 64, CONFIG, F32, &Fpu),
        layer!(checks, "f32_fpu_64x64", 64 x 64, CONFIG, F32, &Fpu),
    ];
    checks.check("the kernel for the unit has the portable one's bits", by_unit == portable && !portable.contains(&0));
}
