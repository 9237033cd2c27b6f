//! Which number type plays which role: mixed precision is a type, not a second code path.

use super::{Real, Stored};

/// The three scalar roles of one optimizer.
pub trait Precision: Copy + Default + Send + Sync + 'static {
    /// Gradients, parameters, grafts and momenta.
    type Work: Real + Stored<Self::Work>;
    /// Statistics and roots as they are kept.
    type Store: Stored<Self::Work> + Stored<Self::Root>;
    /// The products inside an inverse root.
    type Root: Real;
}

/// Everything in `f32`: targets whose `f64` is slow or absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct F32;

/// `f32` in and out, `f64` inside a root: the default on servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct F32RootF64;

/// Everything in `f64`.
#[derive(Clone, Copy, Debug, Default)]
pub struct F64;

impl Precision for F32 {
    type Work = f32;
    type Store = f32;
    type Root = f32;
}

impl Precision for F32RootF64 {
    type Work = f32;
    type Store = f32;
    type Root = f64;
}

impl Precision for F64 {
    type Work = f64;
    type Store = f64;
    type Root = f64;
}
