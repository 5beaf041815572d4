//! `Retry-After`, as a time to wait (RFC 9110 §10.2.3). Pure.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};

use crate::plan::fields::Fields;

/// How long a response asks to wait, seen from `now`: seconds, or a date, which is held against the response's own `Date` where
/// it has one, since clocks differ. A time that has passed is no wait; what cannot be read asks for nothing.
pub(crate) fn wait(headers: &Fields, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds: longer than anybody waits.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let said_at = headers
        .get(DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str()?).ok());
    Some(
        until
            .duration_since(said_at.unwrap_or(now))
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
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
            ("1.5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(asked(text, None), seconds, "{text}");
        }
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

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[ -~]{0,40}") {
            asked(&text, Some(&text));
        }
    }
}
