//! Formats numbers and names for people.

use std::io;
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns the message of an I/O error, without Rust's `(os error 28)`.
pub(crate) fn io(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// Formats a number of bytes: `712 B`, `14.2 KiB`, `1.5 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut units = UNITS.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    // A value that would be rounded to 1024.0 belongs to the next unit.
    while value >= 1023.95 {
        let Some(next) = units.next() else { break };
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// Formats a rate, from a number of bytes and the time they took: `19.2 KiB/s`. A time of zero
/// gives `0 B/s`.
pub(crate) fn rate(count: u64, time: Duration) -> String {
    let seconds = time.as_secs_f64();
    let per_second = if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates, and a rate is not negative"
    )]
    let whole = per_second as u64;
    format!("{}/s", bytes(whole))
}

/// Formats a duration: `0.74 s`, `12.3 s`, `2 min 5 s`, `1 h 4 min`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.2} s", time.as_secs_f64()),
        10..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// Formats a duration as on a clock, in whole seconds: `0:05`, `12:34`, `1:02:03`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// Formats the time that is left, in whole seconds: `<1 s`, `0:05`, `12:34`.
pub(crate) fn time_left(time: Duration) -> String {
    if time.as_secs() == 0 {
        "<1 s".to_owned()
    } else {
        clock(time)
    }
}

/// Returns the number of columns that a text takes on a terminal: CJK characters take two.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Pads the text with spaces on the right to this many columns; a wider text stays as it is.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{:missing$}", "")
}

/// Cuts the text to at most this many columns; `…` stands for what was cut off.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut fitting = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > columns {
            break;
        }
        fitting.push(character);
    }
    // Some characters are wider together, such as a symbol with a variation selector for emoji.
    while width(&fitting) + 1 > columns && fitting.pop().is_some() {}
    if columns > 0 {
        fitting.push('…');
    }
    fitting
}

/// Cuts the text to at most this many columns, and keeps its end, which tells one URL from another;
/// `…` stands for what was cut off.
pub(crate) fn fit_end(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut start = text.len();
    let mut used = 1;
    for (at, character) in text.char_indices().rev() {
        used += character.width().unwrap_or(0);
        if used > columns {
            break;
        }
        start = at;
    }
    // Some characters are wider together, as in `fit`.
    let mut end = text[start..].chars();
    loop {
        let fitting = format!("…{}", end.as_str());
        if width(&fitting) <= columns {
            return fitting;
        }
        if end.next().is_none() {
            return String::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_three_or_four_figures() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (14_541, "14.2 KiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(rate(2048, Duration::from_millis(500)), "4.0 KiB/s");
        assert_eq!(rate(2048, Duration::ZERO), "0 B/s");
    }

    #[test]
    fn times_are_as_exact_as_they_are_short() {
        for (millis, text, on_clock) in [
            (740, "0.74 s", "0:00"),
            (12_340, "12.3 s", "0:12"),
            (125_000, "2 min 5 s", "2:05"),
            (3_843_000, "1 h 4 min", "1:04:03"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
            assert_eq!(clock(Duration::from_millis(millis)), on_clock);
        }
    }

    #[test]
    fn texts_are_cut_by_columns() {
        assert_eq!(fit("flag.gif", 8), "flag.gif");
        assert_eq!(fit("flag.gif", 7), "flag.g…");
        assert_eq!(fit("旗旗旗", 5), "旗旗…");
        assert_eq!(fit("旗旗旗", 4), "旗…");
        assert_eq!(fit("🕯\u{fe0f}AaaA", 4), "🕯\u{fe0f}A…");
        assert_eq!(fit("🕯\u{fe0f}AaaA", 3), "🕯\u{fe0f}…");
        assert_eq!(pad("旗", 4), "旗  ");
        assert_eq!(pad("flag", 2), "flag");
    }

    #[test]
    fn the_end_of_a_text_is_kept() {
        assert_eq!(fit_end("flag.gif", 8), "flag.gif");
        assert_eq!(fit_end("flag.gif", 7), "…ag.gif");
        assert_eq!(fit_end("旗旗旗", 5), "…旗旗");
        assert_eq!(fit_end("旗旗旗", 4), "…旗");
        assert_eq!(fit_end("Aaa🕯\u{fe0f}", 3), "…🕯\u{fe0f}");
        assert_eq!(fit_end("flag.gif", 1), "…");
        assert_eq!(fit_end("flag.gif", 0), "");
    }

    proptest! {
        #[test]
        fn nothing_is_ever_wider_than_it_may_be(text in ".*", columns in 0_usize..40) {
            let text = super::super::escape::printable(&text).into_owned();
            prop_assert!(width(&fit(&text, columns)) <= columns);
            prop_assert!(width(&fit_end(&text, columns)) <= columns);
        }
    }
}
