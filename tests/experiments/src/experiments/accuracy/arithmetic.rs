//! The arithmetics: what stores the matrix and its root, what computes, and by which kernel.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::{Outcome, Report, Request, inverse_root, inverse_root_workspace_len};
use shampoo_core::scalar::{Real, Stored};
use shampoo_tests::generate::{packed_to_full, to_packed};

/// A root as its numbers are stored, and what is said of it.
type Found = Result<(Vec<f64>, Report), RootError>;

/// An arithmetic under its name in the reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arithmetic {
    /// The scalar; where another one computes than stores, `stored/inside`.
    pub(super) scalar: &'static str,
    /// The kernel.
    pub(super) kernel: &'static str,
    /// Unit roundoff of what computes.
    pub(super) inside: f64,
    /// Unit roundoff of what stores.
    pub(super) stored: f64,
    /// A matrix as it is stored.
    pub(super) round: fn(&[f64]) -> Vec<f64>,
    /// The root of a stored matrix of this order.
    root: fn(&[f64], usize, &Request) -> Found,
}

/// The scalar that is judged most strictly.
pub(super) const F64: &str = "f64";

/// Every arithmetic, in the order of the reports.
pub(super) fn all() -> [Arithmetic; 3] {
    [
        Arithmetic::of::<f64, f64, Portable>(F64, "portable"),
        Arithmetic::of::<f32, f64, Portable>("f32/f64", "portable"),
        Arithmetic::of::<f32, f32, Portable>("f32", "portable"),
    ]
}

/// A root that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// What is said of it.
    pub(super) report: Report,
    /// The root, or the one that was refused; `None` where there is none.
    pub(super) root: Option<Vec<f64>>,
}

impl Arithmetic {
    /// Stored as `S`, computed in `R` by the kernel `K`.
    fn of<S: Stored<R>, R: Real, K: Kernel<R> + Default>(scalar: &'static str, kernel: &'static str) -> Self {
        Self {
            scalar,
            kernel,
            inside: R::UNIT_ROUNDOFF.to_f64(),
            stored: S::ROUNDOFF,
            round: |full| full.iter().map(|&x| S::store(R::from_f64(x)).load().to_f64()).collect(),
            root: root::<S, R, K>,
        }
    }

    /// Unit roundoff of the root as it is stored: the coarser of the two.
    pub(super) fn unit_roundoff(&self) -> f64 {
        self.inside.max(self.stored)
    }

    /// The first-order bound on the error of a root of order `p` of a matrix with this condition number, computed
    /// without an error but for one of u in the matrix, and stored.
    pub(super) fn a_priori(&self, kappa: f64, p: u32) -> f64 {
        let stored = if self.stored > self.inside { self.stored } else { 0.0 };
        self.inside * (kappa / f64::from(p)).max(1.0) + stored
    }

    /// The root of a stored matrix, as the request wants it. A root that its certificate refuses is computed again
    /// with no limit on the promise, since its true error is of interest too; the report is that of the refusal.
    ///
    /// # Errors
    /// As [`inverse_root`].
    pub(super) fn answer(&self, full: &[f64], n: usize, request: &Request) -> Result<Answer, RootError> {
        let (mut root, report) = (self.root)(full, n, request)?;
        let mut written = report.outcome == Outcome::Accepted;
        if report.outcome == Outcome::Uncertified {
            let unlimited = Request { max_error: Some(f64::INFINITY), ..*request };
            let (refused, again) = (self.root)(full, n, &unlimited)?;
            (root, written) = (refused, again.outcome == Outcome::Accepted);
        }
        Ok(Answer { report, root: written.then_some(root) })
    }
}

/// The root of a matrix; both are whole, row by row.
fn root<S: Stored<R>, R: Real, K: Kernel<R> + Default>(full: &[f64], n: usize, request: &Request) -> Found {
    let kept: Vec<S> = full.iter().map(|&x| S::store(R::from_f64(x))).collect();
    let triangle = to_packed(n, &kept);
    let mut root = vec![S::default(); triangle.len()];
    let mut workspace = vec![R::default(); inverse_root_workspace_len(n)];
    let report = inverse_root(&triangle, n, &mut root, request, &mut workspace, &K::default())?;
    let wide: Vec<f64> = root.iter().map(|x| x.load().to_f64()).collect();
    Ok((packed_to_full(n, &wide), report))
}

#[cfg(test)]
mod tests {
    use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request, Ridge};

    use super::all;

    #[test]
    fn a_refused_root_is_shown_and_stays_refused() {
        let diagonal = [1.0, 0.0, 0.0, 16.0];
        let plain = Request::new(Exponent::Root(4));
        for arithmetic in all() {
            let request = Request { ridge: Ridge::Absolute(0.0), method: Method::Spectral, max_retries: 0, ..plain };
            let accepted = arithmetic.answer(&diagonal, 2, &request).expect("a root");
            assert_eq!(accepted.report.outcome, Outcome::Accepted);
            let refused = arithmetic.answer(&diagonal, 2, &Request { max_error: Some(0.0), ..request });
            let refused = refused.expect("a root");
            assert_eq!(refused.report.outcome, Outcome::Uncertified);
            assert_eq!(refused.root, accepted.root);
            let none = arithmetic.answer(&[1.0, 0.0, 0.0, -1.0], 2, &request).expect("an outcome");
            assert_eq!((none.report.outcome, none.root), (Outcome::NotPositiveDefinite, None));
        }
    }

    #[test]
    fn f32_rounds_and_pays_for_it_once() {
        let [f64_, mixed, f32_] = all();
        assert_eq!((f64_.round)(&[0.1]), [0.1]);
        assert_eq!((mixed.round)(&[0.1]), [f64::from(0.1_f32)]);
        assert_eq!(mixed.unit_roundoff(), f32_.unit_roundoff());
        // Well conditioned: one rounding, and never less.
        assert_eq!(f64_.a_priori(1.0, 8), f64_.inside);
        assert_eq!(f32_.a_priori(8.0, 2), 4.0 * f32_.inside);
        assert_eq!(mixed.a_priori(8.0, 2), 4.0 * f64_.inside + f32_.stored);
    }
}
