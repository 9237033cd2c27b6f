//! A few pipelined steps as a picture: training above, roots below, as in Figure 1 of Scalable Shampoo.

use std::path::{Path, PathBuf};

use shampoo_runtime::{Event, Lane as Place, Timeline};

use super::contender::Contender;
use super::plan::{Arrangement, Plan, Schedule};
use super::threads;
use crate::error::Error;
use crate::report;
use crate::report::lanes::{Lane, Lanes, Span};

/// Steps in the picture.
const SHOWN: usize = 5;
/// Room for the events of the steps before and in it, with every root in every step.
const EVENTS: usize = 1 << 15;

/// The kinds of work, by the names of their events, with what the legend says; the colours are those of the times. What
/// the training thread does between two steps of the optimizer has no event.
const KINDS: [(&str, &str, (u8, u8, u8)); 6] = [
    ("", "forward and backward", (0x99, 0x99, 0x99)),
    ("check", "check", (0x22, 0x22, 0x22)),
    ("statistics", "statistics", (0x56, 0xb4, 0xe9)),
    ("roots", "snapshots, waiting, installing", (0xd5, 0x5e, 0x00)),
    ("update", "update", (0x00, 0x9e, 0x73)),
    ("root", "one root", (0xe6, 0x9f, 0x00)),
];

/// Makes some steps of the last pipelined contender, training on one thread and roots on another, and writes the trace
/// events to `path`, the picture beside them. None if there is no such contender, or after Ctrl-C.
///
/// # Errors
/// Those of the contender; a file cannot be written.
pub(super) fn save(plan: &Plan, path: &Path) -> Result<Option<[PathBuf; 2]>, Error> {
    let pipelined = plan.cases.iter().rev().find(|case| case.schedule == Schedule::Pipelined);
    let Some(&case) = pipelined else { return Ok(None) };
    let mut contender = Contender::recorded(plan, case, Arrangement::Offload, 0, EVENTS)?;
    // After two intervals every factor has a root, and every step has its share of them.
    let steps = 2 * case.interval as usize + SHOWN;
    let made = threads::run(Arrangement::Offload, || {
        for _ in 0..steps {
            if plan.interrupt.raised() {
                return Ok(false);
            }
            contender.step(plan)?;
        }
        Ok::<_, Error>(true)
    })??;
    let Some(timeline) = contender.timeline().filter(|_| made) else { return Ok(None) };
    report::write(path, &timeline.to_trace_events())?;
    let title = format!("{}: the last {SHOWN} of {steps} steps", case.label());
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_stem().map_or_else(|| "timeline".into(), |stem| stem.to_string_lossy());
    lanes(timeline, title).save(folder, &name).map(Some)
}

/// The last steps of a timeline.
fn lanes(timeline: &Timeline, title: String) -> Lanes {
    let in_training = |event: &&Event| event.lane == Place::Training;
    let steps = || timeline.events.iter().filter(in_training).filter(|event| event.name == "check");
    let ends = || timeline.events.iter().filter(in_training).filter(|event| event.name == "update");
    let ms = |time: core::time::Duration| time.as_secs_f64() * 1e3;
    let finish = |event: &Event| ms(event.begin + event.length);
    // From the end of the step before the first one that is shown.
    let zero = ends().rev().nth(SHOWN).map_or(0.0, finish);
    let end = ends().next_back().map_or(0.0, finish) - zero;

    let span = |event: &Event| {
        let kind = KINDS.iter().position(|&(name, ..)| name == event.name).unwrap_or(0);
        Span { kind, begin: ms(event.begin) - zero, end: finish(event) - zero }
    };
    let between = ends().zip(steps().skip(1)).map(|(before, after)| Span {
        kind: 0,
        begin: finish(before) - zero,
        end: ms(after.begin) - zero,
    });
    let own = timeline.events.iter().filter(in_training).map(span);
    let mut lanes = vec![Lane { label: "training".to_owned(), spans: between.chain(own).collect() }];
    let mut workers: Vec<usize> = timeline.events.iter().filter_map(|event| worker(event.lane)).collect();
    workers.sort_unstable();
    workers.dedup();
    for number in workers {
        let own = timeline.events.iter().filter(|event| worker(event.lane) == Some(number));
        lanes.push(Lane { label: format!("roots {number}"), spans: own.map(span).collect() });
    }
    let begun = steps().zip(core::iter::once(0.0).chain(ends().map(finish)));
    let marks = begun.map(|(step, begin)| (begin - zero, format!("step {}", step.step)));
    let marks = marks.filter(|(begin, _)| *begin >= 0.0).collect();
    let kinds = KINDS.iter().map(|&(_, legend, colour)| (legend, colour)).collect();
    Lanes { title, x_label: "ms", end, kinds, lanes, marks }
}

fn worker(lane: Place) -> Option<usize> {
    match lane {
        Place::Worker(number) => Some(number),
        Place::Training => None,
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use shampoo_runtime::{Event, Lane as Place, Timeline};

    use super::{SHOWN, lanes};
    use crate::report::lanes::Span;

    #[test]
    fn the_last_steps_are_shown_with_the_gaps_between_them() {
        let event = |lane, name, begin, length, step| {
            let (begin, length) = (Duration::from_millis(begin), Duration::from_millis(length));
            Event { lane, name, begin, length, step, order: 0 }
        };
        let step = |step: u64| {
            let phase = move |name, begin| event(Place::Training, name, 100 * step + begin, 10, step);
            [phase("check", 60), phase("statistics", 70), phase("roots", 80), phase("update", 90)]
        };
        let mut events: Vec<Event> = (0..SHOWN as u64 + 2).flat_map(step).collect();
        events.push(event(Place::Worker(1), "root", 220, 30, 1));
        let lanes = lanes(&Timeline { events, lost: 0 }, String::new());
        assert_eq!(lanes.end, 100.0 * SHOWN as f64);
        assert_eq!(lanes.marks.first(), Some(&(0.0, "step 2".to_owned())));
        assert_eq!(lanes.marks.len(), SHOWN);
        let [training, roots] = lanes.lanes.as_slice() else { panic!("two lanes") };
        assert!(training.spans.contains(&Span { kind: 0, begin: 0.0, end: 60.0 }));
        assert!(training.spans.contains(&Span { kind: 4, begin: 90.0, end: 100.0 }));
        assert_eq!(roots.label, "roots 1");
        assert_eq!(roots.spans, [Span { kind: 5, begin: 20.0, end: 50.0 }]);
    }
}
