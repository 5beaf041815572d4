//! Validators: they tell whether two responses have the same bytes (RFC 9110 §8.8). Pure.

use std::time::{Duration, SystemTime};

use http::header::{DATE, ETAG, HeaderName, LAST_MODIFIED};

use crate::plan::fields::Fields;

/// How much later than Last-Modified the Date must be for Last-Modified to be strong. §8.8.2.2
/// demands one second, and a reason to believe that both are of one clock, or a difference that is
/// large enough for two clocks. It does not say how large; the sections that it replaced (RFC 7232
/// §2.2.2, RFC 2616 §13.3.3) did: 60 seconds.
const SETTLED: Duration = Duration::from_mins(1);
/// Earlier times are not those of files: some systems, such as Nix, set the time of every file to
/// the first second of 1970, so all versions have the same one.
const NEVER: Duration = Duration::from_hours(24);

/// A strong validator (§8.8.1): it changes whenever the bytes do, so bytes with the same one may be
/// joined (§15.3.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Validator {
    /// A strong entity tag, with its quotes.
    ETag(String),
    /// A Last-Modified that was strong when it was received, as the server wrote it, because a
    /// server compares the exact text (§13.1.5).
    LastModified(String),
}

/// Whether another response is about the same bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    Same,
    Different,
    /// The response does not tell.
    Unknown,
}

impl Validator {
    /// Returns the strong validator of a response; `None` if it has none.
    ///
    /// That is its entity tag, unless it is weak. If there is an entity tag of either kind,
    /// Last-Modified is not used: a client that has a tag must not send a date in If-Range
    /// (§13.1.5), and a server that sends a weak tag says that bytes may differ although the tag
    /// does not. A tag that breaks the grammar, such as one without quotes, is ignored.
    pub(crate) fn of(headers: &Fields) -> Option<Self> {
        match EntityTag::of(headers) {
            EntityTag::Strong(tag) => Some(Self::ETag(tag.to_owned())),
            EntityTag::Weak(_) | EntityTag::Unclear => None,
            EntityTag::None => {
                let text = only(headers, LAST_MODIFIED)?;
                let modified = exact_time(text)?;
                let sent = httpdate::parse_http_date(only(headers, DATE)?).ok()?;
                let age = sent.duration_since(modified).ok()?;
                (age >= SETTLED).then(|| Self::LastModified(text.to_owned()))
            }
        }
    }

    /// Returns the value of If-Range. With Range, it requests the rest of the file if that has not
    /// changed, else all of the new one.
    pub(crate) fn if_range(&self) -> &str {
        match self {
            Self::ETag(text) | Self::LastModified(text) => text,
        }
    }

    /// Returns the value of If-Match, to which a server responds 412 if the file has changed
    /// (§13.1.1); `None` without an entity tag.
    pub(crate) fn if_match(&self) -> Option<&str> {
        match self {
            Self::ETag(tag) => Some(tag),
            Self::LastModified(_) => None,
        }
    }

    /// Returns the value of If-Unmodified-Since, which does what If-Match does, but with a date
    /// (§13.1.4); `None` with an entity tag. The condition holds for an older file too, so the
    /// response must still be compared to the validator.
    pub(crate) fn if_unmodified_since(&self) -> Option<&str> {
        match self {
            Self::ETag(_) => None,
            Self::LastModified(date) => Some(date),
        }
    }

