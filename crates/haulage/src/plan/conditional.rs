//! Conditional requests (RFC 9110 §13): which conditions are sent for an existing file, and whether
//! a response agrees with it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH};

use super::head::Entity;

/// Seconds from 1970 to the year 10000, which an HTTP date cannot express (RFC 9110 §5.6.7).
const LAST_DATE: u64 = 253_402_300_800;

/// The validators of an existing file (RFC 9110 §8.8): they tell whether the server has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The `ETag` of the response that it is from, as the server wrote it; `None` if unknown.
    pub(crate) etag: Option<String>,
    /// The modification time of the file. It is `Last-Modified` if the server sent one, otherwise
    /// the time when the file was saved, or when anybody has changed it since. So a file may have a
    /// later time than the server's without being newer.
    pub(crate) modified: Option<SystemTime>,
}

/// What a response says about an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// The server has the same file.
    Same,
    /// The server has another file.
    Other,
    Nothing,
}

impl Stored {
    /// Creates validators from a file's modification time alone. A time after `now` is left out: it
    /// did not come from a server (RFC 9110 §8.8.2.1), and would hide every change until then.
    pub(crate) fn by_time(modified: Option<SystemTime>, now: SystemTime) -> Self {
        Self {
            etag: None,
            modified: modified.filter(|time| *time <= now),
        }
    }

    /// Returns the fields of a request that wants the file only if it has changed: `If-None-Match`
    /// (RFC 9110 §13.1.2), and `If-Modified-Since` (§13.1.3) for servers without entity tags. The
    /// map is empty if there is no validator that can be sent.
    pub(crate) fn conditions(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let tag = self.etag.as_deref().filter(|tag| is_entity_tag(tag));
        if let Some(Ok(value)) = tag.map(HeaderValue::from_str) {
            headers.insert(IF_NONE_MATCH, value);
        }
        if let Some(value) = self.modified.and_then(http_date) {
            headers.insert(IF_MODIFIED_SINCE, value);
        }
        headers
    }

    /// Returns what a head says about the file. An entity tag has precedence over a time, as in the
    /// evaluation of conditions (RFC 9110 §13.2.2).
    pub(crate) fn compare(&self, entity: &Entity) -> Says {
        let is_same = match (&self.etag, &entity.etag) {
            (Some(mine), Some(theirs)) => Some(opaque(mine) == opaque(theirs)),
            _ => self
                .modified
                .zip(entity.modified())
                .map(|(mine, theirs)| theirs <= mine),
        };
        match is_same {
            Some(true) => Says::Same,
            Some(false) => Says::Other,
            None => Says::Nothing,
        }
    }
}

/// Returns whether a text is exactly one entity tag (RFC 9110 §8.8.3). Anything else could be read
/// as a list, or as `*`, which matches every file.
fn is_entity_tag(text: &str) -> bool {
    opaque(text)
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .is_some_and(|tag| tag.chars().all(|c| c > ' ' && c != '"' && c != '\u{7f}'))
}

/// Returns an entity tag without `W/`, for the weak comparison (RFC 9110 §8.8.3.2). That is enough
/// here: the files need only be equivalent.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Returns a time as an HTTP date, in whole seconds; `None` if it is before 1970 or after 9999.
fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    if since >= Duration::from_secs(LAST_DATE) {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Verified;

    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const NEW: &str = "Mon, 07 Nov 1994 08:49:37 GMT";

    fn time(text: &str) -> SystemTime {
        httpdate::parse_http_date(text).unwrap()
    }

    fn stored(etag: Option<&str>, modified: Option<SystemTime>) -> Stored {
        Stored {
            etag: etag.map(str::to_owned),
            modified,
        }
    }

    fn sent(stored: &Stored) -> (Option<String>, Option<String>) {
        let conditions = stored.conditions();
        let text = |name| {
            let value: &HeaderValue = conditions.get(name)?;
            Some(String::from_utf8(value.as_bytes().to_vec()).unwrap())
        };
        (text(IF_NONE_MATCH), text(IF_MODIFIED_SINCE))
    }

    #[test]
    fn what_is_known_becomes_conditions() {
        let within = time(OLD) + Duration::from_millis(999);
        let both = stored(Some("W/\"a,b\""), Some(within));
        assert_eq!(sent(&both), (Some("W/\"a,b\"".into()), Some(OLD.into())));
        assert_eq!(sent(&Stored::default()), (None, None));
    }

    #[test]
    fn a_tag_that_is_none_is_not_sent() {
        for tag in [
            "*",
            "",
            "a",
            "\"",
            "W/",
            "\"a\", \"b\"",
            "\"a\" \"",
            "\"a\n\"",
            "w/\"a\"",
        ] {
            assert_eq!(sent(&stored(Some(tag), None)), (None, None), "{tag:?}");
        }
        for tag in ["\"\"", "W/\"\"", "\"é\""] {
            assert_eq!(sent(&stored(Some(tag), None)).0.as_deref(), Some(tag));
        }
    }

    #[test]
    fn a_time_that_cannot_be_sent_is_not() {
        let last = UNIX_EPOCH + Duration::from_secs(LAST_DATE - 1);
        let sent = |time| sent(&stored(None, Some(time))).1;
        assert_eq!(sent(last).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(sent(UNIX_EPOCH).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(sent(last + Duration::from_secs(1)), None);
        assert_eq!(sent(UNIX_EPOCH - Duration::from_secs(1)), None);
    }

    #[test]
    fn a_time_that_is_still_to_come_tells_nothing() {
        let (now, second) = (time(OLD), Duration::from_secs(1));
        assert_eq!(Stored::by_time(Some(now), now).modified, Some(now));
        assert_eq!(Stored::by_time(Some(now + second), now).modified, None);
    }

    #[test]
    fn an_answer_is_held_against_the_tag_and_else_against_the_time() {
        let entity = |etag: Option<&str>, modified: Option<&str>| Entity {
            length: None,
            framing: Verified::Nothing,
            digest: None,
            etag: etag.map(Into::into),
            last_modified: modified.map(Into::into),
            content_type: None,
        };
        let (a, old) = (Some("\"a\""), Some(time(OLD)));
        for (stored, entity, says) in [
            (stored(a, None), entity(Some("W/\"a\""), None), Says::Same),
            (
                stored(a, old),
                entity(Some("\"b\""), Some(OLD)),
                Says::Other,
            ),
            (stored(a, old), entity(a, Some(NEW)), Says::Same),
            (stored(a, old), entity(None, Some(NEW)), Says::Other),
            (stored(None, old), entity(a, Some(OLD)), Says::Same),
            (stored(None, old), entity(a, Some("soon")), Says::Nothing),
            (stored(a, None), entity(None, Some(OLD)), Says::Nothing),
            (stored(None, None), entity(a, Some(OLD)), Says::Nothing),
        ] {
            assert_eq!(stored.compare(&entity), says, "{stored:?} {entity:?}");
        }
    }
}
