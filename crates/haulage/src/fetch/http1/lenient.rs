//! Parses heads that break the grammar of RFC 9112 in ways that browsers and curl accept. Pure.
//!
//! Each line is read by itself: a line that cannot be read is dropped, and the others count. The
//! exception is a line that may say where the body ends. If two readers understand it differently,
//! they see two different streams, which allows response smuggling (RFC 9112 §11.2). Such a line
//! must have one clear meaning, or the whole head is refused.

use http::{StatusCode, Version};

use crate::fetch::flood::MAX_HEAD_LINES;
use crate::plan::fields::{Fields, without_blanks};

/// The parts of a head that can be read.
#[derive(Debug)]
pub(crate) struct Lenient {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
    /// Bytes of the head, including the blank line that ends it.
    pub(crate) length: usize,
    /// Whether a field that says how the body ends was malformed.
    pub(crate) has_odd_framing: bool,
}

/// Reads a head from the beginning of `buffer`; `None` if it has not come to its end.
///
/// # Errors
/// Why it cannot be read, in words that fit after "the answer is not HTTP:".
pub(crate) fn read(buffer: &[u8]) -> Result<Option<Lenient>, &'static str> {
    let mut lines = Lines { rest: buffer };
    let first = loop {
        match lines.next().transpose()? {
            None => return Ok(None),
            Some([]) => {}
            Some(first) => break first,
        }
    };
    let (version, status) = status_line(first)?;
    let mut field_lines = FieldLines::default();
    // The continuations of folded lines count too; the blank line at the end does not.
    for _ in 0..=MAX_HEAD_LINES {
        match lines.next().transpose()? {
            None => return Ok(None),
            Some([]) => {
                let (fields, has_odd_framing) = field_lines.end()?;
                return Ok(Some(Lenient {
                    status,
                    version,
                    fields,
                    length: buffer.len() - lines.rest.len(),
                    has_odd_framing,
                }));
            }
            Some(line) => field_lines.add(line)?,
        }
    }
    Err("it has too many headers")
}

/// The lines of a head, without their line ends: LF, or CR LF (RFC 9112 §2.2).
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<&'a [u8], &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A parser that takes either for a line end sees other fields.
        Some(match memchr::memchr2(b'\r', 0, line) {
            None => Ok(line),
            Some(_) => Err("a line has a CR or a NUL in it"),
        })
    }
}

/// Parses a status line (RFC 9112 §4), but in whatever case its first word is, with more blanks,
/// and with anything but a digit after the three digits of the status. A later minor version is
/// read as the last one that is known (RFC 9110 §6.2).
fn status_line(line: &[u8]) -> Result<(Version, StatusCode), &'static str> {
    const PROTOCOL: &[u8] = b"HTTP/1.";
    let no_version = "it does not begin with a version of HTTP";
    let (protocol, rest) = line.split_at_checked(PROTOCOL.len()).ok_or(no_version)?;
    let version = match rest {
        _ if !protocol.eq_ignore_ascii_case(PROTOCOL) => return Err(no_version),
        [b'0', b' ' | b'\t', ..] => Version::HTTP_10,
        [b'1'..=b'9', b' ' | b'\t', ..] => Version::HTTP_11,
        _ => return Err(no_version),
    };
    let no_status = "its status cannot be read";
    let (digits, rest) = without_blanks(&rest[1..])
        .split_at_checked(3)
        .ok_or(no_status)?;
    let is_longer = rest.first().is_some_and(u8::is_ascii_digit);
    let status = StatusCode::from_bytes(digits).map_err(|_| no_status)?;
    (!is_longer).then_some((version, status)).ok_or(no_status)
}

/// The field lines between the status line and the end of the head.
#[derive(Default)]
struct FieldLines {
    fields: Fields,
    /// The last line, with the continuations read so far; `None` if there is none, or it was
    /// dropped.
    last: Option<Vec<u8>>,
    last_is_folded: bool,
    has_odd_framing: bool,
}

impl FieldLines {
    fn add(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let is_continuation = matches!(line, [b' ' | b'\t', ..]);
        match &mut self.last {
            // RFC 9112 §5.2: one or more spaces take the place of a fold.
            Some(last) if is_continuation => {
                last.push(b' ');
                last.extend_from_slice(without_blanks(line));
                self.last_is_folded = true;
                Ok(())
            }
            // RFC 9112 §2.2: such a line before the first field is consumed without further
            // processing.
            None if is_continuation => drop_line(line),
            _ => {
                self.read_last()?;
                self.last = Some(line.to_vec());
                Ok(())
            }
        }
    }

