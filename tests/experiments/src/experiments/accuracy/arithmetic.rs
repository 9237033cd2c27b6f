//! The arithmetics: what stores the matrix and its root, what computes, and by which kernel.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable, SplitBf16};
use shampoo_core::linalg::inverse_root::{Outcome, Report, Request, inverse_root, inverse_root_workspace_len};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::{packed_to_full, to_packed};

/// A root as its numbers are stored, and what is said of it.
type Found = Result<(Vec<f64>, Report), RootError>;

/// An arithmetic under its name in the reports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arithmetic {
    /// What stores.
    pub(super) stored_as: &'static str,
    /// What computes.
    pub(super) root_type: &'static str,
    /// The kernel.
    pub(super) kernel: &'static str,
    /// Unit roundoff of what computes, products by the kernel included.
    pub(super) inside: f64,
    /// Unit roundoff of what stores.
    pub(super) stored: f64,
    /// Smallest magnitude that both hold with all digits.
    pub(super) smallest: f64,
    /// Whether a judge with the digits of `f64` is wide enough.
    pub(super) is_single: bool,
    /// A matrix as it is stored.
    pub(super) round: fn(&[f64]) -> Vec<f64>,
    /// The root of a stored matrix of this order.
    root: fn(&[f64], usize, &Request) -> Found,
}

/// The scalar that is judged most strictly.
pub(super) const F64: &str = "f64";

/// The kernel that every arithmetic has.
const PORTABLE: &str = "portable";

/// What roots are usually computed in, by [`Arithmetic::scalar`].
const USUAL: [&str; 3] = [F64, "f32/f64", "f32"];

/// Storage that is coarser than this leaves no room under the limit for an arithmetic inside that is not.
const COARSE: f64 = 1e-6;

/// The limit on a promise for coarse storage: that for `f32` inside.
const COARSE_LIMIT: f64 = 5e-2;

/// Every arithmetic, in the order of the reports.
pub(super) fn all() -> Vec<Arithmetic> {
    [
        stored::<f64, Portable>("f64", PORTABLE),
        stored::<f64, Server>("f64", "server"),
        stored::<DoubleF32, Portable>("DoubleF32", PORTABLE),
        stored::<f32, Portable>("f32", PORTABLE),
        stored::<f32, Server>("f32", "server"),
        stored::<f32, SplitBf16<9>>("f32", "split 9"),
        stored::<f32, SplitBf16<6>>("f32", "split 6"),
        stored::<f32, SplitBf16<3>>("f32", "split 3"),
        stored::<f32, SplitBf16<1>>("f32", "split 1"),
    ]
    .concat()
}

