//! Inverse roots: the whole request, and each method and certificate by itself.
//!
//! Method, exponent, ridge and certificate are fields of the request, so known at run time alone.

use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::batch::{Job, inverse_roots, inverse_roots_workspace_len};
use shampoo_core::linalg::inverse_root::coupled_newton::{CoupledNewton, Scaling};
use shampoo_core::linalg::inverse_root::rational::Rational;
use shampoo_core::linalg::inverse_root::spectral::Spectrum;
use shampoo_core::linalg::inverse_root::{
    Exponent, Report, Request, Ridge, certificate, coupled_newton, inverse_root, inverse_root_workspace_len, rational,
    spectral, tables,
};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real};

entries! { requests: [
    inverse_root_workspace_len,
    Exponent::alpha,
    Exponent::normalized,
    Ridge::is_usable,
    Ridge::amount,
    Ridge::figure,
    Ridge::times,
    Request::new,
    Report::lost_bits,
    Report::nothing,
    inverse_roots_workspace_len,
    Job::<f32>::new,
    Scaling::factor,
    coupled_newton::workspace_len,
    rational::row_stride,
    rational::matrix_len,
    rational::workspace_len,
    tables::table,
    certificate::full_workspace_len,
    certificate::probed_workspace_len,
    certificate::promise,
] }

macro_rules! roots {
    ($name:ident, $t:ty, $kernel:ty) => {
        entries! { $name: [
            inverse_root::<$t, f32, $kernel>,
            inverse_root::<$t, f64, $kernel>,
            inverse_root::<$t, Bf16, $kernel>,
            inverse_root::<$t, Bf16x2, $kernel>,
            inverse_root::<$t, Bf16x3, $kernel>,
            inverse_roots::<$t, f32, $kernel>,
            inverse_roots::<$t, f64, $kernel>,
            inverse_roots::<$t, Bf16, $kernel>,
            inverse_roots::<$t, Bf16x2, $kernel>,
            inverse_roots::<$t, Bf16x3, $kernel>,
            Rational::<$t>::start,
            Rational::<$t>::step::<$kernel>,
            Rational::<$t>::run::<$kernel>,
            Rational::<$t>::spectrum,
            Rational::<$t>::smallest_eigenvalue,
            CoupledNewton::<$t>::start::<$kernel>,
            CoupledNewton::<$t>::step::<$kernel>,
            CoupledNewton::<$t>::run::<$kernel>,
            CoupledNewton::<$t>::root,
            CoupledNewton::<$t>::indicator,
            CoupledNewton::<$t>::iterations,
            coupled_newton::default_tolerance::<$t>,
            spectral::inverse_root::<$t, $kernel>,
            promised::<$t, $kernel>,
            certificate::allowance::<$t>,
            certificate::full::<$t, $kernel>,
            certificate::probed::<$t, $kernel>,
        ] }
    };
}

roots!(roots_f32, f32, Portable);
roots!(roots_f64, f64, Portable);
roots!(roots_double_f32, DoubleF32, Portable);
roots!(roots_f32_any_kernel, f32, dyn Kernel<f32>);
roots!(roots_f64_any_kernel, f64, dyn Kernel<f64>);

fn promised<T: Real, K: Kernel<T> + ?Sized>(
    b: MatRef<'_, T>,
    eigenvalues: fn(usize) -> T,
    v: MatRef<'_, T>,
    spectrum: &Spectrum<T>,
    alpha: f64,
    workspace: [MatMut<'_, T>; 2],
    kernel: &K,
) -> f64 {
    spectral::promised(b, eigenvalues, v, spectrum, alpha, workspace, kernel)
}
