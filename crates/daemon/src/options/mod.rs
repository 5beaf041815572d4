//! aria2's options: their names and values, and what haul does with them.

mod confine;
mod log;
mod plan;
mod table;
mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::confine::Folders;
pub(crate) use self::log::Log;
pub(crate) use self::plan::{Effective, FilePlan, ListPlan, Plan, urgency};
pub(crate) use self::table::{Scope, TABLE, configured, scope};
use self::value::Wrong;

/// The options that haul follows. The others are kept and returned.
const FOLLOWED: &[&str] = &[
    "all-proxy",
    "all-proxy-passwd",
    "all-proxy-user",
    "allow-overwrite",
    "auto-file-renaming",
    "check-certificate",
    "checksum",
    "conditional-get",
    "connect-timeout",
    "continue",
    "dir",
    "gid",
    "header",
    "http-passwd",
    "http-proxy",
    "http-proxy-passwd",
    "http-proxy-user",
    "http-user",
    "https-proxy",
    "https-proxy-passwd",
    "https-proxy-user",
    "load-cookies",
    "log",
    "log-level",
    "lowest-speed-limit",
    "max-concurrent-downloads",
    "max-connection-per-server",
    "max-download-limit",
    "max-download-result",
    "max-overall-download-limit",
    "max-tries",
    "min-split-size",
    "no-proxy",
    "out",
    "pause",
    "referer",
    "remote-time",
    "retry-wait",
    "save-session",
    "split",
    "timeout",
    "user-agent",
];

/// Returns whether haul follows the option of this name.
pub(crate) fn is_followed(name: &str) -> bool {
    FOLLOWED.binary_search(&name).is_ok()
}

/// Options that were given, by name, as aria2 writes their values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    /// Returns the value of an option; `None` if it was not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns all that were given.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets an option, with a value as people write it.
    ///
    /// # Errors
    /// When the option cannot have this value.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), Wrong> {
        let value = value::normalized(name, value)?;
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    /// Takes an option out.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// Adds others; where both have a value, the other one counts.
    pub(crate) fn extend(&mut self, other: &Self) {
        let others = other
            .0
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        self.0.extend(others);
    }
}

impl FromIterator<(String, String)> for Options {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_followed_are_options_of_aria2() {
        assert!(FOLLOWED.is_sorted());
        for name in FOLLOWED {
            assert!(
                matches!(scope(name), Some(Scope::Download | Scope::Global)),
                "{name}"
            );
        }
    }

    #[test]
    fn values_are_returned_as_aria2_writes_them() {
        let mut options = Options::default();
        for (name, given, kept) in [
            ("max-download-limit", "100K", "102400"),
            ("min-split-size", "1M", "1048576"),
            ("split", "007", "7"),
            ("continue", "true", "true"),
            ("out", " a b ", " a b "),
            ("bt-max-peers", "many", "many"),
        ] {
            options.set(name, given).unwrap();
            assert_eq!(options.get(name), Some(kept), "{name}");
        }
        for (name, given) in [
            ("split", "0"),
            ("split", "x"),
            ("split", ""),
            ("max-connection-per-server", "17"),
            ("max-download-limit", "-1"),
            ("max-download-limit", "99999999999999G"),
            ("continue", "yes"),
            ("min-split-size", "1K"),
            ("timeout", "0"),
            ("timeout", "601"),
            ("checksum", "sha-256=00"),
            ("checksum", "nothing=00"),
            ("all-proxy", "nope://x:1"),
            ("http-proxy", "nope://x:1"),
            ("https-proxy", "x:y:z"),
            ("header", "no colon"),
            ("header", "Range: bytes=0-"),
            ("log", "-"),
            ("log-level", "loud"),
            ("out", "../x"),
            ("out", "/etc/x"),
            ("out", ".haul/x"),
            ("out", "a/.Haul/x"),
            ("user-agent", "a\nb"),
        ] {
            assert!(options.set(name, given).is_err(), "{name}={given}");
        }
    }
}
