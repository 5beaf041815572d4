//! Decides whether the bytes of a partial file may be joined to those of a response (RFC 9110 §14,
//! §15.3.7). Pure.
//!
//! Bytes of two entities are never joined. So a file is resumed only if its responses share a
//! strong validator, or if the whole file will be compared to an expected digest, and only if the
//! response itself says which part it contains. If anything is missing, unclear or contradictory,
//! the file restarts: that costs time, but never a file.

use std::ops::Range;

use http::StatusCode;
use http::header::ACCEPT_RANGES;

use crate::plan::coding;
use crate::plan::content_range::{self, ContentRange, Fault, RequestedRange, is_multipart};
use crate::plan::fields::Fields;
use crate::plan::range_set::RangeSet;
use crate::plan::validator::{Agreement, Validator};

/// Identifies an entity. It is recorded before the first of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The URL as given. It may redirect elsewhere each time, such as to a signed URL.
    pub(crate) url: String,
    /// Holds only for the server that sent it: requests to a mirror do not contain it.
    pub(crate) validator: Option<Validator>,
    pub(crate) total: u64,
    /// Whether the whole file will be compared to an expected digest, which would detect a mixture.
    pub(crate) is_checked: bool,
}

/// What to request next, given the bytes that are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResumePlan {
    /// The whole file. No bytes of the partial file are used.
    Whole,
    /// The first missing bytes, up to the next range that is on disk.
    Rest(RequestedRange),
    /// Nothing: the partial file has all bytes.
    Nothing,
}

/// What the response to a request with Range means for the partial file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The body is this range of the same entity. It may be shorter than requested (§15.3.7), but
    /// begins where it should.
    Continue(Range<u64>),
    /// The body is a whole file from its first byte: the server ignored Range, or the condition no
    /// longer holds (§14.2, §13.1.5). No bytes of the partial file belong to it. Whether it is a
    /// new entity only matters for messages.
    StartAgain(Agreement),
    /// There are no bytes after those of the partial file: it is complete.
    Complete,
    /// The server has another entity now. The partial file is useless, and the file is requested
    /// again without Range.
    Changed,
    /// The part cannot be used: the file is requested again without Range.
    Refused(Refusal),
    /// The response says nothing about ranges. Its meaning is not decided here.
    NotAnAnswer,
}

/// Why a part cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Unasked,
    Encoded,
    Multipart,
    Unnamed,
    OtherUnit,
    Malformed,
    OtherStart,
    OtherEnd,
    OtherTotal,
    OtherLength,
    Unproven,
    Unsatisfied,
}

impl Identity {
    /// Returns the identity of a file that is about to be saved; `None` if it could not be resumed
    /// later. It can be if the response is a 200 with a length, is not encoded, and has a strong
    /// validator, unless it `is_checked`. `length` is the body's length according to the framing.
    ///
    /// An encoded body cannot be resumed: ranges count encoded bytes (§14.1.2), but the rest is
    /// requested without a coding, and so belongs to another representation. `Accept-Ranges: none`
    /// is believed (§14.3); without Accept-Ranges, resuming is worth a try.
    pub(crate) fn of(
        url: &str,
        status: StatusCode,
        headers: &Fields,
        length: Option<u64>,
        is_checked: bool,
    ) -> Option<Self> {
        let identity = Self {
            url: url.to_owned(),
            validator: Validator::of(headers),
            total: length?,
            is_checked,
        };
        let may_be_resumed = status == StatusCode::OK
            && identity.tells_apart()
            && !is_encoded(headers)
            && !refuses_ranges(headers);
        may_be_resumed.then_some(identity)
    }

    /// Returns the identity for a request to this URL. The validator of one server means nothing to
    /// another, so it is removed for another URL. Returns `None` for another URL unless an expected
    /// digest would detect a mixture of two entities.
    pub(crate) fn seen_from(&self, url: &str) -> Option<Self> {
        if self.url == url {
            return Some(self.clone());
        }
        self.is_checked.then(|| Self {
            validator: None,
            ..self.clone()
        })
    }

    /// Returns what to request next. If there are bytes after the end of the file, it is unknown
    /// how they came there: then none of the partial file is used.
    pub(crate) fn resume_plan(&self, here: &RangeSet) -> ResumePlan {
        if here.is_whole(self.total) {
            return ResumePlan::Nothing;
        }
        let is_within = here.iter().all(|range| range.end <= self.total);
        match here.first_gap(self.total) {
            Some(gap) if self.tells_apart() && is_within && here.covered() > 0 => {
                let end = (gap.end < self.total).then_some(gap.end);
                let start = gap.start;
                ResumePlan::Rest(RequestedRange { start, end })
            }
            _ => ResumePlan::Whole,
        }
    }

