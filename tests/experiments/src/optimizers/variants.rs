//! Shampoo with other grafts, and the named presets. To add one: a row of [`OTHERS`]; nothing else names it.

use shampoo_core::config::Config as Settings;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::{Graft, Length, Scope};
use shampoo_core::linalg::inverse_root::Certificate;
use shampoo_core::momentum::Momentum;
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

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// Its names and colour.
    pub row: Row,
    /// Where it is drawn.
    pub family: Family,
    /// The learning rate that `--tune` found best on CURVES, after 30 steps of seed 0; guessed for the presets with the
    /// pseudo-inverse and for SM3 alone.
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
        pub const OTHERS: &[Other] = &[$(
            Other {
                row: Row { key: $key, label: $label, first_order: false, colour: $colour },
                family: Family::$family,
                rate: $rate,
                settings: $settings,
            },
        )*];
    };
}

const SGD: Graft = Graft::Sgd;
const ADAGRAD: Graft = Graft::AdaGrad { epsilon: 1e-10 };
const RMSPROP: Graft = SERVER_CONFIG.graft;
const ADAM: Graft = Graft::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-10 };
const SM3: Graft = Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 1e-10 };
const ROWS: Graft = Graft::FixedNorm(Length::Rows);
const ENTRIES: Graft = Graft::FixedNorm(Length::Entries);

/// A diagonal method by itself, with the momentum that AdaGrad has in the comparison.
const fn alone(graft: Graft) -> Settings {
    Settings { momentum: Momentum::heavy_ball(0.9), ..Settings::diagonal(graft) }
}

variants! {
    Layerwise, "graft-none", "Shampoo, no graft", GREY, 1e-2, grafted(Graft::None, Scope::Tensor);
    Layerwise, "graft-sgd", "Shampoo, SGD graft", GREEN, 1e-3, grafted(SGD, Scope::Tensor);
    Layerwise, "graft-adagrad", "Shampoo, AdaGrad graft", PINK, 3e-3, grafted(ADAGRAD, Scope::Tensor);
    Layerwise, "graft-rmsprop", "Shampoo, RMSProp graft", RED, 1e-3, grafted(RMSPROP, Scope::Tensor);
    Layerwise, "graft-adam", "Shampoo, Adam graft", BLUE, 3e-3, grafted(ADAM, Scope::Tensor);
    Layerwise, "graft-sm3", "Shampoo, SM3 graft", SKY, 3e-3, grafted(SM3, Scope::Tensor);
    Layerwise, "graft-rows", "Shampoo, sqrt(rows)", ORANGE, 3e-3, grafted(ROWS, Scope::Tensor);
    Layerwise, "graft-entries", "Shampoo, sqrt(entries)", BLACK, 1e-3, grafted(ENTRIES, Scope::Tensor);
    Global, "global-sgd", "Shampoo, global SGD graft", GREEN, 3e-3, grafted(SGD, Scope::Global);
    Global, "global-adagrad", "Shampoo, global AdaGrad graft", PINK, 3e-3, grafted(ADAGRAD, Scope::Global);
    Global, "global-rmsprop", "Shampoo, global RMSProp graft", RED, 1e-3, grafted(RMSPROP, Scope::Global);
    Global, "global-adam", "Shampoo, global Adam graft", BLUE, 3e-3, grafted(ADAM, Scope::Global);
    Global, "global-sm3", "Shampoo, global SM3 graft", SKY, 3e-3, grafted(SM3, Scope::Global);
    Global, "global-rows", "Shampoo, global sqrt(rows)", ORANGE, 1e-2, grafted(ROWS, Scope::Global);
    Global, "global-entries", "Shampoo, global sqrt(entries)", BLACK, 3e-4, grafted(ENTRIES, Scope::Global);
    Presets, "talk-2021", "Shampoo, talk_2021", BLUE, 3e-3, on_servers(Settings::talk_2021());
    Presets, "pinv-third", "Shampoo, pinv_third", ORANGE, 1e-2, on_servers(Settings::pinv_third());
    Presets, "one-sided", "Shampoo, one_sided_every_step", GREEN, 3e-3, on_servers(Settings::one_sided_every_step());
    Diagonal, "sm3", "SM3", SKY, 1e-3, alone(SM3);
}
