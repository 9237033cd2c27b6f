//! Which number type plays which role: mixed precision is a type, not a second code path.

use core::marker::PhantomData;

use crate::config::Config;

use super::{Bf16, Bf16x2, Bf16x3, DoubleF32, Real, Stored};

/// The three scalar roles of one optimizer.
pub trait Precision: Copy + Default + Send + Sync + 'static {
    /// Gradients, parameters, grafts and momenta.
    type Work: Real + Stored<Self::Work>;
    /// Statistics and roots as they are kept.
    type Store: Stored<Self::Work> + Stored<Self::Root>;
    /// The products inside an inverse root.
    type Root: Real;
    /// Settings that are part of the type, where it has some: see [`Fixed`](crate::fixed::Fixed).
    const SETTINGS: Option<&'static Config> = None;
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

/// `f32` in and out, double-f32 inside a root: 1e-5 up to kappa 1e6 (promised within 5e-3) on such targets, where `f32`
/// inside gives 4e-3 to 4e-2.
pub type F32RootDoubleF32 = Mixed<f32, f32, DoubleF32>;

/// `f32` in and out, `f64` inside a root: the default on servers.
pub type F32RootF64 = Mixed<f32, f32, f64>;

/// Everything in `f64`.
pub type F64 = Mixed<f64, f64, f64>;

/// Statistics and roots in one bfloat16 word: long averages stop short of their limit (with b2 0.99 a constant 1 at
/// 0.80), and rounding alone takes 2^-8 sqrt(n) of the error that a root of order n may have.
pub type Bf16Store = Mixed<f32, Bf16, f32>;

/// Statistics and roots in two bfloat16 words, 17 bits in the memory of `f32`.
pub type Bf16x2Store = Mixed<f32, Bf16x2, f32>;

/// Statistics and roots in three bfloat16 words: those of [`F32`] on units that know bfloat16 alone.
pub type Bf16x3Store = Mixed<f32, Bf16x3, f32>;
