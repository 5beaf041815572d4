//! Ranges in heads: the one that Range requests (RFC 9110 §14.2), and the one that was sent,
//! according to Content-Range (§14.4). Pure.

use std::ops::Range;

use http::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue};

use crate::plan::coding;
use crate::plan::fields::Fields;

/// The range that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestedRange {
    pub(crate) start: u64,
    /// The first byte after the range; `None` for all bytes to the end of the file.
    pub(crate) end: Option<u64>,
}

/// What a Content-Range says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ContentRange {
    /// `bytes 0-9/20`: these bytes were sent, of a file with this total; `None` for `*`, which
    /// means that it is unknown.
    Part {
        range: Range<u64>,
        total: Option<u64>,
    },
    /// `bytes */20`: the file has this total, and none of the requested bytes. It belongs to a 416.
    Unsatisfied { total: u64 },
}

/// Why a Content-Range cannot be used. With one of the last two, the bytes must not be joined to
/// any others (§14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Missing,
    /// Its unit is not bytes (§14.1).
    OtherUnit,
    /// It breaks the grammar, contradicts itself, has numbers that do not fit into 64 bits, or
    /// occurs twice.
    Malformed,
}

impl RequestedRange {
    /// Returns the value of Range, `bytes=5-9` or `bytes=5-`; `None` if the range is empty, because
    /// Range cannot express that.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        let Self { start, end } = self;
        let text = match end {
            None => format!("bytes={start}-"),
            Some(end) if start < end => format!("bytes={start}-{}", end - 1),
            Some(_) => return None,
        };
        HeaderValue::try_from(text).ok()
    }
}

impl From<Range<u64>> for RequestedRange {
    fn from(range: Range<u64>) -> Self {
        Self {
            start: range.start,
            end: Some(range.end),
        }
    }
}

impl ContentRange {
    /// Reads the Content-Range of a response. Fails if there is none, or if it cannot be used.
    pub(crate) fn of(headers: &Fields) -> Result<Self, Fault> {
        let mut values = headers.get_all(CONTENT_RANGE);
        match (values.next(), values.next()) {
            (None, _) => Err(Fault::Missing),
            (Some(value), None) => Self::read(value.as_bytes()),
            (Some(_), Some(_)) => Err(Fault::Malformed),
        }
    }

    fn read(value: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(value).map_err(|_| Fault::Malformed)?;
        // White space around a value is not part of it (§5.5); inside there is exactly one space.
        let (unit, said) = text
            .trim_matches([' ', '\t'])
            .split_once(' ')
            .ok_or(Fault::Malformed)?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return Err(if is_token(unit) {
                Fault::OtherUnit
            } else {
                Fault::Malformed
            });
        }
        in_bytes(said).ok_or(Fault::Malformed)
    }
}

/// Returns the length of the file in bytes if a 206 contains all of it, according to its
/// Content-Range. Returns `None` for any other response, and if the framing, which says `length`,
/// or a transfer coding makes that doubtful.
pub(crate) fn whole(headers: &Fields, length: Option<u64>) -> Option<u64> {
    let Ok(ContentRange::Part { range, total }) = ContentRange::of(headers) else {
        return None;
    };
    let is_whole = range.start == 0 && total == Some(range.end);
    let is_as_long = length.is_none_or(|length| length == range.end);
    let is_plain = coding::to_undo(headers, false).is_ok_and(|codings| codings.is_empty());
    (is_whole && is_as_long && is_plain && !is_multipart(headers)).then_some(range.end)
}

/// Returns whether a body is of type `multipart/byteranges` (§14.6).
pub(crate) fn is_multipart(headers: &Fields) -> bool {
    headers.get_all(CONTENT_TYPE).any(|value| {
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        essence.is_some_and(|essence| {
            essence
                .trim_ascii()
                .eq_ignore_ascii_case(b"multipart/byteranges")
        })
    })
}

/// Reads a `range-resp` or an `unsatisfied-range`; `None` if it is invalid. It is invalid too if
/// the last byte precedes the first one, or is not within the total.
fn in_bytes(said: &str) -> Option<ContentRange> {
    let (range, total) = said.split_once('/')?;
    if range == "*" {
        let total = number(total)?;
        return Some(ContentRange::Unsatisfied { total });
    }
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    let (first, last) = range.split_once('-')?;
    let range = number(first)?..number(last)?.checked_add(1)?;
    let is_valid = !range.is_empty() && total.is_none_or(|total| range.end <= total);
    is_valid.then_some(ContentRange::Part { range, total })
}

