//! One cookie, and which requests it is for.

use std::fmt;

use super::site::{CookieTarget, is_within};

/// A cookie as it is kept (RFC 6265bis §5.7). `Debug` does not show its value.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Cookie {
    /// May be empty.
    pub(crate) name: Box<[u8]>,
    pub(crate) value: Box<[u8]>,
    /// In lower case, without a dot before it.
    pub(crate) domain: Box<str>,
    /// It is for this very host, not for those below it.
    pub(crate) is_host_only: bool,
    pub(crate) path: Box<[u8]>,
    /// It is for https alone.
    pub(crate) is_secure: bool,
    /// Scripts of a page do not see it. Kept for the file.
    pub(crate) is_http_only: bool,
    /// Seconds since 1970; `None` for one of the session.
    pub(crate) expires: Option<i64>,
}

impl Cookie {
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    /// Returns what is the same for a cookie and the one whose place it takes (RFC 6265bis §5.7,
    /// step 22). Cookies that are ordered by it are ordered by their names first.
    pub(crate) fn identity(&self) -> (&[u8], &str, &[u8], bool) {
        let Self {
            name,
            domain,
            path,
            is_host_only,
            ..
        } = self;
        (name, domain, path, *is_host_only)
    }

    /// Returns the cookie of a name before which no other one is in the order of
    /// [`identity`](Self::identity).
    pub(crate) fn first_named(name: &[u8]) -> Self {
        Self {
            name: name.into(),
            value: Box::default(),
            domain: Box::default(),
            is_host_only: false,
            path: Box::default(),
            is_secure: false,
            is_http_only: false,
            expires: None,
        }
    }

    /// Returns whether it goes along with a request (RFC 6265bis §5.8.3).
    pub(crate) fn is_for(&self, target: &CookieTarget<'_>, now: i64) -> bool {
        let is_of_host = if self.is_host_only {
            *self.domain == *target.host
        } else {
            target.matches_domain(&self.domain)
        };
        is_of_host
            && (target.is_https || !self.is_secure)
            && !self.is_expired(now)
            && matches_path(target.path.as_bytes(), &self.path)
    }

    /// Returns whether it is one of https alone that another one, of plain http, would hide
    /// (RFC 6265bis §5.7, step 15: "leave secure cookies alone").
    pub(crate) fn is_hidden_by(&self, other: &Self) -> bool {
        let shares_domain =
            is_within(&other.domain, &self.domain) || is_within(&self.domain, &other.domain);
        self.is_secure
            && self.name == other.name
            && shares_domain
            && matches_path(&other.path, &self.path)
    }
}

impl fmt::Debug for Cookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        write!(formatter, "Cookie({name:?} of {:?}, …)", self.domain)
    }
}

/// Returns whether the path of a request is that of a cookie, or below it (RFC 6265bis §5.1.4).
fn matches_path(requested: &[u8], path: &[u8]) -> bool {
    requested
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with(b"/") || rest.starts_with(b"/"))
}

/// Returns the path of a cookie that has none of its own (RFC 6265bis §5.1.4).
pub(super) fn default_path(requested: &str) -> &str {
    match requested.rfind('/') {
        Some(0) | None => "/",
        Some(slash) => &requested[..slash],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_matches_itself_and_what_is_below_it() {
        for (requested, path, matches) in [
            ("/", "/", true),
            ("/a", "/", true),
            ("/a", "/a", true),
            ("/a/", "/a", true),
            ("/a/b", "/a", true),
            ("/a/b", "/a/", true),
            ("/ab", "/a", false),
            ("/a", "/a/", false),
            ("/", "/a", false),
            ("/A", "/a", false),
        ] {
            let found = matches_path(requested.as_bytes(), path.as_bytes());
            assert_eq!(found, matches, "{requested} {path}");
        }
    }

    #[test]
    fn default_path_is_the_folder_of_the_request() {
        for (requested, path) in [
            ("/", "/"),
            ("/a", "/"),
            ("/a/", "/a"),
            ("/a/b", "/a"),
            ("/a/b/", "/a/b"),
            ("", "/"),
        ] {
            assert_eq!(default_path(requested), path, "{requested}");
        }
    }
}
