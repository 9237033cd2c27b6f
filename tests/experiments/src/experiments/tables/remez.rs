//! The exchange of Remez: the sum of N poles whose relative error is equally large at 2 N + 2 points.
//!
//! Newton's method makes the error +-E at the present points; then the points move to the extrema of the error.
//! Both converge quadratically from the interpolant that they start with.

use super::numbers::{Big, abs, big, narrow, power, root};
use super::solve::solve;
use super::start;
use super::sum::Sum;

/// Exchanges at most; seven are enough for every table.
const EXCHANGES: usize = 20;

/// Newton steps on one set of points at most.
const NEWTON_STEPS: usize = 12;

/// Relative change of the unknowns that ends Newton's method on one set of points.
const SMALL_STEP: f64 = 1e-20;

/// Largest relative change of an unknown in one Newton step.
const LARGEST_STEP: f64 = 0.5;

/// Extrema that differ relatively by less are equal.
const LEVEL: f64 = 1e-30;

/// Points for each pole of the grid on which extrema are looked for.
const GRID: usize = 40;

/// Newton steps from a point of the grid to an extremum: from 1 percent, the error is squared each time.
const EXTREMUM_STEPS: usize = 7;

/// A best approximation.
#[derive(Clone, Debug)]
pub(super) struct Best {
    /// The sum.
    pub(super) sum: Sum,
    /// The largest extremum of its error.
    pub(super) level: f64,
    /// How much larger that is than the smallest extremum, relatively.
    pub(super) unevenness: f64,
    /// Exchanges made.
    pub(super) exchanges: usize,
}

/// The best approximation of x^(-1/p) on [lower, 1]; why there is none if the exchange fails.
pub(super) fn best(p: u32, poles: usize, lower: f64) -> Result<Best, &'static str> {
    let mut sum = start::interpolant(p, poles, lower);
    if sum.poles.len() != poles {
        return Err("the interpolant has too few poles");
    }
    let first = root(&big(lower), p);
    for exchanges in 0..EXCHANGES {
        let points = extrema(&sum, p, &first);
        let errors: Vec<Big> = points.iter().map(|y| sum.error(p, y)).collect();
        if errors.len() != 2 * poles + 2 {
            return Err("the error has too few or too many extrema");
        }
        let positive = |error: &Big| *error > big(0.0);
        if errors.windows(2).any(|pair| positive(&pair[0]) == positive(&pair[1])) {
            return Err("the error does not alternate");
        }
        let sizes = || errors.iter().map(abs);
        let (Some(largest), Some(smallest)) = (sizes().max(), sizes().min()) else {
            return Err("the error has no extrema");
        };
        let unevenness = narrow(&(&largest / smallest - big(1.0)));
        if unevenness < LEVEL {
            return Ok(Best { sum, level: narrow(&largest), unevenness, exchanges });
        }
        level(&mut sum, p, &points, &errors)?;
    }
    Err("the exchange does not converge")
}

/// The ends of the interval and the extrema between them, by y = x^(1/p).
fn extrema(sum: &Sum, p: u32, first: &Big) -> Vec<Big> {
    let steps = GRID * sum.poles.len().max(1);
    // Equally spaced in log y; the ratio of neighbours to `f64` is close enough, the ends are exact.
    let ratio = big(libm::pow(narrow(first), -1.0 / steps as f64));
    let mut points = vec![first.clone()];
    let mut y = first * &ratio;
    let mut rising = sum.slopes(p, first)[0] > big(0.0);
    for _ in 1..steps {
        let now = sum.slopes(p, &y)[0] > big(0.0);
        if now != rising {
            points.push(extremum(sum, p, y.clone()));
            rising = now;
        }
        y *= &ratio;
    }
    points.push(big(1.0));
    points
}

/// The extremum near y.
fn extremum(sum: &Sum, p: u32, mut y: Big) -> Big {
    let cap = big(0.1);
    for _ in 0..EXTREMUM_STEPS {
        let [slope, curvature] = sum.slopes(p, &y);
        let step = (-slope / curvature).clamp(-&cap, cap.clone());
        y *= big(1.0) + step;
    }
    y
}

