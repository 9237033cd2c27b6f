//! What all figures are drawn on, and the files that it becomes.
//!
//! The plotting library places everything on whole pixels. So all is drawn several times larger:
//! an SVG file is then shown at its true size, a PNG file averages the pixels.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::Error;

/// Size of a figure in units; a unit is a pixel of the SVG and half a pixel of the PNG.
pub(super) const SIZE: (u32, u32) = (1180, 500);
/// Pixels drawn for each unit.
const ZOOM: u32 = 4;
/// Drawn pixels that a pixel of the PNG averages, in each direction.
const AVERAGED: usize = 2;

/// The bitmap backend centres text about this much too high, in units.
const SINK: f64 = 2.5;

pub(super) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
pub(super) const GREY: RGBColor = RGBColor(0x77, 0x77, 0x77);
const FONT: &str = "sans-serif";

/// Where to draw.
pub(super) type Canvas<B> = DrawingArea<B, Shift>;
/// What a canvas fails with.
pub(super) type ErrorOf<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;
/// What drawing returns.
pub(super) type Drawn<B> = Result<(), ErrorOf<B>>;

/// What is drawn.
pub(super) trait Drawing {
    /// Draws it; `sink` is how much lower to put text that is to be centred, in units.
    ///
    /// # Errors
    /// Those of the canvas.
    fn draw<B: DrawingBackend>(&self, canvas: &Canvas<B>, sink: f64) -> Drawn<B>;
}

/// Draws a figure into `folder/name.svg` and `folder/name.png` and returns these paths.
///
/// # Errors
/// The figure cannot be drawn or written.
pub(super) fn save(figure: &impl Drawing, folder: &Path, name: &str) -> Result<[PathBuf; 2], Error> {
    super::create_folder(folder)?;
    let [svg, png] = ["svg", "png"].map(|ending| folder.join(format!("{name}.{ending}")));
    save_svg(figure, &svg)?;
    save_png(figure, &png)?;
    Ok([svg, png])
}

/// Writes a figure as SVG; its text is text.
///
/// # Errors
/// The figure cannot be drawn or written.
pub(super) fn save_svg(figure: &impl Drawing, path: &Path) -> Result<(), Error> {
    let (width, height) = (SIZE.0 * ZOOM, SIZE.1 * ZOOM);
    let mut text = String::new();
    figure
        .draw(&SVGBackend::with_string(&mut text, (width, height)).into_drawing_area(), 0.0)
        .map_err(|error| failed(path, &error))?;
    // Shown at its true size; the view box keeps the fine coordinates.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    let shown = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    super::write(path, &text.replacen(&fine, &shown, 1))
}

/// Writes a figure as PNG.
///
/// # Errors
/// The figure cannot be drawn or written.
pub(super) fn save_png(figure: &impl Drawing, path: &Path) -> Result<(), Error> {
    let (width, height) = (SIZE.0 * ZOOM, SIZE.1 * ZOOM);
    let mut pixels = vec![0; 3 * (width * height) as usize];
    figure
        .draw(&BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area(), SINK)
        .map_err(|error| failed(path, &error))?;
    let small = averaged(&pixels, 3 * width as usize);
    let write = || -> io::Result<()> {
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, width / AVERAGED as u32, height / AVERAGED as u32);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().map_err(io::Error::other)?;
        writer.write_image_data(&small).map_err(io::Error::other)?;
        writer.finish().map_err(io::Error::other)
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn failed(path: &Path, error: &dyn core::fmt::Display) -> Error {
    Error::Plot { path: path.to_owned(), message: error.to_string() }
}

/// Averages squares of pixels of three bytes; `stride` bytes are a row.
fn averaged(pixels: &[u8], stride: usize) -> Vec<u8> {
    let mut small = Vec::with_capacity(pixels.len() / (AVERAGED * AVERAGED));
    for rows in pixels.chunks_exact(stride * AVERAGED) {
        for left in (0..stride).step_by(3 * AVERAGED) {
            for channel in 0..3 {
                let sum: usize = (0..AVERAGED * AVERAGED)
                    .map(|i| (i / AVERAGED) * stride + left + 3 * (i % AVERAGED) + channel)
                    .map(|at| usize::from(rows[at]))
                    .sum();
                small.push((sum / (AVERAGED * AVERAGED)) as u8);
            }
        }
    }
    small
}

/// Names of colours in a line below the title, which begins at `left`.
///
/// # Errors
/// Those of the canvas.
pub(super) fn legend<B: DrawingBackend>(
    canvas: &Canvas<B>,
    parts: &[(&str, (u8, u8, u8))],
    left: f64,
    sink: f64,
) -> Drawn<B> {
    let style = text(15.0, INK, HPos::Left, VPos::Center);
    let (mut x, y) = (px(left), px(54.0));
    for &(name, (r, g, b)) in parts {
        let square = [(x, y - px(6.0)), (x + px(12.0), y + px(6.0))];
        canvas.draw(&Rectangle::new(square, RGBColor(r, g, b).filled()))?;
        canvas.draw_text(name, &style, (x + px(19.0), y + px(sink)))?;
        let (width, _) = canvas.estimate_text_size(name, &style)?;
        x += px(19.0) + width as i32 + px(26.0);
    }
    Ok(())
}

/// Units to drawn pixels.
pub(super) fn px(units: f64) -> i32 {
    (units * f64::from(ZOOM)).round() as i32
}

pub(super) fn text(size: f64, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    // The glyphs come with the program; without them plotters would find no font at all.
    static REGISTERED: LazyLock<bool> = LazyLock::new(|| {
        let glyphs = dejavu::sans::regular();
        plotters::style::register_font(FONT, FontStyle::Normal, glyphs).is_ok()
    });
    let _ = *REGISTERED;
    let font = (FONT, size * f64::from(ZOOM)).into_font();
    TextStyle { color: colour.to_backend_color(), ..TextStyle::from(font) }.pos(Pos::new(h, v))
}

pub(super) fn line(colour: RGBColor, width: f64) -> ShapeStyle {
    colour.stroke_width(px(width).max(1) as u32)
}

#[cfg(test)]
mod tests {
    use super::averaged;

    #[test]
    fn pixels_are_averaged_by_channel() {
        let black_and_red = [0, 0, 0, 200, 0, 0, 0, 0, 0, 200, 0, 40];
        assert_eq!(averaged(&black_and_red, 6), [100, 0, 10]);
    }
}
