//! The laws of an inverse root, the same for every method, kernel, arithmetic and store: a new one of each is one row.

use crate::common::bits;
use crate::common::root::{assert_spectrum, diagonal, request, root_bound, root_with};
use shampoo_core::kernel::{Kernel, Portable, SplitBf16};
use shampoo_core::linalg::inverse_root::coupled_newton::CoupledNewton;
use shampoo_core::linalg::inverse_root::newton_schulz::NewtonSchulz;
use shampoo_core::linalg::inverse_root::spectral::{self, Spectral};
use shampoo_core::linalg::inverse_root::{
    Method, Outcome, Report, Request, Ridge, inverse_root, inverse_root_workspace_len as workspace_len,
};
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};
use shampoo_runtime::kernel::Server;
use shampoo_tests::generate::{Random, from_spectrum, packed_to_full, to_packed, with_condition};
use shampoo_tests::oracle::number::Number;
use shampoo_tests::oracle::root::{self as oracle, relative_error, spectral_norm};
use shampoo_tests::oracle::{loewner, wide};
use shampoo_tests::tolerance::{Check, Size};

const NO_RIDGE: Ridge = Ridge::Absolute(0.0);

/// Orders of matrices that straddle tiles.
const ORDERS: [usize; 5] = [1, 2, 5, 9, 17];

/// A method, the root orders that its laws are checked for, and a kernel.
#[derive(Clone, Copy)]
struct Row<'a, R> {
    method: Method,
    orders: &'static [u32],
    kernel: &'a dyn Kernel<R>,
}

impl<R: Real> Row<'_, R> {
    /// Only the certificate of the law itself refuses.
    fn request(self, p: u32, ridge: Ridge) -> Request {
        Request { max_error: Some(0.9), ..request(p, ridge, self.method) }
    }

    /// The root of a request, which must be accepted.
    #[track_caller]
    fn accepted<S: Stored<R>>(self, a: &[f64], p: u32, ridge: Ridge) -> (Vec<f64>, Report) {
        let request = self.request(p, ridge);
        let (x, report) = root_with::<R, S, _>(a, &request, self.kernel).expect("a legal request");
        assert_eq!((report.outcome, report.retries), (Outcome::Accepted, 0), "{request:?}, {report:?}");
        (x, report)
    }

    /// How far a root of order n may be from the truth, by the true condition number.
    fn allowed<S: Stored<R>>(self, report: &Report, (n, kappa): (usize, f64), p: u32) -> f64 {
        let size = Size { order: n, kappa, root: f64::from(p), ..Size::default() };
        root_bound(report.method, self.kernel.unit_roundoff(), size) + Check::StoredRoot.bound_at(S::ROUNDOFF, size)
    }
}

