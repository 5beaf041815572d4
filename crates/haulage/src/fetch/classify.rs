//! What a failed exchange means: the one place that looks into the transport's errors.

use std::error::Error as StdError;
use std::io;

use crate::error::{Error, ErrorKind};

/// A failure before the response's head was complete.
pub(crate) fn exchange(cause: &hyper::Error) -> Error {
    of(cause, ErrorKind::Reset)
}

/// A failure in the response's body.
pub(crate) fn body(cause: &hyper::Error) -> Error {
    of(cause, ErrorKind::Incomplete)
}

/// `broken_off` is the kind of an end that came too early.
fn of(cause: &hyper::Error, broken_off: ErrorKind) -> Error {
    let chain = describe(cause);
    if let Some(http2) = find::<h2::Error>(cause) {
        let kind = match http2.reason() {
            Some(
                h2::Reason::PROTOCOL_ERROR
                | h2::Reason::FRAME_SIZE_ERROR
                | h2::Reason::COMPRESSION_ERROR,
            ) if !http2.is_remote() => ErrorKind::Protocol,
            _ => ErrorKind::Reset,
        };
        return Error::new(kind, format!("the HTTP/2 stream broke: {chain}"));
    }
    if let Some(io) = find::<io::Error>(cause) {
        return match io.kind() {
            io::ErrorKind::UnexpectedEof => Error::new(broken_off, early_end(broken_off)),
            _ => Error::new(ErrorKind::Reset, format!("the connection broke: {chain}")),
        };
    }
    if cause.is_incomplete_message() {
        return Error::new(broken_off, early_end(broken_off));
    }
    if cause.is_parse() || cause.is_parse_status() {
        return Error::new(
            ErrorKind::Protocol,
            format!("the answer is not HTTP: {chain}"),
        );
    }
    if cause.is_user() {
        return Error::new(
            ErrorKind::Protocol,
            format!("the exchange could not go on: {chain}"),
        );
    }
    if broken_off == ErrorKind::Incomplete && !cause.is_canceled() && !cause.is_closed() {
        // Chunks that cannot be read (RFC 9112 §7.1).
        return Error::new(
            ErrorKind::Protocol,
            format!("the body is not framed as HTTP: {chain}"),
        );
    }
    Error::new(ErrorKind::Reset, format!("the connection broke: {chain}"))
}

fn early_end(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Incomplete => "the server closed the connection before the file was complete",
        _ => "the server closed the connection before it answered",
    }
}

/// The first error of this type in a chain of causes.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A chain of causes as one line.
fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