    /// Returns whether another response is about the same bytes, by strong comparison (§8.8.3.2).
    /// Its Date does not matter: when this validator came, the second in its Last-Modified was
    /// over, so every later version has a later one.
    pub(crate) fn agrees_with(&self, headers: &Fields) -> Agreement {
        let same = |is_same| {
            if is_same {
                Agreement::Same
            } else {
                Agreement::Different
            }
        };
        match self {
            Self::ETag(own) => match EntityTag::of(headers) {
                EntityTag::Strong(tag) => same(tag == own),
                // A proxy that compresses may have made our tag weak on the way: such a tag
                // neither proves nor disproves that the bytes are the same.
                EntityTag::Weak(tag) if tag == own => Agreement::Unknown,
                EntityTag::Weak(_) => Agreement::Different,
                EntityTag::Unclear | EntityTag::None => Agreement::Unknown,
            },
            Self::LastModified(own) => match only(headers, LAST_MODIFIED) {
                Some(text) if text == own => Agreement::Same,
                Some(text) => match (
                    httpdate::parse_http_date(text),
                    httpdate::parse_http_date(own),
                ) {
                    (Ok(theirs), Ok(ours)) => same(theirs == ours),
                    _ => Agreement::Unknown,
                },
                None => Agreement::Unknown,
            },
        }
    }

    /// Returns the validator as it is recorded. An entity tag begins with a quote and a date does
    /// not (§13.1.5), so the text tells them apart.
    pub(crate) fn to_text(&self) -> &str {
        self.if_range()
    }

    /// Reads what [`Validator::to_text`] returned; `None` for any other text.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if is_opaque_tag(text) {
            Some(Self::ETag(text.to_owned()))
        } else {
            exact_time(text).map(|_| Self::LastModified(text.to_owned()))
        }
    }
}

/// The entity tag of a response (§8.8.3).
enum EntityTag<'a> {
    Strong(&'a str),
    /// The part after `W/`, which is case-sensitive.
    Weak(&'a str),
    /// The field has bytes beyond ASCII, or occurs twice.
    Unclear,
    /// The field is missing, or its value is not an entity tag.
    None,
}

impl<'a> EntityTag<'a> {
    fn of(headers: &'a Fields) -> Self {
        if !headers.contains_key(ETAG) {
            return Self::None;
        }
        let Some(text) = only(headers, ETAG) else {
            return Self::Unclear;
        };
        match text.strip_prefix("W/") {
            Some(tag) if is_opaque_tag(tag) => Self::Weak(tag),
            None if is_opaque_tag(text) => Self::Strong(text),
            _ => Self::None,
        }
    }
}

/// Returns whether a text is `DQUOTE *etagc DQUOTE`: visible characters without quotes. The grammar
/// allows bytes outside ASCII as well; they are refused here, because proxies may change them.
fn is_opaque_tag(text: &str) -> bool {
    let inside = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inside.is_some_and(|text| {
        text.bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'"')
    })
}

/// Reads a file's date in the only format in which dates may be sent (§5.6.7). Returns `None` if
/// the text differs from what that format gives for its time, or if the time is not that of a file.
fn exact_time(text: &str) -> Option<SystemTime> {
    let time = httpdate::parse_http_date(text).ok()?;
    let is_exact = time >= SystemTime::UNIX_EPOCH + NEVER && httpdate::fmt_http_date(time) == text;
    is_exact.then_some(time)
}

