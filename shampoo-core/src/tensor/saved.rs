//! A parameter's whole state, to be kept outside and put back.

use super::Tensor;
use crate::error::ShapeError;
use crate::mat::copy;
use crate::scalar::Precision;
use crate::schedule::Slot;
use crate::statistics::Headroom;

/// Everything that the next step depends on beside the settings, the parameter and its gradient.
///
/// A root that is under way is not part of it: its snapshot has to be kept with the slot that waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Saved<'a, P: Precision> {
    /// Packed statistics.
    pub statistics: &'a [P::Store],
    /// Packed roots.
    pub roots: &'a [P::Store],
    /// State of the graft.
    pub graft: &'a [P::Work],
    /// Momentum, and what lies behind it.
    pub momentum: &'a [P::Work],
    /// Slots.
    pub slots: &'a [Slot],
    /// Gradients taken so far.
    pub count: u64,
    /// Bound of every sum of squares so far.
    pub filled: f64,
    /// Whether a driver of roots beside training may still begin one of the last step, see
    /// [`Ticks::settle`](crate::ticks::Ticks::settle).
    pub open: bool,
}

impl<P: Precision, S, W, B> Tensor<P, S, W, B>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Work]> + AsMut<[P::Work]>,
    B: AsRef<[Slot]> + AsMut<[Slot]>,
{
    /// The state as it is.
    pub fn saved(&self) -> Saved<'_, P> {
        Saved {
            statistics: self.statistics.as_ref(),
            roots: self.roots.as_ref(),
            graft: self.graft.as_ref(),
            momentum: self.momentum.as_ref(),
            slots: self.slots.as_ref(),
            count: self.count,
            filled: self.headroom.filled(),
            open: self.open,
        }
    }

    /// Puts a state back that was saved under the same shape and settings: the next steps have the same bits. A root of its
    /// own that a driver has under way is dropped; of a tensor that is built anew in the place of another, and then loaded, a
    /// driver knows too little: [`Ticks::abandon`](crate::ticks::Ticks::abandon).
    ///
    /// **Errors**: a buffer of another length; nothing has changed then.
    pub fn restore(&mut self, saved: &Saved<'_, P>) -> Result<(), ShapeError> {
        let need = self.lengths();
        for (needed, found) in [
            (need.statistics, saved.statistics.len()),
            (need.statistics, saved.roots.len()),
            (need.graft, saved.graft.len()),
            (need.momentum, saved.momentum.len()),
            (need.slots, saved.slots.len()),
        ] {
            if needed != found {
                return Err(ShapeError::Length { needed, found });
            }
        }
        copy(self.statistics.as_mut(), saved.statistics);
        copy(self.roots.as_mut(), saved.roots);
        copy(self.graft.as_mut(), saved.graft);
        copy(self.momentum.as_mut(), saved.momentum);
        copy(self.slots.as_mut(), saved.slots);
        self.put_counts(saved.count, saved.filled, saved.open);
        Ok(())
    }

    fn put_counts(&mut self, count: u64, filled: f64, open: bool) {
        (self.count, self.open) = (count, open);
        self.headroom = Headroom::within::<P>(filled);
        self.loads = self.loads.wrapping_add(1);
    }

    /// Sets the counts, and lends what a load has yet to fill.
    pub(crate) fn loading(&mut self, count: u64, filled: f64, open: bool) -> Buffers<'_, P> {
        self.put_counts(count, filled, open);
        Buffers {
            statistics: self.statistics.as_mut(),
            roots: self.roots.as_mut(),
            graft: self.graft.as_mut(),
            momentum: self.momentum.as_mut(),
            slots: self.slots.as_mut(),
        }
    }
}

/// A tensor's buffers, to be loaded into.
pub(crate) struct Buffers<'a, P: Precision> {
    pub(crate) statistics: &'a mut [P::Store],
    pub(crate) roots: &'a mut [P::Store],
    pub(crate) graft: &'a mut [P::Work],
    pub(crate) momentum: &'a mut [P::Work],
    pub(crate) slots: &'a mut [Slot],
}
