//! What may be shown of a URL: no userinfo, and no more than fits in a message.

/// Returns the text of a URL without what stands before the `@` of its authority (RFC 3986 §3.2.1),
/// which begins after the scheme and any number of slashes of either kind. A text without a scheme
/// is taken for an authority. Most texts with a control character or a backslash there are refused
/// as URLs, but are shown in the message.
pub(crate) fn without_userinfo(url: &str) -> String {
    let after_scheme = url.find(':').map_or(0, |colon| colon + 1);
    let slashes = url[after_scheme..].find(|letter: char| {
        !(matches!(letter, '/' | '\\') || letter.is_ascii_whitespace() || letter.is_ascii_control())
    });
    let start = after_scheme + slashes.unwrap_or(0);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    match url[start..end].rfind('@') {
        Some(at) => format!("{}{}", &url[..start], &url[start + at + 1..]),
        None => url.to_owned(),
    }
}

/// Most characters of a row that are shown of it.
const SHOWN: usize = 200;

/// What may be shown of a URL, or of what stands in its place: no userinfo, and no more than fits in a message.
pub(crate) fn shown(url: &str) -> String {
    let mut shown = without_userinfo(url);
    if let Some((end, _)) = shown.char_indices().nth(SHOWN - 1)
        && shown[end..].chars().nth(1).is_some()
    {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
