//! Escapes text for troff: commands and non-ASCII characters are shown as they are.

use std::fmt::Write as _;

/// Returns a text as troff shows it, on one line, or on as many as it has.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            escaped.push('\n');
        }
        // At the beginning of a line these would make it a troff request.
        if line.starts_with(['.', '\'']) {
            escaped.push_str("\\&");
        }
        line.chars()
            .for_each(|character| put(character, &mut escaped));
    }
    escaped
}

fn put(character: char, out: &mut String) {
    match character {
        '\\' => out.push_str("\\e"),
        '-' => out.push_str("\\-"),
        '\'' => out.push_str("\\(aq"),
        '"' => out.push_str("\\(dq"),
        '^' => out.push_str("\\(ha"),
        '~' => out.push_str("\\(ti"),
        '`' => out.push_str("\\(ga"),
        '…' => out.push_str("..."),
        character if character.is_ascii() => out.push(character),
        character => {
            // Writing to memory does not fail.
            let _ = write!(out, "\\[u{:04X}]", u32::from(character));
        }
    }
}

/// Adds a paragraph.
pub(super) fn paragraph(page: &mut String, text: &str) {
    let _ = writeln!(page, ".PP\n{}", escaped(text));
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_is_a_request_or_an_escape() {
        assert_eq!(escaped(".haul 'x'\n'y"), "\\&.haul \\(aqx\\(aq\n\\&\\(aqy");
        assert_eq!(escaped("--a\\b~1…"), "\\-\\-a\\eb\\(ti1...");
        assert_eq!(escaped("→"), "\\[u2192]");
    }
}