    /// Judges the response to a request for the range `asked`, which had the validator, if there is
    /// one, in If-Range. `length` is the body's length according to the framing.
    pub(crate) fn judge(
        &self,
        asked: Option<RequestedRange>,
        status: StatusCode,
        headers: &Fields,
        length: Option<u64>,
    ) -> Verdict {
        let Some(asked) = asked else {
            return match status {
                StatusCode::PARTIAL_CONTENT => Verdict::Refused(Refusal::Unasked),
                _ => Verdict::NotAnAnswer,
            };
        };
        match status {
            StatusCode::PARTIAL_CONTENT => self
                .part(asked, headers, length)
                .unwrap_or_else(Verdict::Refused),
            StatusCode::RANGE_NOT_SATISFIABLE => self.unsatisfied(asked, headers),
            // Only a condition of the request can have failed, and its only one was this entity's
            // validator.
            StatusCode::PRECONDITION_FAILED => Verdict::Changed,
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION => {
                Verdict::StartAgain(self.whole(headers, length))
            }
            _ => Verdict::NotAnAnswer,
        }
    }

    /// Judges a 206, the only response whose body is ever joined to a partial file. A 206 with the
    /// whole file, though a part was requested, is treated as a 200. Fails if the part cannot be
    /// used.
    fn part(
        &self,
        asked: RequestedRange,
        headers: &Fields,
        length: Option<u64>,
    ) -> Result<Verdict, Refusal> {
        if is_encoded(headers) {
            return Err(Refusal::Encoded);
        }
        // Never the response to a request for one range (§15.3.7.2).
        if is_multipart(headers) {
            return Err(Refusal::Multipart);
        }
        let (range, total) = match ContentRange::of(headers) {
            Ok(ContentRange::Part { range, total }) => (range, total),
            Err(Fault::Missing) => return Err(Refusal::Unnamed),
            Err(Fault::OtherUnit) => return Err(Refusal::OtherUnit),
            Ok(ContentRange::Unsatisfied { .. }) | Err(Fault::Malformed) => {
                return Err(Refusal::Malformed);
            }
        };
        let is_more_than_asked =
            range.start < asked.start || asked.end.is_some_and(|end| range.end > end);
        if is_more_than_asked && content_range::whole(headers, length).is_some() {
            return Ok(Verdict::StartAgain(self.whole(headers, Some(range.end))));
        }
        // With `*` the total is unknown (§14.4), which contradicts nothing.
        let is_other_total = total.is_some_and(|total| total != self.total);
        match self.agreement(headers) {
            Agreement::Different => return Ok(Verdict::Changed),
            // Responses that share a strong validator have one length: a server that contradicts
            // this cannot be trusted in anything.
            Agreement::Same if is_other_total => return Err(Refusal::OtherTotal),
            Agreement::Unknown if is_other_total => return Ok(Verdict::Changed),
            // A 206 must have the ETag that a 200 would have (§15.3.7): without it, the part is not
            // known to be of that entity. A response to If-Range may leave out Last-Modified,
            // because with another date it would not be a 206; but a server that does not know
            // If-Range can send the same. Bytes may be joined if a validator is shared (§15.3.7.3),
            // and in neither case is one.
            Agreement::Unknown if !self.is_checked => return Err(Refusal::Unproven),
            Agreement::Same | Agreement::Unknown => {}
        }
        if range.start != asked.start {
            return Err(Refusal::OtherStart);
        }
        if range.end > asked.end.unwrap_or(self.total).min(self.total) {
            return Err(Refusal::OtherEnd);
        }
        if length.is_some_and(|length| length != range.end - range.start) {
            return Err(Refusal::OtherLength);
        }
        Ok(Verdict::Continue(range))
    }

