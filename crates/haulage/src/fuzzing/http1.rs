//! Targets for heads and bodies of HTTP/1.1.

use std::time::SystemTime;

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{StatusCode, Version};

use super::cuts;
use crate::fetch::http1::chunks::{Chunks, Piece};
use crate::fetch::http1::head::{self, Framing, Parsed};
use crate::fetch::http1::lenient;
use crate::plan;
use crate::plan::fields::Fields;
use crate::plan::{coding, content_range};

/// The properties of a head that are compared.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: StatusCode,
    version: Version,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    framing: Framing,
    persists: bool,
    /// Bytes of the head, including the blank line that ends it.
    length: usize,
}

/// Reads the head of a response at once, in pieces, and again as it was understood.
pub fn http1_head(data: &[u8]) {
    let whole = taken([data]);
    for cut in cuts(data.len(), 64) {
        let (first, second) = data.split_at(cut);
        assert_eq!(taken([first, second]), whole, "cut at {cut}");
    }
    assert_eq!(taken(data.chunks(1)), whole, "byte by byte");
    let Some((seen, parsed)) = whole.zip(parsed(data)) else {
        return;
    };
    compare_readers(data, &seen);
    check_fields(&seen.fields);
    check_framing(&seen);
    let again = taken([&written(&seen)[..]]);
    let again = again.map(|seen| (seen.status, seen.version, seen.fields));
    assert_eq!(again, Some((seen.status, seen.version, seen.fields)));
    decide(&parsed);
}

/// Takes a head that comes in these pieces; `None` for what is no head, or not all of one. (What is
/// wrong may be seen later where it comes in pieces.)
fn taken<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<Seen> {
    let mut buffer = BytesMut::new();
    let (mut come, mut looked_at) = (0, 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        come += piece.len();
        match head::take(&mut buffer, looked_at).ok()? {
            None => looked_at = buffer.len(),
            Some(parsed) => return Some(seen(&parsed, come - buffer.len())),
        }
    }
    None
}

fn parsed(data: &[u8]) -> Option<Parsed> {
    head::take(&mut BytesMut::from(data), 0).ok().flatten()
}

fn seen(parsed: &Parsed, length: usize) -> Seen {
    Seen {
        status: parsed.head.status,
        version: parsed.head.version,
        fields: listed(&parsed.head.fields),
        framing: parsed.framing,
        persists: parsed.persists,
        length,
    }
}

fn listed(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields
        .iter()
        .map(|(name, value)| (name.to_vec(), value.to_vec()))
        .collect()
}

/// Checks that the lenient reader takes all that the strict one does, and sees the same in it.
fn compare_readers(data: &[u8], seen: &Seen) {
    let lenient = lenient::read(data).ok().flatten();
    let lenient = lenient.map(|head| {
        assert!(!(head.has_odd_framing && seen.persists));
        (head.status, head.version, listed(&head.fields), head.length)
    });
    let expected = (seen.status, seen.version, seen.fields.clone(), seen.length);
    assert_eq!(lenient, Some(expected));
}

/// Checks that names are tokens in lower case, and that no value can be taken for two.
fn check_fields(fields: &[(Vec<u8>, Vec<u8>)]) {
    for (name, value) in fields {
        let is_name = |byte: &u8| {
            byte.is_ascii_graphic()
                && !byte.is_ascii_uppercase()
                && !b"\"(),/:;<=>?@[\\]{}".contains(byte)
        };
        assert!(!name.is_empty() && name.iter().all(is_name), "{name:?}");
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
        let ends = [value.first(), value.last()];
        assert!(!ends.contains(&Some(&b' ')) && !ends.contains(&Some(&b'\t')));
    }
}

