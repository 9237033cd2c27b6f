//! Draws a figure of two panels that share a legend above them.

use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, label};
use super::canvas::{self, Canvas, Drawing, Drawn, ErrorOf, GREY, GRID, INK, line, px, text};
use crate::error::Error;
use crate::spread::Spread;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The line above all.
    pub title: String,
    /// Left and right.
    pub panels: [Panel; 2],
}

/// One of the two panels.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The name of the horizontal axis.
    pub x_label: &'static str,
    /// The name of the vertical axis; shown once if both panels have the same.
    pub y_label: &'static str,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// A dashed line across the panel.
    pub target: Option<f64>,
    /// The curves, in the order of the legend.
    pub curves: Vec<Curve>,
}

/// One curve with its band.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name in the legend.
    pub label: &'static str,
    /// Its colour.
    pub colour: (u8, u8, u8),
    /// Median and extremes over x.
    pub points: Vec<(f64, Spread)>,
    /// Where on the x axis it reached the target.
    pub reached: Option<f64>,
    /// Whether each point has a dot.
    pub marked: bool,
}

type Pixel = (i32, i32);

/// Where the left panel and all lines above it begin, in units.
const LEFT: f64 = 64.0;
/// Where they end.
const RIGHT: f64 = 1160.0;
/// From a line of the legend to the next.
const LINE: f64 = 22.0;

impl Figure {
    /// Draws it into `folder/name.svg` and `folder/name.png` and returns these paths.
    ///
    /// # Errors
    /// A file cannot be written or drawn.
    pub fn save(&self, folder: &Path, name: &str) -> Result<[PathBuf; 2], Error> {
        canvas::save(self, folder, name)
    }
}

impl Drawing for Figure {
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, sink: f64) -> Drawn<B> {
        canvas.fill(&WHITE)?;
        let title = text(19.0, INK, HPos::Left, VPos::Center);
        canvas.draw_text(&self.title, &title, (px(LEFT), px(24.0)))?;
        let more = LINE * f64::from(legend(canvas, &self.panels[0].curves, sink)? - 1);
        let [first, second] = &self.panels;
        let y_label = text(15.0, INK, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        canvas.draw_text(first.y_label, &y_label, (px(6.0), px(262.0)))?;
        let (mut right, mut width) = (638.0, 520.0);
        if first.y_label != second.y_label {
            (right, width) = (656.0, 502.0);
            canvas.draw_text(second.y_label, &y_label, (px(right - 58.0), px(262.0)))?;
        }
        for (panel, left) in self.panels.iter().zip([LEFT, right]) {
            Frame { panel, left, top: 76.0 + more, width, height: 372.0 - more, sink }.draw(canvas)?;
        }
        canvas.present()
    }
}

/// The names of the curves below the title, in as many lines as they need; how many those are.
fn legend<B: DrawingBackend>(canvas: &Canvas<B>, curves: &[Curve], sink: f64) -> Result<u32, ErrorOf<B>> {
    let style = text(15.0, INK, HPos::Left, VPos::Center);
    let (mut x, mut lines) = (px(LEFT), 1);
    for curve in curves {
        let width = px(33.0) + canvas.estimate_text_size(curve.label, &style)?.0 as i32;
        if x > px(LEFT) && x + width > px(RIGHT) {
            (x, lines) = (px(LEFT), lines + 1);
        }
        let y = px(54.0 + LINE * f64::from(lines - 1));
        let (r, g, b) = curve.colour;
        canvas.draw(&PathElement::new([(x, y), (x + px(26.0), y)], line(RGBColor(r, g, b), 3.0)))?;
        canvas.draw_text(curve.label, &style, (x + px(33.0), y + px(sink)))?;
        x += width + px(26.0);
    }
    Ok(lines)
}

/// A panel at its place, in units.
struct Frame<'a> {
    panel: &'a Panel,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// How much lower to put text that is to be centred.
    sink: f64,
}

