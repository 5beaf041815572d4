//! What the head of a response means, as types.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED};
use http::{StatusCode, Version};

use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::outcome::Verified;
use crate::plan::coding::{self, Transfer};
use crate::plan::content_range;
use crate::plan::fields::Fields;
use crate::plan::retry_after::{self, Later};

/// The head of a response, over any version of HTTP.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// The file that a response carries, as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Bytes of the body; `None` if only its end tells.
    pub(crate) length: Option<u64>,
    /// What the end of the body will verify.
    pub(crate) framing: Verified,
    /// The digest of the file according to the response, if the bytes will be compared to it.
    pub(crate) digest: Option<Checksum>,
    pub(crate) etag: Option<Arc<str>>,
    pub(crate) last_modified: Option<Arc<str>>,
    pub(crate) content_type: Option<Arc<str>>,
}

/// What to do with a response.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Save its body.
    Save(Entity),
    /// Follow its Location, after this wait if the server asks for one (RFC 9110 §10.2.3).
    Redirect(Option<Duration>),
    /// The existing file is the same. The response describes it, and has no body.
    Unchanged(Entity),
    /// There is no file.
    Fail(Error),
}

/// How a file was requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Unconditional,
    /// Only if it differs from the existing file.
    Conditional,
}

/// Decides what to do with a response, by its head. `length` is the body's length in bytes
/// according to the framing (RFC 9112 §6.3, which the transport has applied). `now` is used to
/// compute how long the server asks to wait.
pub(crate) fn read(
    status: StatusCode,
    version: Version,
    headers: &Fields,
    length: Option<u64>,
    kind: RequestKind,
    now: SystemTime,
) -> Answer {
    match status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => Answer::Redirect(retry_after::wait(headers, now)),
        // RFC 9110 §15.4.5. It means nothing if the request had no conditions.
        StatusCode::NOT_MODIFIED if kind == RequestKind::Conditional => {
            Answer::Unchanged(Entity::described(headers, None, Verified::Nothing))
        }
        StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
            save(version, headers, length)
        }
        // §15.3.7 allows it only if a range was requested. If it has the whole file, it can be
        // saved all the same.
        StatusCode::PARTIAL_CONTENT => match content_range::whole(headers, length) {
            Some(total) => save(version, headers, Some(total)),
            None => Answer::Fail(Error::new(
                ErrorKind::Protocol,
                "the server sent a part of the file, which was not asked for",
            )),
        },
        status => Answer::Fail(failure(status, headers, now)),
    }
}

/// Decides about a response whose body is the file: it is saved, unless its transfer coding cannot
/// be undone.
fn save(version: Version, headers: &Fields, length: Option<u64>) -> Answer {
    match coding::transfer(headers) {
        Ok(transfer) => {
            let framing = framing(version, headers, &transfer);
            Answer::Save(Entity::described(headers, length, framing))
        }
        Err(error) => Answer::Fail(error),
    }
}

/// Returns the error for a response that is not a file. It is transient if the status or the server
/// says that a retry may succeed.
fn failure(status: StatusCode, headers: &Fields, now: SystemTime) -> Error {
    let later = retry_after::later(status, headers, now);
    let advice = advice(status, later.is_some());
    let error = Error::http(
        status,
        format!("the server answered {}{advice}", named(status)),
    );
    match later {
        Some(Later { wait }) => error.transient(true).retry_after(wait),
        None => error,
    }
}

/// Returns a status as messages show it: its number, and its reason phrase if it has one.
fn named(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Returns how long to wait before a redirect is followed: the time that the server has `asked`
/// for, or zero.
///
/// # Errors
/// If the server asks for more than `longest`. The error is transient.
pub(crate) fn wait_before_following(
    status: StatusCode,
    asked: Option<Duration>,
    longest: Duration,
) -> Result<Duration, Error> {
    match asked {
        Some(asked) if asked > longest => {
            let error = Error::http(status, format!("the server answered {}", named(status)));
            Err(error.transient(true).retry_after(Some(asked)))
        }
        asked => Ok(asked.unwrap_or_default()),
    }
}

/// Returns what the user can do about a status, in words that fit after it; empty if nothing is
/// known. `later`: the server says that a retry may succeed.
fn advice(status: StatusCode, later: bool) -> &'static str {
    match status {
        StatusCode::ACCEPTED => "; the file is not ready yet: try again later",
        status if status.is_success() => "; there is nothing to save",
        StatusCode::FORBIDDEN if later => "; it has had too many requests: try again later",
        // What helps depends on what was given: see `credentials::advice`.
        StatusCode::UNAUTHORIZED => "",
        StatusCode::FORBIDDEN => {
            "; it refuses this request: perhaps it wants a login (-u, --netrc) or cookies (--load-cookies)"
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => "; check the URL",
        StatusCode::TOO_MANY_REQUESTS => "; ask for less at once with --per-host",
        status if status.is_server_error() => "; it is overloaded or down: try again later",
        _ => "",
    }
}

impl Entity {
    fn described(headers: &Fields, length: Option<u64>, framing: Verified) -> Self {
        Self {
            length,
            framing,
            digest: None,
            etag: text(headers, &ETAG),
            last_modified: text(headers, &LAST_MODIFIED),
            content_type: text(headers, &CONTENT_TYPE),
        }
    }

    /// Returns `Last-Modified` as a time (RFC 9110 §8.8.2); `None` if it is missing or not a date.
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.last_modified.as_deref()?).ok()
    }
}

