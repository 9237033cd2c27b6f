//! Draws who did what when: time to the right, a lane for each thread; a legend above them names the kinds of work.

use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, label};
use super::canvas::{self, Canvas, Drawing, Drawn, GREY, GRID, INK, line, px, text};
use crate::error::Error;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Lanes {
    /// The line above all.
    pub title: String,
    /// The name of the axis of time.
    pub x_label: &'static str,
    /// From 0 to here.
    pub end: f64,
    /// The kinds of work, with their colours.
    pub kinds: Vec<(&'static str, (u8, u8, u8))>,
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// Lines across all lanes, with what stands above them.
    pub marks: Vec<(f64, String)>,
}

/// One lane.
#[derive(Clone, Debug)]
pub struct Lane {
    /// What stands at its left.
    pub label: String,
    /// What happened there; what lies outside the axis is cut.
    pub spans: Vec<Span>,
}

/// Some work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Number of its kind.
    pub kind: usize,
    /// When it began.
    pub begin: f64,
    /// When it ended.
    pub end: f64,
}

/// Places in units.
const LEFT: f64 = 14.0;
const RIGHT: f64 = 1158.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 448.0;
/// Room for the text at the left of the lanes.
const LABEL: f64 = 96.0;
/// From this width on neighbours are told apart by a gap of half a unit.
const WIDE: f64 = 2.0;

impl Lanes {
    /// Draws it into `folder/name.svg` and `folder/name.png` and returns these paths.
    ///
    /// # Errors
    /// A file cannot be written or drawn.
    pub fn save(&self, folder: &Path, name: &str) -> Result<[PathBuf; 2], Error> {
        canvas::save(self, folder, name)
    }

    fn lane<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        lane: &Lane,
        rows: [i32; 2],
        at: impl Fn(f64) -> i32,
    ) -> Drawn<B> {
        for span in lane.spans.iter().filter(|span| span.end > 0.0 && span.begin < self.end) {
            let Some(&(_, (r, g, b))) = self.kinds.get(span.kind) else { continue };
            let (begin, mut end) = (at(span.begin), at(span.end));
            if end - begin > px(WIDE) {
                end -= px(0.5);
            }
            // However short it was, it is seen.
            let square = [(begin, rows[0]), (end.max(begin + 1), rows[1])];
            canvas.draw(&Rectangle::new(square, RGBColor(r, g, b).filled()))?;
        }
        Ok(())
    }
}

impl Drawing for Lanes {
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, sink: f64) -> Drawn<B> {
        canvas.fill(&WHITE)?;
        let title = text(19.0, INK, HPos::Left, VPos::Center);
        canvas.draw_text(&self.title, &title, (px(LEFT), px(24.0)))?;
        canvas::legend(canvas, &self.kinds, LEFT, sink)?;

        let x = Axis::linear(0.0, self.end);
        let start = LEFT + LABEL;
        let at = |time: f64| px(start + x.place(time) * (RIGHT - start));
        let style = text(14.0, INK, HPos::Center, VPos::Top);
        for tick in x.ticks() {
            canvas.draw(&PathElement::new([(at(tick), px(TOP)), (at(tick), px(BOTTOM))], line(GRID, 1.0)))?;
            canvas.draw_text(&label(tick), &style, (at(tick), px(BOTTOM + 7.0)))?;
        }
        let style = text(15.0, INK, HPos::Center, VPos::Top);
        canvas.draw_text(self.x_label, &style, (px(f64::midpoint(start, RIGHT)), px(BOTTOM + 28.0)))?;

        let height = (BOTTOM - TOP) / self.lanes.len().max(1) as f64;
        let style = text(14.0, INK, HPos::Right, VPos::Center);
        for (number, lane) in self.lanes.iter().enumerate() {
            let middle = TOP + (number as f64 + 0.5) * height;
            let rows = [px(middle - 0.36 * height), px(middle + 0.36 * height)];
            canvas.draw_text(&lane.label, &style, (px(start - 9.0), px(middle + sink)))?;
            self.lane(canvas, lane, rows, at)?;
        }
        let style = text(13.0, INK, HPos::Left, VPos::Center);
        for (time, mark) in &self.marks {
            canvas.draw(&PathElement::new([(at(*time), px(TOP - 24.0)), (at(*time), px(BOTTOM))], line(GREY, 0.8)))?;
            canvas.draw_text(mark, &style, (at(*time) + px(4.0), px(TOP - 16.0 + sink)))?;
        }
        canvas.present()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Lane, Lanes, Span};

    #[test]
    fn both_files_are_written_and_nothing_lies_outside() {
        let span = |kind, begin, end| Span { kind, begin, end };
        let lane = |label: &str, spans: &[Span]| Lane { label: label.to_owned(), spans: spans.to_vec() };
        let lanes = Lanes {
            title: "Some lanes".to_owned(),
            x_label: "ms",
            end: 10.0,
            kinds: vec![("work", (0, 114, 178)), ("rest", (213, 94, 0))],
            lanes: vec![
                lane("above", &[span(0, -1.0, 4.0), span(1, 4.0, 4.001)]),
                lane("below", &[span(0, 20.0, 21.0), span(7, 0.0, 1.0)]),
            ],
            marks: vec![(4.0, "now".to_owned())],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let [svg, png] = lanes.save(folder.path(), "lanes").expect("drawn");
        let text = fs::read_to_string(svg).expect("written");
        for word in ["Some lanes", "ms", "work", "rest", "above", "below", "now"] {
            assert!(text.contains(word), "{word}");
        }
        // The ground, two of the legend, and the two spans that lie within and have a colour.
        assert_eq!(text.matches("<rect").count(), 5);
        assert_eq!(&fs::read(png).expect("written")[..8], b"\x89PNG\r\n\x1a\n");
    }
}