/// Checks that a body ends where everybody else on the way sees its end (RFC 9112 §6.3).
fn check_framing(seen: &Seen) {
    let values = |wanted: &str| {
        let fields = seen.fields.iter();
        fields
            .filter(|(name, _)| name == wanted.as_bytes())
            .map(|(_, value)| &value[..])
            .collect::<Vec<_>>()
    };
    let lengths = values(CONTENT_LENGTH.as_str());
    let codings = values(TRANSFER_ENCODING.as_str());
    let has_no_body = seen.status.is_informational() || matches!(seen.status.as_u16(), 204 | 304);
    match seen.framing {
        Framing::Length(0) if has_no_body => {}
        Framing::Length(length) => {
            assert!(!lengths.is_empty());
            for said in lengths
                .iter()
                .flat_map(|value| value.split(|byte| *byte == b','))
            {
                let said = std::str::from_utf8(said).map(|said| said.trim_matches([' ', '\t']));
                assert_eq!(said.map(str::parse), Ok(Ok(length)));
            }
        }
        Framing::Chunked => {
            let last = codings.concat().to_ascii_lowercase();
            let last = last.split(|byte| *byte == b',').rev();
            let mut last = last.map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
            assert!(last.next().is_some_and(|name| name.ends_with(b"chunked")));
        }
        Framing::UntilClose => {
            assert!(!seen.persists && (lengths.is_empty() || !codings.is_empty()));
        }
    }
}

/// Returns the head as it would be written by the book.
fn written(seen: &Seen) -> Vec<u8> {
    let minor = u8::from(seen.version == Version::HTTP_11);
    let mut text = format!("HTTP/1.{minor} {} \r\n", seen.status.as_u16()).into_bytes();
    for (name, value) in &seen.fields {
        for part in [name, &b": "[..], value, b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n");
    text
}

/// Goes through the decisions that are made on a head; none of them may panic.
fn decide(parsed: &Parsed) {
    let head = &parsed.head;
    let length = match parsed.framing {
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    };
    for asked in [
        plan::head::RequestKind::Unconditional,
        plan::head::RequestKind::Conditional,
    ] {
        let now = SystemTime::UNIX_EPOCH;
        let _ = plan::head::read(head.status, head.version, &head.fields, length, asked, now);
    }
    let _ = plan::head::may_be_unsolicited(head.status, head.version, &head.fields);
    let _ = coding::to_undo(&head.fields, true);
    let _ = content_range::whole(&head.fields, length);
}

/// Undoes a chunked body at once, in pieces, and again after it has been written anew.
pub fn http1_chunks(data: &[u8]) {
    let whole = unchunked([data]);
    for cut in cuts(data.len(), 64) {
        let (first, second) = data.split_at(cut);
        assert_eq!(unchunked([first, second]), whole, "cut at {cut}");
    }
    assert_eq!(unchunked(data.chunks(1)), whole, "byte by byte");
    let Ok(body) = whole else {
        return;
    };
    if let Some(length) = body.length {
        assert!(length <= data.len() && body.bytes.len() + 4 <= length);
        assert_eq!(unchunked([&data[..length]]).as_ref(), Ok(&body));
    }
    let mut written = Vec::new();
    for chunk in body.bytes.chunks(7) {
        written.extend(format!("{:X}; a=\"b\"\r\n", chunk.len()).bytes());
        written.extend(chunk);
        written.extend(b"\r\n");
    }
    written.extend(b"00\r\nTrailer: x\r\n\r\nHTTP/1.1");
    let again = unchunked([&written[..]]);
    assert_eq!(again.map(|body| body.bytes), Ok(body.bytes));
}

/// A decoded chunked body.
#[derive(Debug, Default, PartialEq, Eq)]
struct Body {
    bytes: Vec<u8>,
    /// Its length in bytes with chunks and trailers; `None` if it does not end.
    length: Option<usize>,
}

/// Undoes the chunks of a body that comes in these pieces; `Err` for what are no chunks.
fn unchunked<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Body, ()> {
    let mut chunks = Chunks::default();
    let mut buffer = BytesMut::new();
    let (mut body, mut come) = (Body::default(), 0);
    for piece in pieces {
        buffer.extend_from_slice(piece);
        come += piece.len();
        loop {
            match chunks.next(&mut buffer).map_err(|_| ())? {
                Piece::Bytes(bytes) => {
                    assert!(!bytes.is_empty());
                    body.bytes.extend_from_slice(&bytes);
                }
                Piece::More => break assert!(buffer.is_empty()),
                Piece::End => {
                    body.length = Some(come - buffer.len());
                    return Ok(body);
                }
            }
        }
    }
    Ok(body)
}
