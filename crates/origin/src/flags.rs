//! The flags of twenty of the most populous countries, drawn rather than stored.
//!
//! A demo of downloading many files needs small images that differ and are easily recognised. They
//! are drawn so that the repository contains no binary files. Each function below describes its
//! flag in the units of the flag's construction sheet, where there is a simple one. The eagles are
//! simplified.

mod canvas;

use canvas::{Canvas, around, bearing, place, polar, within};

const BLACK: u32 = 0x00_00_00;
const WHITE: u32 = 0xFF_FF_FF;

/// The ISO 3166 codes of the countries with a flag here.
pub const CODES: [&str; 20] = [
    "cn", "in", "us", "id", "br", "pk", "ng", "bd", "ru", "jp", "mx", "ph", "vn", "et", "eg", "de",
    "ir", "tr", "cd", "fr",
];

/// Returns the flag of the country with this lower-case code as a GIF image; `None` if the code is
/// not one of [`CODES`].
///
/// The same code always gives the same bytes.
#[must_use]
pub fn gif(code: &str) -> Option<Vec<u8>> {
    let canvas = match code {
        "cn" => china(),
        "in" => india(),
        "us" => united_states(),
        "id" => indonesia(),
        "br" => brazil(),
        "pk" => pakistan(),
        "ng" => nigeria(),
        "bd" => bangladesh(),
        "ru" => russia(),
        "jp" => japan(),
        "mx" => mexico(),
        "ph" => philippines(),
        "vn" => vietnam(),
        "et" => ethiopia(),
        "eg" => egypt(),
        "de" => germany(),
        "ir" => iran(),
        "tr" => turkey(),
        "cd" => congo(),
        "fr" => france(),
        _ => return None,
    };
    canvas.gif()
}

fn china() -> Canvas {
    let (red, yellow) = (0xEE_1C_25, 0xFF_FF_00);
    let mut flag = Canvas::new(30.0, 20.0, red);
    let great = (5.0, 5.0);
    flag.star(great, 3.0, 0.0, yellow);
    // Each small star has a point towards the middle of the great one.
    for small in [(10.0, 2.0), (12.0, 4.0), (12.0, 7.0), (10.0, 9.0)] {
        flag.star(small, 1.0, bearing(small, great), yellow);
    }
    flag
}

fn india() -> Canvas {
    let (saffron, green, navy) = (0xFF_67_1F, 0x04_6A_38, 0x06_03_8D);
    let mut flag = Canvas::rows(900.0, 600.0, &[(1.0, saffron), (1.0, WHITE), (1.0, green)]);
    let centre = flag.centre();
    flag.ring(centre, 80.0, 92.5, navy);
    flag.disc(centre, 16.0, navy);
    for spoke in 0..24 {
        let rim = polar(centre, f64::from(spoke) * 15.0, 85.0);
        flag.line(centre, rim, 5.5, navy);
    }
    flag
}

fn united_states() -> Canvas {
    let (red, blue) = (0xB3_19_42, 0x0A_31_61);
    // The unit is a stripe.
    let mut flag = Canvas::new(24.7, 13.0, WHITE);
    for stripe in 0..7 {
        flag.rect((0.0, f64::from(stripe) * 2.0), (24.7, 1.0), red);
    }
    let (width, height) = (9.88, 7.0);
    flag.rect((0.0, 0.0), (width, height), blue);
    // Rows of six and of five in turn: every second place of a grid of eleven by nine.
    for row in 1..=9 {
        for column in (1..=11).filter(|column| (row + column) % 2 == 0) {
            let x = f64::from(column) * width / 12.0;
            let y = f64::from(row) * height / 10.0;
            flag.star((x, y), 0.4, 0.0, WHITE);
        }
    }
    flag
}

fn indonesia() -> Canvas {
    Canvas::rows(3.0, 2.0, &[(1.0, 0xFF_00_00), (1.0, WHITE)])
}

