//! Steps to the target over N, one line for each mode; one plot for each batch, with the final losses beside.

use super::plan::Mode;
use super::row::Row;
use crate::report::axis::Axis;
use crate::report::figure::{Curve, Figure, Panel};
use crate::spread::Spread;

/// The figure of one batch; none without a run to show.
pub(super) fn figure(rows: &[Row], batch: usize, label: &str) -> Option<Figure> {
    let rows: Vec<&Row> = rows.iter().filter(|row| row.batch == batch).collect();
    let target = rows.iter().find_map(|row| row.target_loss)?;
    let intervals = || rows.iter().filter_map(|row| Some(row.interval? as f64));
    let (low, high) = (intervals().fold(f64::INFINITY, f64::min), intervals().fold(0.0, f64::max));
    let x = Axis::logarithmic(low, high * 1.05);
    let panel = |y_label: &'static str, target: Option<f64>, value: &dyn Fn(&Row) -> Option<f64>| {
        let curves: Vec<Curve> = Mode::ALL.into_iter().filter_map(|mode| curve(&rows, mode, value)).collect();
        let points = || curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| y.median).chain(target);
        let (low, high) = (points().fold(f64::INFINITY, f64::min), points().fold(0.0, f64::max));
        // One line of the legend names a mode, even if it never reached the target.
        Panel {
            x_label: "steps between roots, N",
            y_label,
            x,
            y: Axis::logarithmic(low * 0.9, high * 1.1),
            target,
            curves,
        }
    };
    let steps = |row: &Row| row.steps_to_target.map(|steps| steps as f64);
    let loss = |row: &Row| row.final_train_loss.map(f64::from);
    low.is_finite().then(|| Figure {
        title: format!("Stale roots: deep autoencoder on {label}, batch {batch} (no point: never reached)"),
        panels: [
            panel("steps to the target", None, &steps),
            panel("final training loss", Some(f64::from(target)), &loss),
        ],
    })
}

/// A mode's values over N; none if it was not run.
fn curve(rows: &[&Row], mode: Mode, value: &dyn Fn(&Row) -> Option<f64>) -> Option<Curve> {
    let own = || rows.iter().filter(|row| row.case.is_some_and(|case| case.mode == mode));
    own().next()?;
    let point = |row: &&Row| Some((row.interval? as f64, Spread::of([value(row)?])?));
    Some(Curve {
        label: mode.key(),
        colour: mode.colour(),
        points: own().filter_map(point).collect(),
        reached: None,
        marked: true,
    })
}
