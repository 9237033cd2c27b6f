//! Draws panels of horizontal bars, each a stack of parts; a legend above them names the parts.

use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, label};
use super::canvas::{self, Canvas, Drawing, Drawn, GRID, INK, line, px, text};
use crate::error::Error;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Bars {
    /// The line above all.
    pub title: String,
    /// The name of the horizontal axes.
    pub x_label: &'static str,
    /// The parts of all bars, with their colours.
    pub parts: Vec<(&'static str, (u8, u8, u8))>,
    /// One or two of them.
    pub panels: Vec<Panel>,
}

/// One panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The line above it.
    pub title: String,
    /// From top to bottom.
    pub bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What stands at its left.
    pub label: String,
    /// The length of each part.
    pub parts: Vec<f64>,
    /// What stands at its right.
    pub remark: String,
}

/// Places in units.
const LEFT: f64 = 14.0;
const RIGHT: f64 = 1166.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 448.0;
/// Room for the text at the left and at the right of the bars.
const LABEL: f64 = 180.0;
const REMARK: f64 = 52.0;

impl Bars {
    /// Draws it into `folder/name.svg` and `folder/name.png` and returns these paths.
    ///
    /// # Errors
    /// A file cannot be written or drawn.
    pub fn save(&self, folder: &Path, name: &str) -> Result<[PathBuf; 2], Error> {
        canvas::save(self, folder, name)
    }

    fn panel<B: DrawingBackend>(
        &self,
        canvas: &Canvas<B>,
        panel: &Panel,
        [left, right]: [f64; 2],
        sink: f64,
    ) -> Drawn<B> {
        let (start, end) = (left + LABEL, right - REMARK);
        let length = |bar: &Bar| bar.parts.iter().sum::<f64>();
        let x = Axis::linear(0.0, panel.bars.iter().map(length).fold(0.0, f64::max));
        let at = |value: f64| px(start + x.place(value) * (end - start));
        let title = text(15.0, INK, HPos::Left, VPos::Center);
        canvas.draw_text(&panel.title, &title, (px(left), px(TOP - 16.0 + sink)))?;
        let style = text(14.0, INK, HPos::Center, VPos::Top);
        for tick in x.ticks() {
            canvas.draw(&PathElement::new([(at(tick), px(TOP)), (at(tick), px(BOTTOM))], line(GRID, 1.0)))?;
            canvas.draw_text(&label(tick), &style, (at(tick), px(BOTTOM + 7.0)))?;
        }
        let style = text(15.0, INK, HPos::Center, VPos::Top);
        canvas.draw_text(self.x_label, &style, (px(f64::midpoint(start, end)), px(BOTTOM + 28.0)))?;

        let height = (BOTTOM - TOP) / panel.bars.len().max(1) as f64;
        let before = text(13.0, INK, HPos::Right, VPos::Center);
        let after = text(13.0, INK, HPos::Left, VPos::Center);
        for (number, bar) in panel.bars.iter().enumerate() {
            let middle = TOP + (number as f64 + 0.5) * height;
            let (top, bottom) = (px(middle - 0.36 * height), px(middle + 0.36 * height));
            let mut sum = 0.0;
            for (&part, &(_, (r, g, b))) in bar.parts.iter().zip(&self.parts) {
                let square = [(at(sum), top), (at(sum + part), bottom)];
                canvas.draw(&Rectangle::new(square, RGBColor(r, g, b).filled()))?;
                sum += part;
            }
            canvas.draw_text(&bar.label, &before, (px(start - 7.0), px(middle + sink)))?;
            canvas.draw_text(&bar.remark, &after, (at(sum) + px(6.0), px(middle + sink)))?;
        }
        canvas.draw(&PathElement::new([(px(start), px(TOP)), (px(start), px(BOTTOM))], line(INK, 1.0)))
    }
}

impl Drawing for Bars {
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, sink: f64) -> Drawn<B> {
        canvas.fill(&WHITE)?;
        let title = text(19.0, INK, HPos::Left, VPos::Center);
        canvas.draw_text(&self.title, &title, (px(LEFT), px(24.0)))?;
        canvas::legend(canvas, &self.parts, LEFT, sink)?;
        let width = (RIGHT - LEFT) / self.panels.len().max(1) as f64;
        for (number, panel) in self.panels.iter().enumerate() {
            let left = LEFT + number as f64 * width;
            self.panel(canvas, panel, [left, left + width], sink)?;
        }
        canvas.present()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Bar, Bars, Panel};

    #[test]
    fn both_files_are_written_with_all_words() {
        let bar = |label: &str| Bar { label: label.to_owned(), parts: vec![20.0, 5.0], remark: "1.25".to_owned() };
        let panel = |title: &str| Panel { title: title.to_owned(), bars: vec![bar("first"), bar("second")] };
        let bars = Bars {
            title: "Some bars".to_owned(),
            x_label: "ms",
            parts: vec![("work", (0, 114, 178)), ("rest", (213, 94, 0))],
            panels: vec![panel("one"), panel("two")],
        };
        let folder = tempfile::tempdir().expect("a folder");
        let [svg, png] = bars.save(folder.path(), "bars").expect("drawn");
        let text = fs::read_to_string(svg).expect("written");
        for word in ["Some bars", "ms", "work", "rest", "one", "two", "first", "second", "1.25"] {
            assert!(text.contains(word), "{word}");
        }
        assert_eq!(&fs::read(png).expect("written")[..8], b"\x89PNG\r\n\x1a\n");
    }
}
