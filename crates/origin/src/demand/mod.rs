//! Misbehaviour on demand: scripts that are spelled out in the path.
//!
//! `/bytes/SIZE?seed=7&delay=100ms&status=503&close_at=1M&reset_at=1M&chunked&redirect=URL`

use std::time::Duration;

use url::form_urlencoded;

use crate::body::Body;
use crate::routes::Request;
use crate::script::Script;

/// What the path asks for, if it is one of ours; 400 and the reason if it makes no sense.
pub(crate) fn script(request: &Request) -> Option<Script> {
    let size = request.path().strip_prefix("/bytes/")?;
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    Some(bytes(size, query).unwrap_or_else(|reason| {
        Script::status(400)
            .header("content-type", "text/plain")
            .body(Body::of(reason + "\n"))
    }))
}

fn bytes(size: &str, query: &str) -> Result<Script, String> {
    let len = bytes_of(size)?;
    let mut seed = 0;
    let mut status = None;
    let mut redirect = None;
    let mut script = Script::ok(Body::empty());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "seed" => seed = number(&value)?,
            "status" => status = Some(status_of(&value)?),
            "redirect" => redirect = Some(value),
            "delay" => script = script.delay(time_of(&value)?),
            "close_at" => script = script.close_at(bytes_of(&value)?),
            "reset_at" => script = script.reset_at(bytes_of(&value)?),
            "chunked" => script = script.chunked(),
            "without_length" => script = script.without_length(),
            _ => return Err(format!("there is no `{name}` to ask for")),
        }
    }
    if let Some(location) = redirect {
        status = status.or(Some(302));
        if location.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(format!("{location:?} is no URL"));
        }
        script = script.header("location", &location);
    }
    script.status = status.map_or(script.status, |status| Script::status(status).status);
    Ok(script.body(Body::seeded(seed, len)))
}

/// `1500`, `5M` or `5MiB` (powers of 1024), `5MB` (of 1000).
fn bytes_of(text: &str) -> Result<u64, String> {
    let (digits, unit) = split(text);
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "kb" => 1_000,
        "m" | "mib" => 1 << 20,
        "mb" => 1_000_000,
        "g" | "gib" => 1 << 30,
        "gb" => 1_000_000_000,
        _ => return Err(format!("`{text}` is no size: 1500, 5M and 5MiB are")),
    };
    let size = number(digits)?.checked_mul(unit);
    size.ok_or_else(|| format!("`{text}` is too large"))
}

/// `100ms` or `2s`.
fn time_of(text: &str) -> Result<Duration, String> {
    match split(text) {
        (digits, "ms") => number(digits).map(Duration::from_millis),
        (digits, "s") => number(digits).map(Duration::from_secs),
        _ => Err(format!("`{text}` is no time: 100ms and 2s are")),
    }
}

fn status_of(text: &str) -> Result<u16, String> {
    let status = number(text)?;
    match u16::try_from(status) {
        Ok(status @ 200..=999) => Ok(status),
        _ => Err(format!("`{text}` is no status of a response")),
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::tests::request;
    use crate::script::{Act, Ending, Framing};

    fn demand(target: &str) -> Script {
        script(&request(target)).unwrap()
    }

    #[test]
    fn all_that_can_be_asked_for() {
        let script = demand(
            "/bytes/5MiB?seed=7&delay=100ms&status=503&close_at=1K&reset_at=2&chunked&redirect=/a%3Fb",
        );
        assert_eq!(script.body.len(), 5 << 20);
        assert!(script.body.matches(0, &Body::seeded(7, 100).bytes()));
        assert_eq!(script.status.as_u16(), 503);
        assert_eq!(script.framing, Framing::Chunked);
        assert_eq!(script.headers["location"], "/a?b");
        assert!(matches!(script.before[..], [Act::Delay(time)] if time.as_millis() == 100));
        assert!(matches!(
            script.during[..],
            [
                (2, Act::End(Ending::Reset(_))),
                (1024, Act::End(Ending::Close))
            ]
        ));
    }

    #[test]
    fn sizes() {
        for (text, size) in [
            ("0", 0),
            ("12", 12),
            ("3k", 3 << 10),
            ("3kb", 3000),
            ("2G", 2 << 30),
        ] {
            assert_eq!(bytes_of(text), Ok(size));
        }
        for text in ["", "x", "-1", "1.5M", "1Q", "99999999999G"] {
            assert!(bytes_of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nonsense_is_told_what_is_wrong_with_it() {
        for target in [
            "/bytes/",
            "/bytes/1?colour=red",
            "/bytes/1?status=99",
            "/bytes/1?delay=1",
        ] {
            let script = demand(target);
            assert_eq!(script.status.as_u16(), 400, "{target}");
            assert!(!script.body.is_empty());
        }
        assert_eq!(demand("/bytes/1?redirect=%0d%0a").status.as_u16(), 400);
        assert!(script(&request("/elsewhere")).is_none());
    }
}
