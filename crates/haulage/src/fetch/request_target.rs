//! The target of a request: the URL as given, or the one that a redirect or a mirror leads to.

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::origin;
use crate::cookies::CookieJar;
use crate::credentials::Credentials;
use crate::http_url::{HttpUrl, Parsed};
use crate::plan::fields::Fields;

/// A URL that is requested instead of the one given: the target of a redirect, or a mirror.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) url: HttpUrl,
    /// The credentials for this URL.
    pub(crate) credentials: Option<Credentials>,
    /// The cookies that the redirects to this URL have set, where the run has no jar; `None` if
    /// they set none.
    pub(crate) cookies: Option<CookieJar>,
    /// Which cookies the run had for the item's own URL when the redirect was followed; `None` if
    /// the run has no jar, or the hop is no redirect.
    pub(crate) cookies_at_home: Option<u64>,
}

impl Hop {
    /// Returns the hop to which a redirect leads. Its credentials are those in its own URL, else
    /// those of the hop `before` it, if both have the same origin.
    pub(crate) fn follow((url, own): Parsed, before: Option<&Self>) -> Self {
        let credentials = own.or_else(|| {
            let before = before?;
            let is_same_origin = origin::key(&before.url) == origin::key(&url);
            before.credentials.clone().filter(|_| is_same_origin)
        });
        Self {
            url,
            credentials,
            cookies: before.and_then(|before| before.cookies.clone()),
            cookies_at_home: None,
        }
    }

    /// Learns what the redirect that leads here has set, if that is the first one to set a cookie.
    /// What later ones set, the jar learns like any other.
    pub(crate) fn learning(mut self, from: &HttpUrl, fields: &Fields) -> Self {
        if self.cookies.is_none() && fields.contains_key(SET_COOKIE) {
            let jar = self.cookies.insert(CookieJar::new());
            jar.learn(from, fields);
        }
        self
    }
}

impl From<Parsed> for Hop {
    fn from((url, credentials): Parsed) -> Self {
        Self {
            url,
            credentials,
            cookies: None,
            cookies_at_home: None,
        }
    }
}

/// The target of one request, with the credentials and headers for it.
#[derive(Clone, Copy)]
pub(crate) struct RequestTarget<'a> {
    /// The URL as given.
    pub(crate) given: &'a HttpUrl,
    /// The credentials that were given for that URL.
    pub(crate) credentials: Option<&'a Credentials>,
    /// The headers that were given for that URL alone; `None` if there are none.
    pub(crate) headers: Option<&'a HeaderMap>,
    /// The redirect target or mirror that is requested instead; `None` for the URL as given.
    pub(crate) hop: Option<&'a Hop>,
}

impl<'a> RequestTarget<'a> {
    /// Returns the cookies of the request: those of its run, or else those that the redirects
    /// before it have set.
    pub(crate) fn cookies(&self, of_run: Option<&'a CookieJar>) -> Option<&'a CookieJar> {
        of_run.or_else(|| self.hop?.cookies.as_ref())
    }

    /// Returns whether a login may have been given for this URL alone.
    pub(crate) fn may_have_login(&self) -> bool {
        let of_hop = self.hop.and_then(|hop| hop.credentials.as_ref());
        self.headers.is_some() || self.credentials.is_some() || of_hop.is_some()
    }

    /// Returns the URL that is requested.
    pub(crate) fn url(&self) -> &'a HttpUrl {
        self.hop.map_or(self.given, |hop| &hop.url)
    }
}
