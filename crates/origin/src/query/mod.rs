//! Misbehaviour by URL: scripts that are written in the path.
//!
//! `/bytes/5MiB/name?seed=7&etag=one&ranges&close_at=1M&times=2`; `help.txt` lists all parameters.

mod names;
mod value;

use crate::body::Body;
use crate::request::Request;
use crate::script::Script;
use names::NAMES;
use value::{Value, pairs, size};

/// Parameters that still apply after a path has misbehaved as often as it may.
const HARMLESS: [&str; 5] = ["etag", "last_modified", "ranges", "chunked", "header"];

/// Returns the script that the path asks for, or `None` if it is not one of ours. A path that makes
/// no sense gives a script with the status 400 and the reason.
pub(crate) fn script(request: &Request) -> Option<Script> {
    let rest = request.path().strip_prefix("/bytes/")?;
    // The rest is a name for the client, and a key for counting.
    let len = rest.split_once('/').map_or(rest, |(len, _)| len);
    Some(scripted(len, request).unwrap_or_else(|reason| {
        Script::status(400)
            .header("content-type", "text/plain")
            .body(Body::of(reason + "\n"))
    }))
}

fn scripted(len: &str, request: &Request) -> Result<Script, String> {
    let query = request
        .target
        .split_once('?')
        .map_or("", |(_, query)| query);
    let pairs: Vec<(String, Value)> = pairs(query).collect();
    let body = Body::seeded(number(&pairs, "seed")?.unwrap_or(0), size(len)?);
    let behaves = number(&pairs, "times")?.is_some_and(|times| request.nth > times);
    let mut script = match number(&pairs, "chaos")? {
        Some(seed) if !behaves => Script::random(seed, body),
        _ => Script::ok(body),
    };
    for (name, value) in &pairs {
        if ["seed", "times", "chaos"].contains(&name.as_str()) {
            continue;
        }
        let (_, apply) = NAMES
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| format!("there is no `{name}` to ask for"))?;
        if !behaves || HARMLESS.contains(&name.as_str()) {
            script = apply(script, value)?;
        }
    }
    Ok(script)
}

fn number(pairs: &[(String, Value)], name: &str) -> Result<Option<u64>, String> {
    let mut pairs = pairs.iter();
    pairs
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.number())
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::tests::request;
    use crate::script::{Act, Ending, Framing, RangeLie};

    fn script_of(target: &str) -> Script {
        script(&request(target)).unwrap()
    }

    #[test]
    fn several_at_once() {
        let script = script_of(
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
    fn validators_ranges_and_lies() {
        let script = script_of("/bytes/9/name.bin?etag=one&lie=wrong_start&retry_after=5&length=7");
        assert_eq!(script.headers["etag"], "\"one\"");
        assert_eq!(script.headers["retry-after"], "5");
        assert_eq!(script.headers["content-length"], "7");
        assert_eq!(script.range_lie, Some(RangeLie::WrongStart));
        assert_eq!(
            script_of("/bytes/9?etag=W/%22a%22").headers["etag"],
            "W/\"a\""
        );
    }

    #[test]
    fn bytes_that_are_no_text() {
        let script = script_of("/bytes/9?raw=HTTP/1.1%20%FF%0D%0A");
        assert_eq!(script.framing, Framing::Raw);
        assert_eq!(script.body.bytes(), b"HTTP/1.1 \xff\r\n");
        let script = script_of("/bytes/9?header=location:%20/%E4");
        assert_eq!(script.headers["location"].as_bytes(), b"/\xe4");
    }

    #[test]
    fn only_the_first_times() {
        let target = "/bytes/9?status=503&times=2&etag=one&stall";
        let mut request = request(target);
        for (nth, status) in [(1, 503), (2, 503), (3, 200)] {
            request.nth = nth;
            let script = script(&request).unwrap();
            assert_eq!(script.status.as_u16(), status);
            assert_eq!(script.may_deliver(), nth == 3);
            assert_eq!(script.headers["etag"], "\"one\"");
        }
    }

    #[test]
    fn by_lot() {
        let drawn = Script::random(7, Body::seeded(3, 90));
        let chaotic = script_of("/bytes/90?chaos=7&seed=3");
        assert_eq!(format!("{chaotic:?}"), format!("{drawn:?}"));
    }

    #[test]
    fn each_name_is_in_the_help() {
        let help = include_str!("help.txt");
        for name in NAMES
            .iter()
            .map(|(name, _)| *name)
            .chain(["seed", "times", "chaos"])
        {
            let asked = ["?", "&"].map(|mark| format!("{mark}{name}"));
            assert!(asked.iter().any(|asked| help.contains(asked)), "{name}");
        }
    }

    #[test]
    fn all_that_the_help_shows_can_be_asked_for() {
        let mut shown = 0;
        for line in include_str!("help.txt").lines() {
            let Some(asked) = line.trim_start().split(' ').next() else {
                continue;
            };
            if let Some(asked) = asked.strip_prefix(['?', '&']) {
                shown += 1;
                let script = script_of(&format!("/bytes/9?{asked}"));
                assert_ne!(script.status.as_u16(), 400, "{asked}");
            }
        }
        assert!(shown > 40, "{shown}");
    }

    #[test]
    fn nonsense_is_told_what_is_wrong_with_it() {
        for target in [
            "/bytes/",
            "/bytes/1?colour=red",
            "/bytes/1?status=99",
            "/bytes/1?delay=1",
            "/bytes/1?redirect=%0d%0a",
            "/bytes/1?early=200,1",
            "/bytes/1?drip=1",
            "/bytes/1?lie=white",
            "/bytes/1?rst_stream=PLEASE",
            "/bytes/1?times=often",
        ] {
            let script = script_of(target);
            assert_eq!(script.status.as_u16(), 400, "{target}");
            assert!(!script.body.is_empty());
        }
        assert!(script(&request("/elsewhere")).is_none());
    }
}