/// Returns whether a response may be one that no request asked for. On a connection that has
/// brought others, such a response follows the previous one and is taken for the answer to the next
/// request. It is recognised by a body that ends with the connection (RFC 9112 §6.3), without a
/// Connection field that says so (§9.6): a server that sends such responses does not usually keep
/// the connection open for another.
pub(crate) fn may_be_unsolicited(status: StatusCode, version: Version, headers: &Fields) -> bool {
    let has_body = !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    // A body with an unknown transfer coding ends with its connection too.
    let vouches = || {
        coding::transfer(headers)
            .is_ok_and(|transfer| framing(version, headers, &transfer) == Verified::Length)
    };
    has_body && !headers.contains_key(CONNECTION) && !vouches()
}

/// Returns what the end of a body verifies: with a length, a last chunk or `END_STREAM`, that the
/// body is whole; if it ends with the connection, nothing (RFC 9112 §8).
fn framing(version: Version, headers: &Fields, transfer: &Transfer) -> Verified {
    // A transfer coding overrides the length (RFC 9112 §6.3).
    let has_length = transfer.codings.is_empty() && headers.contains_key(CONTENT_LENGTH);
    let ends_with_its_connection =
        version != Version::HTTP_2 && !transfer.is_chunked && !has_length;
    if ends_with_its_connection {
        Verified::Nothing
    } else {
        Verified::Length
    }
}

