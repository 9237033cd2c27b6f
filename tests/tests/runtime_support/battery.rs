//! The same laws stamped on every kernel and number type, and matrices of any layout to try them on.

use proptest::prelude::*;
use shampoo_core::kernel::{Accum, Kernel};
use shampoo_core::mat::MatRef;
use shampoo_core::scalar::Real;
use shampoo_tests::generate::Random;
use shampoo_tests::oracle::number::Number;
use twofloat::TwoFloat;

/// A kernel under test and the unit roundoff of its numbers.
pub(crate) struct Judged<'k, T> {
    pub(crate) kernel: &'k dyn Kernel<T>,
    pub(crate) unit: f64,
}

/// Stamps laws, functions of a kernel and a generated input, on every kernel and number type.
macro_rules! battery {
    ($($law:ident($strategy:expr);)*) => {
        battery! { @on portable_f32, Some(shampoo_core::kernel::Portable), f32; $($law($strategy);)* }
        battery! { @on portable_f64, Some(shampoo_core::kernel::Portable), f64; $($law($strategy);)* }
        battery! { @on portable_double_f32, Some(shampoo_core::kernel::Portable), DoubleF32; $($law($strategy);)* }
        battery! { @on compact_f32, Some(shampoo_core::kernel::Compact), f32; $($law($strategy);)* }
        battery! { @on compact_f64, Some(shampoo_core::kernel::Compact), f64; $($law($strategy);)* }
        battery! { @on compact_double_f32, Some(shampoo_core::kernel::Compact), DoubleF32; $($law($strategy);)* }
        battery! { @on server_f32, Some(Server::new()), f32; $($law($strategy);)* }
        battery! { @on server_f64, Some(Server::new()), f64; $($law($strategy);)* }
        battery! { @on server_avx2_f32, Server::up_to(Instructions::Avx2), f32; $($law($strategy);)* }
        battery! { @on server_avx2_f64, Server::up_to(Instructions::Avx2), f64; $($law($strategy);)* }
        battery! { @on split_six_f32, Some(shampoo_core::kernel::SplitBf16::<6>), f32; $($law($strategy);)* }
    };
    // Instructions that this processor lacks have nothing to show.
    (@on $module:ident, $kernel:expr, $t:ident; $($law:ident($strategy:expr);)*) => {
        mod $module {
            use super::*;
            #[allow(unused_imports, reason = "every row uses its own")]
            use shampoo_core::scalar::DoubleF32;
            #[allow(unused_imports, reason = "every row uses its own")]
            use shampoo_runtime::kernel::{Instructions, Server};

            proptest::proptest! {
                #![proptest_config(crate::common::generated())]
                $(
                    #[test]
                    fn $law(input in $strategy) {
                        if let Some(kernel) = &$kernel {
                            let unit = shampoo_core::kernel::Kernel::<$t>::unit_roundoff(kernel);
                            super::$law(&Judged::<$t> { kernel, unit }, &input);
                        }
                    }
                )*
            }
        }
    };
}
pub(crate) use battery;

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    /// Row after row, so many numbers apart.
    Rows(usize),
    /// Column after column, so many numbers apart.
    Columns(usize),
    /// Neither rows nor columns contiguous.
    Sparse(usize),
}

pub(crate) fn layout() -> impl Strategy<Value = Layout> {
    let gap = prop_oneof![Just(0_usize), 1_usize..5];
    (0..3, gap).prop_map(|(kind, gap)| match kind {
        0 => Layout::Rows(gap),
        1 => Layout::Columns(gap),
        _ => Layout::Sparse(gap),
    })
}

/// Mostly small, also none, sometimes past a library's own block sizes.
pub(crate) fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0_usize..=9, 3 => 10_usize..=40, 1 => 41_usize..=90]
}

/// A matrix that owns its memory, with NaN between its entries.
#[derive(Clone, Debug)]
pub(crate) struct Matrix<T> {
    data: Vec<T>,
    nrows: usize,
    ncols: usize,
    strides: (usize, usize),
}

impl<T: Real> Matrix<T> {
    pub(crate) fn new(nrows: usize, ncols: usize, layout: Layout, entry: impl Fn(usize, usize) -> T) -> Self {
        let (mut rows, mut columns) = match layout {
            Layout::Rows(gap) => (ncols + gap, 1),
            Layout::Columns(gap) => (1, nrows + gap),
            Layout::Sparse(gap) => (2 * ncols + gap, 2),
        };
        // An axis of size 1 may carry any stride.
        if let Layout::Sparse(gap) = layout {
            (rows, columns) = (if nrows == 1 { gap } else { rows }, if ncols == 1 { 5 * gap } else { columns });
        }
        let length = if nrows * ncols == 0 { 0 } else { (nrows - 1) * rows + (ncols - 1) * columns + 1 };
        let mut data = vec![T::from_f64(f64::NAN); length];
        for i in 0..nrows {
            (0..ncols).for_each(|j| data[i * rows + j * columns] = entry(i, j));
        }
        Self { data, nrows, ncols, strides: (rows, columns) }
    }

    pub(crate) fn random(nrows: usize, ncols: usize, layout: Layout, random: &mut Random) -> Self {
        let numbers = random.gaussians(nrows * ncols);
        Self::new(nrows, ncols, layout, |i, j| T::from_f64(numbers[i * ncols + j]))
    }

    pub(crate) fn view(&self) -> MatRef<'_, T> {
        let (rows, columns) = self.strides;
        MatRef::with_strides(&self.data, self.nrows, self.ncols, rows, columns).expect("long enough")
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.strides.0 + j * self.strides.1].to_f64()
    }
}

/// A sum of products in wide arithmetic, and the sum of their magnitudes.
pub(crate) fn sum_of_products(products: impl Iterator<Item = (f64, f64)>) -> (TwoFloat, f64) {
    products
        .fold((TwoFloat::widen(0.0), 0.0), |(sum, size), (x, y)| (sum + TwoFloat::new_mul(x, y), size + (x * y).abs()))
}

/// Within `bound` times the size of what was summed.
#[track_caller]
pub(crate) fn assert_sum(found: f64, right: TwoFloat, bound: f64, size: f64) {
    let error = (TwoFloat::widen(found) - right).narrow().abs();
    assert!(error <= bound * size, "{found:e} against {:e}: {error:e}, allowed {:e}", right.narrow(), bound * size);
}

pub(crate) fn accum() -> impl Strategy<Value = Accum> {
    prop_oneof![Just(Accum::Replace), Just(Accum::Add)]
}