/// Every way to store what `R` computes.
fn stored<R: Real, K: Kernel<R> + Default>(root_type: &'static str, kernel: &'static str) -> [Arithmetic; 5]
where
    f32: Stored<R>,
    f64: Stored<R>,
{
    [
        Arithmetic::of::<f64, R, K>("f64", root_type, kernel),
        Arithmetic::of::<f32, R, K>("f32", root_type, kernel),
        Arithmetic::of::<Bf16x3, R, K>("Bf16x3", root_type, kernel),
        Arithmetic::of::<Bf16x2, R, K>("Bf16x2", root_type, kernel),
        Arithmetic::of::<Bf16, R, K>("Bf16", root_type, kernel),
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
    fn of<S: Stored<R>, R: Real, K: Kernel<R> + Default>(
        stored_as: &'static str,
        root_type: &'static str,
        kernel: &'static str,
    ) -> Self {
        Self {
            stored_as,
            root_type,
            kernel,
            inside: K::default().unit_roundoff(),
            stored: S::ROUNDOFF,
            smallest: S::SMALLEST.max(R::MIN_POSITIVE.to_f64()),
            is_single: R::UNIT_ROUNDOFF.to_f64() >= f64::from(f32::EPSILON) / 2.0,
            round: |full| full.iter().map(|&x| S::store(R::from_f64(x)).load().to_f64()).collect(),
            root: |full, n, request| root::<S, R>(full, n, request, &K::default()),
        }
    }

    /// What stores; where another one computes, `stored/inside`.
    pub(super) fn scalar(&self) -> String {
        match (self.stored_as, self.root_type) {
            (stored, inside) if stored == inside => stored.to_owned(),
            (stored, inside) => format!("{stored}/{inside}"),
        }
    }

    /// Whether it is among those that are measured most.
    pub(super) fn is_usual(&self) -> bool {
        self.kernel == PORTABLE && USUAL.contains(&self.scalar().as_str())
    }

    /// The limit on a promise, where the default for what computes is out of reach.
    pub(super) fn max_error(&self) -> Option<f64> {
        (self.stored > COARSE).then_some(COARSE_LIMIT)
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
        if report.outcome == Outcome::Uncertified && report.promised.is_finite() {
            let unlimited = Request { max_error: Some(f64::INFINITY), ..*request };
            let (refused, again) = (self.root)(full, n, &unlimited)?;
            // Without a limit another table may do.
            let same = again.outcome == Outcome::Accepted && again.iterations == report.iterations;
            (root, written) = (refused, same);
        }
        Ok(Answer { report, root: written.then_some(root) })
    }
}

/// The root of a matrix; both are whole, row by row.
fn root<S: Stored<R>, R: Real>(full: &[f64], n: usize, request: &Request, kernel: &dyn Kernel<R>) -> Found {
    let kept: Vec<S> = full.iter().map(|&x| S::store(R::from_f64(x))).collect();
    let triangle = to_packed(n, &kept);
    let mut root = vec![S::default(); triangle.len()];
    let mut workspace = vec![R::default(); inverse_root_workspace_len(n)];
    let report = inverse_root(&triangle, n, &mut root, request, &mut workspace, kernel)?;
    let wide: Vec<f64> = root.iter().map(|x| x.load().to_f64()).collect();
    Ok((packed_to_full(n, &wide), report))
}

#[cfg(test)]
mod tests {
    use shampoo_core::linalg::inverse_root::{Exponent, Method, Outcome, Request, Ridge};

    use super::{Arithmetic, all};

    #[test]
    fn a_refused_root_is_shown_and_stays_refused() {
        let diagonal = [1.0, 0.0, 0.0, 16.0];
        let plain = Request::new(Exponent::Root(4));
        for arithmetic in all().into_iter().filter(Arithmetic::is_usual) {
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

    fn named(scalar: &str, kernel: &str) -> Arithmetic {
        let is_it = |a: &Arithmetic| (a.scalar().as_str(), a.kernel) == (scalar, kernel);
        all().into_iter().find(is_it).expect("among all")
    }

    #[test]
    fn storage_rounds_and_is_paid_for_once() {
        let [f64_, mixed, f32_] = ["f64", "f32/f64", "f32"].map(|scalar| named(scalar, "portable"));
        assert!(all().iter().filter(|a| a.is_usual()).count() == 3 && f64_.is_usual());
        assert_eq!((f64_.round)(&[0.1]), [0.1]);
        assert_eq!((mixed.round)(&[0.1]), [f64::from(0.1_f32)]);
        assert_eq!((named("Bf16/f64", "server").round)(&[0.1]), [0.10009765625]);
        assert_eq!(mixed.unit_roundoff(), f32_.unit_roundoff());
        // Well conditioned: one rounding, and never less.
        assert_eq!(f64_.a_priori(1.0, 8), f64_.inside);
        assert_eq!(f32_.a_priori(8.0, 2), 4.0 * f32_.inside);
        assert_eq!(mixed.a_priori(8.0, 2), 4.0 * f64_.inside + f32_.stored);
        assert_eq!(named("f32", "split 1").inside, 2.0_f64.powi(-7) + f32_.inside);
    }
}
