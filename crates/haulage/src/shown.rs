//! What may be shown of a URL: no userinfo, and no more than fits in a message.

/// The text of a URL without what stands before the `@` of its authority (RFC 3986 §3.2.1), which begins where a browser's
/// parser would find it: after the scheme and however many slashes of either kind. What has no scheme is taken for an authority.
pub(crate) fn without_userinfo(url: &str) -> String {
    let after_scheme = url.find(':').map_or(0, |colon| colon + 1);
    let slashes = url[after_scheme..].find(|letter| !matches!(letter, '/' | '\\'));
    let start = after_scheme + slashes.unwrap_or(0);
    let end = url[start..]
        .find(['/', '?', '#', '\\'])
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