/// Returns the value of a field; `None` if it is missing, occurs more than once, or is not visible
/// ASCII.
fn only(headers: &Fields, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name);
    let value = values.next()?.to_str()?;
    values
        .next()
        .is_none()
        .then(|| value.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const A_MINUTE_LATER: &str = "Sun, 06 Nov 1994 08:50:37 GMT";

    fn head(fields: &[(HeaderName, &str)]) -> Fields {
        fields
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                (name.clone(), value)
            })
            .collect()
    }

    fn tag(text: &str) -> Validator {
        Validator::ETag(text.to_owned())
    }

    fn date(text: &str) -> Validator {
        Validator::LastModified(text.to_owned())
    }

    #[test]
    fn a_strong_tag_is_a_validator() {
        for text in ["\"a\"", "\"\"", "\"W/a\"", "\"a\\b{,}'!\"", "\"5f-a:3\""] {
            let headers = head(&[(ETAG, text), (LAST_MODIFIED, THEN), (DATE, A_MINUTE_LATER)]);
            assert_eq!(Validator::of(&headers), Some(tag(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_tag_leaves_it_to_the_date_and_a_weak_one_does_not() {
        for (text, validator) in [
            ("W/\"a\"", None),
            ("W/\"\"", None),
            ("\"é\"", None),
            ("a", Some(THEN)),
            ("", Some(THEN)),
            ("\"", Some(THEN)),
            ("\"a", Some(THEN)),
            ("a\"", Some(THEN)),
            ("'a'", Some(THEN)),
            ("\"a\"b\"", Some(THEN)),
            ("\"a b\"", Some(THEN)),
            ("\"a\", \"b\"", Some(THEN)),
            ("w/\"a\"", Some(THEN)),
            ("W/a", Some(THEN)),
            ("W/ \"a\"", Some(THEN)),
            ("W/W/\"a\"", Some(THEN)),
        ] {
            let headers = head(&[(ETAG, text), (LAST_MODIFIED, THEN), (DATE, A_MINUTE_LATER)]);
            assert_eq!(Validator::of(&headers), validator.map(date), "{text}");
        }
        let twice = head(&[(ETAG, "\"a\""), (ETAG, "\"a\"")]);
        assert_eq!(Validator::of(&twice), None);
    }

    #[test]
    fn a_date_is_a_validator_once_its_second_is_long_over() {
        for (modified, sent, is_strong) in [
            (THEN, A_MINUTE_LATER, true),
            (THEN, "Mon, 07 Nov 1994 08:49:37 GMT", true),
            (THEN, "Sunday, 06-Nov-94 09:49:37 GMT", true),
            (THEN, "Sun, 06 Nov 1994 08:50:36 GMT", false),
            (THEN, THEN, false),
            (THEN, "Sun, 06 Nov 1994 08:49:36 GMT", false),
            (THEN, "now", false),
            (THEN, "", false),
            // A client may not send dates in these forms, so it could not send them back.
            ("Sunday, 06-Nov-94 08:49:37 GMT", A_MINUTE_LATER, false),
            ("Sun Nov  6 08:49:37 1994", A_MINUTE_LATER, false),
            ("Mon, 06 Nov 1994 08:49:37 GMT", A_MINUTE_LATER, false),
            ("Sun, 06 Nov 1994 08:49:37 UTC", A_MINUTE_LATER, false),
            ("yesterday", A_MINUTE_LATER, false),
            ("0", A_MINUTE_LATER, false),
            // Not the time of a file.
            ("Thu, 01 Jan 1970 00:00:01 GMT", A_MINUTE_LATER, false),
            ("Thu, 01 Jan 1970 00:00:00 GMT", A_MINUTE_LATER, false),
        ] {
            let headers = head(&[(LAST_MODIFIED, modified), (DATE, sent)]);
            let expected = is_strong.then(|| date(modified));
            assert_eq!(Validator::of(&headers), expected, "{modified} at {sent}");
        }
        for fields in [
            &[][..],
            &[(LAST_MODIFIED, THEN)],
            &[(DATE, A_MINUTE_LATER)],
            &[
                (LAST_MODIFIED, THEN),
                (LAST_MODIFIED, THEN),
                (DATE, A_MINUTE_LATER),
            ],
        ] {
            assert_eq!(Validator::of(&head(fields)), None, "{fields:?}");
        }
    }

    #[test]
    fn a_request_says_it_in_the_field_for_it() {
        let validator = tag("\"a\"");
        assert_eq!(validator.if_range(), "\"a\"");
        assert_eq!(validator.if_match(), Some("\"a\""));
        assert_eq!(validator.if_unmodified_since(), None);
        let validator = date(THEN);
        assert_eq!(validator.if_range(), THEN);
        assert_eq!(validator.if_match(), None);
        assert_eq!(validator.if_unmodified_since(), Some(THEN));
    }

    #[test]
    fn another_answer_agrees_or_does_not_or_does_not_tell() {
        use Agreement::{Different, Same, Unknown};
        let agrees = |own: &Validator, fields: &[_]| own.agrees_with(&head(fields));
        for (theirs, agreement) in [
            ("\"a\"", Same),
            ("\"b\"", Different),
            ("\"A\"", Different),
            ("\"\"", Different),
            ("W/\"a\"", Unknown),
            ("W/\"b\"", Different),
            ("a", Unknown),
            ("\"é\"", Unknown),
            ("", Unknown),
        ] {
            assert_eq!(agrees(&tag("\"a\""), &[(ETAG, theirs)]), agreement);
        }
        assert_eq!(agrees(&tag("\"a\""), &[]), Unknown);
        assert_eq!(agrees(&tag("\"a\""), &[(LAST_MODIFIED, THEN)]), Unknown);
        let twice = [(ETAG, "\"a\""), (ETAG, "\"a\"")];
        assert_eq!(agrees(&tag("\"a\""), &twice), Unknown);
        for (theirs, agreement) in [
            (THEN, Same),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Same),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Different),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Different),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Different),
            ("yesterday", Unknown),
            ("", Unknown),
        ] {
            assert_eq!(agrees(&date(THEN), &[(LAST_MODIFIED, theirs)]), agreement);
        }
        assert_eq!(agrees(&date(THEN), &[(ETAG, "\"a\"")]), Unknown);
        assert_eq!(agrees(&date(THEN), &[(DATE, THEN)]), Unknown);
    }

    #[test]
    fn no_other_text_is_taken_for_a_record() {
        for validator in [tag("\"a\""), tag("\"\""), date(THEN)] {
            assert_eq!(Validator::from_text(validator.to_text()), Some(validator));
        }
        for text in [
            "",
            "\"",
            "a",
            "W/\"a\"",
            "\"a\"\r\nX: y",
            "\"a\r\n\"",
            "\"a\0\"",
            "\"a\u{7f}\"",
            "\"é\"",
            "\"a\" ",
            " \"a\"",
            "\"a\"b\"",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT\n",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(Validator::from_text(text), None, "{text:?}");
        }
    }

    /// Returns a strategy for values of fields that are valid, or almost.
    fn value() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "(W/|)\"?[a-c\" é]{0,3}\"?".prop_map(String::into_bytes),
            "(Sun|Mon), 0[5-7] Nov 199[45] 08:[45][09]:3[78] GMT".prop_map(String::into_bytes),
            proptest::collection::vec(
                prop_oneof![Just(b'"'), b' '..=b'~', 0x80..=255_u8, Just(b'\t')],
                0..20
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_taken_agrees_with_itself_and_can_be_recorded_and_sent(
            fields in proptest::collection::vec((0..3_usize, value()), 0..5),
            others in proptest::collection::vec((0..3_usize, value()), 0..5),
        ) {
            let map = |fields: Vec<(usize, Vec<u8>)>| -> Fields {
                let name = |at: usize| [ETAG, LAST_MODIFIED, DATE][at].clone();
                let field = |(at, value): (usize, Vec<u8>)| (name(at), HeaderValue::from_bytes(&value).unwrap());
                fields.into_iter().map(field).collect()
            };
            let (headers, others) = (map(fields), map(others));
            if let Some(validator) = Validator::of(&headers) {
                prop_assert_eq!(validator.agrees_with(&headers), Agreement::Same);
                prop_assert!(HeaderValue::from_str(validator.if_range()).is_ok());
                prop_assert_eq!(Validator::from_text(validator.to_text()), Some(validator.clone()));
                let agreement = validator.agrees_with(&others);
                if let Some(other) = Validator::of(&others).filter(|other| other.if_match().is_some() == validator.if_match().is_some()) {
                    prop_assert_eq!(agreement == Agreement::Same, validator == other);
                }
            }
        }

        #[test]
        fn whatever_is_read_from_a_record_can_be_sent(
            text in prop_oneof!["\\PC{0,40}", "\"[ -~]{0,5}\"", "[\"a\n\r\0]{0,5}"],
        ) {
            if let Some(validator) = Validator::from_text(&text) {
                prop_assert!(HeaderValue::from_str(validator.if_range()).is_ok());
                prop_assert_eq!(validator.to_text(), text);
            }
        }
    }
}