    fn end(mut self) -> Result<(Fields, bool), &'static str> {
        self.read_last()?;
        Ok((self.fields, self.has_odd_framing))
    }

    /// Reads the last line, which is whole.
    fn read_last(&mut self) -> Result<(), &'static str> {
        let is_folded = std::mem::take(&mut self.last_is_folded);
        let Some(line) = self.last.take() else {
            return Ok(());
        };
        let Some(colon) = memchr::memchr(b':', &line) else {
            return drop_line(&line);
        };
        let name = without_blanks(&line[..colon]);
        if !is_token(name) {
            return drop_line(&line);
        }
        let value = without_blanks(&line[colon + 1..]);
        if is_framing(name) {
            if value
                .iter()
                .any(|byte| byte.is_ascii_control() && *byte != b'\t')
            {
                return Err(UNCLEAR);
            }
            self.has_odd_framing |= is_folded || name.len() < colon;
        }
        self.fields.push(&name.to_ascii_lowercase(), value);
        Ok(())
    }
}

const UNCLEAR: &str = "a header that may say where the body ends cannot be read";

/// Leaves a line out that is no field, unless it may be meant to say where the body ends.
fn drop_line(line: &[u8]) -> Result<(), &'static str> {
    let letters = line.iter().filter(|byte| byte.is_ascii_alphabetic());
    let letters: Vec<_> = letters.map(u8::to_ascii_lowercase).collect();
    let has = |name: &[u8]| memchr::memmem::find(&letters, name).is_some();
    if has(b"transferencoding") || has(b"contentlength") {
        return Err(UNCLEAR);
    }
    Ok(())
}

/// Returns whether a field of this name says where the body ends (RFC 9112 §6).
fn is_framing(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"transfer-encoding") || name.eq_ignore_ascii_case(b"content-length")
}

