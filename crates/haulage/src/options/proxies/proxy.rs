//! A proxy, as a URL names it.

use std::fmt;
use std::net::IpAddr;

use url::Host;

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind};
use crate::fetch::origin::{Name, Origin};

/// The port of a proxy whose URL has none, as with curl.
const DEFAULT_PORT: u16 = 1080;
/// The longest user and password of SOCKS 5, in bytes (RFC 1929 §2).
const MAX_SOCKS_LOGIN: usize = 255;

/// A proxy: where it is, what it speaks, and the credentials for it. Neither `Debug` nor `Display`
/// shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) scheme: ProxyScheme,
    /// Where it listens; `https` if the connection to it is encrypted.
    pub(crate) address: Origin,
    pub(crate) credentials: Option<Credentials>,
}

/// What a proxy speaks, and who looks names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyScheme {
    /// HTTP, over TLS or not (RFC 9110 §9.3.6, RFC 9112 §3.2.2). The proxy looks names up.
    Http,
    Socks(Socks),
}

/// A version of SOCKS, and who looks names up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socks {
    /// SOCKS 4. Names are looked up here.
    V4,
    /// SOCKS 4A. The proxy looks names up.
    V4a,
    /// SOCKS 5 (RFC 1928). Names are looked up here.
    V5,
    /// SOCKS 5 (RFC 1928). The proxy looks names up.
    V5h,
}

impl Proxy {
    /// Parses `[SCHEME://][USER[:PASSWORD]@]HOST[:PORT]`. The scheme is `http` (the default),
    /// `https`, `socks4`, `socks4a`, `socks5` or `socks5h`; user and password may be
    /// percent-encoded. Without a port it is 443 for `https`, and 1080 for all others, as with
    /// curl. A path is ignored.
    ///
    /// # Errors
    /// Of kind `input`, for what is no such URL. The message has nothing of user or password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (scheme, is_encrypted) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyScheme::Http, false),
            "https" => (ProxyScheme::Http, true),
            // What curl takes `socks` for.
            "socks4" | "socks" => (ProxyScheme::Socks(Socks::V4), false),
            "socks4a" => (ProxyScheme::Socks(Socks::V4a), false),
            "socks5" => (ProxyScheme::Socks(Socks::V5), false),
            "socks5h" => (ProxyScheme::Socks(Socks::V5h), false),
            _ => {
                return Err(refuse(
                    "the scheme of the proxy is unknown; use http, https, socks4, socks4a, socks5 or socks5h",
                ));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (userinfo, host) = match authority.rsplit_once('@') {
            Some((userinfo, host)) => (Some(userinfo), host),
            None => (None, authority),
        };
        let (host, port) = split_port(host)?;
        let default = if is_encrypted { 443 } else { DEFAULT_PORT };
        let proxy = Self {
            scheme,
            address: Origin {
                https: is_encrypted,
                host: name(host)?,
                port: port.unwrap_or(default),
            },
            credentials: None,
        };
        match userinfo.filter(|userinfo| !userinfo.is_empty()) {
            Some(userinfo) => {
                let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
                proxy.with_credentials(Credentials::decoded(user, password))
            }
            None => Ok(proxy),
        }
    }

    /// Returns the proxy with these credentials in place of its own.
    ///
    /// # Errors
    /// Of kind `input`, for credentials that cannot be sent to such a proxy.
    pub fn with_credentials(self, credentials: Credentials) -> Result<Self, Error> {
        let Credentials { user, password } = &credentials;
        let is_control = |text: &[u8]| text.iter().any(u8::is_ascii_control);
        match self.scheme {
            _ if is_control(user) || is_control(password) => {
                return Err(refuse(
                    "user and password of a proxy cannot contain control characters",
                ));
            }
            ProxyScheme::Http if user.contains(&b':') => {
                return Err(refuse("the user of a proxy cannot contain a colon"));
            }
            ProxyScheme::Socks(Socks::V5 | Socks::V5h)
                if user.len() > MAX_SOCKS_LOGIN || password.len() > MAX_SOCKS_LOGIN =>
            {
                return Err(refuse(
                    "user and password of a SOCKS proxy cannot be longer than 255 bytes",
                ));
            }
            _ => {}
        }
        Ok(Self {
            credentials: Some(credentials),
            ..self
        })
    }

