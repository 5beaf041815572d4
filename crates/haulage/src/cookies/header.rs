//! Builds the `Cookie` header of a request (RFC 6265bis §5.8.4): one line, from the jar and from
//! what the user has given. Pure.

use http::HeaderValue;

use super::store::Kept;

/// Maximum bytes of the line. Cookies of the jar that would make it longer are left out, as with
/// curl, since servers refuse longer lines.
const MAX_LINE_BYTES: usize = 8190;

/// Returns the line with these cookies, and with those that were given by hand; `None` if the jar
/// has none. Of a name that both have, a cookie that a server has set in this run counts first,
/// then the one given by hand, then one of a file.
pub(super) fn merge(cookies: &[&Kept], by_hand: Option<&[u8]>) -> Option<HeaderValue> {
    let pairs: Vec<_> = pairs(by_hand.unwrap_or_default()).collect();
    let is_given = |kept: &Kept| pairs.iter().any(|pair| name(pair) == &*kept.cookie.name);
    let mut line = Vec::new();
    let mut is_of_jar = false;
    for kept in cookies {
        let (name, value) = (&kept.cookie.name, &kept.cookie.value);
        let length = line.len() + name.len() + value.len() + 3;
        if length <= MAX_LINE_BYTES && (kept.is_learned || !is_given(kept)) {
            is_of_jar = true;
            separate(&mut line);
            line.extend_from_slice(name);
            if !name.is_empty() {
                line.push(b'=');
            }
            line.extend_from_slice(value);
        }
    }
    if !is_of_jar {
        return None;
    }
    let is_newer = |pair: &[u8]| {
        let mut learned = cookies.iter().filter(|kept| kept.is_learned);
        learned.any(|kept| *kept.cookie.name == *name(pair))
    };
    for pair in pairs.into_iter().filter(|pair| !is_newer(pair)) {
        separate(&mut line);
        line.extend_from_slice(pair);
    }
    // Cookies contain no control characters.
    let mut value = HeaderValue::from_bytes(&line).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Joins lines that were given by hand: a request has one (RFC 6265bis §5.8.2).
pub(crate) fn join<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
    let mut joined = Vec::new();
    for pair in lines.into_iter().flat_map(|line| pairs(line.as_bytes())) {
        separate(&mut joined);
        joined.extend_from_slice(pair);
    }
    let mut value = HeaderValue::from_bytes(&joined).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn separate(line: &mut Vec<u8>) {
    if !line.is_empty() {
        line.extend_from_slice(b"; ");
    }
}

/// Returns what stands between the semicolons of a line.
fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let pairs = line.split(|byte| *byte == b';');
    pairs
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty())
}

/// Returns the name of a pair, which is empty if it has none.
fn name(pair: &[u8]) -> &[u8] {
    let equals = pair.iter().position(|byte| *byte == b'=');
    equals.map_or(b"", |at| pair[..at].trim_ascii())
}
