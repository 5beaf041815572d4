//! Proxies that the environment names, and that haul does not use yet.

use std::env;

/// As curl reads them: `HTTP_PROXY` is left out, since a server sets it from a header of a request
/// (CVE-2016-5385).
const VARIABLES: [&str; 5] = [
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// Returns what to say when the environment names a proxy; `None` when it names none.
pub(crate) fn note() -> Option<String> {
    note_on(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn note_on(is_set: impl Fn(&str) -> bool) -> Option<String> {
    let name = VARIABLES.into_iter().find(|name| is_set(name))?;
    Some(format!(
        "{name} is set, but haul does not use proxies yet; connecting directly"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_is_set_is_told_once() {
        let both = |name: &str| matches!(name, "http_proxy" | "all_proxy");
        assert_eq!(
            note_on(both).as_deref(),
            Some("http_proxy is set, but haul does not use proxies yet; connecting directly")
        );
        let note = note_on(|name| name == "ALL_PROXY").unwrap();
        assert!(note.starts_with("ALL_PROXY is set, "), "{note}");
        assert_eq!(note_on(|_| false), None);
    }
}
