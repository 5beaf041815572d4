//! What a failed exchange means: the one place that looks into the transport's errors.

use std::io;

use h2::Reason;
use rustls::AlertDescription as Alert;

use super::flood::FLOOD;
use super::http1::Failure;
use super::tls::alert_about_identity;
use crate::error::{Error, ErrorKind, plain_io};
use crate::options::proxies::Proxy;

/// Bytes of a refusal that are looked at.
const LOOKED_AT: usize = 4096;

/// Returns the error of an HTTP/2 exchange that failed before the response's head was complete.
pub(crate) fn exchange(cause: h2::Error) -> Error {
    of(cause, Phase::Head)
}

/// Returns the error of an HTTP/2 response whose body failed; `lacking` if the body has a length
/// and not all of it has come.
pub(crate) fn body(cause: h2::Error, lacking: bool) -> Error {
    of(cause, Phase::Body { lacking })
}

/// Returns the error of an HTTP/1.1 exchange that failed before the response's head was complete.
pub(super) fn exchange_of_http1(failure: Failure) -> Error {
    match failure {
        Failure::Connection(cause) => of_io(cause, Phase::Head),
        Failure::Mute(cause) => of_io(cause, Phase::Head)
            .and("if it expects TLS on this port, write https:// in the URL"),
        Failure::Tls => Error::new(
            ErrorKind::Protocol,
            "the server speaks TLS on this port; write https:// in the URL",
        ),
        Failure::NotHttp(why) => Error::new(
            ErrorKind::Protocol,
            format!("the answer is not HTTP: {why}"),
        ),
    }
}

/// Returns the error of an HTTP/1.1 exchange with a proxy that forwards requests, if it failed
/// before the response's head was complete.
#[cold]
pub(super) fn exchange_with_proxy(failure: Failure, proxy: &Proxy) -> Error {
    let what = match failure {
        Failure::Connection(cause) | Failure::Mute(cause) => {
            let error = of_io(cause, Phase::Head);
            return error.and(&format!("it was sent to proxy {proxy}"));
        }
        Failure::Tls => {
            format!("proxy {proxy} speaks TLS on this port; write https:// before its name")
        }
        Failure::NotHttp(why) => format!("the answer of proxy {proxy} is not HTTP: {why}"),
    };
    Error::new(ErrorKind::Protocol, what).reported_by_proxy()
}

/// Returns what to do about a 400 response whose body says that TLS is the reason: the server
/// expects it, as those of nginx, Apache httpd and Go say for plain HTTP; or nginx asks for the
/// certificate of its client, which it does within HTTP.
pub(crate) fn advice_about_tls(body: &[u8], is_https: bool) -> Option<&'static str> {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]).to_ascii_lowercase();
    if !is_https {
        let what = "it speaks TLS on this port: write https:// in the URL";
        return expects_tls(&text).then_some(what);
    }
    if text.contains("no required ssl certificate was sent") {
        Some("it asks for a certificate of its clients: give one with --cert FILE and --key FILE")
    } else if text.contains("the ssl certificate error") {
        Some(
            "it does not accept the client certificate: check who has signed it, and until when it is valid",
        )
    } else {
        None
    }
}

fn expects_tls(text: &str) -> bool {
    [
        "plain http request was sent to https port",
        "http request to an https server",
        "plain http to an ssl-enabled server port",
        "plain http to a tls-enabled server port",
        "use the https scheme",
    ]
    .iter()
    .any(|says| text.contains(says))
}

/// Returns the error of an HTTP/1.1 response whose body failed.
pub(super) fn body_of_http1(cause: io::Error) -> Error {
    of_io(cause, Phase::Body { lacking: true })
}

/// Returns the error of a connection that failed while a body was read directly from its socket.
pub(crate) fn connection(cause: io::Error) -> Error {
    let tls = cause.get_ref().and_then(|inner| inner.downcast_ref());
    let (kind, message) = tls.map_or_else(
        || (ErrorKind::Reset, format!("the connection broke: {cause}")),
        judge_tls,
    );
    Error::new(kind, message).caused_by(cause)
}

