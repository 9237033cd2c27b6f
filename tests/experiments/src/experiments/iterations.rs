//! `iterations`: how many iterations and products a root by a coupled iteration takes, against the printed numbers.

use core::sync::atomic::{AtomicU32, Ordering};
use std::process::ExitCode;

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Accum, Kernel, portable};
use shampoo_core::linalg::inverse_root::coupled_newton::{self, CoupledNewton};
use shampoo_core::linalg::inverse_root::newton_schulz::{self, NewtonSchulz};
use shampoo_core::linalg::inverse_root::{Extent, Scaling, Stop};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_tests::generate::log_spaced;
use shampoo_tests::golden::iterations as printed;

use crate::error::Error;
use crate::report::table::aligned;

/// Order of the matrices: so many eigenvalues, evenly spaced in the logarithm.
const ORDER: usize = 16;

/// max |M - I| to end at.
const TOLERANCE: f64 = 1e-6;

/// The root orders.
const ROOTS: [u32; 2] = [2, 4];

/// The root order of the printed numbers.
const PRINTED_ROOT: u32 = 4;

/// Count the iterations and products of the coupled iterations, by condition number and first scale.
///
/// Until max |M - I| < 1e-6, for 16 log-spaced eigenvalues in f64. A count is that of iterations, in brackets that of
/// products, the last correction included: of one triangle for coupled Newton, whose first one is a multiple of the identity
/// by a matrix and none, whole ones for Newton-Schulz. The program fails if a count differs from the printed one.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {}

/// A way to scale the first matrix.
struct Start {
    name: &'static str,
    scaling: Scaling,
    /// The largest eigenvalue as it is told; it is 1.
    largest: f64,
    /// Iterations of coupled Newton at p = 4.
    printed: [u32; 5],
}

/// In the order of the table.
const STARTS: [Start; 4] = [
    Start { name: "lambda_max", scaling: Scaling::LambdaMax, largest: 1.0, printed: printed::LAMBDA_MAX },
    Start { name: "Frobenius", scaling: Scaling::Frobenius, largest: 1.0, printed: printed::FROBENIUS },
    Start { name: "optimal", scaling: Scaling::Optimal, largest: 1.0, printed: printed::OPTIMAL },
    // The same as a largest eigenvalue that is overestimated.
    Start {
        name: "Frobenius, 32 lambda_max",
        scaling: Scaling::LambdaMax,
        largest: 32.0,
        printed: printed::FROBENIUS_WORST,
    },
];

/// The iterations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Iteration {
    CoupledNewton,
    NewtonSchulz,
}

impl Iteration {
    const ALL: [Self; 2] = [Self::CoupledNewton, Self::NewtonSchulz];

    fn name(self) -> &'static str {
        match self {
            Self::CoupledNewton => "coupled Newton",
            Self::NewtonSchulz => "Newton-Schulz",
        }
    }
}

/// What a root took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    iterations: u32,
    products: u32,
}

/// The portable kernel, which counts its products.
#[derive(Default)]
struct Counting(AtomicU32);

impl Kernel<f64> for Counting {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        portable::gemm(c, accum, alpha, a, b);
    }

    fn symm_product(&self, c: MatMut<'_, f64>, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        portable::symm_product(c, a, b);
    }
}

/// The counts of one root; `None` if the iteration does not reach the tolerance.
fn count(iteration: Iteration, p: u32, start: &Start, kappa: f64) -> Result<Option<Count>, RootError> {
    let eigenvalues = log_spaced(ORDER, kappa);
    let frobenius = eigenvalues.iter().map(|x| x * x).sum::<f64>().sqrt();
    let known = Extent { frobenius, largest: Some(start.largest), smallest: 1.0 / kappa };
    let entry = |k: usize| if k / ORDER == k % ORDER { eigenvalues[k / ORDER] } else { 0.0 };
    let full: Vec<f64> = (0..ORDER * ORDER).map(entry).collect();
    let (a, kernel) = (MatRef::new(&full, ORDER, ORDER)?, Counting::default());
    let (iterations, stop) = match iteration {
        Iteration::CoupledNewton => {
            let mut workspace = vec![0.0; coupled_newton::workspace_len(ORDER)];
            let z = start.scaling.factor(p, known);
            let mut newton = CoupledNewton::start(a, p, z, &mut workspace)?.with_tolerance(TOLERANCE);
            newton.run(&mut workspace, &kernel)?;
            (newton.iterations(), newton.stop())
        }
        Iteration::NewtonSchulz => {
            let mut workspace = vec![0.0; newton_schulz::workspace_len(ORDER)];
            // Of both of its stages.
            let z = start.scaling.factor(2, known);
            let mut newton = NewtonSchulz::start(a, p, z, &mut workspace)?.with_tolerance(TOLERANCE);
            newton.run(&mut workspace, &kernel)?;
            (newton.iterations(), newton.stop())
        }
    };
    let products = kernel.0.load(Ordering::Relaxed);
    Ok((stop == Some(Stop::Tolerance)).then_some(Count { iterations, products }))
}

