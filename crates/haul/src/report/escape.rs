//! Makes text from servers and lists harmless: characters that move the cursor, change the
//! direction of text or are invisible are shown as their codes.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns the text with each [hazard](is_hazard) replaced by its code, such as `\u{202e}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    replace(text, |character, out| {
        // Writing to memory does not fail.
        let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
    })
}

/// Escapes [hazards](is_hazard) in text that is JSON already, as `\u202e` (RFC 8259 §7). This
/// stands for the character itself, so that a parser reads the same value. Outside of strings, JSON
/// has no such characters except newlines, and the text must not contain these.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    replace(text, |character, out| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn replace(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let Some(first) = text.find(is_hazard) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for character in text[first..].chars() {
        if is_hazard(character) {
            escape(character, &mut out);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Returns whether a character can move the cursor, change the direction of text, or hide: control
/// characters (C0, DEL, C1), line separators, and what Unicode calls bidirectional controls, format
/// characters and default ignorables, as far as they are invisible. (Variation selectors of the
/// first block are not hazards: they choose how the character before them looks.)
pub(crate) fn is_hazard(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        u32::from(character),
        0x80..=0x9f
            | 0xad
            | 0x34f
            | 0x61c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x2028..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfeff
            | 0xffa0
            | 0xfff0..=0xfffb
            | 0x1_bca0..=0x1_bca3
            | 0x1_d173..=0x1_d17a
            | 0xe_0000..=0xe_0fff
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        for (text, shown) in [
            ("plain.gif", "plain.gif"),
            ("Grüße, 旗 🏳\u{fe0f}", "Grüße, 旗 🏳\u{fe0f}"),
            ("a\u{1b}[2Jb", "a\\u{1b}[2Jb"),
            ("a\nb\r\tc", "a\\u{a}b\\u{d}\\u{9}c"),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{e0041}", "a\\u{e0041}"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert!(matches!(printable("plain"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn none_ever_remains(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(is_hazard));
        }

        #[test]
        fn json_stays_the_same_value(text in any::<String>(), hazard in any::<char>()) {
            let value = format!("{text}{hazard}\u{202e}\u{e0041}\u{85}\u{7f}");
            let encoded = serde_json::to_string(&value).unwrap();
            let escaped = json(&encoded);
            prop_assert!(!escaped.contains(is_hazard));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), value);
        }
    }
}
