//! The name that a server proposes for a file: Content-Disposition (RFC 6266).

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Returns the file name in a Content-Disposition, of any disposition type; `None` if there is
/// none. It is only a proposal, and may be any text.
///
/// `filename*` (RFC 8187) has precedence over `filename`. A value that cannot be read is ignored,
/// and the first of several counts. Readers of the field have always been lenient (RFC 6266 §4.3
/// and appendix D), and so is this one: a value with spaces need not be quoted, a quote need not be
/// closed, and bytes outside ASCII are read as UTF-8, or else as ISO-8859-1.
pub(crate) fn file_name(field: &[u8]) -> Option<String> {
    let mut plain = None;
    for (name, value) in Parameters(field) {
        if name.eq_ignore_ascii_case(b"filename*") {
            if let Some(text) = extended(value) {
                return Some(text);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = Some(unquoted(value)).filter(|text| !text.is_empty());
        }
    }
    plain
}

/// The parameters of a field: names and values as written, without white space around them. Text
/// without `=` is not a parameter, such as the disposition type.
struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            let parameter = &self.0[..length_of_parameter(self.0)];
            self.0 = self.0.get(parameter.len() + 1..).unwrap_or_default();
            if let Some(equals) = parameter.iter().position(|byte| *byte == b'=') {
                let (name, value) = (&parameter[..equals], &parameter[equals + 1..]);
                return Some((name.trim_ascii(), value.trim_ascii()));
            }
        }
        None
    }
}

/// Returns how many bytes precede the next semicolon that is not in quotes.
fn length_of_parameter(field: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    let ends = |byte: &u8| {
        let ends = *byte == b';' && !quoted;
        quoted ^= *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && quoted && !escaped;
        ends
    };
    field.iter().position(ends).unwrap_or(field.len())
}

/// Returns the text of a token or a quoted string (RFC 9110 §5.6.4).
fn unquoted(value: &[u8]) -> String {
    let Some(quoted) = value.strip_prefix(b"\"") else {
        return text(value);
    };
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => break,
            b'\\' => bytes.extend(rest.next()),
            _ => bytes.push(*byte),
        }
    }
    text(&bytes)
}

/// Returns the text of an extended value, `charset'language'percent-encoded` (RFC 8187 §3.2).
/// Returns `None` if it is malformed or empty, if its charset is neither UTF-8 nor ISO-8859-1, or
/// if its bytes are invalid in that charset.
fn extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let is_encoded = |at: usize| {
        encoded
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let percents = encoded
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%');
    if !percents.map(|(at, _)| at).all(is_encoded) {
        return None;
    }
    let bytes: Cow<'_, [u8]> = percent_decode(encoded).into();
    let text = if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes.into_owned()).ok()?
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        latin1(&bytes)
    } else {
        return None;
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Decodes bytes as UTF-8 if they are valid, else as ISO-8859-1, in which any bytes are.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(bytes),
    }
}

