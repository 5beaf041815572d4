//! What the head of a response claims, as types.

use std::sync::Arc;
use std::time::SystemTime;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{StatusCode, Version};

use crate::checksum::Checksum;
use crate::error::{Error, ErrorKind};
use crate::outcome::Verified;
use crate::plan::fields::Fields;
use crate::plan::retry_after;

/// The head of a response, whatever it came over.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// The file that a response carries, as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    /// Bytes to come; `None` when the end of the body will tell.
    pub(crate) length: Option<u64>,
    /// What the end of the body will vouch for.
    pub(crate) framing: Verified,
    /// What the response says that the file's bytes come to, where that is held against them.
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
    /// Go where its Location points to.
    Redirect,
    /// What is there already is the file: so it described it, without its body.
    Unchanged(Entity),
    /// There is no file.
    Fail(Error),
}

/// How a file was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Always,
    /// Only if it is another one than is there already.
    IfChanged,
}

/// Reads a head. `length` is what the framing says (RFC 9112 §6.3, which the transport has applied).
pub(crate) fn read(
    status: StatusCode,
    version: Version,
    headers: &Fields,
    length: Option<u64>,
    asked: Asked,
) -> Answer {
    match status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => Answer::Redirect,
        // RFC 9110 §15.4.5. To a request without conditions it says nothing.
        StatusCode::NOT_MODIFIED if asked == Asked::IfChanged => {
            Answer::Unchanged(Entity::described(headers, None, Verified::Nothing))
        }
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => Answer::Fail(Error::http(
            status,
            format!("the server answered {status}: there is nothing to save"),
        )),
        StatusCode::PARTIAL_CONTENT => Answer::Fail(Error::new(
            ErrorKind::Protocol,
            "the server sent a part of the file, which was not asked for",
        )),
        status if status.is_success() && !framing_is_clear(version, headers) => {
            Answer::Fail(Error::new(
                ErrorKind::Protocol,
                "the server sent a Transfer-Encoding other than chunked, so the end of the file cannot be told",
            ))
        }
        status if status.is_success() => Answer::Save(Entity::described(
            headers,
            length,
            framing(version, headers),
        )),
        status => Answer::Fail(
            Error::http(
                status,
                format!("the server answered {status}{}", advice(status)),
            )
            .retry_after(retry_after::wait(headers, SystemTime::now())),
        ),
    }
}

/// What whoever asked can do about a status, in words that fit after it.
fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "; it asks who you are: give a name and a password with --user",
        StatusCode::FORBIDDEN => "; it does not let this be fetched by whoever asks so",
        StatusCode::NOT_FOUND | StatusCode::GONE => "; check the URL",
        StatusCode::TOO_MANY_REQUESTS => "; ask for less at once with --per-host",
        status if status.is_server_error() => "; it is in trouble: try again later",
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

    /// `Last-Modified` as a time (RFC 9110 §8.8.2).
    pub(crate) fn modified(&self) -> Option<SystemTime> {
        httpdate::parse_http_date(self.last_modified.as_deref()?).ok()
    }
}

/// Whether the end of a body can be told: a transfer coding other than `chunked` overrides any Content-Length, and ends
/// where the connection does (RFC 9112 §6.3), so that a body which was cut short looks whole.
fn framing_is_clear(version: Version, headers: &Fields) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).next_back();
    version == Version::HTTP_2
        || last.is_none_or(|last| {
            let coding = last.as_bytes().rsplit(|byte| *byte == b',').next();
            coding.is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
        })
}

/// Whether a head tells the end of its body in two ways. Transfer-Encoding wins, and the connection must be closed, since
/// somebody on the way may have believed the other one (RFC 9112 §6.1, §6.3).
pub(crate) fn is_framed_twice(headers: &Fields) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

/// Whether a response may be one that nobody asked for, where its connection has brought others: it came after the one before, and was taken
/// for the answer to the next request. What tells it apart is that its body ends with the connection (RFC 9112 §6.3), and that it does
/// not say so (§9.6): whoever sends such answers has as a rule not kept the connection open for another.
pub(crate) fn may_be_unasked(status: StatusCode, version: Version, headers: &Fields) -> bool {
    let has_body = !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    );
    has_body && framing(version, headers) == Verified::Nothing && !headers.contains_key(CONNECTION)
}

/// What the end of a body says: with a length, a last chunk or `END_STREAM` that it is whole; where it ends with the
/// connection, nothing (RFC 9112 §8).
fn framing(version: Version, headers: &Fields) -> Verified {
    if version == Version::HTTP_2
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING)
    {
        Verified::Length
    } else {
        Verified::Nothing
    }
}

fn text(headers: &Fields, name: &HeaderName) -> Option<Arc<str>> {
    let value = headers.get(name)?;
    // Almost all of them are UTF-8, and that is seen faster.
    Some(match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(value.as_bytes()).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(status: u16, headers: &[(HeaderName, &'static str)]) -> Answer {
        asked(Asked::Always, status, headers)
    }

    fn asked(asked: Asked, status: u16, headers: &[(HeaderName, &'static str)]) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect();
        read(
            StatusCode::from_u16(status).unwrap(),
            Version::HTTP_11,
            &headers,
            None,
            asked,
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

    #[test]
    fn what_is_no_file_fails() {
        for (status, kind) in [
            (204, ErrorKind::Http),
            (205, ErrorKind::Http),
            (206, ErrorKind::Protocol),
            (304, ErrorKind::Http),
            (404, ErrorKind::Http),
            (503, ErrorKind::Http),
        ] {
            let Answer::Fail(error) = of(status, &[]) else {
                panic!("{status} is no file");
            };
            assert_eq!(error.kind(), kind, "{status}");
        }
        assert!(matches!(of(307, &[]), Answer::Redirect));
    }

    #[test]
    fn unchanged_is_an_answer_to_those_alone_who_asked_for_changes() {
        let Answer::Unchanged(entity) = asked(Asked::IfChanged, 304, &[(ETAG, "\"a\"")]) else {
            panic!("a 304 is what was asked for");
        };
        assert_eq!(entity.etag.as_deref(), Some("\"a\""));
        for status in [200, 302, 404] {
            let answer = asked(Asked::IfChanged, status, &[]);
            assert!(!matches!(answer, Answer::Unchanged(_)), "{status}");
        }
    }

    #[test]
    fn a_coding_that_hides_the_end_is_no_http() {
        for (coding, clear) in [
            ("chunked", true),
            ("gzip, Chunked", true),
            ("identity", false),
            ("xchunked", false),
            ("chunked, gzip", false),
        ] {
            let answer = of(200, &[(TRANSFER_ENCODING, coding), (CONTENT_LENGTH, "5")]);
            assert_eq!(matches!(answer, Answer::Save(_)), clear, "{coding}");
        }
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
