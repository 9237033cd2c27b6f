//! What is known of one factor's root.

/// Snapshots of one factor, by their steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stamps {
    /// That of the installed root.
    pub installed: Option<u64>,
    /// That of the root under way.
    pub pending: Option<u64>,
    /// The newest that came to nothing.
    pub missed: Option<u64>,
}

impl Stamps {
    /// No snapshot.
    const NONE: Self = Self { installed: None, pending: None, missed: None };

    /// The newest of all.
    pub const fn newest(&self) -> Option<u64> {
        later(later(self.installed, self.pending), self.missed)
    }
}

#[inline(never)]
const fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(x), Some(y)) if x < y => b,
        (None, _) => b,
        _ => a,
    }
}

/// No step: no run is that long.
const NONE: u64 = u64::MAX;

const fn to_word(stamp: Option<u64>) -> u64 {
    match stamp {
        Some(stamp) => stamp,
        None => NONE,
    }
}

const fn from_word(word: u64) -> Option<u64> {
    if word == NONE { None } else { Some(word) }
}

/// What is known of one factor's root: which snapshot it is of, which one is under way, what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    stamps: Stamps,
    failures: u32,
    phase: u64,
    ridge: f64,
    urgency: f64,
}

impl Slot {
    /// A factor without a root.
    pub const EMPTY: Self = Self { stamps: Stamps::NONE, failures: 0, phase: 0, ridge: 0.0, urgency: 0.0 };

    /// A factor as it was saved; what was observed of it is not kept from step to step.
    pub const fn restored(stamps: Stamps, failures: u32, phase: u64, ridge: f64) -> Self {
        Self { stamps, failures, phase, ridge, urgency: 0.0 }
    }

    /// Words that a slot is saved as.
    pub const WORDS: usize = 6;

    /// The slot to be saved: its snapshots (installed, under way, in vain), failures, phase, and the bits of the ridge.
    pub const fn words(&self) -> [u64; Self::WORDS] {
        let Stamps { installed, pending, missed } = self.stamps;
        let (failures, ridge) = (self.failures as u64, self.ridge.to_bits());
        [to_word(installed), to_word(pending), to_word(missed), failures, self.phase, ridge]
    }

    /// The slot of such words; `None` where a count is out of range, or a root under way is not newer than the installed one.
    ///
    /// ```
    /// use shampoo_core::schedule::Slot;
    /// let mut slot = Slot::EMPTY;
    /// slot.submit(9);
    /// assert_eq!(Slot::from_words(&slot.words()), Some(slot));
    /// let [_, pending, ..] = slot.words();
    /// assert_eq!(Slot::from_words(&[pending, pending, u64::MAX, 0, 0, 0]), None);
    /// ```
    pub const fn from_words(words: &[u64; Self::WORDS]) -> Option<Self> {
        let &[installed, pending, missed, failures, phase, ridge] = words;
        if failures > u32::MAX as u64 || pending != NONE && installed != NONE && pending <= installed {
            return None;
        }
        let stamps = Stamps { installed: from_word(installed), pending: from_word(pending), missed: from_word(missed) };
        Some(Self::restored(stamps, failures as u32, phase, f64::from_bits(ridge)))
    }

    /// Its snapshots.
    pub const fn stamps(&self) -> Stamps {
        self.stamps
    }

    /// The step whose statistics the installed root belongs to.
    pub const fn stamp(&self) -> Option<u64> {
        self.stamps.installed
    }

    /// The step whose statistics the root under way belongs to.
    pub const fn pending(&self) -> Option<u64> {
        self.stamps.pending
    }

    /// The newest snapshot that came to nothing, where it is newer than the installed root: refused, lost, or of statistics
    /// that were still 0.
    pub const fn missed(&self) -> Option<u64> {
        match (self.stamps.missed, self.stamps.installed) {
            (Some(missed), Some(installed)) if missed <= installed => None,
            (missed, _) => missed,
        }
    }

    /// The newest snapshot that was tried: under way, in vain, or installed.
    pub const fn newest(&self) -> Option<u64> {
        self.stamps.newest()
    }

    /// Steps between the snapshot of the installed root and `step`.
    pub const fn staleness(&self, step: u64) -> Option<u64> {
        match self.stamps.installed {
            Some(stamp) => Some(step.saturating_sub(stamp)),
            None => None,
        }
    }

