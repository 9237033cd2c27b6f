#![cfg_attr(target_os = "none", no_std, no_main)]
//! The step of a graft with an approximate reciprocal square root against the exact one: what it saves, and how far off it
//! is.

use core::hint::black_box;

use shampoo_core::kernel::{FastMath, Kernel, Portable};
use shampoo_firmware::report::{Billionths, Checks};
use shampoo_firmware::{board, program, say};

/// Entries of a step.
const LENGTH: usize = 256;

/// Instructions an entry, in tenths, and the largest relative difference from the exact step.
fn measure(checks: &mut Checks, name: &str, kernel: &dyn Kernel<f32>, limit: Option<f64>) -> [u64; 2] {
    let mut found = [0; 2];
    for (found, (epsilon, kind)) in found.iter_mut().zip([(0.0, "epsilon_0"), (1e-3, "epsilon_1e-3")]) {
        let (mut count, mut largest, mut finite) = (0, 0.0_f64, true);
        with_numbers(|g, v, exact, out| {
            Portable.scale_by_rsqrt(exact, g, v, 1.0, epsilon);
            count = board::instructions(|| kernel.scale_by_rsqrt(black_box(&mut *out), g, v, 1.0, epsilon));
            for (&x, &y) in out.iter().zip(exact.iter()) {
                let difference = f64::from(x - y).abs() / f64::from(y.abs()).max(1e-30);
                // A largest of several hides what is no number.
                largest = largest.max(difference);
                finite &= x.is_finite() && y.is_finite();
            }
        });
        *found = 10 * count / LENGTH as u64;
        say!("rsqrt ", name, " ", kind, " tenths_an_entry ", *found, " error_e9 ", Billionths(largest));
        checks.check(name, finite && limit.is_none_or(|limit| largest <= limit));
    }
    found
}

/// Gradients from -1 to 1 and squares over ten orders of magnitude.
fn with_numbers(work: impl FnOnce(&[f32], &[f32], &mut [f32], &mut [f32])) {
    let mut numbers = [[0.0_f32; LENGTH]; 4];
    let [g, v, exact, out] = &mut numbers;
    let mut state = 1_u32;
    for (i, (g, v)) in g.iter_mut().zip(&mut *v).enumerate() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *g = (state >> 8) as f32 / (1 << 23) as f32 - 1.0;
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *v = (state >> 8) as f32 / (1 << 24) as f32 * libm::exp2f(-(i as f32) / 8.0) + 1e-12;
    }
    work(g, v, exact, out);
}

fn run() -> bool {
    let mut checks = Checks::default();
    // The measure itself has no error to be limited.
    let exact = measure(&mut checks, "libm", &Portable, None);
    let bits = measure(&mut checks, "bits", &FastMath::<_, false>(Portable), Some(3.6e-2));
    let newton = measure(&mut checks, "newton", &FastMath::<_, true>(Portable), Some(2e-3));
    // The host counts nothing.
    let saves =
        |fast: [u64; 2]| fast.iter().zip(exact).all(|(&fast, exact)| fast < exact || cfg!(not(target_os = "none")));
    checks.check("the bits alone are quicker", saves(bits));
    say!("newton is quicker: ", u32::from(saves(newton)));
    checks.finish()
}

program!(run);