/// Reads a number, `1*DIGIT`; `None` if it is not one, or does not fit into 64 bits.
fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Returns whether a text is a token (§5.6.2).
fn is_token(text: &str) -> bool {
    let is_mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str) -> Result<ContentRange, Fault> {
        ContentRange::read(value.as_bytes())
    }

    fn part(range: Range<u64>, total: Option<u64>) -> ContentRange {
        ContentRange::Part { range, total }
    }

    #[test]
    fn a_range_says_what_was_sent_of_how_much() {
        for (value, says) in [
            ("bytes 42-1233/1234", part(42..1234, Some(1234))),
            ("bytes 42-1233/*", part(42..1234, None)),
            ("bytes 0-0/1", part(0..1, Some(1))),
            ("BYTES 0-0/1", part(0..1, Some(1))),
            (" \tbytes 0-0/1\t ", part(0..1, Some(1))),
            ("bytes 000-009/0020", part(0..10, Some(20))),
            (
                "bytes 0-18446744073709551614/18446744073709551615",
                part(0..u64::MAX, Some(u64::MAX)),
            ),
            ("bytes */1234", ContentRange::Unsatisfied { total: 1234 }),
            ("bytes */0", ContentRange::Unsatisfied { total: 0 }),
        ] {
            assert_eq!(read(value), Ok(says), "{value}");
        }
    }

    #[test]
    fn what_is_no_range_of_bytes_says_why() {
        for value in [
            "items 0-9/20",
            "seconds */20",
            "x-bytes 1-2/3",
            "byte whatever this is",
        ] {
            assert_eq!(read(value), Err(Fault::OtherUnit), "{value}");
        }
        for value in [
            "",
            " ",
            "bytes",
            "bytes ",
            "items ",
            "bytes=0-9/20",
            "bytes: 0-9/20",
            "bytes\t0-9/20",
            "bytes  0-9/20",
            "bytes 0 -9/20",
            "bytes 0- 9/20",
            "bytes 0-9 /20",
            "bytes 0-9/ 20",
            "bytes 0-9",
            "bytes 0-9/",
            "bytes 0-/20",
            "bytes -9/20",
            "bytes -/20",
            "bytes */*",
            "bytes */",
            "bytes *",
            "bytes **/20",
            "bytes *-9/20",
            "bytes 5-4/20",
            "bytes 0-20/20",
            "bytes 0-9/9",
            "bytes 0-0/0",
            "bytes +0-9/20",
            "bytes 0-+9/20",
            "bytes 0-9/+20",
            "bytes 0x0-0x9/20",
            "bytes 0-9/20/30",
            "bytes 0-9-9/20",
            "bytes 0-9,10-19/20",
            "bytes 0-9/20, bytes 0-9/20",
            "bytes ٠-٩/20",
            "bytes 0-18446744073709551615/*",
            "bytes 0-9/18446744073709551616",
            "bytes 18446744073709551616-18446744073709551617/*",
            "bytes 0-99999999999999999999999999/*",
            "bytes */18446744073709551616",
            "é 0-9/20",
            "a,b 0-9/20",
        ] {
            assert_eq!(read(value), Err(Fault::Malformed), "{value}");
        }
    }

    #[test]
    fn it_stands_in_a_head_once() {
        let of = |values: &[&'static str]| {
            let headers = values
                .iter()
                .map(|value| (CONTENT_RANGE, HeaderValue::from_static(value)))
                .collect();
            ContentRange::of(&headers)
        };
        assert_eq!(of(&[]), Err(Fault::Missing));
        assert_eq!(of(&["bytes 0-9/20"]), Ok(part(0..10, Some(20))));
        let twice = of(&["bytes 0-9/20", "bytes 0-9/20"]);
        assert_eq!(twice, Err(Fault::Malformed));
    }

    #[test]
    fn whole_file_begins_at_its_first_byte_and_has_all() {
        let of = |range: &'static str, length| {
            let headers = [(CONTENT_RANGE, HeaderValue::from_static(range))];
            whole(&headers.into_iter().collect(), length)
        };
        for length in [None, Some(20)] {
            assert_eq!(of("bytes 0-19/20", length), Some(20));
        }
        for range in [
            "bytes 0-18/20",
            "bytes 1-19/20",
            "bytes 0-19/*",
            "bytes */20",
        ] {
            assert_eq!(of(range, None), None, "{range}");
        }
        assert_eq!(of("bytes 0-19/20", Some(19)), None);
    }

    #[test]
    fn a_request_counts_to_the_last_byte() {
        let header = |start, end| RequestedRange { start, end }.header();
        let says = |text| Some(HeaderValue::from_static(text));
        assert_eq!(header(0, None), says("bytes=0-"));
        assert_eq!(header(5, Some(6)), says("bytes=5-5"));
        assert_eq!(
            RequestedRange::from(0..u64::MAX).header(),
            says("bytes=0-18446744073709551614")
        );
        assert_eq!(header(u64::MAX, None), says("bytes=18446744073709551615-"));
        assert_eq!(header(5, Some(5)), None);
        assert_eq!(header(5, Some(4)), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(first: u64, length in 1..u64::MAX, more: Option<u64>) {
            let end = first.saturating_add(length);
            prop_assume!(first < end);
            let total = more.map(|more| end.saturating_add(more));
            let shown = total.map_or("*".to_owned(), |total| total.to_string());
            let value = format!("bytes {first}-{}/{shown}", end - 1);
            prop_assert_eq!(read(&value), Ok(part(first..end, total)));
        }

        #[test]
        fn of_any_bytes_only_what_makes_sense_is_taken(
            bytes in prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..40),
                "(bytes|items|) {0,2}[0-9*+]{0,21}[-/]?[0-9*]{0,21}[/ ]?[0-9*]{0,21}".prop_map(String::into_bytes),
            ],
        ) {
            if let Ok(ContentRange::Part { range, total }) = ContentRange::read(&bytes) {
                prop_assert!(range.start < range.end);
                prop_assert!(total.is_none_or(|total| range.end <= total));
            }
        }
    }
}
