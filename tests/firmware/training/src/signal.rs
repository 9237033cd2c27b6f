//! Generated data: what sensors around a shaft read in one revolution, and what is wrong with the machine.
//!
//! Sensor k at the angle theta = 2 pi k / n reads `sin theta + a sin(m theta) + d + noise`: the shaft's own turn, a fault
//! of order m with an amplitude of either sign, and a drift that all sensors share. Class 0 is sound, class m has a
//! fault of order m (1 unbalance, 2 misalignment, 3 looseness). The sign makes the classes no matter of a plane, and the
//! drift, which says nothing of the fault, is the largest part of every reading: inputs as badly conditioned as raw ones
//! are.

use crate::random::Random;

/// The state of the machine, and the output that is to say so.
pub const CLASSES: usize = 4;

// The parts of a reading: drift and noise at most, a fault and its spread.
const DRIFT: f32 = 2.0;
const FAULT: f32 = 1.0;
const SPREAD: f32 = 0.4;
const NOISE: f32 = 0.1;

/// Sines of n equal parts of a turn.
pub fn fill_sines(sines: &mut [f32]) {
    let n = sines.len() as f32;
    for (k, sine) in sines.iter_mut().enumerate() {
        *sine = sine_of(2.0 * core::f32::consts::PI * k as f32 / n);
    }
}

/// The sine of an angle within a turn, rounded to nearest but for ties: by its series, which takes less code than a library's
/// reduction of any angle.
fn sine_of(angle: f32) -> f32 {
    let x = f64::from(angle);
    let (mut sum, mut term) = (x, x);
    // The term after the last is below 1e-16: (2 pi)^41 / 41!.
    for k in (2..40).step_by(2) {
        term *= -(x * x) / f64::from(k * (k + 1));
        sum += term;
    }
    sum as f32
}

/// One revolution: the readings, and behind them a 1 for the bias. Returns the class.
pub fn read(random: &mut Random, sines: &[f32], readings: &mut [f32]) -> usize {
    let class = random.next() as usize % CLASSES;
    let sign = if random.signed() < 0.0 { -1.0 } else { 1.0 };
    let amplitude = if class == 0 { 0.0 } else { sign * (FAULT + SPREAD * random.signed()) };
    let drift = DRIFT * random.signed();
    let sensors = sines.len().max(1);
    for (k, (reading, &turn)) in readings.iter_mut().zip(sines).enumerate() {
        let fault = sines.get(k * class % sensors).copied().unwrap_or_default();
        *reading = turn + amplitude * fault + drift + NOISE * random.signed();
    }
    if let Some(bias) = readings.last_mut() {
        *bias = 1.0;
    }
    class
}
