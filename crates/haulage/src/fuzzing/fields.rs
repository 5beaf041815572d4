//! Targets for header fields of responses. An input is the lines of a head, `Name: value`.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use super::choice;
use super::names::check_target;
use crate::checksum::{Algorithm, Checksum};
use crate::plan::accepted::Accepted;
use crate::plan::content_range::{self, ContentRange, RequestedRange};
use crate::plan::disposition;
use crate::plan::fields::{Fields, without_blanks};
use crate::plan::name::TargetName;
use crate::plan::response_digests;
use crate::plan::resume::{Identity, Verdict};
use crate::plan::retry_after;
use crate::plan::validator::{Agreement, Validator};

/// 2026-01-01T00:00:00Z.
const NOW: Duration = Duration::from_hours(490_896);

/// Returns the fields that are in these lines; what is no field is left out.
fn fields(data: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], without_blanks(&line[colon + 1..]));
        let is_value = !value.iter().any(|byte| matches!(byte, b'\r' | 0));
        if is_value && http::HeaderName::from_bytes(name).is_ok() {
            fields.push(&name.to_ascii_lowercase(), value);
        }
    }
    fields
}

/// Returns the fields that are in this text of our own.
fn field(name: &str, value: &str) -> Fields {
    fields(format!("{name}: {value}").as_bytes())
}

/// Reads Content-Range, writes it and reads it again; and judges it as the answer to a request.
pub fn content_range(data: &[u8]) {
    let (asked, data) = choice(data);
    let fields = fields(data);
    let _ = content_range::is_multipart(&fields);
    if let Some(length) = content_range::whole(&fields, None) {
        assert_eq!(content_range::whole(&fields, Some(length)), Some(length));
    }
    if let Ok(range) = ContentRange::of(&fields) {
        let text = match &range {
            ContentRange::Part { range, total } => {
                assert!(range.start < range.end);
                assert!(total.is_none_or(|total| range.end <= total));
                let total = total.map_or("*".to_owned(), |total| total.to_string());
                format!("bytes {}-{}/{total}", range.start, range.end - 1)
            }
            ContentRange::Unsatisfied { total } => format!("bytes */{total}"),
        };
        assert_eq!(ContentRange::of(&field("content-range", &text)), Ok(range));
    }
    judge(asked, &fields);
}

/// Judges an answer to a request for a part: what it is joined to is what was asked for.
fn judge(choice: u8, fields: &Fields) {
    let start = u64::from(choice % 8);
    let end = (choice & 0x40 != 0).then_some(start + 4);
    let asked = RequestedRange { start, end };
    let header = asked.header();
    assert!(header.is_some_and(|value| value.as_bytes().starts_with(b"bytes=")));
    let identity = Identity {
        url: "http://h/a".to_owned(),
        validator: Some(Validator::ETag("\"a\"".to_owned())),
        total: 20,
        is_checked: choice & 0x80 != 0,
    };
    for status in [206, 416, 200, 412] {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        for length in [None, Some(4), Some(20)] {
            let verdict = identity.judge(Some(asked), status, fields, length);
            if let Verdict::Continue(range) = verdict {
                assert_eq!(status, StatusCode::PARTIAL_CONTENT);
                assert_eq!(range.start, start);
                assert!(range.end <= end.unwrap_or(20));
                assert!(length.is_none_or(|length| length == range.end - range.start));
            }
        }
    }
}

/// Reads the name in a Content-Disposition, writes it and reads it again; and makes a file's name
/// of it.
pub fn content_disposition(data: &[u8]) {
    let Some(name) = disposition::file_name(data) else {
        return;
    };
    assert!(!name.is_empty());
    let mut quoted = String::new();
    for character in name.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    let field = format!("attachment; filename=\"{quoted}\"; size=3");
    let again = disposition::file_name(field.as_bytes());
    assert_eq!(again.as_deref(), Some(&name[..]));
    let encoded = percent_encode(name.as_bytes(), NON_ALPHANUMERIC);
    let field = format!("x; filename=no; FileName* = UTF-8'en'{encoded}");
    let again = disposition::file_name(field.as_bytes());
    assert_eq!(again.as_deref(), Some(&name[..]));
    let Some(wanted) = TargetName::of_recorded("folder/a.bin") else {
        return;
    };
    for accepted in [Accepted::NOTHING, Accepted::EVERYTHING] {
        let named = wanted.named_by_server(&name, "http://h/a.bin", &|| accepted);
        if let Some(named) = named {
            check_target(named.as_str(), accepted);
            assert_eq!(named.folder(), Some("folder"));
        }
    }
}

