//! One row of the results, and the JSON object of all of them.

use serde::Serialize;

use super::observed::Seen;
use super::plan::Case;
use crate::report::json::StepReport;
use crate::train::{End, Run};

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// When roots are computed and used; `reference` for Adam.
    pub(super) mode: &'static str,
    /// Steps between the roots of a factor, N.
    pub(super) interval: Option<u64>,
    /// Steps between a snapshot and its first use; null where it is not fixed.
    pub(super) delay: Option<u64>,
    /// Images of a batch.
    pub(super) batch: usize,
    /// The learning rate.
    pub(super) rate: f64,
    /// Steps taken; fewer than asked for after divergence or Ctrl-C.
    pub(super) steps: usize,
    /// The loss to be reached: the reference's final one.
    pub(super) target_loss: Option<f32>,
    /// Steps until then; null if never.
    pub(super) steps_to_target: Option<usize>,
    /// The loss on the fixed training images at the end; null after divergence.
    pub(super) final_train_loss: Option<f32>,
    /// Steps between snapshot and use, over all installed roots in all steps; null without roots.
    pub(super) mean_age: Option<f64>,
    /// The oldest of them.
    pub(super) max_age: Option<u64>,
    /// Roots computed in a step.
    pub(super) roots_per_step: f64,
    /// A step, in the training thread.
    pub(super) ms_per_step: f64,
    /// Where that time went.
    pub(super) ms: StepReport,
    #[serde(skip)]
    pub(super) case: Option<Case>,
    #[serde(skip)]
    pub(super) end: End,
}

/// The whole object.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Rows {
    /// The subcommand.
    pub(super) experiment: &'static str,
    /// The data set.
    pub(super) data: &'static str,
    /// The rows, in the order they were made.
    pub(super) rows: Vec<Row>,
}

impl Row {
    /// Of a run; `case` and `seen` are missing for the reference.
    pub(super) fn of(run: &Run, batch: usize, target: Option<f32>, scheduled: Option<(Case, Seen)>) -> Self {
        let (case, seen) = (scheduled.map(|(case, _)| case), scheduled.map(|(_, seen)| seen));
        let ms = StepReport::of(run);
        Self {
            mode: case.map_or("reference", |case| case.mode.key()),
            interval: case.map(|case| case.interval),
            delay: case.and_then(Case::delay),
            batch,
            rate: run.job.rate,
            steps: run.steps(),
            target_loss: target,
            steps_to_target: run.reached(target).map(|at| at.step),
            final_train_loss: Some(run.final_train).filter(|loss| loss.is_finite()),
            mean_age: seen.map(|seen| seen.mean_age()).filter(|age| age.is_finite()),
            max_age: seen.filter(|seen| seen.mean_age().is_finite()).map(|seen| seen.oldest),
            roots_per_step: seen.map(|seen| seen.roots_per_step()).filter(|roots| roots.is_finite()).unwrap_or(0.0),
            ms_per_step: ms.forward_backward + ms.statistics + ms.roots + ms.update,
            ms,
            case,
            end: run.end,
        }
    }

    /// In a few words.
    pub(super) fn result(&self) -> String {
        format!("steps to target: {}, train loss {}", self.steps_until(), self.loss())
    }

    fn steps_until(&self) -> String {
        self.steps_to_target.map_or_else(|| "never".to_owned(), |steps| steps.to_string())
    }

    fn loss(&self) -> String {
        self.final_train_loss.map_or_else(String::new, |loss| format!("{loss:.2}"))
    }

    fn cells(&self) -> [String; 11] {
        let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        let remark = match self.end {
            End::Finished => String::new(),
            End::Diverged => " (diverged)".to_owned(),
            End::Interrupted => format!(" (stopped at {})", self.steps),
        };
        let delay = match self.case {
            Some(case) => case.delay().map_or_else(|| "when ready".to_owned(), |delay| delay.to_string()),
            None => String::new(),
        };
        [
            self.mode.to_owned() + &remark,
            number(self.interval),
            delay,
            self.batch.to_string(),
            self.steps_until(),
            self.loss(),
            self.mean_age.map_or_else(String::new, |age| format!("{age:.1}")),
            number(self.max_age),
            if self.case.is_some() { format!("{:.2}", self.roots_per_step) } else { String::new() },
            format!("{:.1}", self.ms_per_step),
            format!("{:.1}", self.ms.roots),
        ]
    }
}

impl Rows {
    /// The table for a reader.
    pub(super) fn cells(&self) -> Vec<[String; 11]> {
        let header = [
            "mode",
            "N",
            "delay",
            "batch",
            "steps to target",
            "train loss",
            "mean age",
            "max age",
            "roots/step",
            "ms/step",
            "of these roots",
        ];
        [header.map(str::to_owned)].into_iter().chain(self.rows.iter().map(Row::cells)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::super::plan::{Case, Mode};
    use super::{Row, Rows};
    use crate::report::json::StepReport;
    use crate::train::End;

    #[test]
    fn the_form_is_the_agreed_one() {
        let row = Row {
            mode: "async",
            interval: Some(50),
            delay: None,
            batch: 100,
            rate: 3e-4,
            steps: 2400,
            target_loss: Some(12.5),
            steps_to_target: None,
            final_train_loss: Some(13.0),
            mean_age: Some(26.5),
            max_age: Some(61),
            roots_per_step: 0.5,
            ms_per_step: 15.0,
            ms: StepReport { forward_backward: 10.0, statistics: 2.0, roots: 0.0, update: 3.0 },
            case: Some(Case { mode: Mode::Async, interval: 50 }),
            end: End::Finished,
        };
        let rows = Rows { experiment: "staleness", data: "curves", rows: vec![row] };
        let cells = ["async", "50", "when ready", "100", "never", "13.00", "26.5", "61", "0.50", "15.0", "0.0"];
        assert_eq!(rows.cells()[1], cells);
        assert_eq!(
            to_value(rows).expect("plain data"),
            json!({"experiment": "staleness", "data": "curves", "rows": [{
                "mode": "async", "interval": 50, "delay": null, "batch": 100, "rate": 3e-4, "steps": 2400,
                "target_loss": 12.5,
                "steps_to_target": null, "final_train_loss": 13.0, "mean_age": 26.5, "max_age": 61,
                "roots_per_step": 0.5, "ms_per_step": 15.0,
                "ms": {"forward_backward": 10.0, "statistics": 2.0, "roots": 0.0, "update": 3.0},
            }]})
        );
    }
}
