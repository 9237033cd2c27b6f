//! What works on a device; everything else is refused before anything is computed.

use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::graft::{Graft, Scope};
use shampoo_core::linalg::inverse_root::{Exponent, Ridge};
use shampoo_core::momentum::Buffers;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Mode;

use crate::error::Error;
use crate::params::Builder;

/// Refuses a setting of one parameter.
///
/// The settings are named one by one: a new one has to be decided on here.
pub(super) fn check(parameter: &str, config: &Config) -> Result<(), Error> {
    let Config {
        block_size: _,
        merge: _,
        merge_limit: _,
        max_preconditioned_dim: _,
        sides: _,
        precondition_vectors: _,
        precondition: _,
        averaging: _,
        packed_products,
        bias_correction: _,
        trace_scaling: _,
        initial_statistics: _,
        exponent_override: _,
        ridge: _,
        method: _,
        certificate: _,
        max_error: _,
        max_retries: _,
        graft,
        normalize_graft,
        graft_scope,
        filter,
        momentum,
        weight_decay,
        schedule,
        start,
    } = config;
    let refuse = |field, value: &dyn core::fmt::Debug| {
        Err(Error::Unsupported { parameter: parameter.to_owned(), field, value: format!("{value:?}") })
    };
    match () {
        () if *packed_products => refuse("packed_products", packed_products),
        () if !has_graft(graft) => refuse("graft", graft),
        () if *normalize_graft => refuse("normalize_graft", normalize_graft),
        () if *graft_scope != Scope::Tensor => refuse("graft_scope", graft_scope),
        () if filter.is_used() => refuse("filter", filter),
        () if momentum.buffers != Buffers::One => refuse("momentum", momentum),
        () if matches!(weight_decay, WeightDecay::Gradient(_)) => refuse("weight_decay", weight_decay),
        () if matches!(schedule.mode, Mode::Adaptive(_)) => refuse("mode", &schedule.mode),
        () if *start != Start::Switch => refuse("start", start),
        () => Ok(()),
    }
}

/// Whether the method's step is made of candle's operations.
const fn has_graft(graft: &Graft) -> bool {
    match graft {
        Graft::None
        | Graft::Sgd
        | Graft::AdaGrad { .. }
        | Graft::RmsProp { .. }
        | Graft::Adam { .. }
        | Graft::FixedNorm(_) => true,
        Graft::Momentum { .. } | Graft::Sm3 { .. } | Graft::FullMatrix { .. } | Graft::Lars { .. } | Graft::Sign => {
            false
        }
    }
}

/// Refuses what holds for all parameters: candle has threads of its own for what is computed on its devices.
pub(super) fn check_builder<P: Precision, K>(builder: &Builder<P, K>) -> Result<(), Error> {
    match builder.threads {
        Some(count) => {
            Err(Error::Unsupported { parameter: "*".to_owned(), field: "threads", value: format!("{count}") })
        }
        None => Ok(()),
    }
}

/// Refuses roots that products alone do not give, or that no certificate accepts.
pub(super) fn check_root(parameter: &str, config: &Config, modes: usize) -> Result<(), Error> {
    let request = config.request(modes);
    let refuse = |field, value| Err(Error::Unsupported { parameter: parameter.to_owned(), field, value });
    match (request.exponent.normalized(), request.ridge) {
        (Ok(Exponent::Root(_)), Ridge::Relative(figure) | Ridge::Absolute(figure)) if figure > 0.0 => Ok(()),
        (Ok(Exponent::Root(_)), ridge) => refuse("ridge", format!("{ridge:?}")),
        (exponent, _) => refuse("exponent_override", format!("{:?}", exponent.unwrap_or(request.exponent))),
    }
}