/// Makes the errors at the points equally large, with the signs that they have.
fn level(sum: &mut Sum, p: u32, points: &[Big], errors: &[Big]) -> Result<(), &'static str> {
    let signs: Vec<Big> = errors.iter().map(|error| big(if *error > big(0.0) { 1.0 } else { -1.0 })).collect();
    let mut size = errors.iter().fold(big(0.0), |sum, error| sum + abs(error)) / big(errors.len() as f64);
    for _ in 0..NEWTON_STEPS {
        let rows = points.iter().zip(&signs).map(|(y, sign)| equation(sum, p, y, &(sign * &size))).collect();
        let changes = solve(rows).ok_or("the equations are singular")?;
        let largest = changes.iter().map(abs).max().map_or(0.0, |change| narrow(&change));
        let damping = big((LARGEST_STEP / largest).min(1.0));
        let mut factors = changes.into_iter().map(|change| big(1.0) + &damping * change);
        let mut multiply = |to: &mut Big| factors.next().into_iter().for_each(|factor| *to *= factor);
        for (shift, weight) in &mut sum.poles {
            multiply(shift);
            multiply(weight);
        }
        multiply(&mut sum.constant);
        multiply(&mut size);
        if largest < SMALL_STEP {
            return Ok(());
        }
    }
    Err("Newton's method does not converge")
}

/// The linear equation of one point for the relative changes of s_1, c_1, s_2, ..., c_N, c_0 and E; `target` is +-E.
fn equation(sum: &Sum, p: u32, y: &Big, target: &Big) -> Vec<Big> {
    let x = power(y, p);
    let mut value = sum.constant.clone();
    let mut row = Vec::with_capacity(2 * sum.poles.len() + 3);
    for (shift, weight) in &sum.poles {
        let inverse = big(1.0) / (&x + shift);
        let term = weight * &inverse;
        value += &term;
        let by_weight = y * term;
        row.push(-&by_weight * shift * inverse);
        row.push(by_weight);
    }
    row.extend([y * &sum.constant, -target, target + big(1.0) - y * value]);
    row
}

#[cfg(test)]
mod tests {
    use core::f64::consts::PI;

    use super::super::numbers::{big, narrow};
    use super::best;

    /// Zolotarev's error in theta functions of q = exp(-(2 N + 1) pi K' / K):
    /// (theta_3^2 - theta_4^2) / (theta_3^2 + theta_4^2).
    #[test]
    fn square_roots_are_zolotarevs() {
        let (poles, lower) = (8, 1e-3_f64);
        let found = best(2, poles, lower).expect("a best approximation");
        let quarters = [lower, 1.0 - lower].map(|square| 1.0 / super::start::mean(1.0, square.sqrt()));
        let q = libm::exp(-PI * (2 * poles + 1) as f64 * quarters[1] / quarters[0]);
        let even = 1.0 + 2.0 * q.powi(4);
        let level = 4.0 * q * even / (even * even + 4.0 * q * q);
        assert!((found.level / level - 1.0).abs() < 1e-13, "{:e} for {level:e}", found.level);
        // The start is his but for rounding in f64.
        assert!(found.exchanges <= 3, "{} exchanges", found.exchanges);
    }

    #[test]
    fn no_pole_at_all_is_the_mean() {
        // c0 y - 1 = +-E at y = lower^(1/p) and 1: c0 = 2 / (1 + lower^(1/p)).
        let found = best(2, 0, 0.25).expect("a best approximation");
        assert!(narrow(&(found.sum.constant - big(4.0) / big(3.0))).abs() < 1e-90);
        assert!((found.level - 1.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn errors_are_level_and_fall_with_the_poles() {
        let levels = [2, 4, 6].map(|poles| {
            let best = best(3, poles, 1e-4).expect("a best approximation");
            assert!(best.unevenness < 1e-30);
            best.level
        });
        assert!(levels[0] > 10.0 * levels[1] && levels[1] > 10.0 * levels[2], "{levels:?}");
    }
}
