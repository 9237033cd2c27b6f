//! CURVES, after Hinton and Salakhutdinov (Science 313, 2006): images of a smooth curve through
//! three random points.
//!
//! Their file and drawing code are not at hand; this is a substitute with the same dimensions. The
//! points p0, p1, p2 are uniform in the square \[3, 24\]^2 of a grid of 28 x 28. The curve is the
//! parabola B(t) = (1-t)^2 p0 + 2t(1-t) c + t^2 p2 with c = 2 p1 - (p0 + p2) / 2, so that
//! B(1/2) = p1; it may leave the image, where it is clipped. Drawn as 64 segments, a pixel is
//! clamp(1.5 - distance of its centre to the curve, 0, 1).

use core::ops::Range;

use rayon::prelude::*;

use super::{Images, PIXELS};
use crate::random::{Random, Stream};

/// The seed of the data set. Runs with other seeds see the same images.
pub const SEED: u64 = 2006;

const SIDE: usize = 28;
const SEGMENTS: usize = 64;
/// A pixel further than this from the curve is black.
const REACH: f32 = 1.5;

type Point = (f32, f32);

/// The images with the numbers `numbers`: each depends on the seed and its number alone.
#[must_use]
pub fn generate(seed: u64, numbers: Range<u64>) -> Images {
    let count = numbers.end.saturating_sub(numbers.start) as usize;
    let mut pixels = vec![0f32; count * PIXELS];
    pixels.par_chunks_mut(PIXELS).enumerate().for_each(|(offset, image)| {
        let mut random = Random::new(seed, Stream::Image(numbers.start + offset as u64));
        let mut coordinate = || (3.0 + 21.0 * random.uniform()) as f32;
        let mut point = || (coordinate(), coordinate());
        draw([point(), point(), point()], image);
    });
    Images::new(pixels)
}

/// Draws the curve through three points.
fn draw([p0, p1, p2]: [Point; 3], image: &mut [f32]) {
    let through = |a: f32, b: f32, c: f32| 2.0 * b - (a + c) / 2.0;
    let control = (through(p0.0, p1.0, p2.0), through(p0.1, p1.1, p2.1));
    let curve = |step: usize| {
        let t = step as f32 / SEGMENTS as f32;
        let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        (a * p0.0 + b * control.0 + c * p2.0, a * p0.1 + b * control.1 + c * p2.1)
    };

    image.fill(f32::INFINITY);
    let mut from = curve(0);
    for step in 1..=SEGMENTS {
        let to = curve(step);
        for y in pixels_near(from.1, to.1) {
            for x in pixels_near(from.0, to.0) {
                let pixel = &mut image[y * SIDE + x];
                *pixel = pixel.min(distance_squared((x as f32, y as f32), from, to));
            }
        }
        from = to;
    }
    for pixel in image {
        *pixel = (REACH - pixel.sqrt()).clamp(0.0, 1.0);
    }
}

/// The pixels, in one dimension, that a segment can reach; none where it lies outside.
fn pixels_near(a: f32, b: f32) -> Range<usize> {
    // The conversion saturates, which clips at the first pixel.
    let first = (a.min(b) - REACH).ceil() as usize;
    let end = (a.max(b) + REACH + 1.0).floor() as usize;
    first..end.min(SIDE)
}

fn distance_squared(p: Point, a: Point, b: Point) -> f32 {
    let (along, to) = ((b.0 - a.0, b.1 - a.1), (p.0 - a.0, p.1 - a.1));
    let length = along.0 * along.0 + along.1 * along.1;
    let t = if length > 0.0 { ((to.0 * along.0 + to.1 * along.1) / length).clamp(0.0, 1.0) } else { 0.0 };
    let (dx, dy) = (to.0 - t * along.0, to.1 - t * along.1);
    dx * dx + dy * dy
}

#[cfg(test)]
mod tests {
    use super::{REACH, SEED, SEGMENTS, SIDE, distance_squared, draw, generate};
    use crate::data::PIXELS;

    #[test]
    fn an_image_depends_on_seed_and_number_alone() {
        let all = generate(SEED, 0..40);
        let part = generate(SEED, 20..40);
        assert_eq!(&all.pixels()[20 * PIXELS..], part.pixels());
        assert_ne!(all, generate(SEED + 1, 0..40));
    }

    #[test]
    fn the_mean_is_that_of_the_data_set() {
        let images = generate(SEED, 0..5000);
        let pixels = images.pixels();
        assert!(pixels.iter().all(|p| (0.0..=1.0).contains(p)));
        let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64;
        // Of the 20,000 training images it is 0.0598.
        assert!((mean - 0.0598).abs() < 0.001, "{mean}");
    }

    #[test]
    fn the_curve_passes_through_its_points() {
        let points = [(4.0, 5.0), (20.0, 9.0), (8.0, 23.0)];
        let mut image = vec![0.0; PIXELS];
        draw(points, &mut image);
        for (x, y) in points {
            assert_eq!(image[y as usize * SIDE + x as usize], 1.0, "{x} {y}");
        }
    }

    #[test]
    fn skipping_far_pixels_changes_nothing() {
        // A curve that leaves the image at two sides.
        let (p0, p1, p2) = ((3.0, 24.0), (24.0, 14.0), (5.0, 3.5));
        let mut image = vec![0.0; PIXELS];
        draw([p0, p1, p2], &mut image);
        let at = |t: f32| {
            let mix = |a: f32, b: f32, c: f32| {
                let control = 2.0 * b - (a + c) / 2.0;
                (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * control + t * t * c
            };
            (mix(p0.0, p1.0, p2.0), mix(p0.1, p1.1, p2.1))
        };
        for (i, &pixel) in image.iter().enumerate() {
            let p = ((i % SIDE) as f32, (i / SIDE) as f32);
            let nearest = (0..SEGMENTS)
                .map(|s| (s as f32 / 64.0, (s + 1) as f32 / 64.0))
                .map(|(s, t)| distance_squared(p, at(s), at(t)))
                .fold(f32::INFINITY, f32::min);
            let expected = (REACH - nearest.sqrt()).clamp(0.0, 1.0);
            assert!((pixel - expected).abs() < 1e-4, "pixel {i}");
        }
    }
}