/// Stamps the laws on methods, each a row of method and root orders, for one arithmetic and store.
macro_rules! methods {
    ($kernel:expr, $real:ty, $kept:ty) => {
        methods! { $kernel, $real, $kept;
            automatic: Auto, [1, 2, 4, 5];
            rational: Rational, [1, 2, 3, 4, 6];
            coupled_newton: CoupledNewton, [1, 2, 3, 4, 7];
            newton_schulz: NewtonSchulz, [2, 4];
            spectral: Spectral, [1, 2, 4, 7];
        }
    };
    ($kernel:expr, $real:ty, $kept:ty; $($name:ident: $method:ident, $orders:expr;)*) => {$(
        mod $name {
            use super::*;

            fn with_row(law: fn(Row<'_, $real>)) {
                law(Row { method: Method::$method, orders: &$orders, kernel: &$kernel });
            }

            #[test]
            fn near_to_the_oracle_and_nearer_than_promised() {
                with_row(accuracy::<$real, $kept>);
            }

            #[test]
            fn what_is_reported_of_the_spectrum_is_the_oracles() {
                with_row(spectra::<$real, $kept>);
            }

            #[test]
            fn powers_of_two_pass_through() {
                with_row(scales::<$real, $kept>);
            }

            #[test]
            fn permutations_pass_through() {
                with_row(permutations::<$real, $kept>);
            }

            #[test]
            fn the_identity_is_its_own_root() {
                with_row(identity::<$real, $kept>);
            }

            #[test]
            fn more_ridge_is_less_root() {
                with_row(ridges::<$real, $kept>);
            }

            #[test]
            fn the_same_input_gives_the_same_bits() {
                with_row(repeats::<$real, $kept>);
            }

            #[test]
            fn a_refused_root_is_not_written() {
                with_row(refusals::<$real, $kept>);
            }
        }
    )*};
}

/// Stamps the methods on kernels and arithmetics: name, kernel, inside, kept as.
macro_rules! laws {
    ($($name:ident: $kernel:expr, $real:ty, $kept:ty;)*) => {$(
        mod $name {
            use super::*;

            methods! { $kernel, $real, $kept }
        }
    )*};
}

laws! {
    double: Portable, f64, f64;
    double_kept_as_single: Portable, f64, f32;
    double_kept_as_three_bf16: Portable, f64, Bf16x3;
    double_server: Server::new(), f64, f64;
    single: Portable, f32, f32;
    single_kept_as_bf16: Portable, f32, Bf16;
    single_kept_as_two_bf16: Portable, f32, Bf16x2;
    single_kept_as_three_bf16: Portable, f32, Bf16x3;
    single_server: Server::new(), f32, f32;
    single_split_six: SplitBf16::<6>, f32, f32;
    double_f32: Portable, DoubleF32, f32;
}

/// A matrix as the store keeps it.
fn kept<R: Real, S: Stored<R>>(full: &[f64]) -> Vec<f64> {
    full.iter().map(|&x| S::store(R::from_f64(x)).load().to_f64()).collect()
}

/// Condition numbers that an arithmetic and a store can resolve.
fn conditions<R: Real, S: Stored<R>>() -> impl Iterator<Item = f64> {
    let u = R::UNIT_ROUNDOFF.to_f64();
    let (inside, kept) = (Check::Promise.bound(u), Check::StoredCondition.bound(u));
    [1.0, 1e1, 1e3, 1e6].into_iter().filter(move |kappa| kappa * u < inside && kappa * S::ROUNDOFF < kept)
}

fn accuracy<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let mut random = Random::new(101);
    for n in ORDERS {
        for kappa in conditions::<R, S>() {
            let a = kept::<R, S>(&with_condition(&mut random, n, kappa));
            let spectrum = wide::decompose(n, &a);
            let kappa = spectrum.condition(oracle::Ridge::None);
            for &p in row.orders {
                let (x, report) = row.accepted::<S>(&a, p, NO_RIDGE);
                let error = relative_error(n, &x, &spectrum.inverse_root(p, oracle::Ridge::None));
                let bound = row.allowed::<S>(&report, (n, kappa), p);
                assert!(error <= bound, "n {n}, p {p}, kappa {kappa:e}: {error:e} above {bound:e}, {report:?}");
                let size = Size { order: n, ..Size::default() };
                let noise = Check::CertificateHonest.bound_at(row.kernel.unit_roundoff(), size);
                assert!(error <= report.promised + noise, "n {n}, p {p}: true error {error:e}, {report:?}");
            }
        }
    }
}

fn spectra<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let mut random = Random::new(107);
    for n in ORDERS {
        for kappa in conditions::<R, S>() {
            let a = kept::<R, S>(&with_condition(&mut random, n, kappa));
            let spectrum = wide::decompose(n, &a);
            for &p in row.orders {
                for ridge in [NO_RIDGE, Ridge::Absolute(0.25), Ridge::Relative(1e-2)] {
                    let (_, report) = row.accepted::<S>(&a, p, ridge);
                    assert_spectrum(&report, &spectrum, ridge, row.kernel.unit_roundoff());
                }
            }
        }
    }
}

