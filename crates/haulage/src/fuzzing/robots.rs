//! Targets for `robots.txt`.

use super::first_line;
use crate::http_url::HttpUrl;
use crate::plan::robots::{Robots, matches};

/// Reads a `robots.txt` from the second line on, and asks whether it allows the path in the first
/// one. Checks that a byte-order mark, comments and line ends change nothing, and compares how
/// patterns match with a slower way.
pub fn robots(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, _) = first_line(&text);
    let end = data.iter().position(|byte| *byte == b'\n');
    let rules = end.map_or(&b""[..], |end| &data[end + 1..]);
    let robots = Robots::read(rules, "haul");
    assert!(robots.delay.is_none_or(|delay| delay.as_secs() <= 86_400));
    let with_mark = [b"\xEF\xBB\xBF", rules].concat();
    if !rules.starts_with(b"\xEF\xBB\xBF") {
        assert_eq!(Robots::read(&with_mark, "HAUL"), robots);
    }
    let mut lines = Vec::new();
    for line in rules.split(|byte| *byte == b'\n') {
        lines.extend(line);
        lines.extend(b" # a comment\r\n\r\n");
    }
    assert_eq!(Robots::read(&lines, "haul"), robots);
    if let Ok((url, _)) = HttpUrl::parse(&format!("http://h/{path}")) {
        let allowed = robots.allows(&url);
        assert!(allowed || url.target() != "/robots.txt");
        assert!(allowed || robots != Robots::default());
    }
    let pattern = rules
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if pattern.len() * path.len() < 1 << 16 {
        let path = path.as_bytes();
        assert_eq!(matches(pattern, path), matches_by_table(pattern, path));
    }
}

/// Returns whether a path matches a pattern. Keeps a table of which beginnings of the path match
/// each beginning of the pattern.
fn matches_by_table(pattern: &[u8], path: &[u8]) -> bool {
    let (pattern, is_whole) = match pattern.strip_suffix(b"$") {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut stands_for = vec![false; path.len() + 1];
    stands_for[0] = true;
    for wanted in pattern {
        let mut next = vec![false; path.len() + 1];
        if *wanted == b'*' {
            let first = stands_for.iter().position(|is_one| *is_one);
            next[first.unwrap_or(path.len() + 1).min(path.len() + 1)..].fill(true);
        } else {
            for (at, byte) in path.iter().enumerate() {
                next[at + 1] = stands_for[at] && byte == wanted;
            }
        }
        stands_for = next;
    }
    if is_whole {
        stands_for[path.len()]
    } else {
        stands_for.contains(&true)
    }
}
