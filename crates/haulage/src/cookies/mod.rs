//! Cookies (RFC 6265bis): what servers have set, or a cookie file has, and which of it goes along
//! with a request.
//!
//! `set_cookie` and `netscape` read and write, `cookie` matches, `store` keeps; all of them are
//! pure. The jar here adds the lock and the clock.

mod cookie;
mod date;
mod header;
pub(crate) mod netscape;
pub(crate) mod set_cookie;
mod site;
mod store;

use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

use http::HeaderValue;
use http::header::SET_COOKIE;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use self::cookie::Cookie;
pub(crate) use self::header::join;
pub(crate) use self::site::CookieTarget;
use self::store::Store;
use crate::error::{Error, ErrorKind};
use crate::http_url::HttpUrl;
use crate::plan::fields::Fields;

/// Cookies that requests share: those of a file, and those that servers set. Clones are handles on
/// the same cookies.
///
/// A cookie is sent only where RFC 6265bis allows it: to the host or domain that it is of, below
/// its path, before it expires, and over https only if it is `Secure`. No cookie is of a public
/// suffix such as `co.uk`. `Debug` shows no cookie.
///
/// ```
/// use haulage::{CookieJar, RunOptions};
///
/// let jar = CookieJar::parse_netscape(b"data.example.org\tFALSE\t/\tTRUE\t0\tsession\tabc\n")?;
/// jar.add("https://data.example.org/", "theme=dark; Path=/")?;
/// assert_eq!(jar.len(), 2);
///
/// let mut options = RunOptions::new("downloads");
/// options.cookies = Some(jar);
/// # Ok::<(), haulage::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct CookieJar(Arc<RwLock<Store>>);

impl CookieJar {
    /// Returns a jar without cookies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a cookie file in the Netscape format, as curl, yt-dlp and browser extensions write it.
    /// Cookies that have expired are left out, and so are lines that are no cookies. All others are
    /// kept: how many there may be is limited only for those that servers set.
    ///
    /// # Errors
    /// Of kind `input`, with the number of the first such line, where there is no cookie but such
    /// a line.
    pub fn parse_netscape(text: &[u8]) -> Result<Self, Error> {
        Self::parse_netscape_with(text, drop)
    }

    /// Reads a cookie file as [`parse_netscape`](Self::parse_netscape) does, and calls `on_skipped`
    /// for each line that is no cookie, with an error of kind `input` that names its number and
    /// what is wrong, and shows nothing of it.
    ///
    /// # Errors
    /// As [`parse_netscape`](Self::parse_netscape).
    pub fn parse_netscape_with(text: &[u8], on_skipped: impl FnMut(Error)) -> Result<Self, Error> {
        let jar = Self::new();
        let cookies = netscape::read(text, on_skipped)?;
        let now = now();
        let mut store = jar.write();
        for cookie in cookies {
            store.add(cookie, now);
        }
        drop(store);
        Ok(jar)
    }

    /// Returns all cookies in the Netscape format, those of the session too (with 0 as their time).
    #[must_use]
    pub fn to_netscape(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let store = self.read();
        let mut cookies: Vec<_> = store.iter(now()).collect();
        cookies.sort_by_key(|cookie| {
            let rest = (&cookie.name, cookie.is_host_only);
            (&cookie.domain, &cookie.path, rest)
        });
        netscape::write(cookies, &mut text);
        text
    }

    /// Adds a cookie as if the response to this URL had this `Set-Cookie`.
    ///
    /// # Errors
    /// Of kind `input`, for a URL that cannot be read, or a cookie that this URL may not set.
    pub fn add(&self, url: &str, set_cookie: &str) -> Result<(), Error> {
        let (url, _) = HttpUrl::parse(url).map_err(|cause| {
            Error::new(
                ErrorKind::Input,
                format!("no cookie is of {url:?}: {cause}"),
            )
            .caused_by(cause)
        })?;
        let target = CookieTarget::of(&url);
        let now = now();
        let cookie = set_cookie::read(set_cookie.as_bytes(), &target, now);
        let added = cookie.is_some_and(|cookie| self.write().learn(cookie, &target, now));
        if added {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Input,
            format!(
                "{url} may not set this cookie; check its Domain, Secure and the prefix of its name"
            ),
        ))
    }

    /// Returns how many cookies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().iter(now()).count()
    }

    /// Returns whether there are no cookies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Learns what the response to a request for `url` sets.
    pub(crate) fn learn(&self, url: &HttpUrl, fields: &Fields) {
        let mut lines = fields.get_all(SET_COOKIE).peekable();
        if lines.peek().is_none() {
            return;
        }
        let (target, now) = (CookieTarget::of(url), now());
        let cookies = lines.filter_map(|line| set_cookie::read(line.0, &target, now));
        let cookies: Vec<_> = cookies.collect();
        if cookies.is_empty() {
            return;
        }
        let mut store = self.write();
        for cookie in cookies {
            store.learn(cookie, &target, now);
        }
    }

    /// Returns the `Cookie` of a request for `url`; `by_hand` is what the user has given for it.
    /// `None` if the jar has no cookie for it: then `by_hand` is sent as it is.
    pub(crate) fn cookie_for(
        &self,
        url: &HttpUrl,
        by_hand: Option<&HeaderValue>,
    ) -> Option<HeaderValue> {
        let target = CookieTarget::of(url);
        // Others may go on while the value is put together.
        let site = self.read().site(&target)?;
        let cookies = site.matching(&target, now());
        header::merge(&cookies, by_hand.map(HeaderValue::as_bytes))
    }

    /// Returns a number for which cookies a request for `url` has: their names, and whether servers
    /// have set them, but not their values.
    pub(crate) fn kinds_for(&self, url: &HttpUrl) -> u64 {
        let target = CookieTarget::of(url);
        let site = self.read().site(&target);
        let mut hasher = DefaultHasher::new();
        for kept in site.iter().flat_map(|site| site.matching(&target, now())) {
            (&kept.cookie.name, kept.is_learned).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Store> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CookieJar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CookieJar({} cookies)", self.len())
    }
}

/// Returns seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
