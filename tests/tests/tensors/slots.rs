//! The schedule's state machine over everything that a driver, its workers and their errors can do in a few steps.

use shampoo_core::schedule::{Mode, Poll, Schedule, Slot};

/// What becomes of a root.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Accepted,
    Refused,
    /// Statistics that are still 0.
    Zero,
}

const FATES: [Fate; 3] = [Fate::Accepted, Fate::Refused, Fate::Zero];

/// A factor and its surroundings.
#[derive(Clone)]
struct World {
    schedule: Schedule,
    first: u64,
    /// The last step to be explored.
    last: u64,
    slot: Slot,
    /// Snapshots whose results may still come, in any order.
    flying: Vec<u64>,
    refused: u32,
    /// Nothing was refused, left out or 0.
    smooth: bool,
}

impl World {
    fn conclude(&mut self, snapshot: u64, fate: Fate) {
        let before = self.slot;
        self.flying.retain(|&flying| flying != snapshot);
        self.smooth &= fate == Fate::Accepted;
        match fate {
            Fate::Accepted => assert_eq!(self.slot.install(snapshot), before.stamp().is_none_or(|old| old < snapshot)),
            Fate::Refused => {
                self.slot.fail(snapshot);
                self.refused += 1;
            }
            Fate::Zero => self.slot.settle(snapshot),
        }
        assert!(self.slot.stamp() >= before.stamp(), "an older root never replaces a newer one");
        let newer = before.pending().filter(|&pending| pending > snapshot);
        assert!(newer.is_none() || self.slot.pending() == newer, "what is newer is still under way");
        assert!(newer.is_some() || self.slot.pending().is_none() || fate == Fate::Accepted);
        assert_eq!(self.slot.failures(), self.refused);
    }

    /// At most one snapshot is under way, the newest; what is installed was submitted once.
    fn check(&self, step: u64) {
        let Schedule { mode, precondition_every: period, .. } = self.schedule;
        assert!(self.slot.pending().is_none_or(|pending| self.slot.stamp().is_none_or(|stamp| stamp < pending)));
        assert!(self.slot.stamp().is_none_or(|stamp| self.schedule.is_due(&self.slot, stamp, self.first)));
        let Some(delay) = mode.delay() else { return };
        assert!(self.slot.pending().is_none_or(|pending| pending + delay > step), "late: {self:?} at {step}");
        // What falls due during the delay is left out.
        let bound = delay + period * delay.div_ceil(period).max(1) - 1;
        let begun = step >= self.first + self.slot.phase() + delay;
        if self.smooth && begun {
            assert!(self.slot.staleness(step).is_some_and(|age| age <= bound), "{self:?} at {step}");
        }
    }
}

impl core::fmt::Debug for World {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} {:?} first {} flying {:?}", self.schedule, self.slot, self.first, self.flying)
    }
}

/// Goes on from here in every way, in this step and all later ones; returns how many ways there are.
///
/// `tried`: a snapshot of this step was begun. A driver does not begin a second one when the first has failed at once.
fn explore(world: &World, step: u64, polls: u32, tried: bool) -> u64 {
    assert!(polls <= 3, "{world:?} has something to do for ever");
    let Schedule { mode, .. } = world.schedule;
    let poll = world.schedule.poll(&world.slot, step, world.first);
    let offloaded = Schedule { mode: Mode::Pipelined { delay: 0 }, ..world.schedule };
    assert!(mode != Mode::Sync || poll == offloaded.poll(&world.slot, step, world.first), "a delay of 0 is sync");
    match poll {
        Poll::Submit { snapshot } if !tried => {
            assert_eq!(snapshot, step);
            assert!(mode == Mode::Async || world.slot.pending().is_none(), "at most one is under way");
            // A full queue, or no memory, leaves it out.
            let mut without = world.clone();
            without.smooth = false;
            let ways = explore(&without, step, polls + 1, true);
            let mut with = world.clone();
            with.slot.submit(snapshot);
            with.flying.push(snapshot);
            assert_eq!((with.slot.pending(), with.slot.newest()), (Some(step), Some(step)));
            ways + explore(&with, step, polls + 1, true)
        }
        Poll::Install { snapshot } => {
            assert_eq!(Some(step), mode.delay().map(|delay| snapshot + delay), "neither sooner nor later");
            assert_eq!(world.slot.pending(), Some(snapshot));
            let ways = FATES.into_iter().map(|fate| {
                let mut next = world.clone();
                next.conclude(snapshot, fate);
                explore(&next, step, polls + 1, tried)
            });
            ways.sum()
        }
        Poll::Submit { .. } | Poll::Wait | Poll::Idle => {
            assert_eq!(poll == Poll::Wait, world.slot.pending().is_some() && !matches!(poll, Poll::Submit { .. }));
            world.check(step);
            if step == world.last { 1 } else { arrivals(world, step + 1, 0) }
        }
    }
}

/// In asynchronous mode results come in any number and order, at most two between two steps.
fn arrivals(world: &World, step: u64, arrived: u32) -> u64 {
    let mut ways = explore(world, step, 0, false);
    if world.schedule.mode == Mode::Async && arrived < 2 {
        for &snapshot in &world.flying {
            for fate in FATES {
                let mut next = world.clone();
                next.conclude(snapshot, fate);
                ways += arrivals(&next, step, arrived + 1);
            }
        }
    }
    ways
}

/// Every way in so many steps with small periods, first steps and phases.
fn explore_all(mode: Mode, steps: u64) -> u64 {
    let mut ways = 0;
    for precondition_every in 1..=4 {
        for (first, phase) in [(0, 0), (0, precondition_every - 1), (2, 0), (1, 1)] {
            let schedule = Schedule { precondition_every, mode, ..Schedule::EVERY_STEP };
            let mut slot = Slot::EMPTY;
            slot.set_phase(phase);
            let world = World { schedule, first, last: steps - 1, slot, flying: Vec::new(), refused: 0, smooth: true };
            ways += arrivals(&world, 0, 0);
        }
    }
    println!("{mode:?}: {ways} ways");
    ways
}

#[test]
fn roots_within_the_step() {
    assert!(explore_all(Mode::Sync, 8) > 100_000);
}

#[test]
fn roots_exactly_a_delay_late() {
    for delay in 1..=4 {
        assert!(explore_all(Mode::Pipelined { delay }, 12) > 1000);
    }
}

#[test]
fn roots_whenever_they_come() {
    assert!(explore_all(Mode::Async, 6) > 100_000);
}
