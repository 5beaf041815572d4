//! Prints what would be downloaded, or is to be downloaded again, as a list that `-i` reads.

use std::fmt::Write as _;

use haulage::{Outcome, Status};

use crate::report::escape::{is_hazard, printable};

/// Adds the line of a planned row to `out`: its URL, and its name if that is known. Adds nothing
/// for any other outcome.
pub(crate) fn write_line(outcome: &Outcome, out: &mut String) {
    if !matches!(outcome.status, Status::Planned) {
        return;
    }
    url(&outcome.url, out);
    if let Some(path) = &outcome.path {
        out.push_str("\tout=");
        out.push_str(&printable(path));
    }
    out.push('\n');
}

/// Adds the line that a list has for the item to `out`: its URL and its fields, separated by tabs.
pub(crate) fn list_line(outcome: &Outcome, out: &mut String) {
    url(&outcome.url, out);
    for field in outcome
        .fields()
        .into_iter()
        .flat_map(|fields| fields.split('\t'))
    {
        out.push('\t');
        out.push_str(&printable(field));
    }
    out.push('\n');
}

/// Adds a URL to `out` as it was given, but without characters that could harm a terminal or end
/// the line: they are left out or percent-encoded, as a parser of URLs does too (WHATWG URL, "basic
/// URL parser").
pub(crate) fn url(url: &str, out: &mut String) {
    for character in url.chars() {
        if matches!(character, '\t' | '\n' | '\r') {
            continue;
        }
        if is_hazard(character) {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to memory does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_url_is_harmless_and_means_the_same() {
        for (url, written) in [
            ("http://a/b?c#d", "http://a/b?c#d"),
            ("http://a/\tb\nc", "http://a/bc"),
            ("http://a/\u{1b}[2J", "http://a/%1B[2J"),
            ("http://a/ü\u{202e}", "http://a/ü%E2%80%AE"),
        ] {
            let mut out = String::new();
            super::url(url, &mut out);
            assert_eq!(out, written);
        }
    }
}
