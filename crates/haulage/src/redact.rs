//! The part of a URL that may be shown: without userinfo, and short enough for a message.

use std::borrow::Cow;

/// Returns the text of a URL without what stands before the `@` of its authority (RFC 3986 §3.2.1),
/// which begins after the scheme and any number of slashes of either kind. A text without a scheme
/// is taken for an authority. Most texts with a control character or a backslash there are refused
/// as URLs, but are shown in the message.
pub(crate) fn without_userinfo(url: &str) -> String {
    let after_scheme = url.find(':').map_or(0, |colon| colon + 1);
    let (scheme, mut rest) = url.split_at(after_scheme);
    let mut kept = scheme.to_owned();
    loop {
        let slashes = rest.find(|letter: char| !is_like_a_slash(letter));
        let (slashes, authority) = rest.split_at(slashes.unwrap_or(0));
        kept.push_str(slashes);
        let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
        let Some(at) = authority[..end].rfind('@') else {
            return kept + authority;
        };
        // Without a host after it, the next path segment would be read as the authority.
        rest = &authority[at + 1..];
    }
}

fn is_like_a_slash(letter: char) -> bool {
    matches!(letter, '/' | '\\') || letter.is_ascii_whitespace() || letter.is_ascii_control()
}

/// Maximum characters of a row that are shown.
const MAX_CHARACTERS: usize = 200;

/// Returns what may be shown of a URL, or of what stands in its place: no userinfo, and no more
/// than fits in a message.
pub(crate) fn redacted(url: &str) -> String {
    let mut text = without_misplaced_userinfo(&without_userinfo(url));
    if let Some((end, _)) = text.char_indices().nth(MAX_CHARACTERS - 1)
        && text[end..].chars().nth(1).is_some()
    {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// Returns a text without what may be userinfo where a parser finds none: that of further URLs in
/// the text, and a password that has `/`, `?` or `#` in it.
fn without_misplaced_userinfo(text: &str) -> String {
    let mut parts = text.split("://");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("://");
        kept.push_str(&after_userinfo(part));
    }
    kept
}

/// Returns what follows the userinfo in a URL without its scheme. Where the port is no number, the
/// authority is taken to end later: all up to the last `@` becomes `…@`.
fn after_userinfo(url: &str) -> Cow<'_, str> {
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let authority = &url[..end];
    if let Some((_, after)) = authority.rsplit_once('@') {
        return [after, &url[end..]].concat().into();
    }
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let is_odd = !authority.starts_with('[') && port.bytes().any(|byte| !byte.is_ascii_digit());
    match url.rsplit_once('@') {
        Some((_, after)) if is_odd => format!("…@{after}").into(),
        _ => url.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_is_not_shown_wherever_it_stands() {
        for (text, expected) in [
            ("http://u:secret@h/x", "http://h/x"),
            ("http://u:sec#ret@h/x", "http://…@h/x"),
            ("http://u:sec/ret@h/x", "http://…@h/x"),
            ("http://u:sec?r@et@h/x", "http://…@h/x"),
            (
                "http://h/x\u{b}http://u:secret@i/",
                "http://h/x\u{b}http://i/",
            ),
            (
                "http://h/x, http://u:sec/ret@i/y",
                "http://h/x, http://…@i/y",
            ),
            ("https://@/u:secret@h/", "https:///h/"),
            ("http://u@\\/u:secret@h/", "http://\\/h/"),
            ("u:secret@h/x", "u:h/x"),
            ("http://h/@scope/x", "http://h/@scope/x"),
            ("http://h:80/@scope/x?a:b@c", "http://h:80/@scope/x?a:b@c"),
            ("http://[fe80::abc]/@x", "http://[fe80::abc]/@x"),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }
}
