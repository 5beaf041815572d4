//! Whether and when a server wants a request to be retried: `Retry-After` (RFC 9110 §10.2.3), and
//! GitHub's rate limits. Pure.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{DATE, HeaderName, RETRY_AFTER};

use crate::plan::fields::Fields;

/// How many more requests GitHub allows; then when it allows others, in seconds since 1970.
const LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// A response that is not a file, but may be one later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Later {
    /// How long the server asks to wait; `None` if it does not say.
    pub(crate) wait: Option<Duration>,
}

/// Returns when the same request may succeed; `None` if a response with this status does not say
/// that it may. `now` is used to compute the wait.
///
/// Retry-After says so, except with success and 304, which answer the request, and with 410, which
/// means "gone for good". With 404 it means "not there yet". 202 always says so, because it means
/// "not ready". With 403 and 429, an exhausted rate limit says so too.
pub(crate) fn later(status: StatusCode, headers: &Fields, now: SystemTime) -> Option<Later> {
    let may_pass = match status {
        StatusCode::ACCEPTED => true,
        StatusCode::NOT_MODIFIED | StatusCode::GONE => false,
        status => !status.is_success(),
    };
    let asked = wait(headers, now).filter(|_| may_pass);
    match asked {
        Some(wait) => Some(Later { wait: Some(wait) }),
        None if is_about_rates(status) && is_used_up(headers) => Some(Later {
            wait: until_reset(headers, now),
        }),
        None if status == StatusCode::ACCEPTED => Some(Later { wait: None }),
        None => None,
    }
}

/// Returns how long a response asks to wait: seconds, or the time until a date. The date is
/// compared to the response's own `Date` if it has one, because clocks differ, else to `now`. The
/// wait is zero for a date that has passed. Of several values, the longest counts. Returns `None`
/// if none can be read.
pub(crate) fn wait(headers: &Fields, now: SystemTime) -> Option<Duration> {
    let waits = headers.get_all(RETRY_AFTER).filter_map(|value| {
        let text = value.to_str()?.trim();
        if let Some(seconds) = seconds(text) {
            return Some(Duration::from_secs(seconds));
        }
        let until = httpdate::parse_http_date(text).ok()?;
        let said_at = said_at(headers, now);
        Some(until.duration_since(said_at).unwrap_or_default())
    });
    waits.max()
}

/// Reads whole seconds; `None` if it is not a number. Some servers send fractions, which are
/// rounded up.
fn seconds(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let rest = u64::from(fraction.bytes().any(|digit| digit != b'0'));
    // A number that does not fit into 64 bits is longer than anybody waits.
    Some(whole.parse().unwrap_or(u64::MAX).saturating_add(rest))
}

/// Returns when a response was sent, by its server's clock; `now` if it has no `Date`.
fn said_at(headers: &Fields, now: SystemTime) -> SystemTime {
    let date = headers.get(DATE);
    date.and_then(|date| httpdate::parse_http_date(date.to_str()?).ok())
        .unwrap_or(now)
}