fn brazil() -> Canvas {
    let (green, yellow, blue) = (0x00_97_39, 0xFE_DD_00, 0x01_21_69);
    let mut flag = Canvas::new(20.0, 14.0, green);
    flag.polygon(
        &[(1.7, 7.0), (10.0, 1.7), (18.3, 7.0), (10.0, 12.3)],
        yellow,
    );
    let (sky, radius) = (flag.centre(), 3.5);
    flag.disc(sky, radius, blue);
    // The band is part of a circle about a point on the lower edge; the motto is a row of dots.
    let below = (8.0, 14.0);
    flag.paint(around(sky, radius), WHITE, |p| {
        within(p, sky, radius) && within(p, below, 8.5) && !within(p, below, 8.0)
    });
    for letter in 0..15 {
        let place = polar(below, -7.0 + f64::from(letter) * 3.0, 8.25);
        flag.disc(place, 0.1, green);
    }
    for star in [
        (10.9, 5.1),
        (7.3, 7.6),
        (8.3, 8.0),
        (7.8, 8.6),
        (8.8, 9.2),
        (10.0, 8.0),
        (10.0, 9.3),
        (9.5, 8.6),
        (10.5, 8.7),
        (11.4, 8.2),
        (12.3, 8.5),
        (11.9, 9.2),
        (11.2, 9.6),
        (10.1, 10.1),
    ] {
        flag.star(star, 0.22, 0.0, WHITE);
    }
    flag
}

fn pakistan() -> Canvas {
    let green = 0x01_41_1C;
    let mut flag = Canvas::columns(180.0, 120.0, &[(1.0, WHITE), (3.0, green)]);
    // All of it lies along the diagonal of the green part, from its upper fly corner.
    let (corner, middle) = ((180.0, 0.0), (112.5, 60.0));
    let diagonal = bearing(corner, middle);
    flag.crescent((middle, 36.0), (polar(corner, diagonal, 78.0), 33.0), WHITE);
    flag.star(polar(corner, diagonal, 60.0), 12.0, diagonal + 180.0, WHITE);
    flag
}

fn nigeria() -> Canvas {
    let green = 0x00_87_53;
    Canvas::columns(2.0, 1.0, &[(1.0, green), (1.0, WHITE), (1.0, green)])
}

fn bangladesh() -> Canvas {
    let mut flag = Canvas::new(10.0, 6.0, 0x00_6A_4E);
    flag.disc((4.5, 3.0), 2.0, 0xF4_2A_41);
    flag
}

fn russia() -> Canvas {
    Canvas::rows(
        3.0,
        2.0,
        &[(1.0, WHITE), (1.0, 0x00_39_A6), (1.0, 0xD5_2B_1E)],
    )
}

fn japan() -> Canvas {
    let mut flag = Canvas::new(30.0, 20.0, WHITE);
    flag.disc(flag.centre(), 6.0, 0xBC_00_2D);
    flag
}

fn mexico() -> Canvas {
    let (green, red) = (0x00_68_47, 0xCE_11_26);
    let (brown, dark, leaf, gold) = (0x8C_5A_2B, 0x5A_36_18, 0x4A_8B_2C, 0xE0_A8_2E);
    let mut flag = Canvas::columns(140.0, 80.0, &[(1.0, green), (1.0, WHITE), (1.0, red)]);
    let centre = (70.0, 40.0);
    let at = |x, y| (centre.0 + x, centre.1 + y);

    // The wreath below, with its ribbon.
    flag.paint(around(centre, 18.0), leaf, |p| {
        p.1 > 43.0 && within(p, centre, 17.5) && !within(p, centre, 14.8)
    });
    for leaf_at in 0..13 {
        let tip = polar(centre, 105.0 + f64::from(leaf_at) * 12.5, 17.5);
        flag.disc(tip, 1.3, leaf);
    }
    flag.rect(at(-1.5, 14.0), (3.0, 4.5), red);
    // The cactus.
    for (x, y, radius) in [
        (0.0, 11.0, 3.0),
        (-5.0, 8.5, 2.4),
        (5.0, 8.5, 2.4),
        (-2.0, 8.0, 2.0),
    ] {
        flag.disc(at(x, y), radius, green);
    }
    // The eagle, from the beak over the head, the wing and the tail to the breast.
    let eagle = [
        (-9.0, -6.0),
        (-6.5, -10.0),
        (-2.5, -9.5),
        (-1.0, -6.5),
        (3.0, -14.0),
        (6.0, -16.0),
        (7.0, -13.0),
        (10.0, -14.0),
        (10.5, -10.5),
        (13.5, -10.5),
        (12.5, -7.0),
        (15.0, -5.5),
        (12.5, -3.0),
        (13.5, 0.0),
        (9.5, 1.0),
        (12.0, 7.5),
        (7.0, 6.0),
        (3.0, 5.5),
        (1.0, 8.0),
        (-4.0, 8.0),
        (-2.0, 5.0),
        (-5.0, 1.0),
        (-4.5, -4.0),
        (-7.0, -5.0),
    ];
    flag.polygon(&place(&eagle, centre), brown);
    for (from, to) in [
        ((1.0, -3.0), (7.0, -11.0)),
        ((2.5, -1.5), (10.0, -8.5)),
        ((3.5, 0.0), (11.5, -4.5)),
    ] {
        flag.line(at(from.0, from.1), at(to.0, to.1), 0.9, dark);
    }
    flag.polygon(
        &place(&[(-9.5, -5.5), (-6.0, -8.0), (-5.5, -5.5)], centre),
        gold,
    );
    // The snake in its beak.
    let snake = [
        (-8.0, -4.5),
        (-12.0, -4.0),
        (-12.5, -0.5),
        (-8.5, 0.5),
        (-8.5, 3.5),
        (-12.0, 5.0),
    ];
    flag.path(&place(&snake, centre), 1.3, leaf);
    flag
}

