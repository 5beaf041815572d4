//! Checks the conditions of a request against the response of a script (RFC 9110 §13).

use std::time::SystemTime;

use http::header::{
    ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Holds,
    /// The client has this entity already: 304.
    NotModified,
    /// The entity that the client expects is no longer there: 412.
    Failed,
}

/// Checks the conditions of a request, in the order of RFC 9110 §13.2.2, except `If-Range`.
pub(crate) fn check(ours: &HeaderMap, asked: &HeaderMap) -> Condition {
    let tag = text(ours, &ETAG);
    let changed = date(ours, &LAST_MODIFIED);
    let failed = match (text(asked, &IF_MATCH), date(asked, &IF_UNMODIFIED_SINCE)) {
        (Some(tags), _) => !lists(tags, tag, strong),
        (None, Some(since)) => changed.is_none_or(|changed| changed > since),
        (None, None) => false,
    };
    if failed {
        return Condition::Failed;
    }
    let known = match (text(asked, &IF_NONE_MATCH), date(asked, &IF_MODIFIED_SINCE)) {
        (Some(tags), _) => lists(tags, tag, weak),
        (None, Some(since)) => changed.is_some_and(|changed| changed <= since),
        (None, None) => false,
    };
    if known {
        Condition::NotModified
    } else {
        Condition::Holds
    }
}

/// Returns whether `If-Range` permits a range: it is absent, or it gives our strong tag or exactly
/// our date.
pub(crate) fn range_holds(ours: &HeaderMap, asked: &HeaderMap) -> bool {
    let Some(condition) = text(asked, &IF_RANGE) else {
        return true;
    };
    if condition.contains('"') {
        text(ours, &ETAG).is_some_and(|tag| strong(condition.trim(), tag))
    } else {
        let at = date(asked, &IF_RANGE);
        at.is_some() && at == date(ours, &LAST_MODIFIED)
    }
}

/// Returns whether a list of tags contains one that is `alike` ours, or is `*`.
fn lists(list: &str, ours: Option<&str>, alike: fn(&str, &str) -> bool) -> bool {
    let any = list.trim() == "*";
    any || ours.is_some_and(|ours| tags(list).any(|tag| alike(tag, ours)))
}

/// Splits a list into its tags. A comma within quotes belongs to its tag.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let comma = move |c: char| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    list.split(comma).map(str::trim)
}

/// Compares two tags strongly, as `weak` compares them weakly (RFC 9110 §8.8.3.2).
fn strong(one: &str, other: &str) -> bool {
    one == other && one.starts_with('"')
}

fn weak(one: &str, other: &str) -> bool {
    one.trim_start_matches("W/") == other.trim_start_matches("W/")
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn headers<const N: usize>(headers: [(HeaderName, &'static str); N]) -> HeaderMap {
        let headers = headers.into_iter();
        headers
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn conditions_of_tags() {
        let strong = headers([(ETAG, "\"a\""), (LAST_MODIFIED, OLD)]);
        let weak = headers([(ETAG, "W/\"a\"")]);
        for (ours, name, value, expected) in [
            (&strong, IF_MATCH, "\"b\", \"a\"", Condition::Holds),
            (&strong, IF_MATCH, "\"b,\", W/\"a\"", Condition::Failed),
            (&strong, IF_MATCH, "*", Condition::Holds),
            (&weak, IF_MATCH, "W/\"a\"", Condition::Failed),
            (&strong, IF_NONE_MATCH, "W/\"a\"", Condition::NotModified),
            (&weak, IF_NONE_MATCH, "\"x\",\"a\"", Condition::NotModified),
            (&strong, IF_NONE_MATCH, "\"b\"", Condition::Holds),
        ] {
            let asked = headers([(name, value)]);
            assert_eq!(check(ours, &asked), expected, "{asked:?}");
        }
    }

    #[test]
    fn conditions_of_dates() {
        let ours = headers([(LAST_MODIFIED, OLD)]);
        for (name, value, expected) in [
            (IF_MODIFIED_SINCE, OLD, Condition::NotModified),
            (IF_MODIFIED_SINCE, "yesterday", Condition::Holds),
            (IF_UNMODIFIED_SINCE, OLD, Condition::Holds),
        ] {
            let asked = headers([(name, value)]);
            assert_eq!(check(&ours, &asked), expected, "{asked:?}");
        }
        let newer = headers([(LAST_MODIFIED, NEW)]);
        for (name, expected) in [
            (IF_MODIFIED_SINCE, Condition::Holds),
            (IF_UNMODIFIED_SINCE, Condition::Failed),
        ] {
            assert_eq!(check(&newer, &headers([(name, OLD)])), expected);
        }
        // A tag takes precedence over a date.
        let both = headers([(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, OLD)]);
        assert_eq!(check(&ours, &both), Condition::Holds);
    }

    #[test]
    fn conditions_of_ranges() {
        let ours = headers([(ETAG, "\"a\""), (LAST_MODIFIED, OLD)]);
        for (value, expected) in [
            ("\"a\"", true),
            ("\"b\"", false),
            ("W/\"a\"", false),
            (OLD, true),
            (NEW, false),
        ] {
            assert_eq!(range_holds(&ours, &headers([(IF_RANGE, value)])), expected);
        }
        let weak = headers([(ETAG, "W/\"a\"")]);
        assert!(!range_holds(&weak, &headers([(IF_RANGE, "W/\"a\"")])));
        assert!(range_holds(&weak, &headers([])));
    }
}
