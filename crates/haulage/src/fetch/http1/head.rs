//! Parses the head of a response, and decides how its body ends (RFC 9112 §6.3). Pure.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use httparse::Status;

use super::{Failure, lenient};
use crate::fetch::flood::MAX_HEAD_BYTES;
use crate::plan::coding;
use crate::plan::fields::{Fields, without_blanks};
use crate::plan::head::Head;

/// Number of header fields that the fast parser has room for. A response with more, up to
/// `MAX_HEAD_LINES`, is parsed by the slower lenient one.
const FEW_HEADERS: usize = 128;
/// A head of up to this many bytes is parsed again with each line received, so that a response that
/// is not HTTP is detected early. A longer one is parsed only when its end is received: otherwise a
/// server that sends byte by byte could make parsing quadratic.
const SHORT: usize = 8 << 10;

/// A complete head.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) head: Head,
    pub(crate) framing: Framing,
    /// Whether the connection may be used for another request (RFC 9112 §9.3).
    pub(crate) persists: bool,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Parsed {
    fn of(status: StatusCode, version: Version, fields: Fields) -> Result<Self, Failure> {
        let framing = framing(status, version, &fields)?;
        let persists = framing != Framing::UntilClose
            && status != StatusCode::SWITCHING_PROTOCOLS
            && !is_framed_twice(&fields)
            && persists(version, &fields);
        Ok(Self {
            head: Head {
                status,
                version,
                fields,
            },
            framing,
            persists,
        })
    }

    /// Returns whether the final response is still to come (RFC 9110 §15.2). After 101 nothing of
    /// HTTP comes.
    pub(super) fn is_interim(&self) -> bool {
        let status = self.head.status;
        status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Takes a head from the beginning of `buffer`, once all of it is there. The first `looked_at`
/// bytes have been found to be no whole one.
pub(crate) fn take(buffer: &mut BytesMut, looked_at: usize) -> Result<Option<Parsed>, Failure> {
    if !may_be_whole(buffer, looked_at) {
        return too_long(buffer.len()).map(|()| None);
    }
    let Some((length, parsed)) = parse(buffer)? else {
        return too_long(buffer.len()).map(|()| None);
    };
    too_long(length)?;
    let _ = buffer.split_to(length);
    Ok(Some(parsed))
}

/// Returns whether a head may have ended within the bytes after the first `looked_at`.
fn may_be_whole(buffer: &[u8], looked_at: usize) -> bool {
    if looked_at < SHORT {
        // It may end with any line.
        return memchr::memchr(b'\n', &buffer[looked_at..]).is_some();
    }
    // It ends with a blank line, which may begin in the bytes that were looked at before.
    let new = &buffer[looked_at - 2..];
    let mut ends = memchr::memchr_iter(b'\n', new);
    ends.any(|end| matches!(&new[end + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// Parses a head. Returns it with its length in bytes; `None` if it is not complete. Fails for a
/// head that cannot be read.
fn parse(buffer: &[u8]) -> Result<Option<(usize, Parsed)>, Failure> {
    let mut room = [const { MaybeUninit::uninit() }; FEW_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        buffer,
        &mut room,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return parse_leniently(buffer),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default())
        .map_err(|_| Failure::NotHttp("its status cannot be read"))?;
    let version = match response.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    let fields = Fields::of_head(&buffer[..length], response.headers);
    Ok(Some((length, Parsed::of(status, version, fields)?)))
}

/// Parses a malformed head as far as its meaning is clear; the result is that of [`parse`].
#[cold]
fn parse_leniently(buffer: &[u8]) -> Result<Option<(usize, Parsed)>, Failure> {
    let Some(head) = lenient::read(buffer).map_err(Failure::NotHttp)? else {
        return Ok(None);
    };
    let mut parsed = Parsed::of(head.status, head.version, head.fields)?;
    // An intermediary may have read the framing differently.
    parsed.persists &= !head.has_odd_framing;
    Ok(Some((head.length, parsed)))
}

fn too_long(bytes: usize) -> Result<(), Failure> {
    if bytes > MAX_HEAD_BYTES {
        return Err(Failure::NotHttp("its head is too long"));
    }
    Ok(())
}

/// Returns how the end of the body of a response to GET is found (RFC 9112 §6.3). Fails if the
/// fields that tell it cannot be read, or contradict each other.
fn framing(status: StatusCode, version: Version, fields: &Fields) -> Result<Framing, Failure> {
    let has_no_body = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_no_body {
        return Ok(Framing::Length(0));
    }
    if fields.contains_key(TRANSFER_ENCODING) {
        match coding::transfer(fields) {
            // `identity`, or an empty value.
            Ok(transfer) if !transfer.is_chunked && transfer.codings.is_empty() => {}
            // §6.1: in HTTP/1.0, the framing is faulty.
            Ok(_) | Err(_) if version == Version::HTTP_10 => {
                return Err(Failure::NotHttp("HTTP/1.0 has no Transfer-Encoding"));
            }
            Ok(transfer) if transfer.is_chunked => return Ok(Framing::Chunked),
            // An error page may have an unknown coding. Its status still counts.
            Ok(_) | Err(_) => return Ok(Framing::UntilClose),
        }
    }
    let mut length = None;
    for value in fields.get_all(CONTENT_LENGTH) {
        for said in value.as_bytes().split(|byte| *byte == b',') {
            let said = number(without_blanks(said))
                .filter(|said| length.is_none_or(|length| length == *said))
                .ok_or(Failure::NotHttp("its Content-Length cannot be read"))?;
            length = Some(said);
        }
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

/// Returns whether a head has both a Transfer-Encoding and a Content-Length. The first one counts,
/// and the connection must not be used again: an intermediary may have believed the second one, and
/// take what follows for another response (RFC 9112 §6.1, §6.3).
fn is_framed_twice(fields: &Fields) -> bool {
    fields.contains_key(TRANSFER_ENCODING) && fields.contains_key(CONTENT_LENGTH)
}

/// Parses a number of nothing but digits; `None` for anything else, and for a number that is too
/// large.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Returns whether the server keeps the connection open after its response (RFC 9112 §9.3). `close`
/// wins, wherever it stands.
fn persists(version: Version, fields: &Fields) -> bool {
    let mut keeps_alive = version == Version::HTTP_11;
    for value in fields.get_all(CONNECTION) {
        for option in value.as_bytes().split(|byte| *byte == b',') {
            let option = option.trim_ascii();
            if option.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keeps_alive
}

#[cfg(test)]
mod tests {
    use http::header::{ETAG, VIA};

    use super::*;
    use crate::fetch::flood::MAX_HEAD_LINES;
    use crate::plan::fields::Value;

    fn parse(text: &str) -> Result<Option<Parsed>, Failure> {
        take(&mut BytesMut::from(text), 0)
    }

    fn whole(text: &str) -> Parsed {
        parse(text).unwrap().unwrap()
    }

    #[test]
    fn a_head_is_taken_and_what_follows_is_left() {
        let mut buffer = BytesMut::from(
            "\r\nHTTP/1.1 200 Fine\r\nContent-Length: 5\r\nVia: \r\nETag:  \"a\" \r\nvia: \u{e9}\r\n\r\nhello",
        );
        let parsed = take(&mut buffer, 0).unwrap().unwrap();
        assert_eq!(&buffer[..], b"hello");
        assert_eq!(parsed.head.status, 200);
        assert_eq!(parsed.head.version, Version::HTTP_11);
        assert_eq!(
            parsed.head.fields.get(ETAG).and_then(Value::to_str),
            Some("\"a\"")
        );
        let given: Vec<_> = parsed
            .head
            .fields
            .get_all(VIA)
            .map(Value::as_bytes)
            .collect();
        assert_eq!(given, [&b""[..], "\u{e9}".as_bytes()]);
        assert_eq!(parsed.framing, Framing::Length(5));
        assert!(parsed.persists && !parsed.is_interim());
    }

    #[test]
    fn one_that_is_not_whole_is_waited_for_however_it_is_cut() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let mut buffer = BytesMut::new();
        for (at, byte) in text.bytes().enumerate() {
            buffer.extend_from_slice(&[byte]);
            let parsed = take(&mut buffer, at).unwrap();
            assert_eq!(parsed.is_some(), at + 1 == text.len(), "{at}");
        }
        assert!(buffer.is_empty());
    }

    #[test]
    fn how_a_body_ends() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\n", Framing::UntilClose),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 7, 7\r\nContent-Length: 7\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n",
                Framing::Chunked,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\ncontent-length: 7\r\n",
                Framing::Chunked,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n",
                Framing::UntilClose,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n",
                Framing::UntilClose,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n",
                Framing::UntilClose,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ncontent-length: 7\r\n",
                Framing::UntilClose,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\ntransfer-encoding: ,Chunked,\r\n",
                Framing::Chunked,
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 7\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding:\r\ncontent-length: 7\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length : 7\r\n",
                Framing::Length(7),
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n",
                Framing::Chunked,
            ),
            (
                "HTTP/1.1 204 None\r\ncontent-length: 7\r\n",
                Framing::Length(0),
            ),
            (
                "HTTP/1.1 304 Same\r\ntransfer-encoding: chunked\r\n",
                Framing::Length(0),
            ),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n",
                Framing::Length(0),
            ),
        ] {
            assert_eq!(whole(&format!("{head}\r\n")).framing, expected, "{head}");
        }
    }

    #[test]
    fn whether_another_request_may_follow() {
        for (head, expected) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n", true),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: Upgrade, CLOSE\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\nconnection: keep-alive\r\n",
                false,
            ),
            (
                "HTTP/1.1 302 Found\r\ncontent-length: 7\r\ntransfer-encoding: chunked\r\n",
                false,
            ),
            ("HTTP/1.1 200 OK\r\n", false),
            ("HTTP/1.1 101 Switch\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length : 0\r\n", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nno colon\r\n", true),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n", false),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n",
                true,
            ),
        ] {
            assert_eq!(whole(&format!("{head}\r\n")).persists, expected, "{head}");
        }
    }

    #[test]
    fn what_is_no_http() {
        let many = format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "a: b\r\n".repeat(MAX_HEAD_LINES + 1)
        );
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MAX_HEAD_BYTES));
        for text in [
            "HTTP/0.9 200 OK\r\n\r\n",
            "<html>\n\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            &many,
            &long,
        ] {
            let shown = &text[..text.len().min(60)];
            assert!(matches!(parse(text), Err(Failure::NotHttp(_))), "{shown:?}");
        }
    }

    #[test]
    fn many_headers_and_long_ones_are_taken() {
        let text = format!(
            "HTTP/1.1 200 OK\r\n{}Content-Length: 3\r\n\r\nabc",
            format!("Via: {}\r\n", "x".repeat(200)).repeat(MAX_HEAD_LINES - 1)
        );
        let mut buffer = BytesMut::new();
        let mut looked_at = 0;
        for piece in text.as_bytes().chunks(977) {
            assert!(!buffer.is_empty() || looked_at == 0);
            buffer.extend_from_slice(piece);
            if let Some(parsed) = take(&mut buffer, looked_at).unwrap() {
                assert_eq!(parsed.framing, Framing::Length(3));
                assert_eq!(parsed.head.fields.get_all(VIA).count(), MAX_HEAD_LINES - 1);
                assert_eq!(&buffer[..], b"abc");
                return;
            }
            looked_at = buffer.len();
        }
        panic!("it is whole");
    }

    proptest::proptest! {
        #[test]
        fn what_is_as_it_should_be_is_read_alike_by_both(
            names in proptest::collection::vec("[a-zA-Z!#-]{1,9}", 0..6),
            values in proptest::collection::vec("[ \t]{0,2}([!-~\u{a0}-\u{ff}]{1,9}[ \t]{1,2}){0,3}", 6),
            ends in proptest::collection::vec("\r?\n", 8),
            status in 100..600_u16,
        ) {
            let first = format!("HTTP/1.1 {status} Reason{}", ends[6]);
            let lines = names.iter().zip(&values).zip(&ends);
            let lines = lines.map(|((name, value), end)| format!("{name}:{value}{end}"));
            let last = format!("{}body", ends[7]);
            let head: String = [first].into_iter().chain(lines).chain([last]).collect();
            let mut room = [httparse::EMPTY_HEADER; 8];
            let mut strict = httparse::Response::new(&mut room);
            let length = strict.parse(head.as_bytes()).unwrap().unwrap();
            let fields = Fields::of_head(&head.as_bytes()[..length], strict.headers);
            let lenient = lenient::read(head.as_bytes()).unwrap().unwrap();
            assert_eq!((length, status), (lenient.length, lenient.status.as_u16()));
            for name in &names {
                let name: http::HeaderName = name.parse().unwrap();
                let found: Vec<_> = lenient.fields.get_all(&name).collect();
                assert_eq!(found, fields.get_all(&name).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn end_of_a_long_head_is_seen_however_it_is_cut() {
        for end in ["\r\n\r\n", "\n\n", "\n\r\n"] {
            let text = format!("HTTP/1.1 200 OK\r\na: {}{end}", "b".repeat(2 * SHORT));
            for cut in text.len() - 5..text.len() {
                let mut buffer = BytesMut::from(&text[..cut]);
                assert!(take(&mut buffer, 0).unwrap().is_none(), "{cut}");
                buffer.extend_from_slice(&text.as_bytes()[cut..]);
                assert!(take(&mut buffer, cut).unwrap().is_some(), "{cut}");
            }
        }
    }

    #[test]
    fn interim_answers_are_none() {
        for (status, expected) in [(100, true), (103, true), (101, false), (200, false)] {
            let parsed = whole(&format!("HTTP/1.1 {status} X\r\n\r\n"));
            assert_eq!(parsed.is_interim(), expected, "{status}");
        }
    }
}
