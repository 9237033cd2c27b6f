//! Settings that are part of a type.

use core::marker::PhantomData;

use crate::config::Config;
use crate::scalar::Precision;

/// Settings that are known when compiling.
///
/// Any type can have them; it needs no value.
pub trait Settings: Copy + Default + Send + Sync + 'static {
    /// The settings.
    const CONFIG: Config;
}

/// A [`Precision`] with [`Settings`]: parameters of this type have no others, and a program links nothing that these do not
/// ask for, no other graft, momentum or schedule.
///
/// The steps have the bits that the same settings give with P alone. Where settings are passed they must be the same ones.
///
/// ```
/// use shampoo_core::{config::Config, error::ConfigError, scalar::F32, schedule::Slot, tensor::Tensor};
/// use shampoo_core::fixed::{Fixed, Settings};
///
/// #[derive(Clone, Copy, Debug, Default)]
/// struct Sgd;
/// impl Settings for Sgd {
///     const CONFIG: Config = Config::diagonal(shampoo_core::graft::Graft::Sgd);
/// }
///
/// let mut slots: [Slot; 0] = [];
/// let empty = || -> [f32; 0] { [] };
/// let mut new = |config| {
///     let slots = &mut slots[..];
///     Tensor::<Fixed<F32, Sgd>, _, _, _>::new(&[2, 2], config, empty(), empty(), empty(), empty(), slots).map(|_| ())
/// };
/// assert_eq!(new(Sgd::CONFIG), Ok(()));
/// assert_eq!(new(Config { block_size: 2, ..Sgd::CONFIG }), Err(ConfigError::NotFixed));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<P, S>(PhantomData<(P, S)>);

impl<P: Precision, S: Settings> Precision for Fixed<P, S> {
    type Work = P::Work;
    type Store = P::Store;
    type Root = P::Root;
    const SETTINGS: Option<&'static Config> = Some(&S::CONFIG);
}