fn is_about_rates(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Returns whether the rate limit is exhausted.
fn is_used_up(headers: &Fields) -> bool {
    let remaining = headers.get(LIMIT_REMAINING);
    remaining.and_then(|value| value.to_str()?.trim().parse().ok()) == Some(0_u64)
}

/// Returns how long it takes until the rate limit allows more requests; `None` if the response does
/// not say.
fn until_reset(headers: &Fields, now: SystemTime) -> Option<Duration> {
    let reset = headers.get(LIMIT_RESET)?.to_str()?.trim().parse().ok()?;
    let said_at = said_at(headers, now).duration_since(SystemTime::UNIX_EPOCH);
    Some(Duration::from_secs(reset).saturating_sub(said_at.ok()?))
}

#[cfg(test)]
mod tests {
    use std::slice;

    use proptest::prelude::*;

    use super::*;

    fn asked(retry_after: &str, date: Option<&str>) -> Option<u64> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").unwrap();
        let mut headers = Fields::default();
        headers.insert(&RETRY_AFTER, retry_after);
        if let Some(date) = date {
            headers.insert(&DATE, date);
        }
        wait(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_dates_the_past_and_the_absurd() {
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 08:48:37 GMT", Some(0)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("99999999999999999999999999", Some(u64::MAX)),
            ("-1", None),
            ("+1", None),
            ("1.5", Some(2)),
            ("0.65", Some(1)),
            ("3.0", Some(3)),
            ("1.", None),
            (".5", None),
            ("1.5.2", None),
            ("1e3", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(asked(text, None), seconds, "{text}");
        }
    }

    #[test]
    fn of_several_waits_the_longest_counts() {
        let mut headers = Fields::default();
        for text in ["soon", "5", "7", "Sun, 06 Nov 1994 08:49:37 GMT", ""] {
            headers.insert(&RETRY_AFTER, text);
        }
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:36 GMT").unwrap();
        assert_eq!(wait(&headers, now), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_date_is_held_against_the_servers_own_clock() {
        let date = Some("Mon, 07 Nov 1994 00:00:00 GMT");
        assert_eq!(asked("Mon, 07 Nov 1994 00:01:00 GMT", date), Some(60));
        assert_eq!(
            asked("Sun, 06 Nov 1994 08:49:37 GMT", Some("never")),
            Some(37)
        );
    }

    fn later_than(status: u16, fields: &[(HeaderName, &str)]) -> Option<Later> {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:00 GMT").unwrap();
        let mut headers = Fields::default();
        for (name, value) in fields {
            headers.insert(name, value);
        }
        later(StatusCode::from_u16(status).unwrap(), &headers, now)
    }

    /// After an unknown wait.
    const LATER: Option<Later> = Some(Later { wait: None });

    fn after(seconds: u64) -> Later {
        let wait = Some(Duration::from_secs(seconds));
        Later { wait }
    }

    #[test]
    fn every_status_that_may_pass_may_say_when() {
        let asked = [(RETRY_AFTER, "7")];
        for status in [
            202, 300, 302, 400, 401, 403, 404, 408, 413, 423, 429, 500, 503,
        ] {
            assert_eq!(later_than(status, &asked), Some(after(7)), "{status}");
        }
        for status in [200, 201, 204, 206, 226, 304, 410] {
            assert_eq!(later_than(status, &asked), None, "{status}");
        }
        assert_eq!(later_than(202, &[]), LATER);
        for status in [403, 404, 413, 503] {
            assert_eq!(later_than(status, &[]), None, "{status}");
            assert_eq!(
                later_than(status, &[(RETRY_AFTER, "soon")]),
                None,
                "{status}"
            );
        }
    }

    #[test]
    fn rate_limit_that_is_used_up_ends_at_its_reset() {
        // 37 seconds after now.
        let reset = (LIMIT_RESET, "784111777");
        let used_up = (LIMIT_REMAINING, "0");
        for status in [403, 429] {
            let with = |fields: &[(HeaderName, &str)]| later_than(status, fields);
            assert_eq!(with(&[used_up.clone(), reset.clone()]), Some(after(37)));
            assert_eq!(with(slice::from_ref(&used_up)), LATER);
            assert_eq!(with(&[(LIMIT_REMAINING, "1"), reset.clone()]), None);
            assert_eq!(with(&[(LIMIT_REMAINING, "none")]), None);
            assert_eq!(with(slice::from_ref(&reset)), None);
            let past = [used_up.clone(), (LIMIT_RESET, "1")];
            assert_eq!(with(&past), Some(after(0)));
            let unclear = [used_up.clone(), (LIMIT_RESET, "soon")];
            assert_eq!(with(&unclear), LATER);
            let both = [used_up.clone(), reset.clone(), (RETRY_AFTER, "5")];
            assert_eq!(with(&both), Some(after(5)));
            let clock = (DATE, "Sun, 06 Nov 1994 08:49:30 GMT");
            assert_eq!(
                with(&[used_up.clone(), reset.clone(), clock]),
                Some(after(7))
            );
        }
        for status in [404, 500] {
            assert_eq!(later_than(status, &[used_up.clone(), reset.clone()]), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~]{0,40}") {
            asked(&text, Some(&text));
        }
    }
}
