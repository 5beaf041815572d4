//! The request target of a URL: its path and query, byte for byte, except for what servers do not
//! accept. Pure.

use memchr::memchr;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::UrlError;

/// Bytes that are percent-encoded, besides non-ASCII ones. RFC 3986 does not allow brackets,
/// braces, `|`, `\`, `^` and the backtick in a path either, but curl sends them as they are, and
/// servers accept them.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// Appends the request target to `text`, for what a URL has after its authority: it is empty, or
/// begins with `/`, `?` or `#`.
pub(super) fn push(rest: &str, text: &mut String) -> Result<(), UrlError> {
    if !rest.starts_with('/') {
        text.push('/');
    }
    // Nearly all need no change: then each byte is looked at once.
    if is_final(rest.as_bytes()) {
        text.push_str(rest);
        return Ok(());
    }
    if let Some(control) = rest.bytes().find(u8::is_ascii_control) {
        return Err(UrlError::Control(control));
    }
    let rest = memchr(b'#', rest.as_bytes()).map_or(rest, |fragment| &rest[..fragment]);
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let path = without_dot_segments(path);
    text.extend(utf8_percent_encode(&path, ENCODED));
    text.extend(utf8_percent_encode(query, ENCODED));
    Ok(())
}

/// Returns whether a target can stay as it is: it has no fragment, nothing in it is to be encoded
/// or refused, and no segment of its path begins with a dot.
fn is_final(target: &[u8]) -> bool {
    let mut before = 0;
    target.iter().all(|&byte| {
        let begins_with_dot = before == b'/' && byte == b'.';
        before = byte;
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'#') && !begins_with_dot
    })
}

/// Returns a path without its `.` and `..` segments (RFC 3986 §5.2.4). Encoded ones (`%2e`) stay:
/// to some servers they are names.
fn without_dot_segments(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    let Some(path) = path.strip_prefix('/') else {
        return kept;
    };
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => kept.truncate(kept.rfind('/').unwrap_or(0)),
            name => {
                kept.push('/');
                kept.push_str(name);
                continue;
            }
        }
        if segments.peek().is_none() {
            kept.push('/');
        }
    }
    kept
}
