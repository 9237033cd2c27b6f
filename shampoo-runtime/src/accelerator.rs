//! Where gradients, parameters and statistics live: on the host, or where a framework keeps them.
//!
//! Only statistics travel to the host, and roots back, when the schedule says so. [`Pipeline`](crate::pipeline::Pipeline)
//! drives any implementation; the host's own is in `host.rs`, a candle device's in `adapters/candle_device`.

use shampoo_core::block::{Factor, Refresh};
use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::{Report, Request};
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::{Mode, Poll, Slot};

/// Parameters with their gradients of one step, and their statistics.
///
/// [`Pipeline::step`](crate::pipeline::Pipeline::step) calls the methods in the order in which they stand here.
pub trait Accelerator<P: Precision> {
    /// Why a step is refused or a device fails.
    type Error;
    /// One factor of one parameter.
    type Factor<'a>: AcceleratorFactor<P, Error = Self::Error>
    where
        Self: 'a;

    /// Number of parameters, with or without a gradient.
    fn parameters(&self) -> usize;

    /// The parameter's number of this step, counted from 0 in its own gradients; `None` without a gradient in it.
    fn count(&self, parameter: usize) -> Option<u64>;

    /// Looks at all gradients. **Errors**: one that cannot be taken; nothing has changed then, and the step ends.
    fn check(&mut self) -> Result<(), Self::Error>;

    /// Takes all gradients into the statistics; returns how many statistics missed one for a panic.
    fn accumulate(&mut self) -> Result<u32, Self::Error>;

    /// Computes and installs the roots that this device brings up to date within the step; the others are left to the
    /// pipeline.
    fn refresh(&mut self) -> Result<Refresh, Self::Error>;

    /// Whether the pipeline drives the roots of this parameter.
    fn is_driven(&self, parameter: usize) -> bool;

    /// The factors of a parameter, always in the same order.
    fn factors(&mut self, parameter: usize) -> impl Iterator<Item = Self::Factor<'_>>;

    /// Preconditions, grafts and updates; returns how many pieces of that were lost to a panic. The counts advance.
    fn apply(&mut self, rate: f64) -> Result<u32, Self::Error>;
}

/// One factor, wherever its matrices are.
pub trait AcceleratorFactor<P: Precision> {
    /// Why a device fails.
    type Error;

    /// Order of the matrices.
    fn order(&self) -> usize;

    /// What is installed and under way.
    fn slot(&mut self) -> &mut Slot;

    /// When its roots are used.
    fn mode(&self) -> Mode;

    /// What is to be done at this step of the parameter.
    fn poll(&self, step: u64) -> Poll;

    /// Brings the statistics to the host, a packed triangle. Returns the root asked for of them.
    fn fetch(&mut self, snapshot: u64, triangle: &mut [P::Store]) -> Result<Request, Self::Error>;

    /// Takes a root that was computed of this snapshot, if it was accepted and is newer than the one that is there.
    fn install(
        &mut self,
        snapshot: u64,
        root: &[P::Store],
        report: &Result<Report, RootError>,
    ) -> Result<Refresh, Self::Error>;

    /// The root of the present statistics computed by the device itself: a candidate, a packed triangle, with its ridge.
    /// The host certifies it before it is installed. `None` where the device leaves roots to the host.
    fn inverse_root(&mut self, request: &Request, root: &mut [P::Store]) -> Option<Result<f64, Self::Error>> {
        let _ = (request, root);
        None
    }
}

/// On the host there is nothing to travel.
impl<P: Precision> AcceleratorFactor<P> for Factor<'_, P> {
    type Error = crate::Error;

    fn order(&self) -> usize {
        self.order
    }

    fn slot(&mut self) -> &mut Slot {
        self.slot
    }

    fn mode(&self) -> Mode {
        Factor::mode(self)
    }

    fn poll(&self, step: u64) -> Poll {
        Factor::poll(self, step)
    }

    fn fetch(&mut self, snapshot: u64, triangle: &mut [P::Store]) -> Result<Request, Self::Error> {
        triangle.copy_from_slice(self.statistics);
        Ok(self.request(snapshot))
    }

    fn install(
        &mut self,
        snapshot: u64,
        root: &[P::Store],
        report: &Result<Report, RootError>,
    ) -> Result<Refresh, Self::Error> {
        Ok(Factor::install(self, snapshot, root, report))
    }
}
