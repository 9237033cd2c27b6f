//! The closing table: one row for each optimizer, medians over its seeds.

use crate::optimizers::Method;
use crate::report::json::StepReport;
use crate::spread::Spread;
use crate::train::{End, Run};

const HEADER: [&str; 12] = [
    "optimizer",
    "rate",
    "steps to target",
    "seconds to target",
    "train loss",
    "test loss",
    "ms/step",
    "= fwd+bwd",
    "+ statistics",
    "+ roots",
    "+ update",
    "state MB",
];

/// The table of these runs; with several seeds, `median [least, greatest]`.
#[must_use]
pub fn table(runs: &[Run], target: Option<f32>) -> String {
    let mut rows = vec![HEADER.map(str::to_owned)];
    for (method, runs) in by_method(runs) {
        let steps: Vec<StepReport> = runs.iter().map(|run| StepReport::of(run)).collect();
        let ms = |part: fn(&StepReport) -> f64| median(steps.iter().map(part), |ms| format!("{ms:.1}"));
        let to_target = |value: fn(crate::train::target::Evaluation) -> f64| {
            let reached = |run: &&Run| run.reached(target).map_or(f64::INFINITY, value);
            Spread::of(runs.iter().map(reached))
        };
        let losses = |loss: fn(&Run) -> f32| Spread::of(runs.iter().map(|run| f64::from(loss(run))));
        rows.push([
            method.row().label.to_owned() + &remark(&runs),
            runs.first().map_or_else(String::new, |run| run.job.rate.to_string()),
            cell(to_target(|at| at.step as f64), |x| format!("{x:.0}"), "never"),
            cell(to_target(|at| at.seconds), |x| format!("{x:.1}"), "never"),
            cell(losses(|run| run.final_train), |x| format!("{x:.2}"), "diverged"),
            cell(losses(|run| run.final_test), |x| format!("{x:.2}"), "diverged"),
            ms(|ms| ms.forward_backward + ms.statistics + ms.roots + ms.update),
            ms(|ms| ms.forward_backward),
            ms(|ms| ms.statistics),
            ms(|ms| ms.roots),
            ms(|ms| ms.update),
            runs.first().map_or_else(String::new, |run| format!("{:.1}", run.state_bytes as f64 / 1e6)),
        ]);
    }
    let goal = target.map_or_else(
        || "no target: no first-order method ran to its end".to_owned(),
        |target| format!("target: train loss {target:.2}"),
    );
    format!("{}{goal}\n", aligned(&rows))
}

/// The runs of each method, in the order of the methods' first runs.
#[must_use]
pub fn by_method(runs: &[Run]) -> Vec<(Method, Vec<&Run>)> {
    let mut groups: Vec<(Method, Vec<&Run>)> = Vec::new();
    for run in runs {
        match groups.iter_mut().find(|(method, _)| *method == run.job.method) {
            Some((_, group)) => group.push(run),
            None => groups.push((run.job.method, vec![run])),
        }
    }
    groups
}

fn remark(runs: &[&Run]) -> String {
    let count = |end| runs.iter().filter(|run| run.end == end).count();
    let (diverged, all) = (count(End::Diverged), runs.len());
    let cut = runs.iter().find(|run| run.end == End::Interrupted);
    match (diverged, cut) {
        (_, Some(run)) => format!(" (stopped at {})", run.steps()),
        (0, None) => String::new(),
        (_, None) => format!(" ({diverged} of {all} diverged)"),
    }
}

fn median(numbers: impl Iterator<Item = f64>, show: impl Fn(f64) -> String) -> String {
    Spread::of(numbers).map_or_else(String::new, |spread| show(spread.median))
}

fn cell(spread: Option<Spread>, show: impl Fn(f64) -> String, infinite: &str) -> String {
    let Some(Spread { median, min, max }) = spread else {
        return String::new();
    };
    let show = |x: f64| if x.is_finite() { show(x) } else { infinite.to_owned() };
    if min == max { show(median) } else { format!("{} [{}, {}]", show(median), show(min), show(max)) }
}

/// Columns of equal width, the first to the left and the others to the right.
pub(crate) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (i, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            line += &if column == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
        }
        text += line.trim_end();
        text += "\n";
        if i == 0 {
            text += &"-".repeat(line.chars().count());
            text += "\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{aligned, cell};
    use crate::spread::Spread;

    #[test]
    fn columns_line_up() {
        let rows = [["a", "ms"], ["long", "7"]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "a     ms\n--------\nlong   7\n");
    }

    #[test]
    fn cells_show_the_spread_only_if_there_is_one() {
        let cell = |numbers: &[f64]| cell(Spread::of(numbers.iter().copied()), |x| format!("{x:.0}"), "never");
        assert_eq!(cell(&[]), "");
        assert_eq!(cell(&[142.0]), "142");
        assert_eq!(cell(&[f64::INFINITY; 3]), "never");
        assert_eq!(cell(&[3.0, 1.0, f64::INFINITY]), "3 [1, never]");
    }
}
