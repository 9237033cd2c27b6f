//! Draws a figure of two panels that share a legend above them.

use std::path::{Path, PathBuf};

use plotters::prelude::*;
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::{Axis, label};
use super::canvas::{self, Canvas, Drawing, Drawn, GREY, GRID, INK, line, px, text};
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
        canvas.draw_text(&self.title, &title, (px(64.0), px(24.0)))?;
        legend(canvas, &self.panels[0].curves, sink)?;
        let [first, second] = &self.panels;
        let y_label = text(15.0, INK, HPos::Center, VPos::Top).transform(FontTransform::Rotate270);
        canvas.draw_text(first.y_label, &y_label, (px(6.0), px(262.0)))?;
        let (mut right, mut width) = (638.0, 520.0);
        if first.y_label != second.y_label {
            (right, width) = (656.0, 502.0);
            canvas.draw_text(second.y_label, &y_label, (px(right - 58.0), px(262.0)))?;
        }
        for (panel, left) in self.panels.iter().zip([64.0, right]) {
            Frame { panel, left, top: 76.0, width, height: 372.0, sink }.draw(canvas)?;
        }
        canvas.present()
    }
}

fn legend<B: DrawingBackend>(canvas: &Canvas<B>, curves: &[Curve], sink: f64) -> Drawn<B> {
    let style = text(15.0, INK, HPos::Left, VPos::Center);
    let (mut x, y) = (px(64.0), px(54.0));
    for curve in curves {
        let (r, g, b) = curve.colour;
        let end = x + px(26.0);
        canvas.draw(&PathElement::new([(x, y), (end, y)], line(RGBColor(r, g, b), 3.0)))?;
        canvas.draw_text(curve.label, &style, (end + px(7.0), y + px(sink)))?;
        let (width, _) = canvas.estimate_text_size(curve.label, &style)?;
        x = end + px(7.0) + width as i32 + px(26.0);
    }
    Ok(())
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
