//! The parts of a tensor's momentum buffer.

use crate::config::{Config, WeightDecay};

/// Each as long as the parameter, or empty where the settings do not need it.
pub(super) struct Kept<B> {
    /// Momentum of the steps taken, or of the preconditioned ones.
    pub(super) step: B,
    /// Momentum of the graft's steps.
    pub(super) graft: B,
    /// Average of the gradients.
    pub(super) filter: B,
    /// The last gradient with the parameter's decay in it.
    pub(super) decayed: B,
}

/// Lengths of the parts, in their order.
fn lengths(config: &Config, numel: usize) -> [usize; 4] {
    let buffers = config.momentum.buffer_count();
    let decays = matches!(config.weight_decay, WeightDecay::Gradient(_));
    [buffers > 0, buffers > 1, config.filter.is_used(), decays].map(|used| if used { numel } else { 0 })
}

impl<'a, T> Kept<&'a [T]> {
    pub(super) fn of(mut rest: &'a [T], config: &Config, numel: usize) -> Self {
        let [step, graft, filter, decayed] = lengths(config, numel).map(|length| {
            let (own, more) = rest.split_at_checked(length).unwrap_or_default();
            rest = more;
            own
        });
        Self { step, graft, filter, decayed }
    }

    /// What statistics and second moments take in, where it is not the gradient itself.
    pub(super) fn seen(&self) -> Option<&'a [T]> {
        (!self.decayed.is_empty()).then_some(self.decayed)
    }

    /// What is preconditioned, where it is not the gradient itself.
    pub(super) fn filtered(&self) -> Option<&'a [T]> {
        if self.filter.is_empty() { self.seen() } else { Some(self.filter) }
    }
}

impl<'a, T> Kept<&'a mut [T]> {
    pub(super) fn of_mut(mut rest: &'a mut [T], config: &Config, numel: usize) -> Self {
        let [step, graft, filter, decayed] = lengths(config, numel).map(|length| {
            let (own, more) = core::mem::take(&mut rest).split_at_mut_checked(length).unwrap_or_default();
            rest = more;
            own
        });
        Self { step, graft, filter, decayed }
    }
}
