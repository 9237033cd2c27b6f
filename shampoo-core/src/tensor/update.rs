//! From a direction to an update: decay, momentum, learning rate. The order is \[GP\]'s.

use crate::config::WeightDecay;
use crate::kernel::Kernel;
use crate::momentum::{Buffers, Momentum};
use crate::scalar::Real;

/// What turns the graft's step and the direction into an update, row by row.
pub(crate) struct Rule<'a, T, K: ?Sized> {
    pub(crate) momentum: Momentum,
    pub(crate) weight_decay: WeightDecay,
    /// Whether this step is preconditioned.
    pub(crate) preconditions: bool,
    /// The part of the preconditioned step in it, beside the graft's; 1 after a blend.
    pub(crate) blend: T,
    pub(crate) learning_rate: T,
    pub(crate) kernel: &'a K,
}

impl<T: Real, K: Kernel<T> + ?Sized> Rule<'_, T, K> {
    /// `update` holds the graft's step on entry. `direction` is the preconditioned gradient and the factor that
    /// gives it its length.
    pub(crate) fn finish_row(
        &self,
        update: &mut [T],
        direction: Option<(&[T], T)>,
        parameter: &[T],
        buffer: &mut [T],
        graft_buffer: &mut [T],
        work: &mut [T],
    ) {
        let load = |to: &mut [T]| {
            let Some((direction, factor)) = direction else { return };
            if self.blend == T::one() {
                to.iter_mut().zip(direction).for_each(|(t, &d)| *t = factor * d);
            } else {
                self.kernel.axpby(self.blend * factor, direction, T::one() - self.blend, to);
            }
        };
        match self.momentum.buffers {
            Buffers::One => {
                if self.preconditions {
                    load(update);
                }
                self.decay_coupled(update, parameter);
                self.momentum.apply(update, buffer, self.kernel);
            }
            Buffers::Two => {
                let Some(preconditioned) = work.get_mut(..update.len()) else { return };
                preconditioned.iter_mut().zip(update.iter()).for_each(|(p, &u)| *p = u);
                load(preconditioned);
                for (step, buffer) in [(&mut *preconditioned, buffer), (&mut *update, graft_buffer)] {
                    self.decay_coupled(step, parameter);
                    self.momentum.apply(step, buffer, self.kernel);
                }
                if self.preconditions {
                    update.iter_mut().zip(preconditioned).for_each(|(u, &mut p)| *u = p);
                }
            }
        }
        let decay = match self.weight_decay {
            WeightDecay::Decoupled(rate) => T::from_f64(rate),
            _ => T::zero(),
        };
        for (u, &w) in update.iter_mut().zip(parameter) {
            let decayed = if decay == T::zero() { *u } else { *u + decay * w };
            *u = -(self.learning_rate * decayed);
        }
    }

    fn decay_coupled(&self, step: &mut [T], parameter: &[T]) {
        if let WeightDecay::Coupled(rate) = self.weight_decay {
            let rate = T::from_f64(rate);
            step.iter_mut().zip(parameter).for_each(|(s, &w)| *s += rate * w);
        }
    }
}