/// Whether the server says that it has not begun to process a request, so that it can go again as
/// if nothing had been (RFC 9113 §8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unprocessed {
    /// This one (`REFUSED_STREAM`): the connection is as good as it was.
    Stream,
    /// This one and all later ones on the same connection (GOAWAY, RFC 9113 §6.8).
    Connection,
}

/// Why there is no response.
pub(crate) enum SendError {
    /// The server has certainly not begun to process it: it can go again as if nothing had been.
    NotProcessed(Unprocessed, Error),
    /// It was sent, or may have been, and this happened.
    Failed(Error),
}

/// Returns the failure of a request that the server did not process, because it had closed the
/// connection already.
pub(crate) fn closed_before_request() -> SendError {
    let error = Error::new(
        ErrorKind::Reset,
        "the server closed the connection before it was asked",
    );
    SendError::NotProcessed(Unprocessed::Connection, error)
}

/// Returns what the server says it has not processed, after a request failed before its response's
/// head was complete; `None` if it says nothing.
pub(crate) fn unprocessed(cause: &h2::Error) -> Option<Unprocessed> {
    if !cause.is_remote() {
        return None;
    }
    if cause.is_go_away() {
        // The streams that a GOAWAY covers go on: one that it ends is none of them.
        return Some(Unprocessed::Connection);
    }
    (cause.reason() == Some(Reason::REFUSED_STREAM)).then_some(Unprocessed::Stream)
}

/// How far the response had come.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Head,
    Body { lacking: bool },
}

fn of_io(cause: io::Error, phase: Phase) -> Error {
    let (kind, message) = judge_io(&cause, phase);
    Error::new(kind, message).caused_by(cause)
}

fn of(cause: h2::Error, phase: Phase) -> Error {
    let (kind, message) = judge(&cause, phase);
    let error = Error::new(kind, message);
    let error = if may_be_anothers(&cause) {
        error.transient(true)
    } else {
        error
    };
    error.caused_by(cause)
}

/// Returns whether the connection was given up because of a frame on one of its streams that cannot
/// be read, such as a head that contains a control character. That ends all streams of the
/// connection; it is not known which one had the frame, and the others are not at fault.
fn may_be_anothers(http2: &h2::Error) -> bool {
    let is_unreadable = matches!(
        http2.reason(),
        Some(Reason::PROTOCOL_ERROR | Reason::COMPRESSION_ERROR)
    );
    is_unreadable && http2.is_go_away() && http2.is_library()
}

fn judge(cause: &h2::Error, phase: Phase) -> (ErrorKind, String) {
    match cause.get_io() {
        Some(io) => judge_io(io, phase),
        None if cause.is_remote() || cause.is_library() => judge_http2(cause, phase),
        // What we asked of it cannot be.
        None => (
            ErrorKind::Protocol,
            format!("the exchange could not go on: {cause}"),
        ),
    }
}

fn judge_io(io: &io::Error, phase: Phase) -> (ErrorKind, String) {
    if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref()) {
        return judge_tls(tls);
    }
    match io.kind() {
        FLOOD => (
            ErrorKind::Protocol,
            "the server sends no end of what is no answer".into(),
        ),
        // h2 keeps the text of an error alone.
        io::ErrorKind::InvalidData if let Some(what) = alert_in(&io.to_string()) => {
            (ErrorKind::Tls, format!("the server {what}"))
        }
        // Chunks and trailers that cannot be read, or are too many (RFC 9112 §7.1).
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => (
            ErrorKind::Protocol,
            format!("the body is not framed as HTTP: {io}"),
        ),
        // The second is h2's word for it.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => {
            phase.broken_off("the server closed the connection")
        }
        _ => {
            let (kind, message) = phase.broken_off("the connection broke");
            (kind, format!("{message}: {}", plain_io(io)))
        }
    }
}