    /// Returns whether it has credentials.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.credentials.is_some()
    }

    /// Returns whether the proxy looks up the names of servers. Otherwise they are looked up here.
    #[must_use]
    pub fn resolves_names(&self) -> bool {
        match self.scheme {
            ProxyScheme::Http | ProxyScheme::Socks(Socks::V4a | Socks::V5h) => true,
            ProxyScheme::Socks(Socks::V4 | Socks::V5) => false,
        }
    }

    /// Returns whether the connection to the proxy itself is encrypted: its scheme is `https`.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.address.https
    }

    fn scheme_name(&self) -> &'static str {
        match self.scheme {
            ProxyScheme::Http if self.address.https => "https",
            ProxyScheme::Http => "http",
            ProxyScheme::Socks(Socks::V4) => "socks4",
            ProxyScheme::Socks(Socks::V4a) => "socks4a",
            ProxyScheme::Socks(Socks::V5) => "socks5",
            ProxyScheme::Socks(Socks::V5h) => "socks5h",
        }
    }
}

/// Splits `HOST[:PORT]`. Messages do not repeat the text: if a password contains a slash that is
/// not encoded, it is part of what is taken for the port.
fn split_port(text: &str) -> Result<(&str, Option<u16>), Error> {
    let end_of_host = match text.rfind(']') {
        Some(end) => end + 1,
        None => text.find(':').unwrap_or(text.len()),
    };
    let (host, port) = text.split_at(end_of_host);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .map(Some)
            .ok_or_else(no_port)?,
        _ => return Err(no_port()),
    };
    Ok((host, port))
}

fn no_port() -> Error {
    refuse(
        "the port of the proxy is not a number from 1 to 65535; in a password, write @, :, / and % percent-encoded (%40, %3A, %2F, %25)",
    )
}

fn name(host: &str) -> Result<Name, Error> {
    match Host::parse(host) {
        Ok(Host::Domain(name)) if !name.is_empty() => Ok(Name::Domain(name.into_boxed_str())),
        Ok(Host::Ipv4(address)) => Ok(Name::Address(IpAddr::V4(address))),
        Ok(Host::Ipv6(address)) => Ok(Name::Address(IpAddr::V6(address))),
        Ok(Host::Domain(_)) | Err(url::ParseError::EmptyHost) => {
            Err(refuse("the proxy has no host; write HOST:PORT"))
        }
        Err(cause) => {
            let what = format!("the host of the proxy cannot be used: {cause}; write HOST:PORT");
            Err(refuse(&what).caused_by(cause))
        }
    }
}

fn refuse(what: &str) -> Error {
    Error::new(ErrorKind::Input, what)
}

/// Shows host and port.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(formatter)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme_name();
        let login = if self.has_credentials() { "…@" } else { "" };
        write!(formatter, "Proxy({scheme}://{login}{self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxy_is_parsed_as_by_curl() {
        for (text, shown) in [
            ("10.0.0.1:3128", "http://10.0.0.1:3128"),
            ("proxy", "http://proxy:1080"),
            ("HTTP://Proxy.Example:80/path?x", "http://proxy.example:80"),
            ("https://p", "https://p:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
            ("[2001:db8::1]", "http://[2001:db8::1]:1080"),
            ("socks://p:9", "socks4://p:9"),
            ("socks4a://p:", "socks4a://p:1080"),
            ("socks5://me@p", "socks5://…@p:1080"),
            ("socks5h://me:hu%40sh@p:1", "socks5h://…@p:1"),
            ("http://@p:1", "http://p:1"),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"), "{text}");
        }
        let proxy = Proxy::parse("http://m%3fe:a%40b:c@p").unwrap();
        let credentials = proxy.credentials.unwrap();
        assert_eq!(credentials, Credentials::new("m?e", "a@b:c"));
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        let long = format!("socks5://me:hush{}@p", "x".repeat(255));
        for text in [
            "ftp://me:hush@p",
            "http://me:hush@",
            "http://me:hu/sh@p",
            "http://me:hush@p:0",
            "http://me:hush@p:65536",
            "http://me:hush@p:+1",
            "http://me:hush@a b",
            "http://me:hush@[::1]1",
            "http://me:hush%0a@p",
            "http://me%3a:hush@p",
            &long,
            "",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Input, "{text}");
            let says = error.to_string();
            assert!(!says.contains("hu") && !says.contains("me:"), "{says}");
        }
    }
}
