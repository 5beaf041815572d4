//! A small painter: shapes in a flag's own units, encoded as an indexed GIF.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gif::{Encoder, Frame};

/// The height of every image, in pixels; the width follows from the flag's ratio. A multiple of 12
/// gives sharp edges between three horizontal or vertical bands.
pub(super) const HEIGHT: usize = 84;

/// Each pixel is the mean of this many samples per side, which smooths the edges.
const SAMPLES: usize = 4;

/// A point on the flag, in the flag's units, y downwards.
pub(super) type Point = (f64, f64);

/// A colour as `0xRRGGBB`.
pub(super) type Colour = u32;

/// Returns the point at this distance from `centre` in the direction `degrees`, clockwise from
/// straight up.
pub(super) fn polar(centre: Point, degrees: f64, distance: f64) -> Point {
    let (sin, cos) = degrees.to_radians().sin_cos();
    (centre.0 + distance * sin, centre.1 - distance * cos)
}

/// Returns the direction from one point to another, in degrees, as [`polar`] takes it.
pub(super) fn bearing(from: Point, to: Point) -> f64 {
    (to.0 - from.0).atan2(from.1 - to.1).to_degrees()
}

/// Returns whether `point` is within `radius` of `centre`.
pub(super) fn within(point: Point, centre: Point, radius: f64) -> bool {
    (point.0 - centre.0).hypot(point.1 - centre.1) <= radius
}

/// Moves a figure that is given around the point (0, 0) to `centre`.
pub(super) fn place(figure: &[Point], centre: Point) -> Vec<Point> {
    figure
        .iter()
        .map(|&(x, y)| (centre.0 + x, centre.1 + y))
        .collect()
}

/// A flag being painted; later shapes cover earlier ones.
pub(super) struct Canvas {
    width: f64,
    height: f64,
    /// Samples per unit of the flag, across and down. They differ slightly, since the width is
    /// rounded to whole pixels.
    scale: (f64, f64),
    /// Samples in a row.
    columns: usize,
    samples: Vec<Colour>,
}

impl Canvas {
    /// Creates a field of one colour. `width` and `height` are in whatever unit suits the flag.
    pub(super) fn new(width: f64, height: f64, field: Colour) -> Self {
        let columns = whole(HEIGHT as f64 * width / height) * SAMPLES;
        Self {
            width,
            height,
            scale: (columns as f64 / width, (HEIGHT * SAMPLES) as f64 / height),
            columns,
            samples: vec![field; columns * HEIGHT * SAMPLES],
        }
    }

    /// Creates a flag of horizontal bands, from the top down, each with its share of the height.
    pub(super) fn rows(width: f64, height: f64, bands: &[(f64, Colour)]) -> Self {
        let mut canvas = Self::new(width, height, 0);
        let unit = height / bands.iter().map(|band| band.0).sum::<f64>();
        let mut top = 0.0;
        for &(share, colour) in bands {
            canvas.rect((0.0, top), (width, share * unit), colour);
            top += share * unit;
        }
        canvas
    }

    /// Creates a flag of vertical bands, from the hoist (left), each with its share of the width.
    pub(super) fn columns(width: f64, height: f64, bands: &[(f64, Colour)]) -> Self {
        let mut canvas = Self::new(width, height, 0);
        let unit = width / bands.iter().map(|band| band.0).sum::<f64>();
        let mut left = 0.0;
        for &(share, colour) in bands {
            canvas.rect((left, 0.0), (share * unit, height), colour);
            left += share * unit;
        }
        canvas
    }

    /// Returns the centre of the flag.
    pub(super) fn centre(&self) -> Point {
        (self.width / 2.0, self.height / 2.0)
    }

    /// Colours every sample between the corners `low` and `high` for which `inside` returns true.
    pub(super) fn paint(
        &mut self,
        (low, high): (Point, Point),
        colour: Colour,
        inside: impl Fn(Point) -> bool,
    ) {
        let rows = self.samples.chunks_exact_mut(self.columns);
        let (first, last) = (
            whole(low.1 * self.scale.1 - 1.0),
            whole(high.1 * self.scale.1 + 1.0),
        );
        let (left, right) = (
            whole(low.0 * self.scale.0 - 1.0),
            whole(high.0 * self.scale.0 + 1.0),
        );
        for (j, row) in rows.enumerate().take(last).skip(first) {
            for (i, sample) in row.iter_mut().enumerate().take(right).skip(left) {
                let middle = (
                    (i as f64 + 0.5) / self.scale.0,
                    (j as f64 + 0.5) / self.scale.1,
                );
                if inside(middle) {
                    *sample = colour;
                }
            }
        }
    }

    /// Paints a rectangle, given by its top left corner and its size.
    pub(super) fn rect(&mut self, (left, top): Point, (width, height): Point, colour: Colour) {
        let (right, bottom) = (left + width, top + height);
        self.paint(((left, top), (right, bottom)), colour, |(x, y)| {
            x >= left && x < right && y >= top && y < bottom
        });
    }