    /// Roots of this factor that failed; the root before each of them stayed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The ridge in the installed root.
    pub const fn ridge(&self) -> f64 {
        self.ridge
    }

    /// Steps by which this factor's turn comes later than the first.
    pub const fn phase(&self) -> u64 {
        self.phase
    }

    /// Gives this factor its turn.
    pub const fn set_phase(&mut self, phase: u64) {
        self.phase = phase;
    }

    /// How much a new root is wanted: from 1 on it is, see [`Adaptive`](super::Adaptive).
    pub const fn urgency(&self) -> f64 {
        self.urgency
    }

    /// Notes how much a new root is wanted in this step.
    pub const fn observe(&mut self, urgency: f64) {
        self.urgency = urgency;
    }

    /// Notes that the root of this snapshot is under way.
    pub const fn submit(&mut self, snapshot: u64) {
        self.stamps.pending = Some(snapshot);
    }

    /// Whether a root of this snapshot may replace the installed one: an older one never does.
    pub const fn accepts(&self, snapshot: u64) -> bool {
        match self.stamps.installed {
            Some(stamp) => snapshot > stamp,
            None => true,
        }
    }

    /// Notes that a root of this snapshot is in place; false, and nothing noted, where a newer one is.
    pub const fn install(&mut self, snapshot: u64) -> bool {
        let accepted = self.accepts(snapshot);
        if accepted {
            self.stamps.installed = Some(snapshot);
            self.land(snapshot);
        }
        accepted
    }

    /// Notes the ridge in the installed root.
    pub const fn set_ridge(&mut self, ridge: f64) {
        self.ridge = ridge;
    }

    /// Notes that a root of this snapshot was refused, lost or is overdue.
    pub const fn fail(&mut self, snapshot: u64) {
        self.failures = self.failures.saturating_add(1);
        self.settle(snapshot);
    }

    /// Notes that there is no root of this snapshot.
    #[inline(never)]
    pub const fn settle(&mut self, snapshot: u64) {
        match self.stamps.missed {
            Some(missed) if missed >= snapshot => {}
            _ => self.stamps.missed = Some(snapshot),
        }
        self.land(snapshot);
    }

    /// Notes that a root of this snapshot, or an older one, is not under way any more.
    const fn land(&mut self, snapshot: u64) {
        if let Some(pending) = self.stamps.pending
            && pending <= snapshot
        {
            self.stamps.pending = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_root_never_overwrites_a_newer_one() {
        let mut slot = Slot::EMPTY;
        assert!(slot.install(8));
        assert!(!slot.install(4) && !slot.install(8));
        assert_eq!((slot.stamp(), slot.staleness(10)), (Some(8), Some(2)));
        slot.fail(9);
        assert_eq!((slot.stamp(), slot.failures()), (Some(8), 1));
    }

    #[test]
    fn a_late_result_does_not_settle_a_newer_snapshot() {
        let mut slot = Slot::EMPTY;
        slot.submit(3);
        slot.submit(6);
        assert!(slot.install(3));
        assert_eq!((slot.pending(), slot.newest()), (Some(6), Some(6)));
        slot.fail(6);
        assert_eq!((slot.pending(), slot.missed(), slot.newest()), (None, Some(6), Some(6)));
        assert!(slot.install(9));
        assert_eq!((slot.missed(), slot.newest()), (None, Some(9)));
    }

    #[test]
    fn slots_survive_as_words() {
        let stamps = Stamps { installed: Some(3), pending: Some(9), missed: Some(5) };
        let under_way = Stamps { installed: None, pending: Some(0), missed: None };
        for slot in [Slot::restored(stamps, 2, 7, 1e-6), Slot::restored(under_way, 0, 0, 0.0), Slot::EMPTY] {
            assert_eq!(Slot::from_words(&slot.words()), Some(slot));
        }
    }

    #[test]
    fn words_that_make_no_sense_are_refused() {
        assert_eq!(Slot::from_words(&[0, NONE, NONE, u64::MAX, 0, 0]), None);
        assert_eq!(Slot::from_words(&[4, 4, NONE, 0, 0, 0]), None);
    }
}
