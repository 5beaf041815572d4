//! What a `robots.txt` allows (RFC 9309). Pure.
//!
//! It is short, so it is written here: robotxt, the crate that follows the RFC, has had no release
//! since March 2024.

use std::time::Duration;

use memchr::memmem;

use crate::http_url::HttpUrl;

/// Bytes of the file that are read, at least 500 KiB (RFC 9309 §2.5); the rest is ignored.
pub(crate) const MAX_BYTES: usize = 512 << 10;
/// Maximum delay of a host.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

/// The rules of one host that apply to this client.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Robots {
    rules: Vec<Rule>,
    /// Minimum time between two requests; `None` if not given. Not in the RFC, but widely used.
    pub(crate) delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allows: bool,
    /// In the form that is compared, except for `*`, and a `$` at its end.
    pattern: Vec<u8>,
}

/// The groups for this client, and for all clients.
#[derive(Default)]
struct Groups {
    ours: Option<Robots>,
    of_all: Option<Robots>,
}

/// Returns the name in a `User-Agent` that the rules refer to: its product token (RFC 9309 §2.2.1).
pub(crate) fn token(user_agent: &str) -> &str {
    let is_of_it = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-');
    let end = user_agent.bytes().position(|byte| !is_of_it(byte));
    &user_agent[..end.unwrap_or(user_agent.len())]
}

impl Robots {
    /// Reads a `robots.txt`, and keeps the rules for this product token, or those for all (`*`) if
    /// it has none. Lines that are not understood are skipped.
    pub(crate) fn read(text: &[u8], token: &str) -> Self {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let mut groups = Groups::default();
        // Whether the current group is for us, whether it is for all, and whether it has had a
        // rule. After a rule, the next user agent begins another group.
        let (mut for_us, mut for_all, mut has_rules) = (false, false, false);
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = line.split(|byte| *byte == b'#').next().unwrap_or_default();
            let Some(colon) = line.iter().position(|byte| *byte == b':') else {
                continue;
            };
            let key = line[..colon].trim_ascii().to_ascii_lowercase();
            let value = line[colon + 1..].trim_ascii();
            if key == b"user-agent" {
                if std::mem::take(&mut has_rules) {
                    (for_us, for_all) = (false, false);
                }
                let name = self::token(std::str::from_utf8(value).unwrap_or_default());
                let is_ours = !name.is_empty() && name.eq_ignore_ascii_case(token);
                for_us |= is_ours;
                for_all |= value.starts_with(b"*");
                if is_ours {
                    groups.ours.get_or_insert_default();
                }
                continue;
            }
            let rule = match key.as_slice() {
                b"allow" => Line::Rule(true),
                b"disallow" => Line::Rule(false),
                b"crawl-delay" => Line::Delay,
                _ => continue,
            };
            has_rules = true;
            if for_us {
                groups.ours.get_or_insert_default().add(rule, value);
            }
            if for_all {
                groups.of_all.get_or_insert_default().add(rule, value);
            }
        }
        groups.ours.or(groups.of_all).unwrap_or_default()
    }

    fn add(&mut self, line: Line, value: &[u8]) {
        match line {
            // An empty rule has no effect.
            Line::Rule(_) if value.is_empty() => {}
            Line::Rule(allows) => self.rules.push(Rule {
                allows,
                pattern: compared(value),
            }),
            Line::Delay => {
                let seconds = std::str::from_utf8(value).ok();
                let seconds = seconds.and_then(|text| text.parse::<f64>().ok());
                let delay = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                self.delay = delay.map(|delay| delay.min(LONGEST_DELAY)).or(self.delay);
            }
        }
    }

    /// Returns whether a URL of this host may be requested. The longest matching rule decides; of
    /// two that are equally long, the one that allows (RFC 9309 §2.2.2).
    pub(crate) fn allows(&self, url: &HttpUrl) -> bool {
        let path = compared(url.target().as_bytes());
        if path == b"/robots.txt" {
            return true;
        }
        let matching = self
            .rules
            .iter()
            .filter(|rule| matches(&rule.pattern, &path));
        let longest = matching.max_by_key(|rule| (rule.pattern.len(), rule.allows));
        longest.is_none_or(|rule| rule.allows)
    }
}

#[derive(Clone, Copy)]
enum Line {
    Rule(bool),
    Delay,
}

/// Returns a path or a pattern in the form that is compared: unreserved characters are unescaped,
/// and bytes that a URI may not contain are escaped.
fn compared(text: &[u8]) -> Vec<u8> {
    let mut compared = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let hex = |at: usize| {
            after
                .get(at)
                .and_then(|digit| (*digit as char).to_digit(16))
        };
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                rest = &after[2..];
                let escaped = u8::try_from(high * 16 + low).unwrap_or_default();
                if escaped.is_ascii_alphanumeric() || b"-._~".contains(&escaped) {
                    compared.push(escaped);
                } else {
                    compared.extend(format!("%{escaped:02X}").bytes());
                }
            }
            _ if is_uri_character(byte) => compared.push(byte),
            _ => compared.extend(format!("%{byte:02X}").bytes()),
        }
    }
    compared
}

