//! Whether variables of the environment count.

use std::env;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// Whether variables of the environment of this process are read. The library reads none, unless it
/// is asked to.
///
/// ```
/// use haulage::{Environment, RunOptions};
///
/// let mut options = RunOptions::new("downloads");
/// // As curl does: http_proxy, https_proxy, all_proxy, no_proxy.
/// options.route.environment = Environment::Read;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Environment {
    /// None is read.
    #[default]
    Ignored,
    /// Those that name proxies are read when a run begins, for what its
    /// [`Proxies`](crate::Proxies) leave open.
    Read,
}

impl Environment {
    /// Returns the value of a variable of this process, as
    /// [`Proxies::from_environment`](crate::Proxies::from_environment) reads it: bytes that are not
    /// UTF-8 are percent-encoded, as a URL has them. `None` if it is not set.
    #[must_use]
    pub fn variable(name: &str) -> Option<String> {
        env::var_os(name).map(|value| encoded(value.as_bytes()))
    }
}

/// Returns a text in which bytes that are not UTF-8 are percent-encoded: decoding the password in
/// it restores them.
fn encoded(value: &[u8]) -> String {
    value.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credentials, Proxies, Proxy};

    #[test]
    fn password_in_a_variable_need_not_be_utf8() {
        let value = encoded(b"http://m\xFC:\xFF\xFE@p:1");
        assert_eq!(value, "http://m%FC:%FF%FE@p:1");
        let variable = |name: &str| (name == "http_proxy").then(|| value.clone());
        let proxies = Proxies::from_environment(variable).unwrap();
        let proxy = Proxy::parse("p:1").unwrap();
        let expected = proxy.with_credentials(Credentials::new(b"m\xFC", b"\xFF\xFE"));
        assert_eq!(proxies.http, Some(expected.unwrap()));
        assert_eq!(encoded("http://\u{fc}:1".as_bytes()), "http://\u{fc}:1");
    }
}
