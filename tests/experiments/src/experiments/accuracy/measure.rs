//! The rows of one matrix.

use indicatif::ProgressBar;
use shampoo_core::linalg::inverse_root::Outcome;
use shampoo_tests::oracle::wide;

use super::arithmetic::{self, Arithmetic};
use super::judge::Judge;
use super::plan::{Problem, methods};
use super::row::Row;

/// All roots of one matrix. Each stored form of it is decomposed once, for all methods and orders.
///
/// # Panics
/// If core calls the input malformed, which none of the plan's is.
pub(super) fn rows(problem: &Problem, seed: u64, bar: &ProgressBar) -> Vec<Row> {
    let matrix = problem.matrix(seed);
    let mut forms: Vec<(Vec<f64>, Vec<Arithmetic>)> = Vec::new();
    for arithmetic in arithmetic::all() {
        let stored = (arithmetic.round)(&matrix);
        match forms.iter_mut().find(|(form, _)| *form == stored) {
            Some((_, users)) => users.push(arithmetic),
            None => forms.push((stored, vec![arithmetic])),
        }
    }
    let mut rows = Vec::new();
    for (stored, users) in forms {
        let judge = Judge::new(wide::decompose(problem.n, &stored));
        let kappa = judge.kappa();
        for &p in problem.roots {
            let truth = judge.truth(p);
            for (arithmetic, (method, request)) in users.iter().flat_map(|user| methods(p).map(move |m| (user, m))) {
                let answer = arithmetic.answer(&stored, problem.n, &request).expect("finite input, buffers that fit");
                let error = |root: &Vec<f64>| truth.as_ref().map(|truth| truth.error(root));
                let outcome = answer.report.outcome;
                rows.push(Row {
                    n: problem.n,
                    kappa: problem.kappa,
                    p,
                    method: method.name,
                    scalar: arithmetic.scalar,
                    kernel: arithmetic.kernel,
                    statistics: problem.family.name,
                    indicator: finite(answer.report.indicator),
                    promised: finite(answer.report.promised),
                    true_error: answer.root.as_ref().and_then(error).and_then(finite),
                    accepted: outcome == Outcome::Accepted,
                    a_priori: finite(arithmetic.a_priori(kappa, p)),
                    outcome,
                    lost_bits: (kappa / f64::from(p)).log2().max(0.0),
                    unit_roundoff: arithmetic.unit_roundoff(),
                });
                bar.inc(1);
            }
        }
    }
    rows
}

fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressBar;

    use super::rows;
    use crate::experiments::accuracy::plan::problems;

    #[test]
    fn as_many_rows_as_announced_in_the_same_order() {
        let problem = problems().into_iter().find(|problem| problem.n == 2 && problem.kappa == 1e10);
        let problem = problem.expect("in the plan");
        let found = rows(&problem, 0, &ProgressBar::hidden());
        assert_eq!(found.len(), problem.rows());
        assert_eq!(found, rows(&problem, 0, &ProgressBar::hidden()));
        assert!(found.iter().any(|row| row.scalar == "f64" && row.accepted && row.true_error.is_some()));
    }
}
