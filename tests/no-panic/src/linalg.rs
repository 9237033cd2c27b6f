//! Linear algebra, with the portable kernel and with one that is unknown here.

use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::eigen::Eigen;
use shampoo_core::linalg::power_iteration::PowerIteration;
use shampoo_core::linalg::ql::Ql;
use shampoo_core::linalg::{cholesky, eigen, laguerre, norm, power_iteration, sturm};
use shampoo_core::scalar::DoubleF32;

entries! { workspaces: [power_iteration::largest_eigenvalue_workspace_len, eigen::workspace_len] }

macro_rules! linalg {
    ($name:ident, $t:ty, $kernel:ty) => {
        entries! { $name: [
            norm::max_abs::<$t>,
            norm::first_non_finite::<$t>,
            norm::norm::<$t, $kernel>,
            norm::rescale::<$t>,
            power_iteration::largest_eigenvalue::<$t, $kernel>,
            power_iteration::fill_start::<$t>,
            PowerIteration::<$t>::start,
            PowerIteration::<$t>::step::<$kernel>,
            cholesky::cholesky_in_place::<$t, $kernel>,
            Eigen::<$t>::start,
            Eigen::<$t>::step::<$kernel>,
            Eigen::<$t>::run::<$kernel>,
            Eigen::<$t>::ql,
            Eigen::<$t>::values,
            Ql::<$t>::start,
            Ql::<$t>::step::<$kernel>,
            laguerre::largest_eigenvalue::<$t>,
            sturm::are_positive_definite::<$t>,
            sturm::smallest_eigenvalue::<$t>,
        ] }
    };
}

linalg!(linalg_f32, f32, Portable);
linalg!(linalg_f64, f64, Portable);
linalg!(linalg_double_f32, DoubleF32, Portable);
linalg!(linalg_f32_any_kernel, f32, dyn Kernel<f32>);
linalg!(linalg_f64_any_kernel, f64, dyn Kernel<f64>);