/// Returns whether RFC 3986 allows a byte in a URI. Clients send some of the others as they are,
/// and some percent-encoded.
fn is_uri_character(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// Returns whether the beginning of a path matches a pattern, or all of it if the pattern ends in
/// `$`; `*` matches any characters. Takes only as long as reading both a few times, because a
/// server chooses the pattern, and through a redirect the path too.
pub(crate) fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, is_whole) = match pattern.strip_suffix(b"$") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split(|byte| *byte == b'*').peekable();
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    while let Some(part) = parts.next() {
        if is_whole && parts.peek().is_none() {
            return rest.ends_with(part);
        }
        // The first match leaves the most text for the other parts.
        let Some(at) = memmem::find(rest, part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    !is_whole || rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(text: &str, path: &str) -> bool {
        let url = HttpUrl::of(&format!("http://host{path}"));
        Robots::read(text.as_bytes(), "haulage").allows(&url)
    }

    #[test]
    fn the_longest_rule_that_matches_decides() {
        let text = "User-Agent: *\nDisallow: /a\nAllow: /a/b\nDisallow: /a/b/c$\nDisallow: /*.gif$\nAllow: /a/b/x.gif\n";
        for (path, is_allowed) in [
            ("/", true),
            ("/robots.txt", true),
            ("/a", false),
            ("/about", false),
            ("/a/b", true),
            ("/a/b/c", false),
            ("/a/b/c/d", true),
            ("/a/b/c?d", true),
            ("/b.gif", false),
            ("/b.gif?c", true),
            ("/a/b/x.gif", true),
        ] {
            assert_eq!(allows(text, path), is_allowed, "{path}");
        }
        assert!(
            allows("user-agent:*\ndisallow:/x\nallow:/x", "/x"),
            "as long"
        );
    }

    #[test]
    fn our_own_group_takes_the_place_of_that_for_all_wherever_it_stands() {
        let text = "\u{feff}disallow: /pre\r\nuser-agent: other\r\nUSER-AGENT: Haulage/9 # us\r\n\r\nSitemap: x\r\nDisallow: /a\r\n\
                    User-agent: *\rDisallow: /\rUser-agent: haulage\nDisallow: /b\nCrawl-Delay: 1.5\nuser-agent: haulagebot\ndisallow: /c\n";
        for (path, is_allowed) in [("/pre", true), ("/a", false), ("/b", false), ("/c", true)] {
            assert_eq!(allows(text, path), is_allowed, "{path}");
        }
        let robots = Robots::read(text.as_bytes(), "haulage");
        assert_eq!(robots.delay, Some(Duration::from_millis(1500)));
        let others = Robots::read(text.as_bytes(), "curl");
        assert_eq!((others.delay, others.rules.len()), (None, 1));
        // A group of ours without rules allows all.
        assert!(allows(
            "user-agent: haulage\n\nuser-agent: *\nallow: /\ndisallow: /x",
            "/y"
        ));
        assert!(allows(
            "user-agent: haulage\ndisallow:\nuser-agent: *\ndisallow: /",
            "/"
        ));
    }

    #[test]
    fn escapes_are_compared_by_what_they_stand_for() {
        for (rule, path) in [
            ("/a%3cd.html", "/a%3Cd.html"),
            ("/%61b", "/ab"),
            ("/ü", "/%C3%BC"),
            ("/a/b.html", "/%61/%62.html"),
            ("/a\"<b>", "/a\"<b>"),
            ("/a|{b}", "/a%7C%7bb%7D"),
            ("/a%7C%7Bb%7D", "/a|{b}"),
        ] {
            let text = format!("user-agent: *\ndisallow: {rule}");
            assert!(!allows(&text, path), "{rule} {path}");
        }
        assert!(allows("user-agent: *\ndisallow: /a/b", "/a%2Fb"));
    }

    #[test]
    fn long_rules_on_a_long_path_take_no_long_time() {
        // Comparing at each place would take 10¹¹ steps.
        let part = "a".repeat(MAX_BYTES / 2 - 1);
        let rules = format!("user-agent: *\ndisallow: /*{part}b");
        let path = format!("/{}", part.repeat(2));
        assert!(allows(&rules, &path));
    }

    #[test]
    fn delays_that_are_none_are_passed_over() {
        for value in ["", "soon", "-1", "NaN", "1e400"] {
            let text = format!("user-agent: *\ncrawl-delay: 3\ncrawl-delay: {value}");
            let robots = Robots::read(text.as_bytes(), "haulage");
            assert_eq!(robots.delay, Some(Duration::from_secs(3)), "{value}");
        }
        let text = b"user-agent: *\ncrawl-delay: 99999999";
        assert_eq!(Robots::read(text, "x").delay, Some(LONGEST_DELAY));
    }

    #[test]
    fn the_token_is_how_a_user_agent_begins() {
        for (user_agent, name) in [
            ("haulage/0.1 (+https://example.org)", "haulage"),
            ("My_Bot-x", "My_Bot-x"),
            ("1.0", ""),
            ("", ""),
        ] {
            assert_eq!(token(user_agent), name);
        }
    }

    /// Returns what [`matches()`] should, by a slow and simple algorithm.
    fn matches_slowly(pattern: &[u8], path: &[u8]) -> bool {
        match pattern.split_first() {
            None => true,
            Some((b'$', [])) => path.is_empty(),
            Some((b'*', rest)) => (0..=path.len()).any(|skip| matches_slowly(rest, &path[skip..])),
            Some((byte, rest)) => path.first() == Some(byte) && matches_slowly(rest, &path[1..]),
        }
    }

    proptest! {
        #[test]
        fn patterns_match_as_they_say(pattern in "[ab*]{0,8}[$]?", path in "[ab]{0,10}") {
            let (pattern, path) = (pattern.as_bytes(), path.as_bytes());
            prop_assert_eq!(matches(pattern, path), matches_slowly(pattern, path));
        }

        #[test]
        fn whatever_it_is_it_is_read(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            Robots::read(&text, "haulage");
        }
    }
}