fn philippines() -> Canvas {
    let (blue, red, yellow) = (0x00_38_A8, 0xCE_11_26, 0xFC_D1_15);
    let mut flag = Canvas::rows(180.0, 90.0, &[(1.0, blue), (1.0, red)]);
    let apex = (90.0 * 0.75_f64.sqrt(), 45.0);
    let corners = [(0.0, 0.0), apex, (0.0, 90.0)];
    flag.polygon(&corners, WHITE);
    let sun = (apex.0 / 3.0, 45.0);
    for corner in corners {
        flag.star(
            polar(corner, bearing(corner, sun), 11.0),
            5.0,
            bearing(sun, corner),
            yellow,
        );
    }
    flag.disc(sun, 9.0, yellow);
    // Eight rays of three beams each.
    for ray in 0..8 {
        let along = f64::from(ray) * 45.0;
        for (aside, length, breadth) in [(0.0, 19.0, 2.6), (-11.0, 16.0, 1.6), (11.0, 16.0, 1.6)] {
            flag.line(sun, polar(sun, along + aside, length), breadth, yellow);
        }
    }
    flag
}

fn vietnam() -> Canvas {
    let mut flag = Canvas::new(30.0, 20.0, 0xDA_25_1D);
    flag.star(flag.centre(), 6.0, 0.0, 0xFF_FF_00);
    flag
}

fn ethiopia() -> Canvas {
    let (green, yellow, red, blue) = (0x07_89_30, 0xFC_DD_09, 0xDA_12_1A, 0x0F_47_AF);
    let mut flag = Canvas::rows(24.0, 12.0, &[(1.0, green), (1.0, yellow), (1.0, red)]);
    let centre = flag.centre();
    flag.disc(centre, 4.0, blue);
    for point in 0..5 {
        let along = f64::from(point) * 72.0;
        flag.line(
            polar(centre, along, 3.2),
            polar(centre, along + 144.0, 3.2),
            0.34,
            yellow,
        );
        // A ray leaves each of the star's inner corners.
        flag.line(
            polar(centre, along + 36.0, 1.6),
            polar(centre, along + 36.0, 3.0),
            0.3,
            yellow,
        );
    }
    flag
}

fn egypt() -> Canvas {
    let (red, gold) = (0xCE_11_26, 0xC0_93_00);
    let mut flag = Canvas::rows(120.0, 80.0, &[(1.0, red), (1.0, WHITE), (1.0, BLACK)]);
    let centre = flag.centre();
    // Half of the eagle, from the neck over the wing to the tail.
    let half = [
        (0.0, -7.0),
        (2.0, -6.5),
        (4.0, -10.5),
        (7.0, -12.0),
        (10.0, -10.5),
        (10.5, -4.0),
        (9.5, 2.0),
        (8.0, 7.5),
        (6.8, 4.5),
        (5.6, 8.0),
        (4.4, 5.0),
        (3.0, 9.0),
        (0.0, 9.0),
    ];
    for side in [-1.0, 1.0] {
        flag.polygon(&place(&half.map(|(x, y)| (side * x, y)), centre), gold);
    }
    // The head, which looks towards the hoist.
    flag.polygon(
        &place(
            &[
                (2.2, -6.0),
                (1.6, -11.0),
                (0.0, -12.3),
                (-1.8, -11.5),
                (-3.6, -9.4),
                (-1.6, -9.4),
                (-2.2, -6.0),
            ],
            centre,
        ),
        gold,
    );
    // The shield, and the scroll in its claws.
    for (left, colour) in [(-3.0, red), (-1.0, WHITE), (1.0, BLACK)] {
        flag.rect((centre.0 + left, centre.1 - 5.0), (2.0, 8.0), colour);
    }
    flag.rect((centre.0 - 6.5, centre.1 + 8.5), (13.0, 3.0), gold);
    flag
}