fn text(headers: &Fields, name: &HeaderName) -> Option<Arc<str>> {
    let value = headers.get(name)?;
    // Almost all values are UTF-8, and checking for that is faster.
    Some(match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(value.as_bytes()).into(),
    })
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;
    use http::HeaderValue;
    use http::header::{CONTENT_RANGE, RETRY_AFTER, TRANSFER_ENCODING};

    fn of(status: u16, headers: &[(HeaderName, &'static str)]) -> Answer {
        asked(RequestKind::Unconditional, status, headers)
    }

    fn asked(kind: RequestKind, status: u16, headers: &[(HeaderName, &'static str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        read(
            StatusCode::from_u16(status).unwrap(),
            Version::HTTP_11,
            &headers,
            None,
            kind,
            SystemTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_success_with_a_body_is_saved_and_says_what_vouches_for_it() {
        let Answer::Save(entity) = of(200, &[(CONTENT_LENGTH, "5"), (ETAG, "\"a\"")]) else {
            panic!("a 200 is a file");
        };
        assert_eq!(
            (entity.framing, entity.etag.as_deref()),
            (Verified::Length, Some("\"a\""))
        );
        let Answer::Save(entity) = of(200, &[]) else {
            panic!("a 200 is a file");
        };
        assert_eq!(entity.framing, Verified::Nothing);
    }

    fn failed(status: u16, headers: &[(HeaderName, &'static str)]) -> Error {
        match of(status, headers) {
            Answer::Fail(error) => error,
            other => panic!("{status} is no file, but {other:?}"),
        }
    }

    #[test]
    fn what_is_no_file_fails() {
        for (status, kind, transient) in [
            (201, ErrorKind::Http, false),
            (202, ErrorKind::Http, true),
            (204, ErrorKind::Http, false),
            (205, ErrorKind::Http, false),
            (206, ErrorKind::Protocol, false),
            (207, ErrorKind::Http, false),
            (208, ErrorKind::Http, false),
            (218, ErrorKind::Http, false),
            (226, ErrorKind::Http, false),
            (299, ErrorKind::Http, false),
            (304, ErrorKind::Http, false),
            (404, ErrorKind::Http, false),
            (503, ErrorKind::Http, true),
        ] {
            let error = failed(status, &[(CONTENT_LENGTH, "5")]);
            assert_eq!(
                (error.kind(), error.is_transient()),
                (kind, transient),
                "{status}"
            );
        }
        assert_eq!(
            failed(520, &[]).to_string(),
            "the server answered 520; it is overloaded or down: try again later"
        );
        assert!(matches!(of(307, &[]), Answer::Redirect(None)));
        assert!(matches!(of(203, &[]), Answer::Save(_)));
    }

    #[test]
    fn retry_after_makes_a_status_worth_another_attempt() {
        let seconds = Some(Duration::from_secs(7));
        for (status, transient) in [
            (202, true),
            (403, true),
            (404, true),
            (410, false),
            (413, true),
            (429, true),
            (503, true),
            (204, false),
            (304, false),
        ] {
            let error = failed(status, &[(RETRY_AFTER, "7")]);
            assert_eq!(error.is_transient(), transient, "{status}");
            assert_eq!(
                error.asked_wait(),
                seconds.filter(|_| transient),
                "{status}"
            );
        }
        assert!(
            failed(403, &[])
                .to_string()
                .contains("refuses this request")
        );
        let limited = failed(403, &[(RETRY_AFTER, "7")]).to_string();
        assert!(limited.contains("too many requests"), "{limited}");
        let Answer::Redirect(wait) = of(302, &[(RETRY_AFTER, "7")]) else {
            panic!("a 302 is a redirect");
        };
        assert_eq!(wait, seconds);
    }

    #[test]
    fn redirect_waits_no_longer_than_allowed() {
        let found = StatusCode::FOUND;
        let (short, long) = (Duration::from_secs(7), Duration::from_secs(601));
        let wait = |asked| wait_before_following(found, asked, Duration::from_mins(10));
        assert_eq!(wait(None).unwrap(), Duration::ZERO);
        assert_eq!(wait(Some(short)).unwrap(), short);
        let error = wait(Some(long)).unwrap_err();
        assert_eq!(
            (error.asked_wait(), error.http_status()),
            (Some(long), Some(302))
        );
    }

    #[test]
    fn part_that_was_not_asked_for_is_saved_if_it_is_the_whole() {
        let asked_with = |length, headers: &[(HeaderName, &'static str)]| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
                .collect();
            let status = StatusCode::PARTIAL_CONTENT;
            let now = SystemTime::UNIX_EPOCH;
            read(
                status,
                Version::HTTP_11,
                &headers,
                length,
                RequestKind::Conditional,
                now,
            )
        };
        let whole = (CONTENT_RANGE, "bytes 0-4/5");
        for length in [None, Some(5)] {
            let Answer::Save(entity) = asked_with(length, slice::from_ref(&whole)) else {
                panic!("it is the whole file");
            };
            assert_eq!(entity.length, Some(5));
        }
        for (length, headers) in [
            (Some(5), &[][..]),
            (Some(4), slice::from_ref(&whole)),
            (Some(6), slice::from_ref(&whole)),
            (Some(5), &[(CONTENT_RANGE, "bytes 0-4/6")]),
            (Some(5), &[(CONTENT_RANGE, "bytes 0-4/*")]),
            (Some(4), &[(CONTENT_RANGE, "bytes 1-4/5")]),
            (Some(5), &[(CONTENT_RANGE, "items 0-4/5")]),
            (Some(5), &[(CONTENT_RANGE, "bytes */5")]),
            (Some(5), &[whole.clone(), whole.clone()]),
            (
                Some(5),
                &[
                    whole.clone(),
                    (CONTENT_TYPE, "multipart/byteranges; boundary=x"),
                ],
            ),
            (None, &[whole.clone(), (TRANSFER_ENCODING, "gzip, chunked")]),
            (None, &[whole.clone(), (TRANSFER_ENCODING, "br, chunked")]),
        ] {
            let answer = asked_with(length, headers);
            assert!(matches!(answer, Answer::Fail(_)), "{length:?} {headers:?}");
        }
    }

    #[test]
    fn unchanged_is_an_answer_to_those_alone_who_asked_for_changes() {
        let Answer::Unchanged(entity) = asked(RequestKind::Conditional, 304, &[(ETAG, "\"a\"")])
        else {
            panic!("a 304 is what was asked for");
        };
        assert_eq!(entity.etag.as_deref(), Some("\"a\""));
        for status in [200, 302, 404] {
            let answer = asked(RequestKind::Conditional, status, &[]);
            assert!(!matches!(answer, Answer::Unchanged(_)), "{status}");
        }
    }

    #[test]
    fn transfer_codings_are_known_or_no_http() {
        for (coding, vouches) in [
            ("chunked", Some(Verified::Length)),
            ("gzip, Chunked", Some(Verified::Length)),
            ("identity", Some(Verified::Length)),
            ("deflate", Some(Verified::Nothing)),
            ("xchunked", None),
            ("chunked, gzip", None),
        ] {
            let answer = of(200, &[(TRANSFER_ENCODING, coding), (CONTENT_LENGTH, "5")]);
            match (answer, vouches) {
                (Answer::Save(entity), Some(vouches)) => assert_eq!(entity.framing, vouches),
                (Answer::Fail(error), None) => assert_eq!(error.kind(), ErrorKind::Protocol),
                (other, _) => panic!("{coding}: {other:?}"),
            }
        }
        // If the response is not a file, its status decides.
        assert_eq!(
            failed(404, &[(TRANSFER_ENCODING, "br")]).kind(),
            ErrorKind::Http
        );
    }

    #[test]
    fn a_time_that_cannot_be_read_is_none() {
        let entity = |text: &'static str| match of(200, &[(LAST_MODIFIED, text)]) {
            Answer::Save(entity) => entity,
            other => panic!("{other:?}"),
        };
        assert!(entity("Sun, 06 Nov 1994 08:49:37 GMT").modified().is_some());
        assert!(entity("yesterday").modified().is_none());
    }
}
