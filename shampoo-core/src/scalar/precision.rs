//! Which number type plays which role: mixed precision is a type, not a second code path.

use core::marker::PhantomData;

use super::{DoubleF32, Real, Stored};

/// The three scalar roles of one optimizer.
pub trait Precision: Copy + Default + Send + Sync + 'static {
    /// Gradients, parameters, grafts and momenta.
    type Work: Real + Stored<Self::Work>;
    /// Statistics and roots as they are kept.
    type Store: Stored<Self::Work> + Stored<Self::Root>;
    /// The products inside an inverse root.
    type Root: Real;
}

/// Any choice of the three roles, in their order; the usual ones have names.
///
/// ```
/// use shampoo_core::{config::Config, scalar::Mixed, tensor::lengths};
/// let need = lengths::<Mixed<f32, f64, f64>>(&[2, 3], &Config::DEFAULT)?;
/// assert_eq!(need.statistics, 3 + 6);
/// # Ok::<(), shampoo_core::error::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Mixed<Work, Store, Root>(PhantomData<(Work, Store, Root)>);

impl<Work, Store, Root> Precision for Mixed<Work, Store, Root>
where
    Work: Real + Stored<Work>,
    Store: Stored<Work> + Stored<Root>,
    Root: Real,
{
    type Work = Work;
    type Store = Store;
    type Root = Root;
}

/// Everything in `f32`: targets whose `f64` is slow or absent.
pub type F32 = Mixed<f32, f32, f32>;

/// `f32` in and out, double-f32 inside a root: the accuracy of `f64` inside on such targets.
pub type F32RootDoubleF32 = Mixed<f32, f32, DoubleF32>;

/// `f32` in and out, `f64` inside a root: the default on servers.
pub type F32RootF64 = Mixed<f32, f32, f64>;

/// Everything in `f64`.
pub type F64 = Mixed<f64, f64, f64>;
