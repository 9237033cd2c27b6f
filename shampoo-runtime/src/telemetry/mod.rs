//! What a step reports: how many roots, how good, how old, and where the time went.

mod ages;
mod clock;
mod timeline;

pub use ages::{AGE_BUCKETS, Ages};
pub(crate) use clock::{Moment, Span, Stopwatch};
pub(crate) use timeline::Recorder;
pub use timeline::{Event, Lane, Timeline};

use core::time::Duration;

use shampoo_core::block::Refresh;

/// Time of one step by phase, in the training thread.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// Checking the gradients, before anything is written.
    pub check: Duration,
    /// Statistics.
    pub statistics: Duration,
    /// Roots, certificates included; where they are computed beside training, snapshots, waiting and installing.
    pub roots: Duration,
    /// Preconditioning, graft, momentum, decay, and the parameters themselves.
    pub update: Duration,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepReport {
    /// Number of the step, from 0.
    pub step: u64,
    /// Parameters that had a gradient.
    pub updated: usize,
    /// Roots accepted and refused, and the worst promise.
    pub refresh: Refresh,
    /// Pieces of work lost to a panicking kernel: factors whose statistics missed the gradient, blocks that took
    /// the graft's step, parameters that took none. (A panicking root counts as refused.)
    pub panicked: u32,
    /// Roots computed beside training.
    pub pipeline: Flow,
    /// Steps between the snapshots of the installed roots and this step.
    pub ages: Ages,
    /// Where the time went.
    pub phases: Phases,
}

/// What passed through the pipeline in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Snapshots handed to the workers.
    pub submitted: u32,
    /// Of these, those that took the place of an older one that no worker had begun.
    pub coalesced: u32,
    /// Snapshots left out since too many were under way; they are tried again when their factor is due next.
    pub full: u32,
    /// Snapshots left out since a worker still had the factor's last one.
    pub left_out: u32,
    /// Roots taken over: accepted ones are installed, refused ones counted in [`Refresh`].
    pub arrived: u32,
    /// Roots that the training thread computed itself, since no worker had begun them, or there is none.
    pub computed_here: u32,
    /// Roots whose kernel panicked. The root before stays.
    pub panicked: u32,
    /// Roots that were not there when they were due, after the wait limit. The root before stays, and from here on the run
    /// cannot be repeated bit for bit.
    pub overdue: u32,
    /// Results that nobody waited for any more: overdue ones that came after all, or from before a checkpoint was loaded.
    pub discarded: u32,
    /// Snapshots that no worker has begun, after this step.
    pub waiting: u32,
    /// Snapshots under way in all, after this step.
    pub under_way: u32,
}

impl Flow {
    /// Both together; of what is under way that of `other`, the later one.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            submitted: self.submitted + other.submitted,
            coalesced: self.coalesced + other.coalesced,
            full: self.full + other.full,
            left_out: self.left_out + other.left_out,
            arrived: self.arrived + other.arrived,
            computed_here: self.computed_here + other.computed_here,
            panicked: self.panicked + other.panicked,
            overdue: self.overdue + other.overdue,
            discarded: self.discarded + other.discarded,
            waiting: other.waiting,
            under_way: other.under_way,
        }
    }
}
