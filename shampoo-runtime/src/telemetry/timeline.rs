//! Training steps above, root computations below: who did what when.

use core::time::Duration;

use serde::Serialize;

use super::{Moment, Phases, Span};

/// Where something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// In the training thread.
    Training,
    /// With a worker of this number.
    Worker(usize),
}

/// Something that took time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Where.
    pub lane: Lane,
    /// What: a phase of a step, or `root`.
    pub name: &'static str,
    /// When it began, counted from the first step.
    pub begin: Duration,
    /// How long it took.
    pub length: Duration,
    /// The optimizer's step, or the snapshot of the root.
    pub step: u64,
    /// Order of the root; 0 for a phase.
    pub order: usize,
}

/// What happened since recording began, in the order in which it was learnt.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// The events.
    pub events: Vec<Event>,
    /// Events that there was no room for.
    pub lost: u64,
}

/// One event of the trace-event format.
#[derive(Serialize)]
struct Trace<'a> {
    name: &'a str,
    ph: &'a str,
    /// Microseconds.
    ts: f64,
    dur: f64,
    pid: u32,
    tid: usize,
    args: Arguments,
}

#[derive(Serialize)]
struct Arguments {
    step: u64,
    order: usize,
}

impl Timeline {
    /// The trace-event format, which Perfetto and chrome://tracing open: complete events, microseconds, the training
    /// thread as number 0.
    ///
    /// # Panics
    ///
    /// Never: numbers and names are always valid JSON.
    #[must_use]
    pub fn to_trace_events(&self) -> String {
        let events: Vec<_> = self.events.iter().map(Event::trace).collect();
        serde_json::to_string(&serde_json::json!({ "displayTimeUnit": "ms", "traceEvents": events }))
            .expect("numbers and names are valid JSON")
    }
}

impl Event {
    fn trace(&self) -> Trace<'_> {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        Trace {
            name: self.name,
            ph: "X",
            ts: micros(self.begin),
            dur: micros(self.length),
            pid: 1,
            tid: match self.lane {
                Lane::Training => 0,
                Lane::Worker(worker) => worker + 1,
            },
            args: Arguments { step: self.step, order: self.order },
        }
    }
}

/// Writes a timeline of bounded length, without allocation once it is there.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// When the first step began.
    start: Option<Moment>,
    timeline: Timeline,
}

impl Recorder {
    /// Room for so many events; `None` without memory.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        let mut events = Vec::new();
        events.try_reserve_exact(capacity).ok()?;
        Some(Self { start: None, timeline: Timeline { events, lost: 0 } })
    }

    /// Notes that a step begins.
    pub(crate) fn begin(&mut self, now: Moment) {
        self.start.get_or_insert(now);
    }

    /// What was recorded so far.
    pub(crate) fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// A step that began at `begin`, phase after phase.
    pub(crate) fn step(&mut self, begin: Moment, step: u64, phases: &Phases) {
        let Some(start) = self.start else { return };
        let mut begin = begin.since(start);
        let Phases { check, statistics, roots, update } = *phases;
        for (name, length) in [("check", check), ("statistics", statistics), ("roots", roots), ("update", update)] {
            self.push(Event { lane: Lane::Training, name, begin, length, step, order: 0 });
            begin += length;
        }
    }

    /// A root.
    pub(crate) fn root(&mut self, span: Span, workers: usize, snapshot: u64, order: usize) {
        let lane = if span.worker < workers { Lane::Worker(span.worker) } else { Lane::Training };
        let Some(start) = self.start else { return };
        let (begin, length) = (span.begin.since(start), span.end.since(span.begin));
        self.push(Event { lane, name: "root", begin, length, step: snapshot, order });
    }

    fn push(&mut self, event: Event) {
        if self.timeline.events.len() < self.timeline.events.capacity() {
            self.timeline.events.push(event);
        } else {
            self.timeline.lost += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_complete_events_in_microseconds() {
        let (begin, length) = (Duration::from_micros(1500), Duration::from_micros(250));
        let event = Event { lane: Lane::Worker(1), name: "root", begin, length, step: 7, order: 128 };
        let trace = Timeline { events: vec![event], lost: 0 }.to_trace_events();
        let read: serde_json::Value = serde_json::from_str(&trace).expect("JSON");
        let found = &read["traceEvents"][0];
        assert_eq!((&found["ph"], &found["tid"], &found["name"]), (&"X".into(), &2.into(), &"root".into()));
        assert_eq!((found["ts"].as_f64(), found["dur"].as_f64()), (Some(1500.0), Some(250.0)));
        assert_eq!((&found["args"]["step"], &found["args"]["order"]), (&7.into(), &128.into()));
    }

    #[test]
    fn what_there_is_no_room_for_is_counted() {
        let mut recorder = Recorder::new(3).expect("memory");
        recorder.begin(Moment::now());
        recorder.step(Moment::now(), 0, &Phases::default());
        assert_eq!(recorder.timeline().events.len() as u64 + recorder.timeline().lost, 4);
        assert!(recorder.timeline().lost <= 1);
    }
}
