//! Text in a page: escaped, so that it is nothing but text. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use crate::report::escape::{json, printable};
use crate::report::format;

/// Returns a text for an element, or for an attribute in double quotes.
pub(super) fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in printable(text).chars() {
        push(character, &mut escaped);
    }
    escaped
}

/// Returns a text as [`text`] does, cut to about this many bytes. `…` stands for what was cut off.
pub(super) fn short_text(text: &str, most: usize) -> String {
    let mut escaped = String::new();
    for character in printable(text).chars() {
        if escaped.len() >= most {
            escaped.push('…');
            break;
        }
        push(character, &mut escaped);
    }
    escaped
}

fn push(character: char, escaped: &mut String) {
    match character {
        '&' => escaped.push_str("&amp;"),
        '<' => escaped.push_str("&lt;"),
        '>' => escaped.push_str("&gt;"),
        '"' => escaped.push_str("&quot;"),
        '\'' => escaped.push_str("&#39;"),
        other => escaped.push(other),
    }
}

/// Returns a text as a string in JSON that may stand in a `script` element: no end tag and no
/// comment can begin in it.
pub(super) fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let mut escaped = String::with_capacity(quoted.len());
    for character in json(&quoted).chars() {
        match character {
            // They stand in strings only.
            '<' | '>' | '&' => {
                // Writing to memory does not fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns a number with a comma before each three digits: `1,234,567`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Returns a time with its milliseconds, if it is less than a second: `0.12 ms`, `35 ms`, `1.20 s`.
pub(super) fn duration(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    match time.as_micros() {
        0 => "0 ms".to_owned(),
        1..10_000 => format!("{millis:.2} ms"),
        10_000..999_500 => format!("{millis:.0} ms"),
        _ => format::duration(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_text() {
        assert_eq!(
            text("<a href=\"x\" title='y'>&"),
            "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;"
        );
        assert_eq!(text("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(short_text("<<<<", 6), "&lt;&lt;…");
        assert_eq!(short_text("short", 5), "short");
    }

    #[test]
    fn json_ends_no_script() {
        let hostile = "</script><!--<script>]]>&\u{2028}\"\\\n\u{0}";
        let escaped = json_text(hostile);
        assert!(!escaped.contains(['<', '>', '&', '\u{2028}', '\n', '\u{0}']));
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
    }

    #[test]
    fn digits_stand_in_groups() {
        for (given, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(given), expected);
        }
    }

    #[test]
    fn short_times_have_milliseconds() {
        for (micros, shown) in [
            (0, "0 ms"),
            (120, "0.12 ms"),
            (9_994, "9.99 ms"),
            (10_000, "10 ms"),
            (999_499, "999 ms"),
            (999_500, "1.00 s"),
            (65_000_000, "1 min 5 s"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), shown);
        }
    }
}