/// A line of the table: the counts of one iteration, root order and first scale.
struct Line {
    iteration: Iteration,
    p: u32,
    start: &'static Start,
    counts: Vec<Option<Count>>,
}

impl Line {
    /// Whether the iterations are the printed ones; `None` where none are printed.
    fn agrees(&self) -> Option<bool> {
        let known = self.iteration == Iteration::CoupledNewton && self.p == PRINTED_ROOT;
        let found = || self.counts.iter().map(|count| count.map(|count| count.iterations));
        known.then(|| found().eq(self.start.printed.map(Some)))
    }

    fn cells(&self) -> [String; 10] {
        let count = |count: &Option<Count>| {
            count.map_or_else(|| "none".to_owned(), |count| format!("{} ({})", count.iterations, count.products))
        };
        let [a, b, c, d, e] = core::array::from_fn(|k| self.counts.get(k).map_or_else(String::new, count));
        let printed = self.start.printed.map(|count| count.to_string()).join("/");
        let (numerics, verdict) = match self.agrees() {
            None => ("-".to_owned(), ""),
            Some(true) => (printed, "same"),
            Some(false) => (printed, "DIFFERS"),
        };
        let [name, scale] = [self.iteration.name(), self.start.name].map(str::to_owned);
        [name, scale, self.p.to_string(), a, b, c, d, e, numerics, verdict.to_owned()]
    }
}

/// Every line.
fn lines() -> Result<Vec<Line>, RootError> {
    let mut lines = Vec::new();
    for (iteration, p) in Iteration::ALL.into_iter().flat_map(|iteration| ROOTS.map(|p| (iteration, p))) {
        for start in &STARTS {
            let counts = printed::KAPPAS.into_iter().map(|kappa| count(iteration, p, start, kappa));
            lines.push(Line { iteration, p, start, counts: counts.collect::<Result<_, _>>()? });
        }
    }
    Ok(lines)
}

/// Counts, prints the table, and fails where a count differs from the printed one.
///
/// # Errors
/// An iteration refuses its input.
pub fn run(_: &Args) -> Result<ExitCode, Error> {
    let lines = lines()?;
    let kappas = printed::KAPPAS.map(|kappa| format!("{kappa:.0e}"));
    let [a, b, c, d, e] = kappas;
    let [name, scale, p, numerics, verdict] = ["iteration", "first scale", "p", "NUMERICS", ""].map(str::to_owned);
    let head = [name, scale, p, a, b, c, d, e, numerics, verdict];
    println!("{}", aligned(&[head].into_iter().chain(lines.iter().map(Line::cells)).collect::<Vec<_>>()));
    let differ = lines.iter().filter(|line| line.agrees() == Some(false)).count();
    println!("{differ} of {} lines differ from the printed one", lines.iter().filter_map(Line::agrees).count());
    Ok(if differ == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::{Count, Iteration, Line, STARTS, lines};

    #[test]
    fn the_printed_lines_are_found_and_every_iteration_has_its_products() {
        let lines = lines().expect("positive definite");
        assert_eq!(lines.iter().filter_map(Line::agrees).collect::<Vec<_>>(), [true; STARTS.len()]);
        for line in &lines {
            for count in line.counts.iter().map(|count| count.expect("the tolerance is reached")) {
                let (per_iteration, last) = match (line.iteration, line.p) {
                    // The first correction is no product, and the last one is.
                    (Iteration::CoupledNewton, 2) => (3, 0),
                    (Iteration::CoupledNewton, _) => (4, 0),
                    // A residual and a correction end a stage.
                    (Iteration::NewtonSchulz, 2) => (3, 2),
                    (Iteration::NewtonSchulz, _) => (3, 4),
                };
                assert_eq!(count.products, per_iteration * count.iterations + last);
            }
        }
    }

    #[test]
    fn a_difference_is_told() {
        let counts = STARTS[0].printed.map(|iterations| Some(Count { iterations, products: 0 }));
        let mut line = Line { iteration: Iteration::CoupledNewton, p: 4, start: &STARTS[0], counts: counts.to_vec() };
        assert_eq!((line.agrees(), line.cells()[9].as_str()), (Some(true), "same"));
        line.counts[2] = None;
        assert_eq!((line.agrees(), line.cells()[9].as_str()), (Some(false), "DIFFERS"));
        line.p = 2;
        assert_eq!((line.agrees(), line.cells()[8].as_str()), (None, "-"));
    }
}
