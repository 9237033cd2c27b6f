//! Shampoo with other grafts, and the named presets. To add one: a row of [`VARIANTS`]; nothing else names it.

use shampoo_core::config::Config as Settings;
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::linalg::inverse_root::Certificate;
use shampoo_core::statistics::Averaging;
use shampoo_runtime::SERVER_CONFIG;

use super::Row;

/// Which variants are drawn into one plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Grafts, lengths compared tensor by tensor.
    Layerwise,
    /// The same grafts, all tensors together.
    Global,
    /// Named settings.
    Presets,
    /// Diagonal methods by themselves.
    Diagonal,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Layerwise, Self::Global, Self::Presets, Self::Diagonal];

    /// The name in file names.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Layerwise => "grafts",
            Self::Global => "global-grafts",
            Self::Presets => "presets",
            Self::Diagonal => "diagonal",
        }
    }
}

/// One variant.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its names and colour.
    pub row: Row,
    /// Where it is drawn.
    pub family: Family,
    /// The learning rate that `--tune` found best on CURVES.
    pub rate: f64,
    /// Its settings.
    pub settings: Settings,
}

const GREEN: (u8, u8, u8) = (0x00, 0x9e, 0x73);
const PINK: (u8, u8, u8) = (0xcc, 0x79, 0xa7);
const BLUE: (u8, u8, u8) = (0x00, 0x72, 0xb2);
const ORANGE: (u8, u8, u8) = (0xe6, 0x9f, 0x00);
const SKY: (u8, u8, u8) = (0x56, 0xb4, 0xe9);
const RED: (u8, u8, u8) = (0xd5, 0x5e, 0x00);
const GREY: (u8, u8, u8) = (0x77, 0x77, 0x77);
const BLACK: (u8, u8, u8) = (0x00, 0x00, 0x00);

/// The servers' defaults with another graft.
const fn grafted(graft: Graft, graft_scope: Scope) -> Settings {
    Settings { graft, graft_scope, ..SERVER_CONFIG }
}

/// A preset with the servers' certificate.
const fn on_servers(settings: Settings) -> Settings {
    Settings { certificate: Certificate::Probed, ..settings }
}

macro_rules! variants {
    ($($family:ident, $key:literal, $label:literal, $colour:ident, $rate:literal, $settings:expr;)*) => {
        /// All of them.
        pub const VARIANTS: &[Variant] = &[$(
            Variant {
                row: Row { key: $key, label: $label, first_order: false, colour: $colour },
                family: Family::$family,
                rate: $rate,
                settings: $settings,
            },
        )*];
    };
}

variants! {
    Layerwise, "none", "no graft", GREY, 1e-4, grafted(Graft::None, Scope::Tensor);
    Layerwise, "sgd", "SGD graft", GREEN, 1e-3, grafted(Graft::Sgd, Scope::Tensor);
    Layerwise, "adagrad", "AdaGrad graft", PINK, 1e-3, grafted(Graft::AdaGrad { epsilon: 1e-10 }, Scope::Tensor);
    Global, "none-global", "no graft", GREY, 1e-4, grafted(Graft::None, Scope::Global);
    Global, "sgd-global", "SGD graft, global", GREEN, 1e-3, grafted(Graft::Sgd, Scope::Global);
    Presets, "talk-2021", "talk_2021", BLUE, 1e-3, on_servers(Settings::talk_2021());
}