    /// Paints a filled circle.
    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.paint(around(centre, radius), colour, |p| {
            within(p, centre, radius)
        });
    }

    /// Paints the area between two circles with the same centre.
    pub(super) fn ring(&mut self, centre: Point, inner: f64, outer: f64, colour: Colour) {
        self.crescent((centre, outer), (centre, inner), colour);
    }

    /// Paints a disc, except where another one overlaps it. Each is given as a centre and a radius.
    pub(super) fn crescent(&mut self, disc: (Point, f64), bite: (Point, f64), colour: Colour) {
        self.paint(around(disc.0, disc.1), colour, |p| {
            within(p, disc.0, disc.1) && !within(p, bite.0, bite.1)
        });
    }

    /// Paints a filled polygon. If its outline crosses itself, all the area that it winds around is
    /// filled.
    pub(super) fn polygon(&mut self, corners: &[Point], colour: Colour) {
        let bounds = corners.iter().fold(
            ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN)),
            |(low, high), &(x, y)| ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y))),
        );
        self.paint(bounds, colour, |p| winding(corners, p) != 0);
    }

    /// Paints a straight line with square ends.
    pub(super) fn line(&mut self, from: Point, to: Point, thickness: f64, colour: Colour) {
        let (along, half) = (bearing(from, to), thickness / 2.0);
        let corner = |end, side| polar(end, along + side, half);
        let corners = [
            corner(from, -90.0),
            corner(to, -90.0),
            corner(to, 90.0),
            corner(from, 90.0),
        ];
        self.polygon(&corners, colour);
    }

    /// Paints lines from each point to the next, with round joints and ends.
    pub(super) fn path(&mut self, points: &[Point], thickness: f64, colour: Colour) {
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], thickness, colour);
        }
        for &point in points {
            self.disc(point, thickness / 2.0, colour);
        }
    }

    /// Paints a five-pointed star in a circle of `radius`, its first point in the direction
    /// `degrees`.
    pub(super) fn star(&mut self, centre: Point, radius: f64, degrees: f64, colour: Colour) {
        // Every second corner of a pentagon: the outline of a pentagram.
        let tips = [0.0, 144.0, 288.0, 72.0, 216.0];
        self.polygon(
            &tips.map(|tip| polar(centre, degrees + tip, radius)),
            colour,
        );
    }

    /// Encodes the flag as a GIF; `None` only if the encoder refuses it.
    pub(super) fn gif(&self) -> Option<Vec<u8>> {
        let pixels = self.pixels();
        let palette = palette(&pixels);
        // There are few distinct colours, so each is looked up in the palette once.
        let mut indices = BTreeMap::new();
        let buffer: Vec<u8> = pixels
            .iter()
            .map(|&pixel| {
                *indices
                    .entry(pixel)
                    .or_insert_with(|| nearest(&palette, pixel))
            })
            .collect();
        let height = u16::try_from(HEIGHT).ok()?;
        let width = u16::try_from(self.columns / SAMPLES).ok()?;
        let frame = Frame {
            width,
            height,
            buffer: Cow::Owned(buffer),
            ..Frame::default()
        };
        let mut encoder = Encoder::new(Vec::new(), width, height, palette.as_flattened()).ok()?;
        encoder.write_frame(&frame).ok()?;
        encoder.into_inner().ok()
    }

    /// Returns the pixels, row by row: each is the mean of its samples.
    fn pixels(&self) -> Vec<[u8; 3]> {
        let rows: Vec<&[Colour]> = self.samples.chunks_exact(self.columns).collect();
        let mut pixels = Vec::with_capacity(self.samples.len() / (SAMPLES * SAMPLES));
        for rows in rows.chunks_exact(SAMPLES) {
            for left in (0..self.columns).step_by(SAMPLES) {
                let mut sums = [0_usize; 3];
                for sample in rows.iter().flat_map(|row| &row[left..left + SAMPLES]) {
                    let [_, channels @ ..] = sample.to_be_bytes();
                    for (sum, channel) in sums.iter_mut().zip(channels) {
                        *sum += usize::from(channel);
                    }
                }
                pixels.push(
                    sums.map(|sum| u8::try_from(sum / (SAMPLES * SAMPLES)).unwrap_or(u8::MAX)),
                );
            }
        }
        pixels
    }
}

/// Returns the most used colours, as many as a GIF can hold. Only blends at edges are ever left
/// out.
fn palette(pixels: &[[u8; 3]]) -> Vec<[u8; 3]> {
    let mut uses = BTreeMap::new();
    for pixel in pixels {
        *uses.entry(*pixel).or_insert(0_usize) += 1;
    }
    let mut colours: Vec<_> = uses.into_iter().collect();
    colours.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    colours.truncate(256);
    colours.into_iter().map(|(colour, _)| colour).collect()
}

/// Returns the index of the colour in the palette that is closest to this one.
fn nearest(palette: &[[u8; 3]], pixel: [u8; 3]) -> u8 {
    let distance = |colour: &[u8; 3]| -> u32 {
        colour
            .iter()
            .zip(pixel)
            .map(|(&a, b)| u32::from(a.abs_diff(b)).pow(2))
            .sum()
    };
    (0..=u8::MAX)
        .zip(palette)
        .min_by_key(|(_, colour)| distance(colour))
        .map_or(0, |(index, _)| index)
}

/// Returns the top left and bottom right corners of the square around a circle.
pub(super) fn around((x, y): Point, radius: f64) -> (Point, Point) {
    ((x - radius, y - radius), (x + radius, y + radius))
}

/// Returns how many times the outline winds around the point; the sign gives the direction.
fn winding(corners: &[Point], (x, y): Point) -> i32 {
    let nexts = corners.iter().cycle().skip(1);
    corners.iter().zip(nexts).fold(0, |turns, (a, b)| {
        let left_of = (b.0 - a.0) * (y - a.1) - (x - a.0) * (b.1 - a.1);
        if a.1 <= y && b.1 > y && left_of > 0.0 {
            turns + 1
        } else if a.1 > y && b.1 <= y && left_of < 0.0 {
            turns - 1
        } else {
            turns
        }
    })
}

/// Rounds to the nearest whole number; below 0 gives 0.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast stops at the ends of the range, and 0 is the least sample there is"
)]
fn whole(number: f64) -> usize {
    number.round() as usize
}