fn germany() -> Canvas {
    Canvas::rows(
        5.0,
        3.0,
        &[(1.0, BLACK), (1.0, 0xDD_00_00), (1.0, 0xFF_CC_00)],
    )
}

fn iran() -> Canvas {
    let (green, red) = (0x23_9F_40, 0xDA_00_00);
    let mut flag = Canvas::rows(147.0, 84.0, &[(1.0, green), (1.0, WHITE), (1.0, red)]);
    // The writing along the edges: eleven times one phrase, which the lower edge mirrors. The unit
    // is a pixel, for strokes this fine would blur.
    let strokes = [
        ((0.0, 0.0), (1.0, 4.0)),
        ((2.0, 0.0), (1.0, 4.0)),
        ((4.0, 0.0), (4.0, 1.0)),
        ((4.0, 0.0), (1.0, 4.0)),
        ((6.0, 2.0), (2.0, 1.0)),
        ((7.0, 0.0), (1.0, 4.0)),
        ((9.0, 0.0), (1.0, 4.0)),
        ((11.0, 1.0), (1.0, 3.0)),
    ];
    for phrase in 0..11 {
        let left = 3.0 + f64::from(phrase) * 13.0;
        for ((x, y), (width, height)) in strokes {
            flag.rect((left + x, 24.0 + y), (width, height), WHITE);
            flag.rect((left + x, 60.0 - y - height), (width, height), WHITE);
        }
    }
    // The emblem: a sword between two pairs of crescents.
    let (x, y) = (73.5, 42.0);
    for side in [-1.0, 1.0] {
        let at = |dx: f64, dy| (x + side * dx, y + dy);
        flag.crescent((at(1.0, 0.5), 9.5), (at(-0.7, -1.0), 8.8), red);
        flag.crescent((at(1.0, -0.3), 6.4), (at(-0.5, -1.5), 5.8), red);
        flag.line((x, y - 9.0), at(2.2, -10.6), 1.0, red);
    }
    flag.polygon(
        &[
            (x - 1.0, y - 8.0),
            (x + 1.0, y - 8.0),
            (x + 1.0, y + 9.0),
            (x, y + 11.5),
            (x - 1.0, y + 9.0),
        ],
        red,
    );
    flag
}

fn turkey() -> Canvas {
    let mut flag = Canvas::new(1.5, 1.0, 0xE3_0A_17);
    flag.crescent(((0.5, 0.5), 0.25), ((0.5625, 0.5), 0.2), WHITE);
    flag.star((0.8208, 0.5), 0.125, -90.0, WHITE);
    flag
}

fn congo() -> Canvas {
    let (blue, red, yellow) = (0x00_7F_FF, 0xCE_10_21, 0xF7_D6_18);
    let mut flag = Canvas::new(800.0, 600.0, blue);
    flag.star((146.0, 146.0), 110.0, 0.0, yellow);
    // From the lower hoist corner to the upper fly one, yellow and then red within it.
    for (edge, rise, colour) in [(50.0, 150.0, yellow), (20.0, 132.0, red)] {
        let half = [
            (400.0 - edge, -300.0),
            (-400.0, 300.0 - rise),
            (-400.0, 300.0),
        ];
        let other = half.map(|(x, y)| (-x, -y));
        flag.polygon(&place(&[half, other].concat(), (400.0, 300.0)), colour);
    }
    flag
}

