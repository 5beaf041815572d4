//! Ranges and conditions, and lies about them.

use origin::{Body, Origin, RangeLie, Script};

use crate::client::Client;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What comes of ten bytes, asked for with these headers: status, `Content-Range`, body.
fn asked(origin: &Origin, headers: &str) -> (u16, Option<String>, String) {
    let mut client = Client::of(origin);
    let answer = client.get_with("/a", headers);
    let body = client.body_as_text(&answer);
    let range = answer.header("content-range").map(str::to_owned);
    (answer.status(), range, body)
}

fn entity() -> Script {
    Script::entity(Body::of("0123456789"), "\"one\"").last_modified(DATE)
}

#[test]
fn ranges_and_conditions_are_honoured() {
    let origin = Origin::plain();
    origin.on("/a", entity());
    let date = format!("Range: bytes=8-\r\nIf-Range: {DATE}\r\n");
    for (headers, status, range, body) in [
        ("", 200, None, "0123456789"),
        ("Range: bytes=2-4\r\n", 206, Some("bytes 2-4/10"), "234"),
        ("Range: bytes=-3\r\n", 206, Some("bytes 7-9/10"), "789"),
        ("Range: bytes=10-\r\n", 416, Some("bytes */10"), ""),
        (
            "Range: bytes=8-\r\nIf-Range: \"one\"\r\n",
            206,
            Some("bytes 8-9/10"),
            "89",
        ),
        (&date, 206, Some("bytes 8-9/10"), "89"),
        (
            "Range: bytes=8-\r\nIf-Range: \"two\"\r\n",
            200,
            None,
            "0123456789",
        ),
        ("Range: bytes=8-\r\nIf-Match: \"two\"\r\n", 412, None, ""),
        ("If-None-Match: \"one\"\r\n", 304, None, ""),
    ] {
        let expected = (status, range.map(str::to_owned), body.to_owned());
        assert_eq!(asked(&origin, headers), expected, "{headers}");
    }
}

#[test]
fn a_range_misbehaves_by_its_own_offsets() {
    let origin = Origin::plain();
    origin.on("/a", entity().close_at(3));
    let mut client = Client::of(&origin);
    let answer = client.get_with("/a", "Range: bytes=5-\r\n");
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(client.rest().unwrap(), b"567");
}

#[test]
fn lies_about_ranges() {
    let origin = Origin::plain();
    let range = "Range: bytes=4-7\r\n";
    let other = "Range: bytes=4-7\r\nIf-Range: \"two\"\r\n";
    for (lie, headers, status, label, body) in [
        (RangeLie::Ignore, range, 200, None, "0123456789"),
        (
            RangeLie::WrongStart,
            range,
            206,
            Some("bytes 3-7/10"),
            "34567",
        ),
        (RangeLie::WrongEnd, range, 206, Some("bytes 4-8/10"), "4567"),
        (
            RangeLie::WrongTotal,
            range,
            206,
            Some("bytes 4-7/11"),
            "4567",
        ),
        (RangeLie::Shorter, range, 206, Some("bytes 4-5/10"), "45"),
        (RangeLie::Unasked, "", 206, Some("bytes 0-4/10"), "01234"),
        (RangeLie::Unasked, range, 206, Some("bytes 4-7/10"), "4567"),
        (
            RangeLie::Multipart,
            range,
            206,
            None,
            "--origin-part\r\nContent-Range: bytes 4-7/10\r\n\r\n4567\r\n--origin-part--\r\n",
        ),
        (
            RangeLie::UnknownUnit,
            range,
            206,
            Some("items 4-7/10"),
            "4567",
        ),
        (RangeLie::Unlabelled, range, 206, None, "4567"),
        (
            RangeLie::IgnoresIfRange,
            other,
            206,
            Some("bytes 4-7/10"),
            "4567",
        ),
        (RangeLie::Unsatisfiable, range, 416, Some("bytes */10"), ""),
        (RangeLie::Ignore, "", 200, None, "0123456789"),
    ] {
        origin.on("/a", entity().range_lie(lie));
        let expected = (status, label.map(str::to_owned), body.to_owned());
        assert_eq!(asked(&origin, headers), expected, "{lie:?}");
    }
}

#[test]
fn an_entity_changes_between_requests() {
    let origin = Origin::plain();
    let changed = Script::entity(Body::of("abcdefghij"), "\"two\"");
    origin.on("/a", [entity(), changed]);
    assert_eq!(asked(&origin, "").2, "0123456789");
    let resumed = "Range: bytes=8-\r\nIf-Range: \"one\"\r\n";
    assert_eq!(
        asked(&origin, resumed),
        (200, None, "abcdefghij".to_owned())
    );
}