/// Returns whether a name is a token (RFC 9110 §5.6.2).
fn is_token(name: &[u8]) -> bool {
    let is_mark = |byte: &u8| b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

#[cfg(test)]
mod tests {
    use http::header::{
        CONTENT_LENGTH, CONTENT_SECURITY_POLICY, ETAG, SERVER, TRANSFER_ENCODING, VIA,
    };

    use super::*;
    use crate::plan::fields::Value;

    fn whole(head: &str) -> Lenient {
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
        let lenient = read(head.as_bytes()).unwrap().unwrap();
        assert_eq!(lenient.length, head.len());
        lenient
    }

    fn values<'a>(lenient: &'a Lenient, name: &http::HeaderName) -> Vec<&'a str> {
        let values = lenient.fields.get_all(name);
        values
            .map(|Value(value)| std::str::from_utf8(value).unwrap())
            .collect()
    }

    #[test]
    fn folded_line_is_joined_with_spaces() {
        let head =
            "content-security-policy: a;\r\n\tb;  \r\n   c\r\nVia:\r\n d\nvia: e\n\t\r\n f\r\n";
        let lenient = whole(head);
        assert_eq!(values(&lenient, &CONTENT_SECURITY_POLICY), ["a; b; c"]);
        assert_eq!(values(&lenient, &VIA), ["d", "e  f"]);
        assert!(!lenient.has_odd_framing);
    }

    #[test]
    fn line_that_is_no_field_is_dropped_alone() {
        for odd in [
            "no colon\r\n",
            ": no name\r\n",
            "a b: c\r\n",
            "a\x01: c\r\n",
            "na\u{ef}ve: c\r\n",
            "(a): c\r\n",
            "a b: c\r\n folded\r\n",
            "nothing\r\n\tfolded: too\r\n",
            "=\r\n",
        ] {
            let lenient = whole(&format!("{odd}ETag: \"a\"\r\n{odd}Server: b\r\n{odd}"));
            assert_eq!(values(&lenient, &ETAG), ["\"a\""], "{odd:?}");
            assert_eq!(values(&lenient, &SERVER), ["b"], "{odd:?}");
        }
        let lenient = whole(" before: any\r\n\tfield\r\nServer: b\r\n");
        assert_eq!(values(&lenient, &SERVER), ["b"]);
    }

    #[test]
    fn control_characters_stay_in_their_value() {
        let lenient = whole("Server: a\x01\x0b\x1b[31m\x7f\r\nVia: b\r\n");
        assert_eq!(values(&lenient, &SERVER), ["a\x01\x0b\x1b[31m\x7f"]);
        assert_eq!(lenient.fields.get(SERVER).and_then(Value::to_str), None);
        assert_eq!(values(&lenient, &VIA), ["b"]);
    }

    #[test]
    fn blanks_before_the_colon_are_no_part_of_the_name() {
        let lenient = whole("ETag : \"a\"\r\nServer\t :b\r\n");
        assert_eq!(values(&lenient, &ETAG), ["\"a\""]);
        assert_eq!(values(&lenient, &SERVER), ["b"]);
        assert!(!lenient.has_odd_framing);
    }

    #[test]
    fn framing_is_read_as_it_is_meant_and_known_to_be_odd() {
        for (head, odd) in [
            ("Content-Length: 5\r\nX : y\r\n", false),
            ("Content-Length : 5\r\n", true),
            ("CONTENT-LENGTH\t:\t5\r\n", true),
            ("Content-Length:\r\n 5\r\n", true),
        ] {
            let lenient = whole(head);
            assert_eq!(values(&lenient, &CONTENT_LENGTH), ["5"], "{head:?}");
            assert_eq!(lenient.has_odd_framing, odd, "{head:?}");
        }
        for head in [
            "Transfer-Encoding : chunked\r\n",
            "transfer-encoding:\n chunked\n",
        ] {
            let lenient = whole(head);
            assert_eq!(
                values(&lenient, &TRANSFER_ENCODING),
                ["chunked"],
                "{head:?}"
            );
            assert!(lenient.has_odd_framing, "{head:?}");
        }
    }

    #[test]
    fn framing_that_cannot_be_read_is_no_http() {
        for line in [
            "Transfer-Encoding: chunked\x0b",
            "Transfer-Encoding: \x01chunked",
            "Content-Length: 5\x0c",
            "Transfer-Encoding\x01: chunked",
            "\x0bContent-Length: 5",
            "Content Length: 5",
            "Transfer Encoding: chunked",
            "\u{a0}Transfer-Encoding: chunked",
            "Transfer-Encoding chunked",
            "Content-Length 5",
            "no colon\r\n Transfer-Encoding: chunked",
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n");
            assert_eq!(read(head.as_bytes()).unwrap_err(), UNCLEAR, "{line:?}");
        }
        let first = "HTTP/1.1 200 OK\r\n Content-Length: 5\r\n\r\n";
        assert_eq!(read(first.as_bytes()).unwrap_err(), UNCLEAR);
    }

    #[test]
    fn cr_or_nul_within_a_line_is_no_http() {
        for head in [
            "HTTP/1.1 200 OK\r\nServer: a\rb\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer: a\0b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer: a\r\r\n\r\n",
            "HTTP/1.1 200 O\0K\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno\0colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nVia: a\r\n b\rc\r\n\r\n",
        ] {
            assert!(read(head.as_bytes()).is_err(), "{head:?}");
        }
    }

    #[test]
    fn status_line_may_be_written_carelessly() {
        for (line, version, status) in [
            ("HTTP/1.1 200 OK", Version::HTTP_11, 200),
            ("HTTP/1.1 200", Version::HTTP_11, 200),
            ("HTTP/1.1 200 ", Version::HTTP_11, 200),
            ("HTTP/1.0 404 not here", Version::HTTP_10, 404),
            ("http/1.1 200 ok", Version::HTTP_11, 200),
            ("HTTP/1.1   200   OK", Version::HTTP_11, 200),
            ("HTTP/1.1\t200\tOK", Version::HTTP_11, 200),
            ("HTTP/1.1 200OK", Version::HTTP_11, 200),
            ("HTTP/1.1 206: \x1b[31m", Version::HTTP_11, 206),
            ("HTTP/1.2 200 OK", Version::HTTP_11, 200),
            ("\r\n\nHTTP/1.1 200 OK", Version::HTTP_11, 200),
        ] {
            for end in ["\r\n\r\n", "\n\n", "\n\r\n"] {
                let head = format!("{line}{end}");
                let lenient = read(head.as_bytes()).unwrap().unwrap();
                let found = (lenient.version, lenient.status.as_u16());
                assert_eq!(found, (version, status), "{head:?}");
            }
        }
    }

    #[test]
    fn other_first_lines_are_no_http() {
        for line in [
            "HTTP/2 200 OK",
            "HTTP/0.9 200 OK",
            "HTTP/1.10 200 OK",
            "HTTP/1. 200 OK",
            "HTTP/1.1200 OK",
            "HTTP 200 OK",
            "HTTP/1.1",
            "HTTP/1.1 20",
            "HTTP/1.1 2000",
            "HTTP/1.1 099 OK",
            "HTTP/1.1 +20 OK",
            " HTTP/1.1 200 OK",
            "ICY 200 OK",
            "<html>",
            "SSH-2.0-OpenSSH",
        ] {
            // An incomplete head is enough to tell.
            assert!(read(format!("{line}\r\n").as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn head_is_whole_at_its_blank_line_and_no_earlier() {
        let head = "HTTP/1.1 200 OK\r\nVia: a\r\n b\r\nno colon\r\n\r\n";
        for length in 0..head.len() {
            assert!(read(&head.as_bytes()[..length]).unwrap().is_none());
        }
        let more = format!("{head}body");
        assert_eq!(read(more.as_bytes()).unwrap().unwrap().length, head.len());
    }

    #[test]
    fn lines_are_bounded() {
        let head = |lines| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:b\r\n".repeat(lines));
        assert!(read(head(MAX_HEAD_LINES).as_bytes()).unwrap().is_some());
        assert!(read(head(MAX_HEAD_LINES + 1).as_bytes()).is_err());
        let folds = format!(
            "HTTP/1.1 200 OK\r\na:b\r\n{}",
            " c\r\n".repeat(MAX_HEAD_LINES)
        );
        assert!(read(folds.as_bytes()).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            head in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
            text in "[ -~\r\n\t]{0,100}",
        ) {
            let _ = read(&head);
            let _ = read(format!("HTTP/1.1 200 OK\r\n{text}\r\n\r\n").as_bytes());
        }
    }
}
