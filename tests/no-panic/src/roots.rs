//! Inverse roots: the whole request, and each method and certificate by itself.
//!
//! Method, exponent, ridge and certificate are fields of the request, so known at run time alone.

use shampoo_core::error::RootError;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::batch::{Member, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::certify::{certify, certify_workspace_len};
use shampoo_core::linalg::inverse_root::coupled_newton::CoupledNewton;
use shampoo_core::linalg::inverse_root::drift::{drift, drift_workspace_len, is_measured};
use shampoo_core::linalg::inverse_root::newton_schulz::NewtonSchulz;
use shampoo_core::linalg::inverse_root::rational::Rational;
use shampoo_core::linalg::inverse_root::spectral::{Bound, Spectral};
use shampoo_core::linalg::inverse_root::{
    Exponent, Job, Report, Request, Ridge, Scaling, Watch, certificate, coupled_newton, default_tolerance,
    inverse_root, inverse_root_while, inverse_root_workspace_len, newton_schulz, rational, spectral, tables,
    tables::Table,
};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};

entries! { requests: [
    inverse_root_workspace_len,
    Exponent::alpha,
    Exponent::normalized,
    Ridge::is_usable,
    Ridge::amount,
    Ridge::figure,
    Ridge::times,
    Request::new,
    Request::largest_ridge,
    Request::largest_piece,
    inverse_roots_workspace_len,
    certify_workspace_len,
    drift_workspace_len,
    is_measured,
    Member::<f32>::new,
    Scaling::factor,
    coupled_newton::workspace_len,
    newton_schulz::workspace_len,
    newton_schulz::computes,
    rational::row_stride,
    rational::matrix_len,
    rational::workspace_len,
    tables::table,
    tables::table_within,
    Table::order,
    Table::lower,
    Table::sup_relative_error,
    Table::constant,
    Table::poles,
    certificate::full_workspace_len,
    certificate::probed_workspace_len,
    certificate::promise,
    certificate::Full::start,
    certificate::Full::promised,
    spectral::workspace_len,
] }

macro_rules! roots {
    ($name:ident, $t:ty, $kernel:ty) => {
        entries! { $name: [
            inverse_root::<$t, f32, $kernel>,
            inverse_root::<$t, f64, $kernel>,
            inverse_root::<$t, Bf16, $kernel>,
            inverse_root::<$t, Bf16x2, $kernel>,
            inverse_root::<$t, Bf16x3, $kernel>,
            cancellable::<$t, f32, $kernel>,
            cancellable::<$t, f64, $kernel>,
            Job::<$t>::start::<f32>,
            Job::<$t>::start::<f64>,
            Job::<$t>::step::<f32, $kernel>,
            Job::<$t>::step::<f64, $kernel>,
            Job::<$t>::run::<f32, $kernel>,
            Job::<$t>::next_flops,
            Job::<$t>::run::<f64, $kernel>,
            Job::<$t>::finish::<f32>,
            Job::<$t>::finish::<f64>,
            inverse_roots::<$t, f32, $kernel>,
            inverse_roots::<$t, f64, $kernel>,
            inverse_roots::<$t, Bf16, $kernel>,
            inverse_roots::<$t, Bf16x2, $kernel>,
            inverse_roots::<$t, Bf16x3, $kernel>,
            Rational::<$t>::start,
            Rational::<$t>::precise,
            Rational::<$t>::step::<$kernel>,
            Rational::<$t>::run::<$kernel>,
            Rational::<$t>::spectrum,
            Rational::<$t>::smallest_eigenvalue,
            CoupledNewton::<$t>::start,
            CoupledNewton::<$t>::rescaled,
            CoupledNewton::<$t>::with_tolerance,
            CoupledNewton::<$t>::step::<$kernel>,
            CoupledNewton::<$t>::run::<$kernel>,
            CoupledNewton::<$t>::root,
            CoupledNewton::<$t>::indicator,
            CoupledNewton::<$t>::iterations,
            CoupledNewton::<$t>::stop,
            NewtonSchulz::<$t>::start,
            NewtonSchulz::<$t>::with_tolerance,
            NewtonSchulz::<$t>::step::<$kernel>,
            NewtonSchulz::<$t>::run::<$kernel>,
            NewtonSchulz::<$t>::root,
            NewtonSchulz::<$t>::indicator,
            NewtonSchulz::<$t>::iterations,
            NewtonSchulz::<$t>::stop,
            default_tolerance::<$t>,
            Watch::<$t>::new,
            Watch::<$t>::see,
            Spectral::<$t>::start,
            Spectral::<$t>::step::<$kernel>,
            Spectral::<$t>::run::<$kernel>,
            Spectral::<$t>::spectrum,
            Spectral::<$t>::root,
            Bound::<$t>::start,
            Bound::<$t>::step::<$kernel>,
            Bound::<$t>::promised,
            drift::<$t, $t, $kernel>,
            certify::<$t, $t, $kernel>,
            certificate::allowance::<$t, $kernel>,
            certificate::full::<$t, $kernel>,
            certificate::Full::step::<$t, $kernel>,
            certificate::probed::<$t, $kernel>,
        ] }
    };
}

roots!(roots_f32, f32, Portable);
roots!(roots_f64, f64, Portable);
roots!(roots_double_f32, DoubleF32, Portable);
roots!(roots_f32_any_kernel, f32, dyn Kernel<f32>);
roots!(roots_f64_any_kernel, f64, dyn Kernel<f64>);

fn cancellable<R: Real, S: Stored<R>, K: Kernel<R> + ?Sized>(
    triangle: &[S],
    n: usize,
    root: &mut [S],
    request: &Request,
    workspace: &mut [R],
    kernel: &K,
    keep_going: fn() -> bool,
) -> Result<Report, RootError> {
    inverse_root_while(triangle, n, root, request, workspace, kernel, keep_going)
}
