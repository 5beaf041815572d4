//! How a script with ranges responds to a request: as in RFC 9110 §14, or with a lie.

use std::ops::Range;

use http::header::{ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::body::Body;
use crate::conditions::{self, Condition};
use crate::request::Request;
use crate::script::{RangeLie, Script};

const BOUNDARY: &str = "origin-part";
/// Maximum bytes of the part in `multipart/byteranges`.
const PART_LIMIT: u64 = 64 << 10;

/// The part of a body that is requested.
#[derive(Debug, PartialEq, Eq)]
enum RequestedRange {
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

/// Returns the script that answers this request: the whole body, a range of it, or a refusal, as
/// its `Range` and conditions ask.
pub(crate) fn answer(mut script: Script, request: &Request) -> Script {
    let reading = [Method::GET, Method::HEAD].contains(&request.method);
    if script.status != StatusCode::OK || !reading {
        return script;
    }
    match conditions::check(&script.headers, &request.headers) {
        Condition::Holds => {}
        Condition::NotModified => return refusal(script, StatusCode::NOT_MODIFIED),
        Condition::Failed => return refusal(script, StatusCode::PRECONDITION_FAILED),
    }
    if !script.headers.contains_key(ACCEPT_RANGES) {
        set(&mut script, ACCEPT_RANGES, "bytes");
    }
    let may_range = script.range_lie == Some(RangeLie::IgnoresIfRange)
        || conditions::range_holds(&script.headers, &request.headers);
    let asked = if request.method == Method::GET && may_range {
        asked(&request.headers, script.body.len())
    } else {
        RequestedRange::Whole
    };
    respond(script, asked)
}

fn respond(script: Script, asked: RequestedRange) -> Script {
    let len = script.body.len();
    match (asked, script.range_lie) {
        (RequestedRange::Whole, Some(RangeLie::Unasked)) if len > 1 => part(script, 0..len / 2),
        (RequestedRange::Whole, _) | (_, Some(RangeLie::Ignore)) => script,
        (RequestedRange::Unsatisfiable, _) | (_, Some(RangeLie::Unsatisfiable)) => {
            let mut script = refusal(script, StatusCode::RANGE_NOT_SATISFIABLE);
            set(&mut script, CONTENT_RANGE, &format!("bytes */{len}"));
            script
        }
        (RequestedRange::Part(range), Some(RangeLie::WrongStart)) => {
            let start = range.start.checked_sub(1).unwrap_or(1).min(range.end - 1);
            part(script, start..range.end)
        }
        (RequestedRange::Part(range), Some(RangeLie::Shorter)) => {
            let half = (range.end - range.start).div_ceil(2);
            part(script, range.start..range.start + half)
        }
        (RequestedRange::Part(range), Some(RangeLie::Multipart)) => multipart(script, range),
        (RequestedRange::Part(range), _) => part(script, range),
    }
}

/// Makes the script a 206 with this range. `Content-Range` is as the script's lie wants it.
fn part(mut script: Script, range: Range<u64>) -> Script {
    let (mut last, mut total, mut unit) = (range.end - 1, script.body.len(), "bytes");
    match script.range_lie {
        Some(RangeLie::WrongEnd) => last += 1,
        Some(RangeLie::WrongTotal) => total += 1,
        Some(RangeLie::UnknownUnit) => unit = "items",
        _ => {}
    }
    if script.range_lie != Some(RangeLie::Unlabelled) {
        let label = format!("{unit} {}-{last}/{total}", range.start);
        set(&mut script, CONTENT_RANGE, &label);
    }
    script.status = StatusCode::PARTIAL_CONTENT;
    script.body = script.body.slice(range);
    script
}

/// Makes the script a 206 in `multipart/byteranges` with a single part (RFC 9110 §14.6).
fn multipart(mut script: Script, range: Range<u64>) -> Script {
    let range = range.start..range.end.min(range.start + PART_LIMIT);
    let (first, last, total) = (range.start, range.end - 1, script.body.len());
    let head = format!("--{BOUNDARY}\r\nContent-Range: bytes {first}-{last}/{total}\r\n\r\n");
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    let bytes = script.body.slice(range).bytes();
    let kind = format!("multipart/byteranges; boundary={BOUNDARY}");
    set(&mut script, CONTENT_TYPE, &kind);
    script.status = StatusCode::PARTIAL_CONTENT;
    script.body = Body::of([head.as_bytes(), &bytes, end.as_bytes()].concat());
    script
}

/// Makes the script a response with this status and no body, so that nothing happens within a body.
fn refusal(mut script: Script, status: StatusCode) -> Script {
    script.status = status;
    script.body = Body::empty();
    script.during.clear();
    script
}

fn set(script: &mut Script, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        script.headers.insert(name, value);
    }
}

/// Reads what the `Range` header asks for. Several ranges, other units and invalid values are
/// ignored, as RFC 9110 §14.2 allows.
fn asked(headers: &HeaderMap, len: u64) -> RequestedRange {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = range
        .and_then(|range| range.trim().strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return RequestedRange::Whole;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (first.is_empty(), number(first), number(last)) {
        (true, _, Some(suffix)) => len.saturating_sub(suffix)..len,
        (false, Some(first), _) if last.is_empty() => first..len,
        (false, Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        _ => return RequestedRange::Whole,
    };
    if range.start < range.end {
        RequestedRange::Part(range)
    } else {
        RequestedRange::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        for (text, expected) in [
            ("bytes=0-0", RequestedRange::Part(0..1)),
            ("bytes=3-", RequestedRange::Part(3..10)),
            ("bytes=3-99", RequestedRange::Part(3..10)),
            ("bytes=-4", RequestedRange::Part(6..10)),
            ("bytes=-40", RequestedRange::Part(0..10)),
            ("bytes=10-", RequestedRange::Unsatisfiable),
            ("bytes=-0", RequestedRange::Unsatisfiable),
            ("bytes=4-3", RequestedRange::Whole),
            ("bytes=0-1,3-4", RequestedRange::Whole),
            ("bytes=-", RequestedRange::Whole),
            ("bytes=x-3", RequestedRange::Whole),
            ("items=0-3", RequestedRange::Whole),
        ] {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]);
            assert_eq!(asked(&headers, 10), expected, "{text}");
        }
        assert_eq!(asked(&HeaderMap::new(), 10), RequestedRange::Whole);
    }
}