fn france() -> Canvas {
    Canvas::columns(
        3.0,
        2.0,
        &[(1.0, 0x00_00_91), (1.0, WHITE), (1.0, 0xE1_00_0F)],
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gif::{ColorOutput, DecodeOptions};

    use super::canvas::HEIGHT;
    use super::*;

    /// A decoded image: its width, and its pixels row by row.
    struct Image {
        width: usize,
        pixels: Vec<[u8; 3]>,
    }

    impl Image {
        /// Returns the colour (`0xRRGGBB`) at these percentages of the width and of the height.
        fn at(&self, across: usize, down: usize) -> u32 {
            let row = HEIGHT * down / 100 * self.width;
            let [r, g, b] = self.pixels[row + self.width * across / 100];
            u32::from_be_bytes([0, r, g, b])
        }
    }

    fn decode(code: &str) -> Image {
        let mut options = DecodeOptions::new();
        options.set_color_output(ColorOutput::RGBA);
        let bytes = gif(code).unwrap_or_default();
        let mut decoder = options
            .read_info(&bytes[..])
            .unwrap_or_else(|e| panic!("{code}: {e}"));
        let frame = match decoder.read_next_frame() {
            Ok(Some(frame)) => frame.clone(),
            other => panic!("{code}: {other:?}"),
        };
        let width = usize::from(frame.width);
        assert_eq!(
            (width, HEIGHT),
            (decoder.width().into(), decoder.height().into()),
            "{code}"
        );
        assert_eq!(frame.buffer.len(), width * HEIGHT * 4, "{code}");
        assert!(
            matches!(decoder.read_next_frame(), Ok(None)),
            "{code}: more than one frame"
        );
        let pixels = frame
            .buffer
            .chunks_exact(4)
            .map(|p| [p[0], p[1], p[2]])
            .collect();
        Image { width, pixels }
    }

    #[test]
    fn every_code_gives_a_gif_of_its_own() {
        let mut seen = BTreeSet::new();
        for code in CODES {
            let bytes = gif(code).unwrap_or_default();
            assert!(bytes.starts_with(b"GIF89a"), "{code}");
            assert_eq!(bytes.last(), Some(&b';'), "{code}: no trailer");
            assert_eq!(
                gif(code).as_ref(),
                Some(&bytes),
                "{code}: not the same twice"
            );
            assert!(seen.insert(bytes), "{code}: another country's");
        }
    }

    #[test]
    fn the_width_follows_the_ratio_of_the_flag() {
        let widths = CODES.map(|code| decode(code).width);
        let expected = [
            126, 126, 160, 126, 120, 126, 168, 140, 126, 126, 147, 168, 126, 168, 126, 140, 147,
            126, 112, 126,
        ];
        assert_eq!(widths, expected);
    }

    #[test]
    fn other_codes_have_no_flag() {
        for code in ["", "c", "CN", "gb", "cn ", "china", "../cn"] {
            assert_eq!(gif(code), None, "{code:?}");
        }
    }

    #[test]
    fn colours_are_where_they_belong() {
        for (code, x, y, colour) in [
            ("jp", 50, 50, 0xBC_00_2D),
            ("jp", 5, 50, WHITE),
            ("fr", 10, 50, 0x00_00_91),
            ("fr", 50, 50, WHITE),
            ("fr", 99, 50, 0xE1_00_0F),
            ("de", 50, 10, BLACK),
            ("de", 50, 50, 0xDD_00_00),
            ("de", 50, 99, 0xFF_CC_00),
            ("id", 50, 49, 0xFF_00_00),
            ("id", 50, 50, WHITE),
            ("bd", 45, 50, 0xF4_2A_41),
            ("bd", 70, 50, 0x00_6A_4E),
            ("cn", 16, 25, 0xFF_FF_00),
            ("cn", 80, 80, 0xEE_1C_25),
            ("us", 99, 0, 0xB3_19_42),
            ("us", 0, 0, 0x0A_31_61),
            ("pk", 10, 50, WHITE),
            ("tr", 20, 50, WHITE),
            ("tr", 40, 50, 0xE3_0A_17),
            ("cd", 50, 50, 0xCE_10_21),
            ("cd", 99, 0, 0xCE_10_21),
        ] {
            let found = decode(code).at(x, y);
            assert_eq!(found, colour, "{code} at {x} %, {y} %: {found:06X}");
        }
    }

    #[test]
    fn a_bearing_is_the_direction_of_its_point() {
        let centre = (5.0, 5.0);
        for degrees in [0.0, 45.0, 90.0, -120.0] {
            let tip = polar(centre, degrees, 3.0);
            let turned = (bearing(centre, tip) - degrees).abs();
            assert!(turned < 1e-9, "{degrees}: {turned}");
        }
    }
}