fn scales<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let a = kept::<R, S>(&from_spectrum(&mut Random::new(102), &[1.0, 2.0, 2.0, 5.0]));
    for &p in row.orders {
        for ridge in [NO_RIDGE, Ridge::Relative(1e-2)] {
            let (plain, report) = row.accepted::<S>(&a, p, ridge);
            for power in [-3, 1, 4] {
                let (factor, back) = (2.0_f64.powi(power * p as i32), 2.0_f64.powi(power));
                let scaled: Vec<f64> = a.iter().map(|x| x * factor).collect();
                let (x, other) = row.accepted::<S>(&scaled, p, ridge);
                let x: Vec<f64> = x.iter().map(|x| x * back).collect();
                assert_eq!(bits(&x), bits(&plain), "p {p}, 2^{power}");
                assert_eq!((other.promised, other.kappa), (report.promised, report.kappa));
                assert_eq!(other.lambda_max, report.lambda_max * factor);
            }
        }
    }
}

fn permutations<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let n = 9;
    for kappa in conditions::<R, S>() {
        let a = kept::<R, S>(&with_condition(&mut Random::new(103), n, kappa));
        let kappa = wide::decompose(n, &a).condition(oracle::Ridge::None);
        // 4 and 9 have no common divisor.
        let permuted = |a: &[f64]| -> Vec<f64> {
            let image = |i: usize| (4 * i + 2) % n;
            (0..n * n).map(|k| a[image(k / n) * n + image(k % n)]).collect()
        };
        for &p in row.orders {
            let (x, report) = row.accepted::<S>(&a, p, NO_RIDGE);
            let (y, _) = row.accepted::<S>(&permuted(&a), p, NO_RIDGE);
            let distance = relative_error(n, &y, &permuted(&x));
            let bound = 2.0 * row.allowed::<S>(&report, (n, kappa), p);
            assert!(distance <= bound, "p {p}, kappa {kappa:e}: {distance:e} above {bound:e}");
        }
    }
}

fn identity<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    for n in ORDERS {
        let identity = diagonal(&vec![1.0; n]);
        for &p in row.orders {
            let (x, report) = row.accepted::<S>(&identity, p, NO_RIDGE);
            let error = relative_error(n, &x, &identity);
            assert!(error <= row.allowed::<S>(&report, (n, 1.0), p), "n {n}, p {p}: {error:e}, {report:?}");
            let off = x.iter().enumerate().filter(|(k, _)| k / n != k % n);
            off.for_each(|(_, &x)| assert_eq!(x, 0.0, "n {n}, p {p}"));
        }
    }
}

fn ridges<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let n = 9;
    // Rank 5, as far as the store knows.
    let values: Vec<f64> = (0..n as u32).map(|i| if i < 5 { f64::from(1 + i) } else { 0.0 }).collect();
    let a = kept::<R, S>(&from_spectrum(&mut Random::new(104), &values));
    let spectrum = wide::decompose(n, &a);
    for &p in row.orders {
        // The root, the norm of the true one, and the error.
        let mut before: Option<(Vec<f64>, f64, f64)> = None;
        for ridge in [0.05, 0.2, 0.8] {
            let (x, report) = row.accepted::<S>(&a, p, Ridge::Relative(ridge));
            let added = oracle::Ridge::Absolute(report.ridge);
            let truth: Vec<f64> = spectrum.inverse_root(p, added).iter().map(|x| x.narrow()).collect();
            let truth = spectral_norm(n, &truth);
            let error = row.allowed::<S>(&report, (n, spectrum.condition(added)), p) * spectral_norm(n, &x);
            if let Some((larger, true_norm, allowed)) = before {
                let slack = (error + allowed) / spectral_norm(n, &larger);
                assert!(loewner::gap(n, &x, &larger) >= -slack, "p {p}, ridge {ridge}");
                let shrunk = spectral_norm(n, &x) / spectral_norm(n, &larger);
                let right = truth / true_norm;
                assert!((shrunk - right).abs() <= slack, "p {p}: the norm shrinks by {shrunk}, not by {right}");
            }
            before = Some((x, truth, error));
        }
    }
}

