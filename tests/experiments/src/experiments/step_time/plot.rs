//! The times as stacked bars, one panel for each arrangement.

use super::plan::{Arrangement, Plan};
use super::row::{Row, Rows};
use crate::report::bars::{Bar, Bars, Panel};

pub(super) fn bars(plan: &Plan, rows: &Rows) -> Bars {
    let bar = |row: &Row| Bar {
        label: row.case.label(),
        parts: vec![row.forward_backward, row.statistics, row.roots, row.update],
        remark: format!("{:.2}", row.ratio_to_adagrad),
    };
    let panel = |arrangement: Arrangement| {
        let own = rows.rows.iter().filter(|row| row.arrangement == arrangement.key());
        let title = match arrangement {
            Arrangement::Offload => "offload: training on one thread, pipelined roots on another",
            Arrangement::Shared => "shared: training and roots on all cores",
        };
        let panel = Panel { title: title.to_owned(), bars: own.map(bar).collect() };
        (!panel.bars.is_empty()).then_some(panel)
    };
    Bars {
        title: format!(
            "Training step of a Transformer, {} tokens, blocks of {}; right of the bars: times AdaGrad",
            plan.scale.tokens(),
            plan.scale.block
        ),
        x_label: "ms",
        parts: vec![
            ("forward and backward", (0x99, 0x99, 0x99)),
            ("statistics", (0x56, 0xb4, 0xe9)),
            ("roots", (0xd5, 0x5e, 0x00)),
            ("update", (0x00, 0x9e, 0x73)),
        ],
        panels: Arrangement::ALL.into_iter().filter_map(panel).collect(),
    }
}