fn judge_http2(http2: &h2::Error, phase: Phase) -> (ErrorKind, String) {
    let reason = http2.reason().unwrap_or(Reason::INTERNAL_ERROR);
    if !http2.is_remote() {
        return match phase {
            // The stream's end says that it is whole, and it has not the length that was promised
            // (RFC 9113 §8.1.1).
            Phase::Body { lacking: true }
                if http2.is_reset() && reason == Reason::PROTOCOL_ERROR =>
            {
                phase.broken_off("the server ended the stream")
            }
            // Its own head had been read.
            Phase::Body { .. } if may_be_anothers(http2) => (
                ErrorKind::Reset,
                "the connection was given up, since the server broke the rules of HTTP/2".into(),
            ),
            _ => (
                ErrorKind::Protocol,
                format!("the server broke the rules of HTTP/2: {http2}; try --http1.1"),
            ),
        };
    }
    if reason == Reason::HTTP_1_1_REQUIRED {
        return (
            ErrorKind::Protocol,
            "the server wants HTTP/1.1 for this; give --http1.1".into(),
        );
    }
    let what = if http2.is_go_away() {
        "connection"
    } else {
        "stream"
    };
    (
        ErrorKind::Reset,
        format!(
            "the server broke the HTTP/2 {what} off: {}",
            reason.description()
        ),
    )
}

fn judge_tls(tls: &rustls::Error) -> (ErrorKind, String) {
    match tls {
        // In TLS 1.3 the server judges the client's certificate after the client's side of the
        // handshake is over.
        rustls::Error::AlertReceived(alert) if let Some(what) = alert_about_identity(*alert) => {
            (ErrorKind::Tls, format!("the server {what}"))
        }
        other => (
            ErrorKind::Reset,
            format!("the TLS connection broke: {other}"),
        ),
    }
}

/// Returns what a server says of the certificate of its client in an alert that is known by its
/// text.
fn alert_in(text: &str) -> Option<String> {
    let alerts = [
        Alert::CertificateRequired,
        Alert::UnknownCA,
        Alert::CertificateExpired,
        Alert::CertificateRevoked,
        Alert::BadCertificate,
        Alert::UnsupportedCertificate,
        Alert::CertificateUnknown,
        Alert::AccessDenied,
    ];
    let is_it = |alert: &Alert| rustls::Error::AlertReceived(*alert).to_string() == text;
    alerts
        .into_iter()
        .find(is_it)
        .and_then(alert_about_identity)
}

impl Phase {
    /// Returns the kind and message of an error for an end that came too early; the message begins
    /// with `how`.
    fn broken_off(self, how: &str) -> (ErrorKind, String) {
        match self {
            Self::Head => (
                ErrorKind::Reset,
                format!("{how} before there was an answer"),
            ),
            Self::Body { .. } => (
                ErrorKind::Incomplete,
                format!("{how} before the file was complete"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_of_plain_http_is_recognised() {
        for body in [
            "<center>The plain HTTP request was sent to HTTPS port</center>",
            "Client sent an HTTP request to an HTTPS server.\n",
            "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
            "Instead use the HTTPS scheme to access this URL, please.",
        ] {
            let advice = advice_about_tls(body.as_bytes(), false);
            assert!(
                advice.is_some_and(|what| what.contains("https://")),
                "{body}"
            );
            assert_eq!(advice_about_tls(body.as_bytes(), true), None, "{body}");
        }
        for body in ["", "Bad Request", "see https://host/help"] {
            assert_eq!(advice_about_tls(body.as_bytes(), false), None, "{body}");
        }
    }

    #[test]
    fn refusal_without_client_certificate_is_recognised() {
        for (body, says) in [
            (
                "<center>No required SSL certificate was sent</center>",
                "--cert FILE",
            ),
            (
                "<center>The SSL certificate error</center>",
                "who has signed it",
            ),
        ] {
            let advice = advice_about_tls(body.as_bytes(), true);
            assert!(advice.is_some_and(|what| what.contains(says)), "{body}");
            assert_eq!(advice_about_tls(body.as_bytes(), false), None, "{body}");
        }
    }
}
