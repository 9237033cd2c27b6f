//! One row of the results, and the JSON object of all of them.

use std::path::Path;

use serde::Serialize;

use super::bound::Machine;
use super::losses::{Loss, Ratio};
use super::plan::{Arrangement, Case, Config, Plan, Schedule};
use super::timing::Measured;
use crate::error::Error;
use crate::report;

/// One contender in one arrangement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// What is preconditioned.
    pub(super) config: &'static str,
    /// When roots are computed.
    pub(super) schedule: &'static str,
    /// Who runs where.
    pub(super) arrangement: &'static str,
    /// Tokens of a batch.
    pub(super) tokens: usize,
    /// Steps between roots.
    pub(super) interval: u64,
    /// A training step.
    pub(super) ms_per_step: f64,
    /// That over AdaGrad's.
    pub(super) ratio_to_adagrad: f64,
    /// The ratio that the machine forbids to go below.
    pub(super) bound: f64,
    /// Final training loss over that of the same run in step; null if it was not asked for.
    pub(super) loss_ratio: Option<f64>,
    /// Loss and gradients.
    pub(super) forward_backward: f64,
    /// Gathering statistics.
    pub(super) statistics: f64,
    /// Computing roots, in the training's own threads.
    pub(super) roots: f64,
    /// All the rest.
    pub(super) update: f64,
    #[serde(skip)]
    pub(super) case: Case,
}

/// What the columns mean.
pub(super) const EXPLANATION: &str = "\
bound: AdaGrad's time and, for each preconditioned number, 6 x block flops at the speed of the training's products and
9 numbers at that of elementwise passes, over AdaGrad's time; with the roots where they take training's cores.
The flops alone are block / tokens of the training's own.";

/// The whole object.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Rows {
    /// The rows, in the order they were made.
    pub(super) rows: Vec<Row>,
    /// The runs behind the ratios of losses.
    pub(super) losses: Vec<Loss>,
}

impl Rows {
    /// Adds what was measured in an arrangement.
    pub(super) fn extend(&mut self, plan: &Plan, arrangement: Arrangement, machine: &Machine, measured: &[Measured]) {
        let adagrad = measured.first().map_or(f64::NAN, |first| first.total);
        for one in measured {
            let case = one.case;
            let in_step = measured.iter().find(|other| other.case == case.in_sync());
            // Pipelined roots are on other cores, unless training has them all.
            let elsewhere = case.schedule == Schedule::Pipelined && arrangement == Arrangement::Offload;
            let roots = if elsewhere { 0.0 } else { in_step.map_or(0.0, |in_step| in_step.ms.roots) };
            self.rows.push(Row {
                config: case.config.key(),
                schedule: case.schedule.key(),
                arrangement: arrangement.key(),
                tokens: plan.scale.tokens(),
                interval: case.interval,
                ms_per_step: one.total,
                ratio_to_adagrad: one.ratio,
                bound: 1.0 + (machine.least(plan, one.preconditioned) + roots) / adagrad,
                loss_ratio: None,
                forward_backward: one.ms.forward_backward,
                statistics: one.ms.statistics,
                roots: one.ms.roots,
                update: one.ms.update,
                case,
            });
        }
    }

    /// Fills in the losses, which are the same in all arrangements.
    pub(super) fn add_losses(&mut self, ratios: &[Ratio]) {
        for row in &mut self.rows {
            row.loss_ratio = ratios.iter().find(|(case, _)| *case == row.case).map(|&(_, ratio)| ratio);
        }
    }

    /// The table for a reader.
    pub(super) fn cells(&self) -> Vec<[String; 12]> {
        let header = [
            "config",
            "schedule",
            "arrangement",
            "N",
            "ms/step",
            "= fwd+bwd",
            "+ statistics",
            "+ roots",
            "+ update",
            "ratio",
            "bound",
            "loss ratio",
        ];
        let cells = self.rows.iter().map(|row| {
            let ms = |ms: f64| format!("{ms:.1}");
            let is_adagrad = row.case.config == Config::Adagrad;
            [
                row.config.to_owned(),
                if is_adagrad { String::new() } else { row.schedule.to_owned() },
                row.arrangement.to_owned(),
                if is_adagrad { String::new() } else { row.interval.to_string() },
                ms(row.ms_per_step),
                ms(row.forward_backward),
                ms(row.statistics),
                ms(row.roots),
                ms(row.update),
                format!("{:.3}", row.ratio_to_adagrad),
                format!("{:.3}", row.bound),
                row.loss_ratio.map_or_else(String::new, |ratio| format!("{ratio:.4}")),
            ]
        });
        [header.map(str::to_owned)].into_iter().chain(cells).collect()
    }

    /// Writes the object.
    ///
    /// # Errors
    /// [`Error::Write`], with the path.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        report::write_json(self, path)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::super::plan::{Case, Config, Schedule};
    use super::{Loss, Row, Rows};

    #[test]
    fn the_form_is_the_agreed_one() {
        let case = Case { config: Config::ShampooAll, schedule: Schedule::Pipelined, interval: 5 };
        let row = Row {
            config: "shampoo_all",
            schedule: "pipelined",
            arrangement: "offload",
            tokens: 2048,
            interval: 5,
            ms_per_step: 110.0,
            ratio_to_adagrad: 1.1,
            bound: 1.0625,
            loss_ratio: None,
            forward_backward: 80.0,
            statistics: 10.0,
            roots: 0.0,
            update: 20.0,
            case,
        };
        let loss = Loss {
            config: "shampoo_all",
            schedule: "pipelined",
            interval: 5,
            seed: 2,
            steps: 100,
            rate: 3e-3,
            loss: None,
        };
        let mut rows = Rows { rows: vec![row], losses: vec![loss] };
        rows.add_losses(&[(Case { interval: 1, ..case }, 2.0), (case, 1.01)]);
        assert_eq!(
            to_value(rows).expect("plain data"),
            json!({"rows": [{
                "config": "shampoo_all", "schedule": "pipelined", "arrangement": "offload", "tokens": 2048,
                "interval": 5, "ms_per_step": 110.0, "ratio_to_adagrad": 1.1, "bound": 1.0625, "loss_ratio": 1.01,
                "forward_backward": 80.0, "statistics": 10.0, "roots": 0.0, "update": 20.0,
            }], "losses": [{
                "config": "shampoo_all", "schedule": "pipelined", "interval": 5, "seed": 2, "steps": 100, "rate": 3e-3,
                "loss": null,
            }]})
        );
    }
}
