//! The probed certificate where the sign of the root is not known, and where one round of probes is enough.

use crate::common;

use shampoo_core::kernel::{Portable, SymmetricTiles};
use shampoo_core::linalg::inverse_root::certificate::{Candidate, Sign, probed, probed_workspace_len};
use shampoo_core::scalar::padded;
use shampoo_tests::tolerance::Check;

const N: usize = 5;

/// B = I and X = diag(signs): a root of it up to signs, whose even powers are those of the root.
fn promise(p: u32, signs: [f64; N], sign: Sign, enough: f64) -> f64 {
    let stride = padded(N);
    let tiles = |diagonal: [f64; N]| {
        let at =
            |k: usize| if k / stride == k % stride { diagonal.get(k / stride).copied().unwrap_or(0.0) } else { 0.0 };
        (0..stride * stride).map(at).collect::<Vec<f64>>()
    };
    let (b, x) = (tiles([1.0; N]), tiles(signs));
    let view = |data| SymmetricTiles { data, stride, order: N };
    let mut workspace = vec![f64::NAN; probed_workspace_len(N)];
    probed(Candidate { b: view(&b), x: view(&x), p, kappa: 1.0, sign }, enough, &mut workspace, &Portable)
}

#[test]
fn a_root_of_unknown_sign_is_factored() {
    let wrong = [1.0, 1.0, -1.0, 1.0, 1.0];
    for p in [2, 4, 6] {
        assert_eq!(promise(p, wrong, Sign::Unknown, 0.0), f64::INFINITY, "{p}");
        assert!(promise(p, [1.0; N], Sign::Unknown, 0.0) < Check::ProbedExact.bound(common::U64), "{p}");
        // The residual itself does not see it: that is why the sign must be known.
        assert!(promise(p, wrong, Sign::ByConstruction, 0.0) < Check::ProbedExact.bound(common::U64), "{p}");
    }
    for p in [1, 3] {
        assert_eq!(promise(p, wrong, Sign::ByConstruction, 0.0), f64::INFINITY, "{p}: odd roots are always factored");
    }
}

#[test]
fn one_round_promises_less_than_two() {
    let off = [1.0, 1.0 + 1e-6, 1.0, 1.0 - 2e-6, 1.0];
    for p in [2, 3, 4] {
        let [one, two] = [f64::INFINITY, 0.0].map(|enough| promise(p, off, Sign::Unknown, enough));
        assert!(2e-6 < two && two < one && one < Check::ProbedOff.bound(common::U64), "{p}: {one:e}, {two:e}");
        // The first round is taken where it promises enough, and only there.
        assert_eq!(promise(p, off, Sign::Unknown, one), one);
        assert_eq!(promise(p, off, Sign::Unknown, 0.99 * one), two);
    }
}
