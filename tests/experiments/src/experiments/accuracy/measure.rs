//! The rows of one matrix.

use indicatif::ProgressBar;
use shampoo_core::linalg::inverse_root::{Outcome, Request};

use super::arithmetic::Arithmetic;
use super::judge::{Judge, judge};
use super::plan::{MethodRow, Problem};
use super::row::Row;
use crate::interrupt::Interrupt;

/// A matrix as one or more arithmetics store it, with its judge.
struct Form {
    stored: Vec<f64>,
    is_single: bool,
    judge: Box<dyn Judge>,
}

/// All roots of one matrix, or those before the interrupt. Each stored form of it is decomposed once.
///
/// # Panics
/// If core calls the input malformed, which none of the plan's is.
pub(super) fn rows(problem: &Problem, seed: u64, bar: &ProgressBar, interrupt: &Interrupt) -> Vec<Row> {
    let matrix = problem.matrix(seed);
    let mut forms: Vec<Form> = Vec::new();
    let mut rows = Vec::new();
    for (arithmetic, p) in &problem.roots {
        let factor = problem.family.scale.factor(arithmetic.smallest);
        let scaled: Vec<f64> = matrix.iter().map(|x| x * factor).collect();
        let (stored, is_single) = ((arithmetic.round)(&scaled), arithmetic.is_single);
        let known = forms.iter().position(|form| form.is_single == is_single && form.stored == stored);
        let place = known.unwrap_or_else(|| {
            let judge = judge(problem.n, &stored, is_single);
            forms.push(Form { stored, is_single, judge });
            forms.len() - 1
        });
        for asked in problem.methods(arithmetic, *p) {
            if interrupt.raised() {
                return rows;
            }
            rows.push(row(problem, &forms[place], (arithmetic, *p), asked));
            bar.inc(1);
        }
    }
    rows
}

fn row(problem: &Problem, form: &Form, (arithmetic, p): (&Arithmetic, u32), asked: (MethodRow, Request)) -> Row {
    let (method, request) = asked;
    let answer = arithmetic.answer(&form.stored, problem.n, &request).expect("finite input, buffers that fit");
    let report = answer.report;
    let condition = form.judge.kappa(report.ridge);
    let error = |root: Vec<f64>| form.judge.error(&root, p, report.ridge);
    Row {
        n: problem.n,
        kappa: problem.kappa,
        p,
        method: method.name,
        scalar: arithmetic.scalar(),
        kernel: arithmetic.kernel,
        statistics: problem.family.name,
        indicator: finite(report.indicator),
        promised: finite(report.promised),
        true_error: answer.root.and_then(error).and_then(finite),
        accepted: report.outcome == Outcome::Accepted,
        a_priori: finite(arithmetic.a_priori(condition, p)),
        stored_as: arithmetic.stored_as,
        root_type: arithmetic.root_type,
        outcome: report.outcome,
        ridge: report.ridge,
        condition: finite(condition),
        unit_roundoff: arithmetic.unit_roundoff(),
    }
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressBar;

    use super::rows;
    use crate::experiments::accuracy::plan::fixed;
    use crate::interrupt::Interrupt;

    #[test]
    fn as_many_rows_as_announced_in_the_same_order() {
        let problem = fixed().into_iter().find(|problem| problem.n == 2 && problem.kappa == 1e10);
        let (problem, quiet) = (problem.expect("in the plan"), Interrupt::default());
        let found = rows(&problem, 0, &ProgressBar::hidden(), &quiet);
        assert_eq!(found.len(), problem.rows());
        assert_eq!(found, rows(&problem, 0, &ProgressBar::hidden(), &quiet));
        assert!(found.iter().any(|row| row.scalar == "f64" && row.accepted && row.true_error.is_some()));
        quiet.raise();
        assert_eq!(rows(&problem, 0, &ProgressBar::hidden(), &quiet), []);
    }
}