/// Decodes bytes as ISO-8859-1, whose codes are the first of Unicode's.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::accepted::Accepted;
    use crate::plan::component::tests::{assert_plain, assert_safe_path, awkward};
    use crate::plan::name::{RelativeName, TargetName};

    const GIVEN: &str = "http://host.example/a";

    fn read(field: &str) -> Option<String> {
        file_name(field.as_bytes())
    }

    #[test]
    fn a_name_is_read_as_servers_write_it() {
        for (field, name) in [
            ("attachment; filename=a.txt", "a.txt"),
            (
                "attachment; filename=\"a b;c=d.txt\"; size=3",
                "a b;c=d.txt",
            ),
            ("inline;FileName = a.txt ;x", "a.txt"),
            (
                "attachment; filename=\"a \\\"b\\\" \\\\c.txt\"",
                "a \"b\" \\c.txt",
            ),
            ("attachment; filename=a b.txt", "a b.txt"),
            ("attachment; filename=\"not closed", "not closed"),
            ("attachment; filename=\"a.txt\"rest; filename=b", "a.txt"),
            ("attachment; filename=ä.txt", "ä.txt"),
            ("attachment; filename=\"a%20b.txt\"", "a%20b.txt"),
            ("attachment; filename=; filename=\"\"; filename=b", "b"),
            ("attachment; xfilename=a; filename=b; filename=c", "b"),
            (";;; filename=a;;", "a"),
            ("filename=a.txt", "a.txt"),
            ("attachment; filename=../../etc/passwd", "../../etc/passwd"),
        ] {
            assert_eq!(read(field).as_deref(), Some(name), "{field}");
        }
        let latin = file_name(b"attachment; filename=\"caf\xE9.txt\"");
        assert_eq!(latin.as_deref(), Some("café.txt"));
    }

    #[test]
    fn an_extended_name_wins_where_it_can_be_read() {
        for (field, name) in [
            (
                "attachment; filename=a; filename*=UTF-8''%e2%82%ac%20b.txt",
                "€ b.txt",
            ),
            ("attachment; filename*=utf-8'en'%C3%A4; filename=a", "ä"),
            ("attachment; FILENAME*=iso-8859-1'de'%E4'b", "ä'b"),
            ("attachment; filename*=UTF-8''a b.txt", "a b.txt"),
            (
                "attachment; filename*=UTF-8''%e2%82; filename*=UTF-8''b",
                "b",
            ),
            ("attachment; filename*=UTF-8''%e2%82; filename=a", "a"),
            ("attachment; filename*=UTF-8''%4; filename=a", "a"),
            ("attachment; filename*=UTF-8''%zz; filename=a", "a"),
            ("attachment; filename*=UTF-8''; filename=a", "a"),
            ("attachment; filename*=UTF-8'b; filename=a", "a"),
            ("attachment; filename*=b; filename=a", "a"),
            ("attachment; filename*=\"UTF-8''b\"; filename=a", "a"),
            ("attachment; filename*=UTF-16''b; filename=a", "a"),
            ("attachment; filename*0=a; filename*1=b; filename=c", "c"),
        ] {
            assert_eq!(read(field).as_deref(), Some(name), "{field}");
        }
    }

    #[test]
    fn without_a_name_there_is_none() {
        for field in [
            "",
            "attachment",
            "inline; size=3",
            "attachment; filename",
            "attachment; filename=",
            "=",
            ";",
            "\"; filename=a",
        ] {
            assert_eq!(read(field), None, "{field}");
        }
    }

    fn named(beside: &str, proposed: &str) -> Option<String> {
        let target = TargetName::portable(&RelativeName::from_user(beside).unwrap(), GIVEN);
        let name = target.named_by_server(proposed, GIVEN, &Accepted::nothing)?;
        // The tag of GIVEN.
        Some(name.as_str().replace("~b33d24b1", "~"))
    }

    #[test]
    fn a_proposal_becomes_one_plain_name_in_the_same_folder() {
        for (proposed, name) in [
            ("b.txt", Some("b.txt")),
            ("../../etc/passwd", Some("passwd")),
            ("/etc/.haul", Some("_haul~")),
            ("C:\\windows\\b.txt", Some("b.txt")),
            ("C:b.txt", Some("C_b~.txt")),
            ("d/nul.txt", Some("_nul~.txt")),
            ("gpj\u{202e}.exe", Some("gpj~.exe")),
            ("a\0b.txt", Some("a_b~.txt")),
            (".bashrc", Some(".bashrc")),
            ("", None),
            ("d/", None),
            ("..", None),
            ("d\\..", None),
            (" . \u{feff}\n", None),
        ] {
            assert_eq!(named("a", proposed).as_deref(), name, "{proposed:?}");
            let below = name.map(|name| format!("x/y/{name}"));
            assert_eq!(named("x/y/a", proposed), below, "{proposed:?}");
        }
        let long = named("a", &format!("{}.jpeg", "ä".repeat(40_000))).unwrap();
        assert_eq!(long, format!("{}~.jpeg", "ä".repeat(120)));
    }

    proptest! {
        #[test]
        fn any_field_proposes_nothing_or_one_plain_component(
            bytes in awkward(),
            before in "(attachment; |;|)(filename|FILENAME\\*|filename\\*|x)[ =]{0,2}(\"|utf-8''|iso-8859-1'')?",
            after in "[\";\\\\]{0,3}(filename=b)?",
        ) {
            for field in [bytes.clone(), [before.as_bytes(), &bytes, after.as_bytes()].concat()] {
                let proposed = file_name(&field);
                prop_assert_eq!(&file_name(&field), &proposed);
                let Some(proposed) = proposed else { continue };
                let target = TargetName::portable(&RelativeName::from_user("a").unwrap(), GIVEN);
                let name = target.named_by_server(&proposed, GIVEN, &Accepted::nothing);
                prop_assert_eq!(&target.named_by_server(&proposed, GIVEN, &Accepted::nothing), &name);
                let Some(name) = name else { continue };
                assert_plain(name.as_str());
                assert_safe_path(name.as_str());
                // A name that is safe stays as it is.
                prop_assert_eq!(&target.named_by_server(name.as_str(), "other", &Accepted::nothing), &Some(name));
            }
        }
    }
}