    /// Judges a 416 (§15.5.17) to a request for the range `asked`.
    fn unsatisfied(&self, asked: RequestedRange, headers: &Fields) -> Verdict {
        let agreement = self.agreement(headers);
        match ContentRange::of(headers) {
            _ if agreement == Agreement::Different => Verdict::Changed,
            Ok(ContentRange::Unsatisfied { total }) if total != self.total => Verdict::Changed,
            Ok(ContentRange::Unsatisfied { total }) if total == asked.start => {
                if agreement == Agreement::Same || self.is_checked {
                    Verdict::Complete
                } else {
                    Verdict::Refused(Refusal::Unproven)
                }
            }
            _ => Verdict::Refused(Refusal::Unsatisfied),
        }
    }

    /// Returns whether a whole file that came instead of a part is of the same entity.
    fn whole(&self, headers: &Fields, length: Option<u64>) -> Agreement {
        let is_other_total = length.is_some_and(|length| length != self.total);
        if is_other_total && !is_encoded(headers) {
            Agreement::Different
        } else {
            self.agreement(headers)
        }
    }

    fn agreement(&self, headers: &Fields) -> Agreement {
        let validator = self.validator.as_ref();
        validator.map_or(Agreement::Unknown, |own| own.agrees_with(headers))
    }

    /// Returns whether a mixture of two entities would be detected.
    fn tells_apart(&self) -> bool {
        self.validator.is_some() || self.is_checked
    }
}

impl Refusal {
    /// Returns what the server did, in words that fit after "the server".
    pub(crate) const fn what(self) -> &'static str {
        match self {
            Self::Unasked => "sent a part of the file, which was not asked for",
            Self::Encoded => "sent a part of the file in a coding, which was not asked for",
            Self::Multipart => "sent several parts of the file where one was asked for",
            Self::Unnamed => "sent a part of the file without saying which",
            Self::OtherUnit => "sent a part of the file that is not counted in bytes",
            Self::Malformed => "sent a part of the file without saying clearly which",
            Self::OtherStart => "sent a part of the file that begins elsewhere than asked for",
            Self::OtherEnd => "sent a part of the file that ends beyond what was asked for",
            Self::OtherTotal => "calls the file unchanged but gives it another length",
            Self::OtherLength => "sent a part of the file that is not as long as it says",
            Self::Unproven => "did not say whether the file is still the same",
            Self::Unsatisfied => "has nothing to send from where the rest of the file begins",
        }
    }
}

/// Returns whether a body is in a content coding (§8.4) or a transfer coding (RFC 9112 §7) other
/// than `chunked`. An unknown coding counts too.
fn is_encoded(headers: &Fields) -> bool {
    !coding::to_undo(headers, true).is_ok_and(|codings| codings.is_empty())
}

