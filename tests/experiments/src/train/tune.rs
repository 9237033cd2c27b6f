//! The search for a learning rate on a ladder 1, 3, 10, 30, ... of factors of about 3.

use core::ops::RangeInclusive;

/// The rungs that every search begins with: 1e-4 to 1e-1, seven rates.
const START: RangeInclusive<i32> = -8..=-2;
/// A search gives up beyond these: 1e-8 and 1e4.
const LIMITS: RangeInclusive<i32> = -16..=8;

/// The rate at a rung; rung 0 is rate 1.
#[must_use]
pub fn rate(rung: i32) -> f64 {
    let mantissa = if rung.rem_euclid(2) == 0 { 1.0 } else { 3.0 };
    let power = rung.div_euclid(2);
    // Negative powers divide, because 3.0 * 1e-4 is not the number nearest to 3e-4.
    if power < 0 { mantissa / 10f64.powi(-power) } else { mantissa * 10f64.powi(power) }
}

/// One rate that was tried.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tried {
    /// The rate.
    pub rate: f64,
    /// The final loss, not finite if the run diverged.
    pub loss: f32,
}

/// Why there is no best rate.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum TuneError {
    /// However far the grid was extended, its best rate stayed at an edge, or all runs diverged.
    #[error("the best rate of {lowest:e} to {highest:e} lies at an edge, or all diverge")]
    Edge {
        /// The least rate tried.
        lowest: f64,
        /// The greatest rate tried.
        highest: f64,
    },
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    /// All rates tried, from the least to the greatest.
    pub tried: Vec<Tried>,
    /// The best of them; `None` if the search was broken off.
    pub best: Option<Tried>,
}

/// Tries seven rates, then goes on beyond an edge for as long as the best rate lies there.
/// `try_rate` returns `None` to break off, for instance after Ctrl-C.
///
/// # Errors
/// Those of `try_rate`; [`TuneError::Edge`] beyond all reasonable rates.
pub fn search<E: From<TuneError>>(mut try_rate: impl FnMut(f64) -> Result<Option<f32>, E>) -> Result<Grid, E> {
    let mut grid = Grid::default();
    let (mut lowest, mut highest) = START.into_inner();
    let mut pending: Vec<i32> = START.collect();
    loop {
        for rung in pending.drain(..) {
            let rate = rate(rung);
            let Some(loss) = try_rate(rate)? else {
                return Ok(grid);
            };
            grid.tried.push(Tried { rate, loss });
        }
        grid.tried.sort_by(|a, b| a.rate.total_cmp(&b.rate));
        let best = best(&grid.tried);
        if let Some(at) = best.filter(|&at| at > 0 && at + 1 < grid.tried.len()) {
            grid.best = Some(grid.tried[at]);
            return Ok(grid);
        }
        // Where all diverge, smaller rates are the way out.
        if best.is_some_and(|at| at > 0) {
            highest += 1;
            pending.push(highest);
        } else {
            lowest -= 1;
            pending.push(lowest);
        }
        if !LIMITS.contains(&lowest) || !LIMITS.contains(&highest) {
            let (lowest, highest) = (rate(lowest + 1), rate(highest));
            return Err(TuneError::Edge { lowest, highest }.into());
        }
    }
}

fn best(tried: &[Tried]) -> Option<usize> {
    let finite = tried.iter().enumerate().filter(|(_, at)| at.loss.is_finite());
    finite.min_by(|(_, a), (_, b)| a.loss.total_cmp(&b.loss)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{Grid, Tried, TuneError, rate, search};

    /// A search where the loss is the distance from the best rate in factors of ten.
    fn find(best: f64, diverges_above: f64) -> Result<Grid, TuneError> {
        search(|rate| {
            let loss = (rate / best).log10().abs() as f32;
            Ok(Some(if rate > diverges_above { f32::NAN } else { loss }))
        })
    }

    #[test]
    fn the_ladder() {
        let rates: Vec<f64> = (-8..=1).map(rate).collect();
        assert_eq!(rates, [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 3.0]);
    }

    #[test]
    fn an_inner_best_needs_seven_rates() {
        let grid = find(1e-2, 1.0).expect("found");
        assert_eq!(grid.tried.len(), 7);
        assert_eq!(grid.best.expect("found").rate, 1e-2);
    }

    #[test]
    fn an_edge_extends_the_grid_until_the_best_lies_inside() {
        for (best, count) in [(1.0, 10), (1e-4, 8), (1e-6, 12)] {
            let grid = find(best, 100.0).expect("found");
            assert_eq!(grid.best.expect("found").rate, best);
            assert_eq!(grid.tried.len(), count);
            assert!(grid.tried.is_sorted_by_key(|at| at.rate));
        }
        // A neighbour that diverged shows an inner best as well as one that is worse.
        let grid = find(1e-2, 1e-2).expect("found");
        assert_eq!(grid.best.map(|at| at.rate), Some(1e-2));
        // All seven diverge.
        let grid = find(1e-6, 1e-5).expect("found");
        assert_eq!(grid.best.map(|at| at.rate), Some(1e-6));
    }

    #[test]
    fn a_loss_that_only_falls_ends_in_an_error() {
        assert!(matches!(find(1e9, 1e12), Err(TuneError::Edge { .. })));
        assert!(matches!(find(1e-12, 1.0), Err(TuneError::Edge { .. })));
        assert!(matches!(find(1.0, 0.0), Err(TuneError::Edge { .. })));
    }

    #[test]
    fn breaking_off_leaves_what_was_tried() {
        let mut left = 3;
        let grid = search::<TuneError>(|_| {
            left -= 1;
            Ok((left > 0).then_some(1.0))
        })
        .expect("no error");
        let tried = |rate| Tried { rate, loss: 1.0 };
        assert_eq!(grid.tried, [tried(1e-4), tried(3e-4)]);
        assert_eq!(grid.best, None);
    }
}