fn repeats<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    for n in ORDERS {
        let a = kept::<R, S>(&with_condition(&mut Random::new(105), n, 4.0));
        let kept: Vec<S> = to_packed(n, &a).iter().map(|&x| S::store(R::from_f64(x))).collect();
        for &p in row.orders {
            // What other roots, or nothing at all, have left in a workspace does not matter.
            let of = |dirt: f64| {
                let mut workspace = vec![R::from_f64(dirt); workspace_len(n)];
                let mut x = vec![S::default(); kept.len()];
                let request = row.request(p, NO_RIDGE);
                inverse_root(&kept, n, &mut x, &request, &mut workspace, row.kernel).unwrap();
                bits(&x.iter().map(|x| x.load().to_f64()).collect::<Vec<_>>())
            };
            assert_eq!(of(f64::NAN), of(0.0), "n {n}, p {p}");
            assert_eq!(of(f64::NAN), of(-1e30), "n {n}, p {p}");
        }
    }
}

fn refusals<R: Real, S: Stored<R>>(row: Row<'_, R>) {
    let seven = S::store(R::from_f64(7.0));
    for &p in row.orders {
        let strict = Request { max_error: Some(0.0), ..row.request(p, NO_RIDGE) };
        let usual = row.request(p, NO_RIDGE);
        for (a, request) in [
            ([2.0, 1.0, 3.0], strict),
            ([1.0, 0.0, -1.0], usual),
            ([0.0; 3], usual),
            ([1.0, f64::NAN, 1.0], usual),
            ([1.0, 0.0, f64::INFINITY], usual),
        ] {
            let kept = a.map(|x| S::store(R::from_f64(x)));
            let mut x = [seven; 3];
            let mut workspace = vec![R::from_f64(f64::NAN); workspace_len(2)];
            let found = inverse_root(&kept, 2, &mut x, &request, &mut workspace, row.kernel);
            assert!(!matches!(found, Ok(report) if report.outcome == Outcome::Accepted), "{a:?}, {found:?}");
            let unchanged = x.iter().all(|x| x.load() == seven.load());
            assert!(unchanged, "{a:?}: {found:?} has written {x:?}");
            let again: Vec<f64> = kept.iter().map(|x| x.load().to_f64()).collect();
            assert!(again.iter().zip(a).all(|(x, y)| *x == y || y.is_nan()), "the input is not changed");
        }
    }
}

/// Both triangles of what the methods themselves return; a kept root has one alone.
fn both_triangles<R: Real>() {
    let n = 9;
    let a = with_condition(&mut Random::new(106), n, 100.0);
    let a: Vec<R> = to_packed(n, &a).iter().map(|&x| R::from_f64(x)).collect();
    let a = packed_to_full(n, &a);
    let a = MatRef::new(&a, n, n).unwrap();
    let length = (6 * n * n).max(spectral::workspace_len(n));
    let mut space = vec![R::from_f64(f64::NAN); length];
    let assert_symmetric = |x: MatRef<'_, R>| {
        assert_eq!(x.nrows(), n);
        for (i, j) in (0..n * n).map(|k| (k / n, k % n)) {
            assert!(x.get(i, j) == x.get(j, i), "({i}, {j}): {x:?}");
        }
    };
    for p in [2, 4] {
        let mut newton = CoupledNewton::start(a, p, 1.5, &mut space).unwrap();
        newton.run(&mut space, &Portable).unwrap();
        assert_symmetric(newton.root(&space));
        let mut newton = NewtonSchulz::start(a, p, 1.5, &mut space).unwrap();
        newton.run(&mut space, &Portable).unwrap();
        assert_symmetric(newton.root(&space));
        let mut spectral = Spectral::start(a, 1.0 / f64::from(p), NO_RIDGE, &mut space).unwrap();
        spectral.run(&mut space, &Portable).unwrap();
        assert_symmetric(spectral.root(&space));
    }
}

#[test]
fn the_triangles_agree_bit_for_bit() {
    both_triangles::<f64>();
    both_triangles::<f32>();
    both_triangles::<DoubleF32>();
}
