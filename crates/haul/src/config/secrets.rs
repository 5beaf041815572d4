//! Decides which values of options must be hidden from others. Pure.

use super::keys::Key;

/// Options whose values are secret.
const SECRET: [&str; 4] = ["cookie", "proxy-user", "rpc-secret", "user"];

/// Headers whose values are not secret. They are listed because a list of the secret ones would
/// never be complete.
const HARMLESS: [&str; 8] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "dnt",
    "from",
    "pragma",
    "user-agent",
];

/// Returns whether a value must not be shown: a password, a header that may hold one, a URL with a
/// user in it.
pub(super) fn is_secret(key: &Key, text: &str) -> bool {
    if key.long == "header" {
        let name = text.split([':', ';']).next().unwrap_or_default();
        return !HARMLESS.contains(&name.trim().to_ascii_lowercase().as_str());
    }
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let is_url = key.long == "proxy" || after_scheme.len() < text.len();
    SECRET.contains(&&*key.long) || is_url && after_scheme.contains('@')
}
