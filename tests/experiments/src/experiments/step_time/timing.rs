//! The contenders take turns; AdaGrad has one before each of the others, so that a machine whose speed changes within
//! minutes disturbs a ratio as little as possible.

use core::time::Duration;

use indicatif::ProgressBar;

use super::contender::Contender;
use super::plan::{Arrangement, Case, Plan};
use super::threads;
use crate::error::Error;
use crate::report::json::StepReport;
use crate::report::progress;
use crate::spread::Spread;
use crate::train::run::Times;

/// Of a contender, medians over the rounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) case: Case,
    pub(super) ms: StepReport,
    pub(super) total: f64,
    /// Over AdaGrad's turns just before and after.
    pub(super) ratio: f64,
    /// Numbers that are preconditioned.
    pub(super) preconditioned: usize,
}

/// A turn: mean times of a step in ms.
type Turn = StepReport;

fn total(turn: &Turn) -> f64 {
    turn.forward_backward + turn.statistics + turn.roots + turn.update
}

/// Times all contenders of an arrangement; after Ctrl-C those that had a turn.
///
/// # Errors
/// Those of the contenders.
pub(super) fn measure(plan: &Plan, arrangement: Arrangement) -> Result<Vec<Measured>, Error> {
    if plan.rounds == 0 {
        return Ok(Vec::new());
    }
    let build = |&case: &Case| Contender::new(plan, case, arrangement, 0);
    let mut contenders = plan.cases.iter().map(build).collect::<Result<Vec<_>, _>>()?;
    let bar = progress::bar(&format!("step-time, {arrangement}"), plan.rounds * (contenders.len() - 1));
    let mut turns: Vec<Vec<(Turn, f64)>> = vec![Vec::new(); contenders.len()];
    threads::run(arrangement, || rounds(plan, &mut contenders, &mut turns, &bar))??;
    bar.finish_and_clear();
    let row = |(contender, turns): (&Contender, &Vec<(Turn, f64)>)| {
        let median = |value: &dyn Fn(&(Turn, f64)) -> f64| Some(Spread::of(turns.iter().map(value))?.median);
        Some(Measured {
            case: contender.case,
            ms: Turn {
                forward_backward: median(&|(turn, _)| turn.forward_backward)?,
                statistics: median(&|(turn, _)| turn.statistics)?,
                roots: median(&|(turn, _)| turn.roots)?,
                update: median(&|(turn, _)| turn.update)?,
            },
            total: median(&|(turn, _)| total(turn))?,
            ratio: median(&|&(_, ratio)| ratio)?,
            preconditioned: contender.preconditioned(),
        })
    };
    Ok(contenders.iter().zip(&turns).filter_map(row).collect())
}

/// Fills in, for each contender, its turns and their ratios.
fn rounds(
    plan: &Plan,
    contenders: &mut [Contender],
    turns: &mut [Vec<(Turn, f64)>],
    bar: &ProgressBar,
) -> Result<(), Error> {
    let (Some((adagrad, others)), Some((adagrad_turns, other_turns))) =
        (contenders.split_first_mut(), turns.split_first_mut())
    else {
        return Ok(());
    };
    for _ in 0..plan.rounds {
        let Some(mut before) = turn(plan, adagrad)? else { return Ok(()) };
        adagrad_turns.push((before, 1.0));
        for (contender, turns) in others.iter_mut().zip(other_turns.iter_mut()) {
            bar.set_message(contender.case.label());
            let (Some(own), Some(after)) = (turn(plan, contender)?, turn(plan, adagrad)?) else { return Ok(()) };
            turns.push((own, total(&own) / f64::midpoint(total(&before), total(&after))));
            adagrad_turns.push((after, 1.0));
            before = after;
            bar.inc(1);
        }
    }
    Ok(())
}

/// One turn; none if Ctrl-C was pressed meanwhile.
fn turn(plan: &Plan, contender: &mut Contender) -> Result<Option<Turn>, Error> {
    // The first step meets cold memory, and perhaps roots that another contender still computes.
    contender.step(plan)?;
    let steps = contender.case.turn(plan.turn);
    let mut sum = Times::default();
    for _ in 0..steps {
        if plan.interrupt.raised() {
            return Ok(None);
        }
        let (_, times) = contender.step(plan)?;
        sum.forward_backward += times.forward_backward;
        sum.statistics += times.statistics;
        sum.roots += times.roots;
        sum.update += times.update;
    }
    let mean = |time: Duration| time.as_secs_f64() * 1e3 / steps as f64;
    Ok(Some(Turn {
        forward_backward: mean(sum.forward_backward),
        statistics: mean(sum.statistics),
        roots: mean(sum.roots),
        update: mean(sum.update),
    }))
}
