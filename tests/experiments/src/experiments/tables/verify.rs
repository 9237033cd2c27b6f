//! The largest error of a table as rounded to `f64`, by looking: no derivative, and nothing that the exchange knows.

use super::numbers::{Big, abs, big, narrow_up, root};

/// Points for each pole of the first grid, equally spaced in log x.
const GRID: usize = 80;

/// How often the surroundings of a largest point are looked at more closely, a quarter of their width each time.
const ZOOMS: usize = 14;

/// Points of each closer look on either side.
const SIDE: i32 = 4;

/// c0 + sum_j c_j / (x + s_j) as it is tabulated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rounded {
    /// The constant c0.
    pub(super) constant: f64,
    /// The shifts s_j and the weights c_j.
    pub(super) poles: Vec<(f64, f64)>,
}

/// sup |x^(1/p) (c0 + sum_j c_j / (x + s_j)) - 1| on [lower, 1], from 90 digits, rounded up.
pub(super) fn sup_error(p: u32, lower: f64, table: &Rounded) -> f64 {
    let start = libm::log(lower);
    let steps = GRID * table.poles.len().max(1);
    let width = -start / steps as f64;
    let error = |t: f64| {
        let t = t.clamp(start, 0.0);
        // At the ends exactly the ends.
        error(p, if t == start { lower } else { libm::exp(t).clamp(lower, 1.0) }, table)
    };
    let grid: Vec<f64> = (0..=steps).map(|i| start + width * i as f64).collect();
    let errors: Vec<Big> = grid.iter().map(|&t| error(t)).collect();
    let mut largest = errors[0].clone().max(errors[steps].clone()).max(error(0.0));
    for (triple, t) in errors.windows(3).zip(&grid[1..]) {
        if triple[1] < triple[0] || triple[1] < triple[2] {
            continue;
        }
        let (mut middle, mut width, mut top) = (*t, width, triple[1].clone());
        for _ in 0..ZOOMS {
            width /= f64::from(SIDE);
            let around = (-SIDE..=SIDE).filter(|&i| i != 0).map(|i| middle + width * f64::from(i));
            for (t, error) in around.map(|t| (t, error(t))).collect::<Vec<_>>() {
                if error > top {
                    (middle, top) = (t, error);
                }
            }
        }
        largest = largest.max(top);
    }
    narrow_up(&largest)
}

/// The size of the error at x.
fn error(p: u32, x: f64, table: &Rounded) -> Big {
    let x = big(x);
    let terms = table.poles.iter().map(|&(shift, weight)| big(weight) / (&x + big(shift)));
    let sum = terms.fold(big(table.constant), |sum, term| sum + term);
    abs(&(root(&x, p) * sum - big(1.0)))
}

#[cfg(test)]
mod tests {
    use super::{Rounded, sup_error};

    #[test]
    fn a_constant_errs_most_at_an_end() {
        let table = Rounded { constant: 1.5, poles: Vec::new() };
        assert_eq!(sup_error(2, 0.25, &table), 0.5);
        assert_eq!(sup_error(2, 0.0625, &Rounded { constant: 1.0, ..table }), 0.75);
    }

    #[test]
    fn an_extremum_inside_is_found_to_the_last_digit() {
        // sqrt(x) / (x + s) is largest at x = s, where it is 1 / (2 sqrt(s)).
        let table = Rounded { constant: 0.0, poles: vec![(0.015625, 0.5)] };
        assert_eq!(sup_error(2, 1e-3, &table), 1.0);
    }
}
