//! The head of an answer, and how its body ends (RFC 9112 §6.3): pure.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use httparse::Status;

use super::Failure;
use crate::plan::fields::Fields;
use crate::plan::head::Head;

/// Most headers of a response (RFC 9110 §5.4 lets a client bound them).
const MOST_HEADERS: usize = 128;
/// Most bytes of a response's head.
const MOST_BYTES: usize = 64 << 10;

/// A head that is whole.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) head: Head,
    pub(super) framing: Framing,
    /// Whether the connection stays for another request (RFC 9112 §9.3).
    pub(super) persists: bool,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Parsed {
    /// Whether the answer is still to come (RFC 9110 §15.2). After 101 nothing of HTTP is.
    pub(super) fn is_interim(&self) -> bool {
        let status = self.head.status;
        status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS
    }
}

/// Takes a head from the beginning of `buffer`, once all of it is there. The first `looked_at` bytes have been found to be no whole one.
pub(crate) fn take(buffer: &mut BytesMut, looked_at: usize) -> Result<Option<Parsed>, Failure> {
    // One ends with a line.
    if memchr::memchr(b'\n', &buffer[looked_at..]).is_none() {
        return too_long(buffer.len()).map(|()| None);
    }
    let mut room = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        buffer,
        &mut room,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return too_long(buffer.len()).map(|()| None),
        Err(error) => return Err(Failure::NotHttp(said(error))),
    };
    too_long(length)?;
    let status = StatusCode::from_u16(response.code.unwrap_or_default())
        .map_err(|_| Failure::NotHttp("its status is none"))?;
    let version = match response.version {
        Some(1) => Version::HTTP_11,
        _ => Version::HTTP_10,
    };
    let fields = Fields::of_head(&buffer[..length], response.headers);
    let _ = buffer.split_to(length);
    let framing = framing(status, version, &fields)?;
    let persists = framing != Framing::UntilClose
        && status != StatusCode::SWITCHING_PROTOCOLS
        && persists(version, &fields);
    Ok(Some(Parsed {
        head: Head {
            status,
            version,
            fields,
        },
        framing,
        persists,
    }))
}

fn too_long(bytes: usize) -> Result<(), Failure> {
    if bytes > MOST_BYTES {
        return Err(Failure::NotHttp("its head is too long"));
    }
    Ok(())
}

fn said(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header's name cannot be read",
        httparse::Error::HeaderValue => "a header's value cannot be read",
        httparse::Error::NewLine => "a line has no end",
        httparse::Error::Status => "its status cannot be read",
        httparse::Error::TooManyHeaders => "it has too many headers",
        httparse::Error::Version => "it does not begin with a version of HTTP",
        httparse::Error::Token => "it begins with what is no word",
    }
}

/// RFC 9112 §6.3, for answers to GET.
fn framing(status: StatusCode, version: Version, fields: &Fields) -> Result<Framing, Failure> {
    let has_no_body = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if has_no_body {
        return Ok(Framing::Length(0));
    }
    if let Some(coding) = fields.get_all(TRANSFER_ENCODING).next_back() {
        if version == Version::HTTP_10 {
            return Err(Failure::NotHttp("HTTP/1.0 has no Transfer-Encoding"));
        }
        let last = coding.as_bytes().rsplit(|byte| *byte == b',').next();
        let last = last.unwrap_or_default().trim_ascii();
        return Ok(if last.eq_ignore_ascii_case(b"chunked") {
            Framing::Chunked
        } else {
            Framing::UntilClose
        });
    }
    let mut length = None;
    for value in fields.get_all(CONTENT_LENGTH) {
        for said in value.as_bytes().split(|byte| *byte == b',') {
            let said = number(said.trim_ascii())
                .filter(|said| length.is_none_or(|length| length == *said))
                .ok_or(Failure::NotHttp("its Content-Length cannot be read"))?;
            length = Some(said);
        }
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// RFC 9112 §9.3. `close` wins, wherever it stands.
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
            ("HTTP/1.1 200 OK\r\n", false),
            ("HTTP/1.1 101 Switch\r\n", false),
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
            "a: b\r\n".repeat(MOST_HEADERS + 1)
        );
        let long = format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(MOST_BYTES));
        for text in [
            "HTTP/0.9 200 OK\r\n\r\n",
            "<html>\n\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\0c\r\n\r\n",
            "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n",
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
    fn interim_answers_are_none() {
        for (status, expected) in [(100, true), (103, true), (101, false), (200, false)] {
            let parsed = whole(&format!("HTTP/1.1 {status} X\r\n\r\n"));
            assert_eq!(parsed.is_interim(), expected, "{status}");
        }
    }
}