impl Frame<'_> {
    fn at(&self, x: f64, y: f64) -> Pixel {
        let (x, y) = (self.panel.x.place(x), self.panel.y.place(y));
        (px(self.left + x * self.width), px(self.top + (1.0 - y) * self.height))
    }

    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        self.axes(canvas)?;
        if let Some(target) = self.panel.target {
            self.target(canvas, target)?;
        }
        for curve in &self.panel.curves {
            self.curve(canvas, curve)?;
        }
        Ok(())
    }

    fn axes<B: DrawingBackend>(&self, canvas: &Canvas<B>) -> Drawn<B> {
        let (left, right) = (px(self.left), px(self.left + self.width));
        let (top, bottom) = (px(self.top), px(self.top + self.height));
        let style = text(14.0, INK, HPos::Right, VPos::Center);
        for tick in self.panel.y.ticks() {
            let y = px(self.top + (1.0 - self.panel.y.place(tick)) * self.height);
            canvas.draw(&PathElement::new([(left, y), (right, y)], line(GRID, 1.0)))?;
            canvas.draw_text(&label(tick), &style, (left - px(7.0), y + px(self.sink)))?;
        }
        let style = text(14.0, INK, HPos::Center, VPos::Top);
        for tick in self.panel.x.ticks() {
            let x = px(self.left + self.panel.x.place(tick) * self.width);
            canvas.draw(&PathElement::new([(x, top), (x, bottom)], line(GRID, 1.0)))?;
            canvas.draw_text(&label(tick), &style, (x, bottom + px(7.0)))?;
        }
        let corner = [(left, top), (left, bottom), (right, bottom)];
        canvas.draw(&PathElement::new(corner, line(INK, 1.0)))?;
        let middle = (left + right) / 2;
        let style = text(15.0, INK, HPos::Center, VPos::Top);
        canvas.draw_text(self.panel.x_label, &style, (middle, bottom + px(28.0)))
    }

    fn target<B: DrawingBackend>(&self, canvas: &Canvas<B>, target: f64) -> Drawn<B> {
        let y = px(self.top + (1.0 - self.panel.y.place(target)) * self.height);
        let right = self.left + self.width;
        let mut x = self.left;
        while x < right {
            let dash = [(px(x), y), (px((x + 7.0).min(right)), y)];
            canvas.draw(&PathElement::new(dash, line(GREY, 1.3)))?;
            x += 12.0;
        }
        let style = text(13.0, GREY, HPos::Left, VPos::Top);
        let below = (px(self.left + 6.0), y + px(4.0));
        canvas.draw_text(&format!("target {target:.2}"), &style, below)
    }

    fn curve<B: DrawingBackend>(&self, canvas: &Canvas<B>, curve: &Curve) -> Drawn<B> {
        let (r, g, b) = curve.colour;
        let colour = RGBColor(r, g, b);
        if curve.points.iter().any(|(_, loss)| loss.min < loss.max) {
            let above = curve.points.iter().map(|&(x, loss)| self.at(x, loss.max));
            let below = curve.points.iter().rev().map(|&(x, loss)| self.at(x, loss.min));
            let outline: Vec<Pixel> = above.chain(below).collect();
            canvas.draw(&Polygon::new(outline, colour.mix(0.22).filled()))?;
        }
        let middle: Vec<Pixel> = curve.points.iter().map(|&(x, loss)| self.at(x, loss.median)).collect();
        for &centre in middle.iter().filter(|_| curve.marked) {
            canvas.draw(&Circle::new(centre, px(3.5), colour.filled()))?;
        }
        canvas.draw(&PathElement::new(middle, line(colour, 1.8)))?;
        if let (Some(x), Some(target)) = (curve.reached, self.panel.target) {
            let centre = self.at(x, target);
            canvas.draw(&Circle::new(centre, px(5.5), WHITE.filled()))?;
            canvas.draw(&Circle::new(centre, px(4.0), colour.filled()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::canvas::{SIZE, save_png, save_svg};
    use super::{Axis, Curve, Figure, Panel};
    use crate::spread::Spread;

    fn figure() -> Figure {
        let point = |i: u32| {
            let loss = 500.0 / f64::from(i + 1);
            (f64::from(i), Spread { median: loss, min: loss * 0.9, max: loss * 1.1 })
        };
        let points = (0..20).map(point).collect();
        let curve = Curve { label: "Adam", colour: (0, 114, 178), points, reached: Some(9.0), marked: true };
        let panel = |x_label, y_label| Panel {
            x_label,
            y_label,
            x: Axis::linear(0.0, 20.0),
            y: Axis::logarithmic(20.0, 600.0),
            target: Some(50.0),
            curves: vec![curve.clone()],
        };
        Figure { title: "A figure".to_owned(), panels: [panel("steps", "batch loss"), panel("seconds", "final loss")] }
    }

    #[test]
    fn a_long_legend_takes_more_lines_and_loses_no_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let svg = folder.path().join("a.svg");
        let mut long = figure();
        let labels =
            ["the first of many names", "the second of many names", "the third of many names", "another long name"];
        for panel in &mut long.panels {
            let own = panel.curves[0].clone();
            let named = |label| Curve { label, ..own.clone() };
            panel.curves =
                labels.into_iter().chain(["and one more name", "the last of all names"]).map(named).collect();
        }
        save_svg(&long, &svg).expect("drawn");
        let text = fs::read_to_string(svg).expect("written");
        let place = |name: &str, axis: &str| -> f64 {
            let tag = text[..text.find(name).expect("drawn")].rfind("<text").expect("a text");
            let from = text[tag..].find(&format!(" {axis}=\"")).expect("a place") + tag + axis.len() + 3;
            text[from..].split('"').next().and_then(|number| number.parse().ok()).expect("a number")
        };
        assert!(place("the last of all names", "y") > place(labels[0], "y"));
        assert!(place("the last of all names", "x") < place(labels[3], "x"));
    }

    #[test]
    fn both_files_are_what_they_say() {
        let folder = tempfile::tempdir().expect("a folder");
        let (svg, png) = (folder.path().join("a.svg"), folder.path().join("a.png"));
        save_svg(&figure(), &svg).expect("drawn");
        save_png(&figure(), &png).expect("drawn");
        let text = fs::read_to_string(svg).expect("written");
        assert!(text.starts_with("<svg width=\"1180\" height=\"500\""), "{}", &text[..60]);
        for word in ["A figure", "Adam", "target 50.00", "steps", "seconds", "batch loss", "final loss"] {
            assert!(text.contains(word), "{word}");
        }
        let bytes = fs::read(png).expect("written");
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        assert_eq!(bytes[16..20], (2 * SIZE.0).to_be_bytes());
    }
}
