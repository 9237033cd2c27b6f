//! Roots of order 16.

use shampoo_core::kernel::{Kernel, Portable, TiledTriangle};
use shampoo_core::linalg::inverse_root::rational::{Rational, matrix_len, row_stride};
use shampoo_core::linalg::inverse_root::tables::table_within;
use shampoo_core::linalg::inverse_root::{
    Certificate, Exponent, Method, Outcome, Report, Request, Ridge, inverse_root, inverse_root_workspace_len,
};
use shampoo_core::scalar::{DoubleF32, Real, Stored};
use shampoo_firmware::board::cell::Cell;
use shampoo_firmware::fpu::Fpu;
use shampoo_firmware::report::{Billionths, Checks};
use shampoo_firmware::spectrum::{ORDER, Spectrum, TRIANGLE};
use shampoo_firmware::{board, say};

const WORKSPACE: usize = inverse_root_workspace_len(ORDER);

static SINGLE: Cell<[f32; WORKSPACE]> = Cell::new([0.0; WORKSPACE]);
static DOUBLE: Cell<[DoubleF32; WORKSPACE]> = Cell::new([<DoubleF32 as Real>::PULSE[0]; WORKSPACE]);

/// The order of all roots here.
const P: u32 = 4;

/// One root with everything around it.
fn root<R: Real, K: Kernel<R>>(
    checks: &mut Checks,
    name: &str,
    kappa: f64,
    (method, certificate): (Method, Certificate),
    workspace: &mut [R],
    kernel: &K,
) where
    f32: Stored<R>,
{
    let spectrum = Spectrum::new(kappa);
    let (mut triangle, mut root) = ([0.0_f32; TRIANGLE], [0.0_f32; TRIANGLE]);
    spectrum.matrix(&mut triangle);
    let request = Request { method, certificate, ..Request::new(Exponent::Root(P)) };
    let mut report = None;
    let mut count = 0;
    let stack = board::stack(|| {
        count = board::instructions(|| {
            report = inverse_root(&triangle, ORDER, &mut root, &request, workspace, kernel).ok();
        });
    });
    let accepted = report.filter(|report: &Report| report.outcome == Outcome::Accepted && report.retries == 0);
    checks.check(name, accepted.is_some());
    let Some(report) = accepted else { return };
    let error = spectrum.error(&root, report.ridge, P);
    say!(
        "root ",
        name,
        " instructions ",
        count,
        " stack ",
        stack,
        " iterations ",
        report.iterations,
        " error_e9 ",
        Billionths(error),
        " promised_e9 ",
        Billionths(report.promised),
    );
    checks.check("the error is within the promise", error <= report.promised);
    // The probes of double-f32 numbers are twice as long.
    let limit = if size_of::<R>() > 4 && certificate == Certificate::Probed { 4864 } else { 4096 };
    checks.at_most("stack of a root", stack.into(), limit);
    if f32::ROUNDOFF > R::UNIT_ROUNDOFF.to_f64() {
        checks.check("double-f32 within 1e-5", error <= 1e-5);
    }
}

/// The rational function alone.
fn rational_alone(checks: &mut Checks, workspace: &mut [f32]) {
    // The one that `f32` can tell from a better one, as a request would choose it.
    let fourth = table_within(P, 1e-5);
    checks.check("a table for the rational function", fourth.is_some());
    let Some(fourth) = fourth else { return };
    let mut triangle = [0.0_f32; TRIANGLE];
    Spectrum::new(1e4).matrix(&mut triangle);
    let Some((a, rest)) = workspace.split_at_mut_checked(matrix_len(ORDER)) else {
        return checks.check("room for the rational function", false);
    };
    let stride = row_stride(ORDER);
    let mut entries = triangle.iter();
    for i in 0..ORDER {
        for j in 0..=i {
            let x = entries.next().copied().unwrap_or_default();
            for at in [i * stride + j, j * stride + i] {
                if let Some(to) = a.get_mut(at) {
                    *to = x;
                }
            }
        }
    }
    let mut rational = Rational::start(ORDER, fourth, Ridge::Relative(1e-6));
    let mut done = false;
    let count = board::instructions(|| {
        let a = TiledTriangle { data: &mut *a, stride, order: ORDER };
        done = rational.run(a, rest, &Portable).is_ok();
    });
    checks.check("the rational function", done);
    say!("root rational_alone poles ", fourth.poles().len(), " instructions ", count);
}

/// Every method, each with its certificate.
pub(crate) fn all(checks: &mut Checks) {
    let (Some(single), Some(double)) = (SINGLE.take(), DOUBLE.take()) else {
        return checks.check("memory of the roots", false);
    };
    rational_alone(checks, single);
    let (full, probed) = (Certificate::Full, Certificate::Probed);
    root(checks, "rational_full", 1e4, (Method::Rational, full), &mut *single, &Portable);
    root(checks, "rational_probed", 1e4, (Method::Rational, probed), &mut *single, &Portable);
    root(checks, "newton_full", 1e4, (Method::CoupledNewton, full), &mut *single, &Portable);
    root(checks, "newton_fpu_full", 1e4, (Method::CoupledNewton, full), &mut *single, &Fpu);
    root(checks, "spectral_full", 1e4, (Method::Spectral, full), &mut *single, &Portable);
    root(checks, "double_full", 1e6, (Method::Rational, full), &mut *double, &Portable);
    root(checks, "double_probed", 1e6, (Method::Rational, probed), &mut *double, &Portable);
}