/// Reads when a server wants to be asked again.
pub fn retry_after(data: &[u8]) {
    let fields = fields(data);
    let now = SystemTime::UNIX_EPOCH + NOW;
    let wait = retry_after::wait(&fields, now);
    let later = retry_after::wait(&fields, now + Duration::from_hours(1));
    // A later clock shortens the wait until a date, but not a number of seconds.
    assert!(later <= wait, "{later:?} {wait:?}");
    assert_eq!(later.is_some(), wait.is_some());
    for status in [202, 200, 304, 403, 404, 410, 429, 503] {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        let answer = retry_after::later(status, &fields, now);
        let is_final = matches!(status.as_u16(), 200 | 304 | 410);
        assert!(!(is_final && answer.is_some()), "{status}");
        if let Some(wait) = wait.filter(|_| !is_final) {
            assert_eq!(answer.map(|later| later.wait), Some(Some(wait)));
        }
    }
    if let Some(seconds) = wait.map(|wait| wait.as_secs()) {
        let again = field("retry-after", &seconds.to_string());
        assert_eq!(retry_after::wait(&again, now), wait);
    }
    let text = String::from_utf8_lossy(data);
    for text in text.lines() {
        if let Ok(time) = httpdate::parse_http_date(text) {
            let written = httpdate::fmt_http_date(time);
            assert_eq!(httpdate::parse_http_date(&written).ok(), Some(time));
        }
    }
}

/// Reads the checksums that a response has of its file, writes them and reads them again.
pub fn digests(data: &[u8]) {
    let fields = fields(data);
    for status in [StatusCode::OK, StatusCode::PARTIAL_CONTENT] {
        let digests = response_digests::read(status, &fields);
        let algorithms = digests.checksums.iter().map(Checksum::algorithm);
        let algorithms: Vec<_> = algorithms.collect();
        let mut different = algorithms.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), algorithms.len());
        for checksum in digests.checksums {
            let algorithm = checksum.algorithm();
            assert_eq!(checksum.digest().len(), algorithm.digest_length());
            let base64 = STANDARD.encode(checksum.digest());
            let again = match algorithm {
                Algorithm::Sha256 => field("repr-digest", &format!("sha-256=:{base64}:")),
                Algorithm::Sha512 => field("repr-digest", &format!("a=::, sha-512=:{base64}:")),
                Algorithm::Sha1 => field("repr-digest", &format!("sha=:{base64}:")),
                Algorithm::Md5 => field("x-goog-hash", &format!("md5={base64}")),
                _ => field("x-goog-hash", &format!("crc32c={base64}")),
            };
            assert_eq!(response_digests::read(status, &again).checksums, [checksum]);
        }
    }
    let nothing = response_digests::read(StatusCode::NOT_FOUND, &fields);
    assert!(nothing.checksums.is_empty());
}

/// Reads a response's validator, records it and reads it again; and compares another response,
/// whose fields follow an empty line, with it.
pub fn validator(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (own, other) = data.split_at(end.unwrap_or(data.len()));
    let (own, other) = (fields(own), fields(other));
    let recorded = String::from_utf8_lossy(data);
    for validator in [Validator::of(&own), Validator::from_text(&recorded)] {
        let Some(validator) = validator else {
            continue;
        };
        let text = validator.to_text();
        assert_eq!(Validator::from_text(text).as_ref(), Some(&validator));
        assert!(HeaderValue::from_str(validator.if_range()).is_ok());
        assert_ne!(validator.if_match(), validator.if_unmodified_since());
        let agreement = validator.agrees_with(&other);
        let same_kind = Validator::of(&other)
            .filter(|other| other.if_match().is_some() == validator.if_match().is_some());
        if let Some(other) = same_kind {
            assert_eq!(agreement == Agreement::Same, validator == other);
        }
    }
    if let Some(validator) = Validator::of(&own) {
        assert_eq!(validator.agrees_with(&own), Agreement::Same);
    }
}
