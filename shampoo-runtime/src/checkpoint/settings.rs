//! The settings that must agree between a file and an optimizer.

use std::collections::BTreeMap;

use shampoo_core::config::Config;
use shampoo_core::scalar::{Precision, Real};

use super::numbers::CheckpointNumber;

/// Values by name, as text.
pub(super) type Settings = BTreeMap<String, String>;

macro_rules! fields {
    ($config:ident: $($field:ident),* $(,)?) => {{
        // Without a rest pattern: a new setting cannot be forgotten.
        let Config { $($field),* } = $config;
        vec![$((stringify!($field), format!("{:?}", $field))),*]
    }};
}

/// Everything in the settings of a parameter, its shape, and the number types.
pub(super) fn settings<P>(shape: &[usize], config: &Config) -> Vec<(&'static str, String)>
where
    P: Precision,
    P::Store: CheckpointNumber,
    P::Work: CheckpointNumber,
{
    let mut found = fields!(config:
        block_size, merge, merge_limit, max_preconditioned_dim, sides, precondition_vectors, precondition, averaging,
        packed_products, bias_correction, trace_scaling, initial_statistics, exponent_override, ridge, method,
        certificate, max_error, max_retries, graft, normalize_graft, graft_scope, filter, momentum, weight_decay,
        schedule, start,
    );
    for (_, value) in &mut found {
        // The same on machines with other pointers.
        *value = value.replace(&usize::MAX.to_string(), "unlimited");
    }
    found.push(("shape", format!("{shape:?}")));
    found.push(("work type", name::<P::Work>()));
    found.push(("store type", name::<P::Store>()));
    found.push(("unit roundoff of roots", format!("{:e}", P::Root::UNIT_ROUNDOFF.to_f64())));
    found
}

/// `F32`, `BF16 x 2`.
fn name<T: CheckpointNumber>() -> String {
    if T::WORDS == 1 { format!("{:?}", T::DTYPE) } else { format!("{:?} x {}", T::DTYPE, T::WORDS) }
}