/// Returns whether a server says that it does not support ranges.
fn refuses_ranges(headers: &Fields) -> bool {
    let values = headers.get_all(ACCEPT_RANGES);
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|unit| unit.trim_ascii().eq_ignore_ascii_case(b"none"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use http::header::{
        CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, HeaderValue,
        LAST_MODIFIED, TRANSFER_ENCODING,
    };
    use proptest::prelude::*;

    use super::*;

    const URL: &str = "http://host.example/a";
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const A_DAY_LATER: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
    /// From byte 40 of 100 on.
    const REST: RequestedRange = RequestedRange {
        start: 40,
        end: None,
    };

    type Given<'a> = &'a [(HeaderName, &'a str)];

    fn head(fields: Given<'_>) -> Fields {
        fields
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    /// Returns the identity of a file of 100 bytes with a strong entity tag.
    fn known() -> Identity {
        Identity {
            url: URL.to_owned(),
            validator: Validator::from_text("\"a\""),
            total: 100,
            is_checked: false,
        }
    }

    fn judged(known: &Identity, asked: RequestedRange, status: u16, fields: Given<'_>) -> Verdict {
        let status = StatusCode::from_u16(status).unwrap();
        known.judge(Some(asked), status, &head(fields), None)
    }

    /// Judges a 206 with this Content-Range and one more field.
    fn part(range: &'static str, name: HeaderName, value: &'static str) -> Verdict {
        judged(
            &known(),
            REST,
            206,
            &[(CONTENT_RANGE, range), (name, value)],
        )
    }

    fn same(range: &'static str) -> Verdict {
        part(range, ETAG, "\"a\"")
    }

    fn range_set(ranges: &[(u64, u64)]) -> RangeSet {
        let mut set = RangeSet::default();
        for (start, end) in ranges {
            set.add(*start..*end);
        }
        set
    }

    #[test]
    fn what_is_strong_long_and_plain_may_be_resumed() {
        let of = |status: u16, fields: Given<'_>, length, is_checked| {
            let status = StatusCode::from_u16(status).unwrap();
            Identity::of(URL, status, &head(fields), length, is_checked)
        };
        let none = (ACCEPT_RANGES, "none");
        for (fields, may) in [
            (&[][..], false),
            (&[(ETAG, "\"a\"")], true),
            (&[(ETAG, "W/\"a\"")], false),
            (&[(LAST_MODIFIED, THEN), (DATE, A_DAY_LATER)], true),
            (&[(LAST_MODIFIED, THEN), (DATE, THEN)], false),
            (&[(ETAG, "\"a\""), (ACCEPT_RANGES, "bytes")], true),
            (&[(ETAG, "\"a\""), none.clone()], false),
            (&[(ETAG, "\"a\""), (ACCEPT_RANGES, "bytes, NONE")], false),
            (&[(ETAG, "\"a\""), (CONTENT_ENCODING, "gzip")], false),
            (&[(ETAG, "\"a\""), (CONTENT_ENCODING, "unheard-of")], false),
            (&[(ETAG, "\"a\""), (CONTENT_ENCODING, "identity")], true),
            (&[(ETAG, "\"a\""), (TRANSFER_ENCODING, "Chunked")], true),
            (
                &[(ETAG, "\"a\""), (TRANSFER_ENCODING, "gzip, chunked")],
                false,
            ),
        ] {
            let identity = of(200, fields, Some(100), false);
            assert_eq!(identity.is_some(), may, "{fields:?}");
        }
        assert_eq!(of(200, &[(ETAG, "\"a\"")], Some(100), false), Some(known()));
        assert_eq!(of(200, &[(ETAG, "\"a\"")], None, false), None);
        assert_eq!(of(206, &[(ETAG, "\"a\"")], Some(100), false), None);
        assert_eq!(of(203, &[(ETAG, "\"a\"")], Some(100), false), None);
        // An expected digest replaces a validator, but no other condition.
        assert!(of(200, &[], Some(100), true).is_some());
        assert_eq!(of(200, &[none], Some(100), true), None);
        assert_eq!(of(200, &[], None, true), None);
    }

    #[test]
    fn the_first_gap_is_asked_for() {
        let rest = |start, end| ResumePlan::Rest(RequestedRange { start, end });
        for (here, plan) in [
            (&[][..], ResumePlan::Whole),
            (&[(0, 40)], rest(40, None)),
            (&[(0, 40), (60, 100)], rest(40, Some(60))),
            (&[(0, 40), (60, 90)], rest(40, Some(60))),
            (&[(60, 100)], rest(0, Some(60))),
            (&[(0, 99)], rest(99, None)),
            (&[(0, 100)], ResumePlan::Nothing),
            (&[(0, 101)], ResumePlan::Whole),
            (&[(0, 40), (99, 101)], ResumePlan::Whole),
            (&[(200, 300)], ResumePlan::Whole),
        ] {
            assert_eq!(known().resume_plan(&range_set(here)), plan, "{here:?}");
        }
        let unproven = Identity {
            validator: None,
            ..known()
        };
        assert_eq!(
            unproven.resume_plan(&range_set(&[(0, 40)])),
            ResumePlan::Whole
        );
        let checked = Identity {
            is_checked: true,
            ..unproven
        };
        assert_eq!(checked.resume_plan(&range_set(&[(0, 40)])), rest(40, None));
        let empty = Identity {
            total: 0,
            ..known()
        };
        assert_eq!(empty.resume_plan(&RangeSet::default()), ResumePlan::Nothing);
    }

    #[test]
    fn a_part_of_the_same_entity_is_joined_and_may_be_short() {
        assert_eq!(same("bytes 40-99/100"), Verdict::Continue(40..100));
        assert_eq!(same("bytes 40-40/100"), Verdict::Continue(40..41));
        assert_eq!(same("bytes 40-99/*"), Verdict::Continue(40..100));
        let middle = RequestedRange::from(40..60);
        for (range, sent) in [("bytes 40-59/100", 40..60), ("bytes 40-50/100", 40..51)] {
            let fields = [(CONTENT_RANGE, range), (ETAG, "\"a\"")];
            let verdict = judged(&known(), middle, 206, &fields);
            assert_eq!(verdict, Verdict::Continue(sent));
        }
        let dated = Identity {
            validator: Validator::from_text(THEN),
            ..known()
        };
        let fields = [(CONTENT_RANGE, "bytes 40-99/100"), (LAST_MODIFIED, THEN)];
        assert_eq!(
            judged(&dated, REST, 206, &fields),
            Verdict::Continue(40..100)
        );
    }

    #[test]
    fn a_part_that_is_not_what_was_asked_for_is_refused() {
        use Refusal::{
            Encoded, Malformed, Multipart, OtherEnd, OtherStart, OtherTotal, OtherUnit, Unnamed,
        };
        for (range, refusal) in [
            ("bytes 0-98/100", OtherStart),
            ("bytes 39-99/100", OtherStart),
            ("bytes 41-99/100", OtherStart),
            ("bytes 40-100/*", OtherEnd),
            ("bytes 40-99/101", OtherTotal),
            ("bytes 40-89/90", OtherTotal),
            ("bytes 40-99/99", Malformed),
            ("bytes 40-39/100", Malformed),
            ("bytes */100", Malformed),
            ("40-99/100", Malformed),
            ("items 40-99/100", OtherUnit),
        ] {
            assert_eq!(same(range), Verdict::Refused(refusal), "{range}");
        }
        for (asked, range) in [(40..60, "bytes 40-60/100"), (40..200, "bytes 40-149/*")] {
            let fields = [(CONTENT_RANGE, range), (ETAG, "\"a\"")];
            let beyond = judged(&known(), RequestedRange::from(asked), 206, &fields);
            assert_eq!(beyond, Verdict::Refused(OtherEnd), "{range}");
        }
        let unnamed = judged(&known(), REST, 206, &[(ETAG, "\"a\"")]);
        assert_eq!(unnamed, Verdict::Refused(Unnamed));
        let fields = [
            (CONTENT_RANGE, "bytes 40-99/100"),
            (CONTENT_RANGE, "bytes 40-99/100"),
            (ETAG, "\"a\""),
        ];
        let twice = judged(&known(), REST, 206, &fields);
        assert_eq!(twice, Verdict::Refused(Malformed));
        for (name, value, refusal) in [
            (CONTENT_ENCODING, "gzip", Encoded),
            (CONTENT_ENCODING, "unheard-of", Encoded),
            (TRANSFER_ENCODING, "gzip, chunked", Encoded),
            (CONTENT_TYPE, "multipart/byteranges; boundary=x", Multipart),
            (CONTENT_TYPE, "Multipart/ByteRanges", Multipart),
        ] {
            let fields = [
                (CONTENT_RANGE, "bytes 40-99/100"),
                (ETAG, "\"a\""),
                (name, value),
            ];
            let verdict = judged(&known(), REST, 206, &fields);
            assert_eq!(verdict, Verdict::Refused(refusal), "{value}");
        }
    }

    #[test]
    fn a_part_has_the_length_that_it_says() {
        let headers = head(&[(CONTENT_RANGE, "bytes 40-99/100"), (ETAG, "\"a\"")]);
        let verdict =
            |length| known().judge(Some(REST), StatusCode::PARTIAL_CONTENT, &headers, length);
        assert_eq!(verdict(Some(60)), Verdict::Continue(40..100));
        for length in [0, 59, 61, 100] {
            let refused = Verdict::Refused(Refusal::OtherLength);
            assert_eq!(verdict(Some(length)), refused, "{length}");
        }
    }

    #[test]
    fn a_part_of_another_entity_is_seen_though_if_range_was_not() {
        let other = part("bytes 40-99/100", ETAG, "\"b\"");
        assert_eq!(other, Verdict::Changed);
        let other = part("bytes 40-119/120", ETAG, "\"b\"");
        assert_eq!(other, Verdict::Changed);
        let longer = part("bytes 40-119/120", DATE, THEN);
        assert_eq!(longer, Verdict::Changed);
        let dated = Identity {
            validator: Validator::from_text(THEN),
            ..known()
        };
        let fields = [
            (CONTENT_RANGE, "bytes 40-99/100"),
            (LAST_MODIFIED, A_DAY_LATER),
        ];
        assert_eq!(judged(&dated, REST, 206, &fields), Verdict::Changed);
    }

    #[test]
    fn without_proof_nothing_is_joined_unless_the_whole_is_checked() {
        let unproven = Verdict::Refused(Refusal::Unproven);
        for (name, value) in [
            (DATE, THEN),
            (ETAG, "W/\"a\""),
            (ETAG, "a"),
            (LAST_MODIFIED, THEN),
        ] {
            let verdict = part("bytes 40-99/100", name, value);
            assert_eq!(verdict, unproven, "{value}");
        }
        let range = [(CONTENT_RANGE, "bytes 40-99/100")];
        let dated = Identity {
            validator: Validator::from_text(THEN),
            ..known()
        };
        assert_eq!(judged(&dated, REST, 206, &range), unproven);
        // A mirror: its entity tag says nothing about that of the first server.
        let checked = Identity {
            validator: None,
            is_checked: true,
            ..known()
        };
        let fields = [(CONTENT_RANGE, "bytes 40-99/100"), (ETAG, "\"b\"")];
        let verdict = judged(&checked, REST, 206, &fields);
        assert_eq!(verdict, Verdict::Continue(40..100));
        let fields = [(CONTENT_RANGE, "bytes 40-99/101"), (ETAG, "\"b\"")];
        assert_eq!(judged(&checked, REST, 206, &fields), Verdict::Changed);
        let unchecked = Identity {
            is_checked: false,
            ..checked
        };
        assert_eq!(judged(&unchecked, REST, 206, &range), unproven);
    }

    #[test]
    fn a_whole_file_is_never_appended() {
        use Agreement::{Different, Same, Unknown};
        let whole = |fields: Given<'_>, length| {
            known().judge(Some(REST), StatusCode::OK, &head(fields), length)
        };
        for (fields, length, agreement) in [
            (&[(ETAG, "\"a\"")][..], Some(100), Same),
            (&[(ETAG, "\"a\"")], None, Same),
            (&[(ETAG, "\"a\"")], Some(60), Different),
            (&[(ETAG, "\"b\"")], Some(100), Different),
            (&[], Some(100), Unknown),
            (&[], Some(99), Different),
            (&[(CONTENT_ENCODING, "gzip")], Some(50), Unknown),
            // Content-Range has no meaning in a 200 (§14.4).
            (&[(CONTENT_RANGE, "bytes 40-99/100")], None, Unknown),
        ] {
            let verdict = whole(fields, length);
            assert_eq!(verdict, Verdict::StartAgain(agreement), "{fields:?}");
        }
        let verdict = judged(&known(), REST, 203, &[]);
        assert_eq!(verdict, Verdict::StartAgain(Unknown));
    }

    #[test]
    fn part_that_is_the_whole_file_is_begun_again_with() {
        use Agreement::{Different, Same, Unknown};
        let whole = |asked: RequestedRange, range, tag, length| {
            let headers = head(&[(CONTENT_RANGE, range), (ETAG, tag)]);
            known().judge(Some(asked), StatusCode::PARTIAL_CONTENT, &headers, length)
        };
        for (range, tag, agreement) in [
            ("bytes 0-99/100", "\"a\"", Same),
            ("bytes 0-99/100", "a", Unknown),
            ("bytes 0-99/100", "\"b\"", Different),
            ("bytes 0-49/50", "\"b\"", Different),
        ] {
            let verdict = whole(REST, range, tag, None);
            assert_eq!(verdict, Verdict::StartAgain(agreement), "{range} {tag}");
        }
        // A whole file is not cut down to the missing range.
        let verdict = whole(
            RequestedRange::from(0..40),
            "bytes 0-99/100",
            "\"a\"",
            Some(100),
        );
        assert_eq!(verdict, Verdict::StartAgain(Same));
        let verdict = whole(REST, "bytes 0-99/100", "\"a\"", Some(60));
        assert_eq!(verdict, Verdict::Refused(Refusal::OtherStart));
    }

    #[test]
    fn what_cannot_be_satisfied_is_complete_only_where_all_is_here_and_the_same() {
        let end = RequestedRange {
            start: 100,
            end: None,
        };
        let fields = |range| [(CONTENT_RANGE, range), (ETAG, "\"a\"")];
        let says = |asked, range| judged(&known(), asked, 416, &fields(range));
        let unsatisfied = Verdict::Refused(Refusal::Unsatisfied);
        assert_eq!(says(end, "bytes */100"), Verdict::Complete);
        assert_eq!(says(end, "bytes */90"), Verdict::Changed);
        assert_eq!(says(end, "bytes */101"), Verdict::Changed);
        assert_eq!(says(end, "bytes */*"), unsatisfied);
        assert_eq!(says(end, "items */100"), unsatisfied);
        assert_eq!(says(end, "bytes 0-99/100"), unsatisfied);
        assert_eq!(says(REST, "bytes */100"), unsatisfied);
        assert_eq!(says(REST, "bytes */30"), Verdict::Changed);
        let nothing = judged(&known(), end, 416, &[]);
        assert_eq!(nothing, unsatisfied);
        let other = [(CONTENT_RANGE, "bytes */100"), (ETAG, "\"b\"")];
        assert_eq!(judged(&known(), end, 416, &other), Verdict::Changed);
        let range = [(CONTENT_RANGE, "bytes */100")];
        let unproven = judged(&known(), end, 416, &range);
        assert_eq!(unproven, Verdict::Refused(Refusal::Unproven));
        let checked = Identity {
            is_checked: true,
            ..known()
        };
        assert_eq!(judged(&checked, end, 416, &range), Verdict::Complete);
    }

    #[test]
    fn the_rest_is_not_about_ranges() {
        for status in [
            201, 202, 204, 205, 207, 226, 301, 302, 304, 401, 403, 404, 429, 500, 503,
        ] {
            let verdict = judged(&known(), REST, status, &[(ETAG, "\"a\"")]);
            assert_eq!(verdict, Verdict::NotAnAnswer, "{status}");
        }
        assert_eq!(judged(&known(), REST, 412, &[]), Verdict::Changed);
        let unasked = |status| {
            let fields = [(CONTENT_RANGE, "bytes 40-99/100"), (ETAG, "\"a\"")];
            known().judge(None, status, &head(&fields), None)
        };
        let part = unasked(StatusCode::PARTIAL_CONTENT);
        assert_eq!(part, Verdict::Refused(Refusal::Unasked));
        for status in [200, 404, 412, 416] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(unasked(status), Verdict::NotAnAnswer);
        }
    }

    #[test]
    fn each_refusal_says_something_else() {
        use Refusal::{
            Encoded, Malformed, Multipart, OtherEnd, OtherLength, OtherStart, OtherTotal,
            OtherUnit, Unasked, Unnamed, Unproven, Unsatisfied,
        };
        let all = [
            Unasked,
            Encoded,
            Multipart,
            Unnamed,
            OtherUnit,
            Malformed,
            OtherStart,
            OtherEnd,
            OtherTotal,
            OtherLength,
            Unproven,
            Unsatisfied,
        ];
        let words: HashSet<_> = all.map(Refusal::what).into();
        assert_eq!(words.len(), all.len());
    }

    /// What an honest server does with one request.
    #[derive(Debug, Clone)]
    #[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
    struct Mood {
        /// The file is replaced before the server responds.
        changes: bool,
        hears_range: bool,
        hears_if_range: bool,
        names_the_entity: bool,
        names_the_total: bool,
        /// Distance of the part's first byte from the requested one.
        shift: i64,
        /// Maximum bytes that it sends.
        most: u64,
    }

    fn mood() -> impl Strategy<Value = Mood> {
        let often = || proptest::bool::weighted(0.6);
        let shift = prop_oneof![8 => Just(0_i64), 1 => -3..4_i64];
        (
            proptest::bool::weighted(0.3),
            (often(), often(), often(), often()),
            shift,
            1..30_u64,
        )
            .prop_map(|(changes, hears, shift, most)| Mood {
                changes,
                hears_range: hears.0,
                hears_if_range: hears.1,
                names_the_entity: hears.2,
                names_the_total: hears.3,
                shift,
                most,
            })
    }

    /// The file on the server, in versions. Each byte of a version is its number.
    struct Server {
        version: u8,
        lengths: Vec<u64>,
    }

    impl Server {
        fn answer(
            &mut self,
            mood: &Mood,
            asked: Option<(RequestedRange, &str)>,
        ) -> (StatusCode, Fields, u64) {
            self.version += u8::from(mood.changes);
            let total = self.lengths[usize::from(self.version) % self.lengths.len()];
            let tag = format!("\"{}\"", self.version);
            let mut headers = Fields::default();
            if mood.names_the_entity || asked.is_none() {
                headers.insert(&ETAG, &tag);
            }
            let asked = asked.filter(|(_, condition)| {
                mood.hears_range && (!mood.hears_if_range || *condition == tag)
            });
            let Some((asked, _)) = asked else {
                return (StatusCode::OK, headers, total);
            };
            let start = asked.start.saturating_add_signed(mood.shift);
            let end = asked.end.unwrap_or(total).min(total).min(start + mood.most);
            let shown = if mood.names_the_total {
                total.to_string()
            } else {
                "*".to_owned()
            };
            if start >= end {
                let range = format!("bytes */{total}");
                headers.insert(&CONTENT_RANGE, &range);
                return (StatusCode::RANGE_NOT_SATISFIABLE, headers, 0);
            }
            let range = format!("bytes {start}-{}/{shown}", end - 1);
            headers.insert(&CONTENT_RANGE, &range);
            (StatusCode::PARTIAL_CONTENT, headers, end - start)
        }
    }

    proptest! {
        /// Checks that a file that is complete in the end is one version of it, whatever the server
        /// does, when every connection breaks somewhere.
        #[test]
        fn bytes_of_two_entities_are_never_joined(
            steps in proptest::collection::vec((mood(), 0..40_u64), 1..30),
            lengths in proptest::collection::vec(20..40_u64, 1..3),
        ) {
            let mut server = Server { version: 0, lengths };
            let mut known: Option<Identity> = None;
            let (mut here, mut file) = (RangeSet::default(), Vec::new());
            for (mood, most) in steps {
                let plan = known.as_ref().map_or(ResumePlan::Whole, |known| known.resume_plan(&here));
                let asked = match plan {
                    ResumePlan::Nothing => break,
                    ResumePlan::Whole => None,
                    ResumePlan::Rest(asked) => Some(asked),
                };
                let condition = known.iter().find_map(|known| known.validator.as_ref());
                let condition = condition.map(|validator| validator.if_range().to_owned());
                let (status, headers, length) =
                    server.answer(&mood, asked.zip(condition.as_deref()));
                let verdict = match &known {
                    Some(known) if asked.is_some() => known.judge(asked, status, &headers, Some(length)),
                    _ => Verdict::StartAgain(Agreement::Unknown),
                };
                let arrived = match verdict {
                    Verdict::Continue(range) => range.start..range.end.min(range.start + most),
                    Verdict::StartAgain(_) => {
                        known = Identity::of(URL, status, &headers, Some(length), false);
                        (here, file) = (RangeSet::default(), vec![u8::MAX; 100]);
                        0..length.min(most)
                    }
                    Verdict::Changed | Verdict::Refused(_) => {
                        known = None;
                        continue;
                    }
                    verdict => panic!("{verdict:?} of a rest"),
                };
                for at in arrived.clone() {
                    file[usize::try_from(at).unwrap()] = server.version;
                }
                here.add(arrived);
            }
            if let Some(known) = known.filter(|known| here.is_whole(known.total)) {
                let file = &file[..usize::try_from(known.total).unwrap()];
                let tag = format!("\"{}\"", file[0]);
                prop_assert!(file.iter().all(|version| *version == file[0]));
                prop_assert_eq!(known.validator, Validator::from_text(&tag));
            }
        }

        #[test]
        fn nothing_is_joined_beyond_what_was_asked_for(
            start in 0..120_u64,
            length in proptest::option::of(1..50_u64),
            status in prop_oneof![Just(206_u16), Just(416), Just(200), 200..600_u16],
            range in "(bytes|items) ([0-9]{1,2}-[0-9]{1,3}|\\*)/(100|101|\\*)",
            tag in "(W/)?\"?[ab]\"?",
            framed in proptest::option::of(0..120_u64),
            is_checked: bool,
            is_known: bool,
        ) {
            let mut known = Identity { is_checked, ..known() };
            if !is_known {
                known.validator = None;
            }
            let asked = RequestedRange { start, end: length.map(|length| start + length) };
            let status = StatusCode::from_u16(status).unwrap();
            let headers = head(&[(CONTENT_RANGE, &range), (ETAG, &tag)]);
            match known.judge(Some(asked), status, &headers, framed) {
                Verdict::Continue(range) => {
                    prop_assert_eq!(status, StatusCode::PARTIAL_CONTENT);
                    prop_assert_eq!(range.start, start);
                    prop_assert!(range.end <= asked.end.unwrap_or(100).min(100));
                    prop_assert!(framed.is_none_or(|framed| framed == range.end - range.start));
                    prop_assert!(is_checked || is_known && tag == "\"a\"");
                }
                Verdict::Complete => {
                    prop_assert_eq!((status.as_u16(), start), (416, 100));
                    prop_assert!(is_checked || is_known && tag == "\"a\"");
                }
                _ => {}
            }
        }
    }
}
