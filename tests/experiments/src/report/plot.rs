//! The plots of an experiment: loss against steps and, beside it, against seconds.

use std::path::{Path, PathBuf};

use super::axis::Axis;
use super::figure::{Curve, Figure, Panel};
use super::table;
use crate::error::Error;
use crate::spread::Spread;
use crate::train::Run;

/// Draws the runs into `folder/name.svg` and `folder/name.png` and returns these paths.
///
/// # Errors
/// A file cannot be written or drawn.
pub fn save(folder: &Path, name: &str, title: &str, runs: &[Run], target: Option<f32>) -> Result<[PathBuf; 2], Error> {
    figure(title, runs, target).save(folder, name)
}

/// Loss against steps and against seconds; for several seeds the median and, as a band, the
/// extremes. The curve against seconds takes the median time of each step.
fn figure(title: &str, runs: &[Run], target: Option<f32>) -> Figure {
    let mut steps = Vec::new();
    let mut seconds = Vec::new();
    for (method, runs) in table::by_method(runs) {
        let row = method.row();
        // A seed that ends early drops out of the median there.
        let length = runs.iter().map(|run| run.steps()).max().unwrap_or(0);
        let at = |step: usize| {
            let there = || runs.iter().filter(|run| step < run.steps());
            let losses = Spread::of(there().map(|run| f64::from(run.losses[step])));
            let seconds = Spread::of(there().map(|run| run.seconds[step]));
            Some((losses?, seconds?.median))
        };
        let points: Vec<(Spread, f64)> = (0..length).filter_map(at).collect();
        let reached = |value: fn(crate::train::target::Evaluation) -> f64| {
            let all = runs.iter().map(|run| run.reached(target).map_or(f64::NAN, value));
            Spread::of(all).map(|spread| spread.median).filter(|x| x.is_finite())
        };
        let curve = |xs: Vec<f64>, reached| Curve {
            // What all of them have in common takes room that a legend has not.
            label: row.label.strip_prefix("Shampoo, ").unwrap_or(row.label),
            colour: row.colour,
            points: xs.into_iter().zip(points.iter().map(|&(loss, _)| loss)).collect(),
            reached,
            marked: false,
        };
        // The loss of a batch is that before its step.
        let number = (0..points.len()).map(|step| step as f64).collect();
        let before = core::iter::once(0.0).chain(points.iter().map(|&(_, seconds)| seconds));
        let time = before.take(points.len()).collect();
        steps.push(curve(number, reached(|at| at.step as f64)));
        seconds.push(curve(time, reached(|at| at.seconds)));
    }
    let y = losses_axis(&steps, target);
    let panel = |x_label: &'static str, curves: Vec<Curve>, end: fn(&Run) -> f64| {
        let x = Axis::linear(0.0, runs.iter().map(end).fold(0.0, f64::max));
        Panel { x_label, y_label: "training loss of the batch", x, y, target: target.map(f64::from), curves }
    };
    Figure {
        title: title.to_owned(),
        panels: [
            panel("steps", steps, |run| run.steps() as f64),
            panel("seconds of training", seconds, |run| run.times.total().as_secs_f64()),
        ],
    }
}

/// From a little below the least loss to a little above the greatest first one: a run that goes
/// astray does not squeeze the others.
fn losses_axis(curves: &[Curve], target: Option<f32>) -> Axis {
    let points = curves.iter().flat_map(|curve| &curve.points);
    let least = points.map(|(_, loss)| loss.min).fold(f64::INFINITY, f64::min);
    let least = least.min(target.map_or(f64::INFINITY, f64::from));
    let first = curves.iter().filter_map(|curve| curve.points.first());
    let greatest = first.map(|(_, loss)| loss.max).fold(0.0, f64::max);
    Axis::logarithmic(least * 0.93, greatest * 1.05)
}
